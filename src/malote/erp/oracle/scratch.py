"""A place of its own on Oracle: see ``erp.conformance.scratch``."""

import secrets
import time

import msgspec
from sqlalchemy import Connection, text

from malote.erp.conformance.scratch import UNSEEN_SECONDS, ServerScratch, create
from malote.erp.mapping import ErpTables
from malote.erp.profiles.profile import Profile

_DROP = """BEGIN EXECUTE IMMEDIATE 'DROP TABLE {table} CASCADE CONSTRAINTS PURGE';
EXCEPTION WHEN OTHERS THEN IF SQLCODE <> -942 THEN RAISE; END IF; END;"""


class OracleScratch(ServerScratch):
    """Tables in the user's own schema, since an Oracle user can't make another one; under a prefix nobody else has."""

    engine = "oracle"

    def __init__(self, url: str, profile: Profile) -> None:
        super().__init__(url, "oracle+oracledb")
        self.tables = ErpTables(msgspec.structs.replace(profile, schema=""), prefix=f"mlt{secrets.token_hex(3)}_")

    def create(self) -> None:
        self.remove()
        create(self)

    def remove(self) -> None:
        for table in self.tables.metadata.sorted_tables:
            with self._told(f"DROP TABLE {table.name}") as connection:
                connection.execute(text(_DROP.format(table=table.name)))

    def holds_up(self, connection: Connection) -> bool:
        time.sleep(UNSEEN_SECONDS)  # only a DBA may look
        return True

    def session_of(self, connection: Connection) -> str | None:
        return None


SCRATCH = OracleScratch
