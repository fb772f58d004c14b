"""The ERP on PostgreSQL: one transaction per batch, sales by COPY."""

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import msgspec
import psycopg
from psycopg.pq import DiagnosticField
from sqlalchemy import URL, Connection, Table, text

from malote.erp import rows, structure
from malote.erp.base import BaseErp, Options, server_engine
from malote.erp.booking import Stock
from malote.erp.connecting import classified, over_ledger
from malote.erp.fingerprints import Print, Range, Rows
from malote.erp.grants import Grant
from malote.erp.letters import Letters
from malote.erp.mapping import ErpTables, MappedTable
from malote.erp.postgresql import arrays, grants, lenient_values, place, touched  # noqa: F401 - arrays: how lists of keys are written
from malote.erp.postgresql.copy_text import CopyText
from malote.erp.postgresql.dialect import CHARACTERS, DIALECT
from malote.erp.postgresql.fingerprints import fingerprint
from malote.erp.postgresql.own_session import BEGAN
from malote.erp.postgresql.records import PostgresqlRecords
from malote.erp.profiles.post import for_driver
from malote.erp.protocol import Posting, Touched
from malote.erp.repertoire import repertoire_of
from malote.fiscal.documents import Sale

_SAME = "introduced"  # within one connection of ours
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
    " WHEN 'off' THEN 'on' WHEN 'local' THEN 'on' ELSE current_setting('synchronous_commit') END, true),"
    " pg_backend_pid(), current_setting('search_path')"
)
_READ_ONLY = text("SET TRANSACTION READ ONLY")
_PATH = text("SELECT set_config('search_path', :path, true)")


class PostgresqlErp(BaseErp):
    """See ``malote.erp.base.BaseErp``."""

    engine = "postgresql"
    dialect = DIALECT
    call_style = "pyformat"
    keeps_state = True
    adds_up = True
    without_nul = "PostgreSQL"

    def __init__(self, url: URL, options: Options) -> None:
        chosen = {name: value for name, value in _CONNECTION.items() if name not in url.query}
        engine = server_engine(
            url.set(drivername="postgresql+psycopg"),
            # The dedup of a batch is proved for this isolation, whatever the database's default.
            isolation_level="READ COMMITTED",
            # Server-side prepared statements would outlive a DBA's ALTER TABLE, and a pooler's session.
            connect_args={**chosen, **CHARACTERS, "prepare_threshold": None},
        )
        super().__init__(engine, url, options)
        self.schema = self.tables.schema or ""
        self._remembered = options.remembered
        self._introduced: tuple[int, str] | None = None
        self._letters: tuple[str, Letters] | None = None  # by what the server calls its encoding
        self._sql = _Sql(self.tables)
        self._copy_text = CopyText(self.tables) if self.tables.item else None
        self._limits = {
            "lock": _milliseconds(options.lock_timeout),
            "statement": _milliseconds(options.statement_timeout),
        }

    def grants(self, user: str) -> list[Grant]:
        return grants.needed(self.tables, user)

    def script(self) -> list[str]:
        # Grants name the schema, and the tables must come into the same one.
        schema = DIALECT.identifier_preparer.quote(self.tables.schema or "public")
        return [f"SET search_path = {schema};", *super().script()]

    def _create(self, wanted: list[Table]) -> None:
        with self._transaction() as connection:
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _STRUCTURE_LOCK})
            structure.create(connection, wanted)

    def _lacking(self, connection: Connection) -> list[str]:
        return grants.lacking(connection, self.tables)

    def touched(self, connection: Connection, known: Collection[str]) -> list[Touched]:
        state = self.tables.state
        own = {self.tables.ledger.name} | ({state.name} if state is not None else set())
        return touched.touched(connection, own, known)

    @contextmanager
    def read_only(self) -> Iterator[Connection]:
        with self._transaction(writing=False) as connection:
            lenient_values.register(_driver(connection))
            yield connection

    def _reading(self) -> AbstractContextManager[Connection]:
        return self._transaction()

    @contextmanager
    def _transaction(self, *, writing: bool = True) -> Iterator[Connection]:
        with self._engine.begin() as connection:
            if not writing:
                connection.execute(_READ_ONLY)
            *_, pid, path = connection.execute(_LIMITS, self._limits).one()
            if self._introduce is not None:
                self._introduce(str(pid), self._began(connection, pid))
            if not self.tables.schema or self.tables.state is not None:  # queries name tables without their schema
                self._put_first(connection, path)
            yield connection

    def _put_first(self, connection: Connection, path: str) -> None:
        """The schema that has the ledger, before any other; for this transaction, since a pooler may stand between."""
        if not self.schema:
            ledger = self.tables.ledger_name
            self.schema = place.schema_of(_driver(connection), ledger, remembered=self._remembered)
        if self.schema:
            connection.execute(_PATH, {"path": place.path_with(self.schema, path)})

    def _began(self, connection: Connection, pid: int) -> str:
        """When the session began. Behind a connection pooler it may be another one each time."""
        known = self._introduced
        if known is None or known[0] != pid or not connection.info.get(_SAME):
            known = self._introduced = (pid, str(connection.execute(BEGAN).scalar() or ""))
            connection.info[_SAME] = True
        return known[1]

    # ---- what Booking asks of an engine ----

    def claim(self, connection: Connection, entries: Sequence[rows.Row]) -> set[str]:
        arriving = [row | {"content_hash": row["content_hash"].hex()} for row in entries]
        with over_ledger(self.tables.ledger_name):
            return {row[0] for row in _driver(connection).execute(self._sql.claim, (_json(arriving),))}

    def add_sales(self, connection: Connection, postings: Sequence[tuple[Posting, Sale]]) -> None:
        # Parents first, so that a foreign key of the ERP's from an item or a payment to its sale holds at every moment.
        items: list[str] = []
        payments: list[str] = []
        writer, item = self._copy_text, self.tables.item
        assert writer is not None  # noqa: S101 only called where there are items
        assert item is not None  # noqa: S101
        lines = writer.lines
        with self._copy(connection, self.tables.sale, writer.sale_columns) as write:
            block: list[str] = []
            for posting, sale in postings:
                line = lines(sale, posting.till)
                items.append(line.items)
                payments.append(line.payments)
                block.append(line.sale)
                if len(block) == _SALES_PER_BLOCK:
                    write("".join(block))
                    block.clear()
            write("".join(block))
        with self._copy(connection, item, writer.item_columns) as write:
            for start in range(0, len(items), _SALES_PER_BLOCK):
                write("".join(items[start : start + _SALES_PER_BLOCK]))
        if self.tables.payment:
            with self._copy(connection, self.tables.payment, writer.payment_columns) as write:
                write("".join(payments))

    def move_stock(self, connection: Connection, moves: Stock) -> None:
        stock = self.tables.stock
        assert stock is not None  # noqa: S101 only called where there is one
        moved = [row | {"quantity": format(row["quantity"], "f")} for row in rows.stock_rows(stock, moves)]
        with classified(stock.name):
            _driver(connection).execute(self._sql.move_stock, (_json(moved),))

    def letters(self, connection: Connection) -> Letters:
        # Told by the server at connect, so that asking costs nothing.
        named = _driver(connection).info.parameter_status("server_encoding") or ""
        if self._letters is None or self._letters[0] != named:
            self._letters = named, Letters(self.tables, repertoire_of(named))
        return self._letters[1]

    def parsed(self, connection: Connection, statement: str) -> str:
        driver = _driver(connection)
        driver.execute("SAVEPOINT malote_parse")
        parsed = driver.pgconn.prepare(b"", for_driver(statement, "numbered").encode())
        driver.execute("ROLLBACK TO SAVEPOINT malote_parse")
        return (parsed.error_field(DiagnosticField.MESSAGE_PRIMARY) or b"").decode(errors="replace")

    def records(self, connection: Connection) -> PostgresqlRecords:
        return PostgresqlRecords(_driver(connection))

    def fingerprint(self, connection: Connection, part: Rows, ranges: Sequence[Range]) -> list[Print]:
        return fingerprint(_driver(connection), part, ranges)

    @contextmanager
    def _copy(
        self, connection: Connection, table: MappedTable, columns: Sequence[str]
    ) -> Iterator[Callable[[str], None]]:
        with (
            classified(table.name),
            _driver(connection).cursor() as cursor,
            cursor.copy(self._sql.copy(table, columns)) as copy,
        ):
            yield copy.write


