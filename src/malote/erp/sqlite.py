"""The ERP on SQLite, for trying out and for small stores: the same bookings, one writer at a time."""

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from sqlalchemy import URL, Connection, create_engine, event, insert, select
from sqlalchemy.dialects.sqlite import dialect as sqlite_dialect
from sqlalchemy.dialects.sqlite import insert as insert_or

from malote.erp import connecting, rows, structure, tables
from malote.erp.booking import Booking, Stock
from malote.erp.connecting import Naming, classified
from malote.erp.protocol import BookedSale, ErpError, Outcome, Posting
from malote.fiscal.documents import Sale

_NEW_FILE = "\n".join(
    ["BEGIN IMMEDIATE;", *(f"{statement};" for statement in structure.statements(sqlite_dialect())), "COMMIT;"]
)


class SqliteErp:
    """See ``malote.erp.protocol.Erp``."""

    engine = "sqlite"

    def __init__(self, url: URL, *, lock_timeout_seconds: float, statement_timeout_seconds: float) -> None:
        """``statement_timeout_seconds`` is not used: SQLite has nothing to wait for but its lock."""
        self.patience_seconds = lock_timeout_seconds
        self._engine = create_engine(
            url,
            # Transactions are opened by hand below: the driver's own would take the write lock too late.
            isolation_level="AUTOCOMMIT",
            connect_args={"timeout": lock_timeout_seconds},
            hide_parameters=True,
        )
        # SQLite has one code for a missing table and for much else.
        self._named = Naming(self._engine.connect, otherwise="erp_refused")
        event.listen(self._engine, "connect", _prepare)

    def create_structure(self) -> None:
        with classified(), self._transaction() as connection:
            structure.create(connection)

    def post(self, batch: Sequence[Posting]) -> list[Outcome]:
        try:
            with classified(), self._transaction() as connection:
                return Booking(self, connection).book(batch)
        except ErpError as error:
            raise self._named(error) from error

    def ledger(self, identities: Sequence[str]) -> dict[str, bytes]:
        return connecting.ledger(self._engine.connect, identities)

    def booked(self) -> Iterator[BookedSale]:
        return connecting.booked(self._engine.connect)

    def close(self) -> None:
        self._engine.dispose()

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

    def claim(self, connection: Connection, postings: Mapping[str, Posting]) -> set[str]:
        # Nobody else writes while this transaction does, so that looking first is safe.
        column = tables.posting_key.c.identity
        with classified("posting_key"):
            taken = set(connection.scalars(select(column).where(column.in_(list(postings)))))
            fresh = {name: posting for name, posting in postings.items() if name not in taken}
            if fresh:
                connection.execute(insert(tables.posting_key), rows.ledger_rows(fresh))
        return set(fresh)

    def add_sales(self, connection: Connection, postings: Sequence[tuple[Posting, Sale]]) -> None:
        for table, added in (
            (tables.sale, [rows.sale_row(sale, posting.till) for posting, sale in postings]),
            (tables.sale_item, [row for _, sale in postings for row in rows.item_rows(sale)]),
            (tables.payment, [row for _, sale in postings for row in rows.payment_rows(sale)]),
        ):
            if added:
                with classified(table.name):
                    connection.execute(insert(table), added)

    def move_stock(self, connection: Connection, moves: Stock) -> None:
        stock = insert_or(tables.stock)
        statement = stock.on_conflict_do_update(
            index_elements=["issuer", "product_code"],
            set_={"quantity": tables.stock.c.quantity + stock.excluded.quantity},
        )
        with classified("stock"):
            connection.execute(
                statement,
                [
                    {"issuer": issuer, "product_code": product, "quantity": quantity}
                    for (issuer, product), quantity in moves.items()
                ],
            )


def _prepare(connection: Any, record: Any) -> None:
    """A new file gets its tables by itself: nobody administers an ERP for trying out."""
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    if connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0] == 0:
        connection.executescript(_NEW_FILE)


def _driver(connection: Connection) -> sqlite3.Connection:
    driver = connection.connection.driver_connection
    assert isinstance(driver, sqlite3.Connection)  # noqa: S101 the engine was made for sqlite3 above
    return driver
