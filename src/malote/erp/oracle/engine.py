"""The ERP on Oracle, through python-oracledb in its thin mode: one transaction per batch, array binds.

No Oracle runs where Malote is built. What is here is parsed with an Oracle grammar and driven against a recording
driver in the tests; whoever uses it runs ``malote erp verify`` against their own database first.

Oracle has no lock timeout for INSERT, UPDATE and MERGE. So whatever may be held is locked beforehand with one: the
tables (LOCK TABLE … WAIT, in the very mode that writing takes anyway), the sales and the stock (SELECT … FOR UPDATE
WAIT). What is left, another session's uncommitted row of the same key, ends with the driver's call timeout.
"""

import math
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

import oracledb
from sqlalchemy import URL, Connection, Select, create_engine, event, inspect, select, text, tuple_
from sqlalchemy.dialects.oracle.oracledb import OracleDialect_oracledb
from sqlalchemy.pool import QueuePool
from sqlalchemy.schema import CreateTable

from malote.erp import (
    before,
    calling,
    connecting,
    guarding,
    images,
    rehearsing,
    rows,
    statements,
    structure,
)
from malote.erp.address import secrets_of
from malote.erp.booking import Booking, Stock
from malote.erp.connecting import Naming, classified
from malote.erp.grants import Grant
from malote.erp.guarding import Guarding
from malote.erp.mapping import BUILT_IN, ErpTables, MappedTable
from malote.erp.oracle import grants
from malote.erp.profiles import checking
from malote.erp.profiles.checking import Fault
from malote.erp.protocol import BookedSale, ErpError, Introduce, Outcome, OwnSale, Posting, Rehearsal, SaleRow
from malote.erp.repertoire import Repertoire, repertoire_of
from malote.erp.superseding import Superseding
from malote.erp.targets import CANCELLED, PROTOCOL
from malote.erp.values import Exact
from malote.fiscal.documents import Sale

_TAKEN = 1  # ORA-00001
_EXISTS = "ORA-00955"
_CONNECTION = {
    "tcp_connect_timeout": 5.0,
    "expire_time": 1,  # minutes between signs of life, so that a dead peer is noticed
    "program": "malote",
}

_ENCODING = "SELECT value FROM nls_database_parameters WHERE parameter = 'NLS_CHARACTERSET'"

DIALECT: Any = OracleDialect_oracledb()  # type: ignore[no-untyped-call]

Answer = TypeVar("Answer")