class _Sql:
    """The statements that are PostgreSQL's own, with the names of one ERP."""

    def __init__(self, tables: ErpTables) -> None:
        self._quoted = DIALECT.identifier_preparer
        self.claim = self._claim(tables.ledger)
        self.move_stock = self._move_stock(tables.stock) if tables.stock else b""

    def copy(self, table: MappedTable, columns: Sequence[str]) -> bytes:
        names = ", ".join(self._quoted.quote(column) for column in columns)
        return f"COPY {self._quoted.format_table(table.table)} ({names}) FROM STDIN (FORMAT text, NULL '')".encode()

    def _claim(self, ledger: Table) -> bytes:
        # JSON is the quickest way for a thousand rows to become a parameter.
        return f"""
            INSERT INTO {self._quoted.format_table(ledger)} (identity, content_hash, till, document_id)
            SELECT identity, decode(content_hash, 'hex'), till, document_id
              FROM json_to_recordset(%s)
                AS arriving (identity text, content_hash text, till text, document_id bigint)
             ORDER BY identity COLLATE "C"
                ON CONFLICT (identity) DO NOTHING
            RETURNING identity
        """.encode()  # noqa: S608 names from the profile, quoted

    def _move_stock(self, stock: MappedTable) -> bytes:
        """In the order of the rows, which is that of their keys."""
        named = {target.key: self._quoted.quote(target.column) for target in stock.inserted}
        types = {
            target.key: stock.columns[target.key].type.compile(dialect=DIALECT).partition(" COLLATE")[0]
            for target in stock.inserted
        }
        quantity = named["quantity"]
        arriving = ", ".join(f"{key} {types[key]}" for key in named if key != "quantity")
        return f"""
            INSERT INTO {self._quoted.format_table(stock.table)} AS held ({", ".join(named.values())})
            SELECT {", ".join(named)}
              FROM ROWS FROM (json_to_recordset(%s) AS ({arriving}, quantity numeric)) WITH ORDINALITY
             ORDER BY ordinality
                ON CONFLICT ({", ".join(name for key, name in named.items() if key != "quantity")})
                DO UPDATE SET {quantity} = held.{quantity} + excluded.{quantity}
        """.encode()  # noqa: S608 names from the profile, quoted


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


ERP = PostgresqlErp
