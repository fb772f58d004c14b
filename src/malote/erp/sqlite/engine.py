"""The ERP on SQLite, for trying out and for small stores: the same bookings, one writer at a time."""

import sqlite3
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import URL, Connection, Select, create_engine, event, insert, select
from sqlalchemy.dialects.sqlite import dialect as sqlite_dialect
from sqlalchemy.dialects.sqlite import insert as insert_or

from malote import private
from malote.erp import before, calling, connecting, fingerprints, images, rehearsing, rows, statements, structure
from malote.erp.booking import Booking, Stock
from malote.erp.connecting import Naming, classified
from malote.erp.grants import Grant
from malote.erp.guarding import Guarding
from malote.erp.mapping import BUILT_IN, ErpTables
from malote.erp.profiles import checking
from malote.erp.profiles.checking import Fault
from malote.erp.protocol import BookedSale, ErpError, Introduce, Outcome, OwnSale, Posting, Rehearsal, SaleRow
from malote.erp.repertoire import Repertoire
from malote.erp.superseding import Superseding
from malote.fiscal.documents import Sale

Answer = TypeVar("Answer")


class SqliteErp:
    """See ``malote.erp.protocol.Erp``."""

    engine = "sqlite"

    def __init__(
        self,
        url: URL,
        *,
        lock_timeout_seconds: float,
        statement_timeout_seconds: float,
        tables: ErpTables = BUILT_IN,
        nearest_letters: bool = False,
        remembered: str = "",
        introduce: Introduce | None = None,
    ) -> None:
        """``statement_timeout_seconds`` is not used: SQLite has nothing to wait for but its lock. Nor is ``introduce``:
        it has no sessions."""
        if url.database and url.database != ":memory:" and Path(url.database).parent.is_dir():
            private.claim(Path(url.database))
        self.patience_seconds = lock_timeout_seconds
        self._engine = create_engine(
            url,
            # Transactions are opened by hand below: the driver's own would take the write lock too late.
            isolation_level="AUTOCOMMIT",
            connect_args={"timeout": lock_timeout_seconds},
            hide_parameters=True,
        )
        self.tables = tables
        self.nearest_letters = nearest_letters
        self._guarding = Guarding(self)
        self.schema = tables.schema or remembered
        # SQLite has one code for a missing table and for much else.
        self.connections = connecting.Connections(self._engine)
        self._named = Naming(self._engine.connect, tables, otherwise="erp_refused")
        event.listen(self._engine, "connect", partial(_prepare, tables))

    def create_structure(self, *, everything: bool = False) -> None:
        with classified(), self._transaction() as connection:
            structure.create(connection, structure.wanted(self.tables, everything=everything))

    def post(self, batch: Sequence[Posting]) -> list[Outcome]:
        return calling.posted(self.tables, batch, self._post)

    def _post(self, batch: Sequence[Posting], careful: bool) -> list[Outcome]:
        return self._within(lambda connection: Booking(self, connection, careful=careful).book(batch), batch)

    def supersede(self, posting: Posting) -> Outcome:
        return calling.posted(self.tables, [posting], self._supersede)[0]

    def _supersede(self, batch: Sequence[Posting], careful: bool) -> list[Outcome]:
        return self._within(lambda connection: [Superseding(self, connection).settle(batch[0])], batch)

    def rehearse(self, posting: Posting) -> Rehearsal:
        return rehearsing.rehearsal(self, posting, self._transaction, self._named)

    def _within(self, work: Callable[[Connection], Answer], batch: Sequence[Posting]) -> Answer:
        try:
            with classified():
                self._guarding.make(self._transaction)
                with self._transaction() as connection:
                    return work(connection)
        except ErpError as error:
            raise self._named(error, batch) from error

    def enter_before(self, identities: Sequence[str]) -> int:
        return self._within(lambda connection: before.enter(self, connection, identities), [])

    def ledger(self, identities: Sequence[str]) -> dict[str, bytes]:
        return connecting.ledger(self._engine.connect, self.tables, identities)

    def sales(self, access_keys: Sequence[str]) -> list[SaleRow]:
        return images.sale_rows(self._engine.connect, self.tables, access_keys)

    def departures(self, postings: Sequence[Posting], cancelled: Collection[str]) -> dict[int, list[str]]:
        return images.departures(self, self._engine.connect, postings, cancelled)

    def booked(self) -> Iterator[BookedSale]:
        return connecting.booked(self._engine.connect, self.tables)

    def sales_between(self, first: str, last: str) -> Iterator[OwnSale]:
        return connecting.sales_between(self._engine.connect, self.tables, first, last)

    def fingerprints(self, ranges: Sequence[tuple[str, str]]) -> list[tuple[int, ...]] | None:
        return fingerprints.fingerprints(self._engine.connect, self.tables, ranges)

    def grants(self, user: str) -> list[Grant]:
        return []  # who may write the file may do everything

    def faults(self) -> list[Fault]:
        with classified(), self._engine.connect() as connection:
            return checking.faults(connection, self.tables)

    def close(self) -> None:
        self._engine.dispose()

    @contextmanager
    def read_only(self) -> Iterator[Connection]:
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

    # ---- what Booking asks of an engine ----

    def claim(self, connection: Connection, entries: Sequence[rows.Row]) -> set[str]:
        # Nobody else writes while this transaction does, so that looking first is safe.
        ledger = self.tables.ledger
        taken: set[str] = set()
        with classified(self.tables.ledger_name):
            for names in statements.steps({entry["identity"] for entry in entries}):
                taken |= set(connection.scalars(select(ledger.c.identity).where(ledger.c.identity.in_(names))))
            fresh = [entry for entry in entries if entry["identity"] not in taken]
            if fresh:
                connection.execute(insert(ledger), fresh)
        return {entry["identity"] for entry in fresh}

    def add_sales(self, connection: Connection, postings: Sequence[tuple[Posting, Sale]]) -> None:
        for table, added in rows.sales_with_lines(self.tables, postings):
            with classified(table.name):
                connection.execute(statements.add(table), added)

    def move_stock(self, connection: Connection, moves: Stock) -> None:
        stock = self.tables.stock
        assert stock is not None  # noqa: S101 only called where there is one
        adding = insert_or(stock.table)
        quantity = stock.columns.quantity
        statement = adding.on_conflict_do_update(
            index_elements=[stock.columns[target.key] for target in stock.inserted if target.key != "quantity"],
            set_={quantity: quantity + adding.excluded.quantity},
        )
        with classified(stock.name):
            connection.execute(statement, rows.stock_rows(stock, moves))

    def repertoire(self, connection: Connection) -> Repertoire | None:
        return None  # all of Unicode

    def locked(self, statement: Select[Any]) -> Select[Any]:
        return statement  # the transaction holds the file


def _prepare(tables: ErpTables, connection: Any, record: Any) -> None:
    """A new file gets its tables by itself: nobody administers an ERP for trying out."""
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    fingerprints.add_function(connection)
    if connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0] == 0:
        created = "".join(f"{statement};\n" for statement in structure.statements(sqlite_dialect(), tables))
        connection.executescript(f"BEGIN IMMEDIATE;\n{created}COMMIT;")


def _driver(connection: Connection) -> sqlite3.Connection:
    driver = connection.connection.driver_connection
    assert isinstance(driver, sqlite3.Connection)  # noqa: S101 the engine was made for sqlite3 above
    return driver