class OracleErp:
    """See ``malote.erp.protocol.Erp``. Connects at the first use and again after a loss."""

    engine = "oracle"

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
        self.tables = tables
        self.nearest_letters = nearest_letters
        self.schema = tables.schema or remembered
        self._introduce = introduce
        self._guarding = Guarding(self)
        self._sql = _Sql(tables, lock_timeout_seconds)
        # A call may wait for the lock as well as work.
        self.patience_seconds = max(statement_timeout_seconds, self._sql.wait_seconds + 1.0)
        self._secrets = secrets_of(url)
        self._engine = create_engine(
            url.set(drivername="oracle+oracledb"),
            connect_args=dict(_CONNECTION),
            poolclass=QueuePool,
            pool_size=1,
            max_overflow=0,
            pool_timeout=5,
            pool_pre_ping=True,
            hide_parameters=True,
        )
        event.listen(self._engine, "connect", self._prepare)
        self._encoding: str | None = None
        self.connections = connecting.Connections(self._engine)
        self._named = Naming(self._engine.connect, tables)

    def _prepare(self, connection: Any, record: Any) -> None:
        connection.call_timeout = round(self.patience_seconds * 1000)
        connection.module = "malote"
        numbers = getattr(connection, "session_id", None), getattr(connection, "serial_num", None)
        if self._introduce is not None and None not in numbers:
            with connection.cursor() as cursor:
                cursor.execute("SELECT SYS_CONTEXT('USERENV', 'INSTANCE') FROM dual")
                instance = next(iter(cursor))[0]
            # SERIAL# is never given to a SID twice: no beginning is needed, which would take a privilege.
            self._introduce(f"{instance},{numbers[0]},{numbers[1]}", "")

    def create_structure(self, *, everything: bool = False) -> None:
        wanted = structure.wanted(self.tables, everything=everything)
        with classified(secrets=self._secrets), self._engine.connect() as connection:
            inspector = inspect(connection)
            absent = [table for table in wanted if not inspector.has_table(table.name, table.schema)]
            for table in absent:
                try:
                    with classified(table.name):
                        connection.execute(CreateTable(table))
                except ErpError as error:
                    if _EXISTS not in error.detail:  # by another program, at this moment
                        raise

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
            with classified(secrets=self._secrets):
                self._guarding.make(self._transaction)
                with self._transaction() as connection:
                    return work(connection)
        except ErpError as error:
            raise self._named(error, batch) from error

    def enter_before(self, identities: Sequence[str]) -> int:
        return self._within(lambda connection: before.enter(self, connection, identities), [])

    def ledger(self, identities: Sequence[str]) -> dict[str, bytes]:
        with classified(secrets=self._secrets):
            return connecting.ledger(self._engine.connect, self.tables, identities)

    def sales(self, access_keys: Sequence[str]) -> list[SaleRow]:
        with classified(secrets=self._secrets):
            return images.sale_rows(self._engine.connect, self.tables, access_keys)

    def departures(self, postings: Sequence[Posting], cancelled: Collection[str]) -> dict[int, list[str]]:
        with classified(secrets=self._secrets):
            return images.departures(self, self._engine.connect, postings, cancelled)

    def booked(self) -> Iterator[BookedSale]:
        with classified(secrets=self._secrets):
            yield from connecting.booked(self._engine.connect, self.tables)

    def sales_between(self, first: str, last: str) -> Iterator[OwnSale]:
        with classified(secrets=self._secrets):
            yield from connecting.sales_between(self._engine.connect, self.tables, first, last)

    def fingerprints(self, ranges: Sequence[tuple[str, str]]) -> list[tuple[int, ...]] | None:
        return None  # never tried

    def grants(self, user: str) -> list[Grant]:
        return grants.needed(self.tables, user, DIALECT.identifier_preparer)

    def faults(self) -> list[Fault]:
        with classified(secrets=self._secrets), self._engine.connect() as connection:
            return checking.faults(connection, self.tables)

    def close(self) -> None:
        self._engine.dispose()

    @contextmanager
    def read_only(self) -> Iterator[Connection]:
        with self._engine.begin() as connection:
            connection.execute(text("SET TRANSACTION READ ONLY"))
            yield connection

    @contextmanager
    def _transaction(self) -> Iterator[Connection]:
        with self._engine.begin() as connection:
            with classified(self.tables.ledger_name):
                connection.execute(text(self._sql.lock_tables))
            yield connection

    # ---- what Booking asks of an engine ----

    def claim(self, connection: Connection, entries: Sequence[rows.Row]) -> set[str]:
        with classified(self.tables.ledger_name):
            taken = _each(connection, self._sql.claim, entries)
        names = [entry["identity"] for entry in entries]
        return set(names) - {names[place] for place in taken}

    def add_sales(self, connection: Connection, postings: Sequence[tuple[Posting, Sale]]) -> None:
        for table, added in rows.sales_with_lines(self.tables, postings):
            with classified(table.name):
                connection.execute(statements.add(table), added)

    def move_stock(self, connection: Connection, moves: Stock) -> None:
        stock = self.tables.stock
        assert stock is not None  # noqa: S101 only called where there is one
        moved = rows.stock_rows(stock, moves)
        bound = _bound(stock)
        with classified(stock.name):
            for some in _in_steps([_key(stock, row) for row in moved]):
                connection.execute(self.locked(stock_rows(stock, some))).all()
            arriving = [bound(row) for row in moved]
            # A product that another poster sold for the first time at this moment: now its row is there.
            again = [arriving[place] for place in _each(connection, self._sql.move_stock, arriving)]
            if again and _each(connection, self._sql.move_stock, again):
                raise ErpError("erp_conflict", transient=True, detail=stock.name)

    def repertoire(self, connection: Connection) -> Repertoire | None:
        """Asked once: the driver itself would write a question mark and say nothing."""
        if self._encoding is None:
            with classified():
                self._encoding = connection.scalar(text(_ENCODING)) or ""
        return repertoire_of(self._encoding)

    def locked(self, statement: Select[Any]) -> Select[Any]:
        return statement.suffix_with(f"FOR UPDATE WAIT {self._sql.wait_seconds}")


class _Sql:
    """The statements that are Oracle's own, with the names of one ERP."""

    def __init__(self, tables: ErpTables, lock_timeout_seconds: float) -> None:
        self.wait_seconds = max(1, math.ceil(lock_timeout_seconds))
        self._quoted = DIALECT.identifier_preparer
        written = [tables.ledger, *(part.table for part in tables.parts)]
        names = ", ".join(self._quoted.format_table(table) for table in written)
        self.lock_tables = f"LOCK TABLE {names} IN ROW EXCLUSIVE MODE WAIT {self.wait_seconds}"
        self.claim = (
            f"INSERT INTO {self._quoted.format_table(tables.ledger)} (identity, content_hash, till, document_id)"  # noqa: S608
            " VALUES (:identity, :content_hash, :till, :document_id)"
        )
        self.move_stock = self._merge(tables.stock) if tables.stock else ""

    def _merge(self, stock: MappedTable) -> str:
        named = {target.key: self._quoted.quote(target.column) for target in stock.inserted}
        quantity = named["quantity"]
        arriving = ", ".join(f":{key} AS {key}" for key in named)
        same = " AND ".join(f"held.{name} = moved.{key}" for key, name in named.items() if key != "quantity")
        return (
            f"MERGE INTO {self._quoted.format_table(stock.table)} held"  # noqa: S608 names of the profile, quoted
            f" USING (SELECT {arriving} FROM dual) moved ON ({same})"
            f" WHEN MATCHED THEN UPDATE SET held.{quantity} = held.{quantity} + moved.quantity"
            f" WHEN NOT MATCHED THEN INSERT ({', '.join(named.values())})"
            f" VALUES ({', '.join(f'moved.{key}' for key in named)})"
        )


