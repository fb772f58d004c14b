"""A place of its own on PostgreSQL: see ``erp.conformance.scratch``."""

import secrets

from sqlalchemy import Connection, text

from malote.erp.conformance.scratch import SCHEMA_PREFIX, ServerScratch, alone, create
from malote.erp.mapping import ErpTables
from malote.erp.postgresql.dialect import CHARACTERS
from malote.erp.profiles.profile import Profile


class PostgresqlScratch(ServerScratch):
    """A schema of its own, under a name that nobody else has."""

    engine = "postgresql"
    _arguments = CHARACTERS

    def __init__(self, url: str, profile: Profile) -> None:
        super().__init__(url, "postgresql+psycopg")
        self._schema = SCHEMA_PREFIX + secrets.token_hex(6)
        self.tables = ErpTables(alone(profile), schema=self._schema)

    def create(self) -> None:
        self.remove()
        with self._told(f"CREATE SCHEMA {self._schema}") as connection:
            connection.execute(text(f"CREATE SCHEMA {self._schema}"))
        create(self)

    def remove(self) -> None:
        with self._told(f"DROP SCHEMA {self._schema}") as connection:
            connection.execute(text(f"DROP SCHEMA IF EXISTS {self._schema} CASCADE"))

    def holds_up(self, connection: Connection) -> bool:
        waiting = text("SELECT count(*) FROM pg_locks WHERE pg_backend_pid() = ANY(pg_blocking_pids(pid))")
        return bool(connection.scalar(waiting))

    def session_of(self, connection: Connection) -> str | None:
        return str(connection.scalar(text("SELECT pg_backend_pid()")))


SCRATCH = PostgresqlScratch
