"""A place of its own on SQLite: see ``erp.conformance.scratch``."""

import shutil
import tempfile
from pathlib import Path

from sqlalchemy import Connection, Engine, Table, create_engine, event

from malote.erp.conformance.scratch import LOCK_SECONDS, SCHEMA_PREFIX, alone, create, opened
from malote.erp.mapping import ErpTables
from malote.erp.profiles.profile import Profile
from malote.erp.protocol import Erp


class SqliteScratch:
    """A file of its own, beside nothing: the customer's is not even opened."""

    engine = "sqlite"
    deadlocks = False

    def __init__(self, url: str, profile: Profile) -> None:
        self.tables = ErpTables(alone(profile))
        self._folder = Path(tempfile.mkdtemp(prefix=SCHEMA_PREFIX))
        self.url = f"sqlite:///{(self._folder / 'erp.sqlite3').as_posix()}"

    def create(self) -> None:
        for file in self._folder.iterdir():
            file.unlink()
        create(self)

    def remove(self) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)

    def open(self, *, lock_seconds: float = LOCK_SECONDS, statement_seconds: float = 60.0) -> Erp:
        return opened(self.url, self.tables, lock_seconds, statement_seconds)

    def somebody(self) -> Engine:
        engine = create_engine(self.url, isolation_level="AUTOCOMMIT")
        event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN IMMEDIATE"))
        event.listen(engine, "commit", lambda connection: connection.exec_driver_sql("COMMIT"))
        event.listen(engine, "rollback", lambda connection: connection.exec_driver_sql("ROLLBACK"))
        return engine

    def refuse(self, table: str, column: str, value: str, name: str) -> str:
        return (
            f"CREATE TRIGGER {name} BEFORE INSERT ON {table} WHEN NEW.{column} = '{value}'"
            f" BEGIN SELECT RAISE(ABORT, '{name}'); END"
        )

    def hold(self, connection: Connection, table: Table) -> None:
        """The transaction holds the whole file already."""

    def holds_up(self, connection: Connection) -> bool:
        return False

    def session_of(self, connection: Connection) -> str | None:
        return None


SCRATCH = SqliteScratch
