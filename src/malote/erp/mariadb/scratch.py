"""A place of its own on MariaDB: see ``erp.conformance.scratch``."""

import secrets
import time

from sqlalchemy import Connection, text

from malote.erp.conformance.scratch import SCHEMA_PREFIX, UNSEEN_SECONDS, ServerScratch, alone, create
from malote.erp.mapping import ErpTables
from malote.erp.profiles.profile import Profile


class MariadbScratch(ServerScratch):
    """A database of its own, which is what a schema is there."""

    engine = "mariadb"

    def __init__(self, url: str, profile: Profile) -> None:
        super().__init__(url, "mysql+pymysql")
        self._database = SCHEMA_PREFIX + secrets.token_hex(6)
        self.tables = ErpTables(alone(profile), schema=self._database)

    def create(self) -> None:
        self.remove()
        with self._told(f"CREATE DATABASE {self._database}") as connection:
            connection.execute(text(f"CREATE DATABASE {self._database}"))
        create(self)

    def remove(self) -> None:
        with self._told(f"DROP DATABASE {self._database}") as connection:
            connection.execute(text(f"DROP DATABASE IF EXISTS {self._database}"))

    def holds_up(self, connection: Connection) -> bool:
        time.sleep(UNSEEN_SECONDS)  # only who has PROCESS may look
        return True

    def session_of(self, connection: Connection) -> str | None:
        return str(connection.scalar(text("SELECT connection_id()")))


SCRATCH = MariadbScratch
