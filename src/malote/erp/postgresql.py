"""The ERP on PostgreSQL: one transaction per batch, sales by COPY."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import msgspec
import psycopg
from sqlalchemy import URL, Connection, create_engine, text
from sqlalchemy.pool import QueuePool

from malote.erp import connecting, copy_text, rows, structure
from malote.erp.booking import Booking, Stock
from malote.erp.connecting import Naming, classified
from malote.erp.protocol import BookedSale, ErpError, Outcome, Posting
from malote.fiscal.documents import Sale

_STRUCTURE_LOCK = 0x6D616C6F  # keeps two programs from creating the structure at once
_SALES_PER_BLOCK = 64  # small enough for the server to work while the next block is being written

# A dead peer is noticed in about a minute, a server that isn't there in five seconds.
_CONNECTION = {
    "application_name": "malote",
    "connect_timeout": 5,
    "keepalives": 1,
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 60_000,
}

# Local to the transaction, since a connection pooler may stand between. Only a laxer commit is tightened: where the
# DBA waits for standbys, so do we.
_LIMITS = text(
    "SELECT set_config('lock_timeout', :lock, true), set_config('statement_timeout', :statement, true),"
    " set_config('synchronous_commit', CASE current_setting('synchronous_commit')"
    " WHEN 'off' THEN 'on' WHEN 'local' THEN 'on' ELSE current_setting('synchronous_commit') END, true)"
)

# JSON is the quickest way for a thousand rows to become a parameter.
_CLAIM = """
INSERT INTO posting_key (identity, content_hash, till, document_id)
SELECT identity, decode(content_hash, 'hex'), till, document_id
  FROM json_to_recordset(%s) AS arriving (identity text, content_hash text, till text, document_id bigint)
 ORDER BY identity COLLATE "C"
    ON CONFLICT (identity) DO NOTHING
RETURNING identity
"""

_MOVE_STOCK = """
INSERT INTO stock AS held (issuer, product_code, quantity)
SELECT issuer, product_code, quantity
  FROM json_to_recordset(%s) AS moved (issuer text, product_code text, quantity numeric)
 ORDER BY issuer COLLATE "C", product_code COLLATE "C"
    ON CONFLICT (issuer, product_code) DO UPDATE SET quantity = held.quantity + excluded.quantity
"""


class PostgresqlErp:
    """See ``malote.erp.protocol.Erp``. Connects at the first use and again after a loss."""

    engine = "postgresql"

    def __init__(self, url: URL, *, lock_timeout_seconds: float, statement_timeout_seconds: float) -> None:
        options = {name: value for name, value in _CONNECTION.items() if name not in url.query}
        self._engine = create_engine(
            url.set(drivername="postgresql+psycopg"),
            # The dedup of a batch is proved for this isolation, whatever the database's default.
            isolation_level="READ COMMITTED",
            # Server-side prepared statements would outlive a DBA's ALTER TABLE, and a pooler's session.
            connect_args={**options, "prepare_threshold": None},
            poolclass=QueuePool,
            pool_size=1,
            max_overflow=0,
            pool_timeout=5,
            pool_pre_ping=True,
            hide_parameters=True,
        )
        self._named = Naming(self._transaction)
        self.patience_seconds = statement_timeout_seconds
        self._limits = {
            "lock": _milliseconds(lock_timeout_seconds),
            "statement": _milliseconds(statement_timeout_seconds),
        }

    def create_structure(self) -> None:
        with classified(), self._transaction() as connection:
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _STRUCTURE_LOCK})
            structure.create(connection)

    def post(self, batch: Sequence[Posting]) -> list[Outcome]:
        try:
            with classified(), self._transaction() as connection:
                return Booking(self, connection).book(batch)
        except ErpError as error:
            raise self._named(error) from error

    def ledger(self, identities: Sequence[str]) -> dict[str, bytes]:
        return connecting.ledger(self._transaction, identities)

    def booked(self) -> Iterator[BookedSale]:
        return connecting.booked(self._transaction)

    def close(self) -> None:
        self._engine.dispose()

    @contextmanager
    def _transaction(self) -> Iterator[Connection]:
        with self._engine.begin() as connection:
            connection.execute(_LIMITS, self._limits)
            yield connection

    # ---- what Booking asks of an engine ----

    def claim(self, connection: Connection, postings: Mapping[str, Posting]) -> set[str]:
        arriving = [row | {"content_hash": row["content_hash"].hex()} for row in rows.ledger_rows(postings)]
        with classified("posting_key"):
            return {row[0] for row in _driver(connection).execute(_CLAIM, (_json(arriving),))}

    def add_sales(self, connection: Connection, postings: Sequence[tuple[Posting, Sale]]) -> None:
        sales: list[str] = []
        payments: list[str] = []
        with _copy(connection, "sale_item", copy_text.ITEM_COLUMNS) as write:
            block: list[str] = []
            for posting, sale in postings:
                line = copy_text.lines(sale, posting.till)
                sales.append(line.sale)
                payments.append(line.payments)
                block.append(line.items)
                if len(block) == _SALES_PER_BLOCK:
                    write("".join(block))
                    block.clear()
            write("".join(block))
        with _copy(connection, "payment", copy_text.PAYMENT_COLUMNS) as write:
            write("".join(payments))
        with _copy(connection, "sale", copy_text.SALE_COLUMNS) as write:
            write("".join(sales))

    def move_stock(self, connection: Connection, moves: Stock) -> None:
        moved = [
            {"issuer": issuer, "product_code": product, "quantity": format(quantity, "f")}
            for (issuer, product), quantity in moves.items()
        ]
        with classified("stock"):
            _driver(connection).execute(_MOVE_STOCK, (_json(moved),))


@contextmanager
def _copy(connection: Connection, table: str, columns: Sequence[str]) -> Iterator[Callable[[str], None]]:
    names = ", ".join(f'"{column}"' for column in columns)
    with (
        classified(table),
        _driver(connection).cursor() as cursor,
        cursor.copy(f"COPY {table} ({names}) FROM STDIN (FORMAT text, NULL '')".encode()) as copy,
    ):
        yield copy.write


def _driver(connection: Connection) -> psycopg.Connection[Any]:
    """psycopg's own connection beneath SQLAlchemy's, within the same transaction."""
    driver = connection.connection.driver_connection
    assert isinstance(driver, psycopg.Connection)  # noqa: S101 the engine was made for psycopg above
    return driver


def _json(table: list[rows.Row]) -> str:
    return msgspec.json.encode(table).decode()


def _milliseconds(seconds: float) -> str:
    """Zero would mean "for ever"."""
    return str(max(1, round(seconds * 1000)))
