"""The ERP on SQLite, for trying out and for small stores: the same bookings, one writer at a time."""

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Insert, Select, create_engine, event, insert, select
from sqlalchemy.dialects.sqlite import insert as insert_or

from malote import private
from malote.erp import rows, statements, structure
from malote.erp.base import BaseErp, Options
from malote.erp.connecting import over_ledger
from malote.erp.error_translation import plain_error
from malote.erp.fingerprints import Print, Range, Rows
from malote.erp.grants import Grant
from malote.erp.mapping import ErpTables, MappedTable
from malote.erp.profiles.post import binds_of, for_driver
from malote.erp.records import Records
from malote.erp.sqlite import foreign_keys
from malote.erp.sqlite.dialect import DIALECT
from malote.erp.sqlite.fingerprints import add_function, fingerprint
from malote.erp.sqlite.replaced_file import OpenFile


class SqliteErp(BaseErp):
    """See ``malote.erp.base.BaseErp``."""

    engine = "sqlite"
    dialect = DIALECT
    keeps_state = True
    adds_up = True
    otherwise = "erp_refused"  # SQLite has one code for a missing table and for much else

    def __init__(self, url: URL, options: Options) -> None:
        """SQLite has nothing to wait for but its lock, and no sessions that anybody could be introduced to."""
        if url.database and url.database != ":memory:" and Path(url.database).parent.is_dir():
            private.claim(Path(url.database))
        engine = create_engine(
            url,
            # Transactions are opened by hand below: the driver's own would take the write lock too late.
            isolation_level="AUTOCOMMIT",
            connect_args={"timeout": options.lock_timeout},
            hide_parameters=True,
        )
        super().__init__(engine, url, options)
        self.patience_seconds = options.lock_timeout
        event.listen(engine, "connect", partial(_prepare, self.tables))
        self._file = OpenFile(Path(url.database)) if url.database and url.database != ":memory:" else None
        if self._file is not None:
            event.listen(engine, "connect", self._note_opened)

    def _note_opened(self, connection: Any, record: Any) -> None:
        if self._file is not None:
            self._file.note()

    def _look_over(self) -> None:
        """What is in the file's place by now is opened anew, and looked at as behind any new connection."""
        if self._file is not None and self._file.is_replaced():
            self._engine.dispose()
            self._file.forget()

    def _reading(self) -> AbstractContextManager[Connection]:
        self._look_over()
        return super()._reading()

    def grants(self, user: str) -> list[Grant]:
        return []  # who may write the file may do everything

    def script(self) -> list[str]:
        return []

    @contextmanager
    def read_only(self) -> Iterator[Connection]:
        if self._file is not None and self._file.is_empty():
            # Made by whoever opened it: where there was none, the ERP's is elsewhere, or away.
            raise plain_error("erp_away", "", "SQLITE_CANTOPEN")
        with self._engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA query_only = ON")
            try:
                yield connection
            finally:
                connection.exec_driver_sql("PRAGMA query_only = OFF")

    @contextmanager
    def _transaction(self) -> Iterator[Connection]:
        with self._engine.connect() as connection:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.exec_driver_sql("COMMIT")
            finally:
                # A full disk ends the transaction by itself.
                if _driver(connection).in_transaction:
                    connection.exec_driver_sql("ROLLBACK")

    def try_out(self, connection: Connection, work: Callable[[Records], object]) -> None:
        connection.exec_driver_sql("PRAGMA query_only = ON")
        try:
            work(self.records(connection))
        finally:
            connection.exec_driver_sql("PRAGMA query_only = OFF")

    # ---- what Booking asks of an engine ----

    def claim(self, connection: Connection, entries: Sequence[rows.Row]) -> set[str]:
        # Nobody else writes while this transaction does, so that looking first is safe.
        ledger = self.tables.ledger
        taken: set[str] = set()
        with over_ledger(self.tables.ledger_name):
            for names in statements.steps({entry["identity"] for entry in entries}):
                taken |= set(connection.scalars(select(ledger.c.identity).where(ledger.c.identity.in_(names))))
            fresh = [entry for entry in entries if entry["identity"] not in taken]
            if fresh:
                connection.execute(insert(ledger), fresh)
        return {entry["identity"] for entry in fresh}

    def _adding(self, stock: MappedTable) -> Insert:
        adding = insert_or(stock.table)
        quantity = stock.columns.quantity
        return adding.on_conflict_do_update(
            index_elements=[stock.columns[target.key] for target in stock.inserted if target.key != "quantity"],
            set_={quantity: quantity + adding.excluded.quantity},
        )

    def locked(self, statement: Select[Any]) -> Select[Any]:
        return statement  # the transaction holds the file

    def parsed(self, connection: Connection, statement: str) -> str:
        explained = f"EXPLAIN {for_driver(statement, 'named')}"
        try:
            _driver(connection).execute(explained, dict.fromkeys(binds_of(statement)))
        except sqlite3.Error as error:
            return str(error)
        return ""

    def fingerprint(self, connection: Connection, part: Rows, ranges: Sequence[Range]) -> list[Print]:
        return fingerprint(_driver(connection), part, ranges)


def _prepare(tables: ErpTables, connection: Any, record: Any) -> None:
    """A new file gets its tables by itself: nobody administers an ERP for trying out."""
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    add_function(connection)
    if connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0] == 0:
        created = "".join(f"{statement};\n" for statement in structure.statements(DIALECT, tables))
        connection.executescript(f"BEGIN IMMEDIATE;\n{created}COMMIT;")
    foreign_keys.enforce(connection, [mapped.name for mapped in tables.parts])


def _driver(connection: Connection) -> sqlite3.Connection:
    driver = connection.connection.driver_connection
    assert isinstance(driver, sqlite3.Connection)  # noqa: S101 the engine was made for sqlite3 above
    return driver


ERP = SqliteErp
