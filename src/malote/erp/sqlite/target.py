"""Structures on SQLite: one writer at a time, so that all steps are one short transaction."""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from sqlalchemy import URL

from malote.erp.altering import AlteringPlace, AlteringSession, Declared, Patience, Waiting, told_apart
from malote.schema import sqlite_look
from malote.schema.definition import Scope, StructureError
from malote.schema.dialects import Dialect
from malote.schema.found_tables import Found, Probe
from malote.schema.sqlite import SQLITE
from malote.schema.structure_reports import StructureStep

_LOOK_SECONDS = 0.5


class SqliteTarget:
    """See ``altering.Target``."""

    dialect: Dialect = SQLITE
    atomic = True

    def __init__(self, url: URL, scope: Scope, patience: Patience, place: AlteringPlace) -> None:
        """Of the ``place`` nothing counts: a file has one schema, no users and no sessions."""
        self._path = Path(str(url.database))
        self._scope: Scope = scope
        self._patience = patience

    @contextmanager
    def looking(self) -> Iterator[AlteringSession]:
        with told_apart(self._scope), closing(self._connect()) as connection:
            yield SqliteSession(connection, self._scope)

    @contextmanager
    def alone(self, waiting: Waiting) -> Iterator[AlteringSession]:
        with told_apart(self._scope), closing(self._connect()) as connection:
            self._begin(connection, waiting)
            try:
                yield SqliteSession(connection, self._scope)
                connection.execute("COMMIT")
            finally:
                # A full disk ends the transaction by itself.
                if connection.in_transaction:
                    connection.execute("ROLLBACK")

    def _begin(self, connection: sqlite3.Connection, waiting: Waiting) -> None:
        deadline = time.monotonic() + self._patience.whole
        while True:
            try:
                connection.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
                    raise
                if time.monotonic() >= deadline:
                    raise StructureError("structure_locked", object=self._path.name, holder="?") from error
                waiting("?")
                time.sleep(_LOOK_SECONDS)
            else:
                return

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._path, timeout=self._patience.lock, isolation_level=None)
        connection.execute("PRAGMA synchronous = FULL")
        return connection


class SqliteSession:
    """See ``altering.Session``."""

    def __init__(self, connection: sqlite3.Connection, scope: Scope) -> None:
        self._connection = connection
        self._scope: Scope = scope

    @property
    def probe(self) -> Probe:
        return sqlite_look.SqliteProbe(self._connection)

    def look(self, wanted: Declared) -> Found:
        del wanted
        return sqlite_look.look(self._connection)

    def carry_out(self, step: StructureStep, waiting: Waiting) -> int:
        del waiting
        with told_apart(self._scope, step.table):
            self._connection.execute(step.sql)
        return 1


TARGET, DIALECT, DRIVER = SqliteTarget, SQLITE, "sqlite"