def stock_rows(stock: MappedTable, keys: Sequence[tuple[Any, ...]]) -> Select[Any]:
    """The rows of the stock under these keys, in order."""
    columns = [stock.columns[name] for name in _key_names(stock)]
    quantity = stock.columns.quantity
    return select(quantity).where(tuple_(*columns).in_(keys)).order_by(*columns)


def every_statement(tables: ErpTables, lock_timeout_seconds: float = 5.0) -> list[str]:
    """All SQL that this adapter ever executes, DDL included, with lists of every size. Looking at the structure (for
    ``malote erp profile check``, and to name what is missing after an error) is SQLAlchemy's own reflection."""
    sql = _Sql(tables, lock_timeout_seconds)
    locked = f"FOR UPDATE WAIT {sql.wait_seconds}"
    sizes = [["x"] * size for size in statements.SIZES]
    selects: list[Select[Any]] = [
        statements.booked_after(tables, connecting.STEP).params(after=""),
        statements.entries_after(tables, guarding.STEP).params(after=""),
    ]
    for keys in sizes:
        selects.append(statements.ledger_entries(tables, keys))
        selects.append(statements.standings(tables, keys))
        selects.append(statements.sale_rows(tables, keys))
        selects.append(statements.ledger_entries(tables, keys).suffix_with(locked))
        selects += [statements.sales_to_change(tables, keys, others).suffix_with(locked) for others in sizes]
        selects += [statements.readable_rows(part, keys) for part in (tables.sale, tables.item, tables.payment) if part]
        if tables.stock:
            selects.append(statements.goods_of(tables, keys))
            one = tuple("x" for _ in _key_names(tables.stock))
            selects.append(stock_rows(tables.stock, [one] * len(keys)).suffix_with(locked))
    ddl = [str(CreateTable(table).compile(dialect=DIALECT)).strip() for table in tables.metadata.sorted_tables]
    changes = [sorted(_changed(tables, fields)) for fields in (CANCELLED, PROTOCOL)]
    return [
        *ddl,
        _ENCODING,
        sql.lock_tables,
        sql.claim,
        *([sql.move_stock] if sql.move_stock else []),
        *(_compiled(statement) for statement in selects),
        *(_compiled(statements.change_sale(tables, columns)) for columns in changes),
        *(_compiled(statement) for statement in statements.rewriting(tables)),
        *(
            _compiled(statements.add(part), column_keys=[target.key for target in part.inserted])
            for part in tables.parts
            if part.part != "stock"
        ),
    ]


def _changed(tables: ErpTables, fields: frozenset[str]) -> list[str]:
    return list(tables.sale.change(dict.fromkeys(fields)))


def _compiled(statement: Any, column_keys: list[str] | None = None) -> str:
    lists = {"render_postcompile": isinstance(statement, Select)}
    return str(statement.compile(dialect=DIALECT, column_keys=column_keys, compile_kwargs=lists))


def _key_names(stock: MappedTable) -> list[str]:
    return [target.key for target in stock.inserted if target.key != "quantity"]


def _key(stock: MappedTable, row: rows.Row) -> tuple[Any, ...]:
    return tuple(row[name] for name in _key_names(stock))


def _in_steps(keys: Sequence[tuple[Any, ...]]) -> Iterator[list[tuple[Any, ...]]]:
    largest = statements.SIZES[-1]
    for start in range(0, len(keys), largest):
        some = list(keys[start : start + largest])
        size = next(size for size in statements.SIZES if size >= len(some))
        yield some + some[-1:] * (size - len(some))


def _bound(stock: MappedTable) -> Callable[[rows.Row], rows.Row]:
    """Rows as the driver takes them: what is finer than its column is refused, never rounded."""
    exact = {
        target.key: column.type
        for target in stock.inserted
        if isinstance((column := stock.columns[target.key]).type, Exact)
    }

    def bound(row: rows.Row) -> rows.Row:
        return row | {name: kind.process_bind_param(row[name], DIALECT) for name, kind in exact.items()}

    return bound


def _each(connection: Connection, statement: str, arriving: Sequence[rows.Row]) -> list[int]:
    """Executes it for each row by itself, within one call; which rows met a unique key that was there already.

    Any other error is raised. A row whose key another session is inserting waits for that session's end.
    """
    driver: Any = connection.connection.driver_connection
    with driver.cursor() as cursor:
        cursor.executemany(statement, [dict(row) for row in arriving], batcherrors=True)
        refused = cursor.getbatcherrors()
    for error in refused:
        if error.code != _TAKEN:
            raise oracledb.DatabaseError(error)
    return [error.offset for error in refused]
