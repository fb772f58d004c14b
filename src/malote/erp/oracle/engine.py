"""The ERP on Oracle, through python-oracledb in its thin mode: one transaction per batch, array binds.

No Oracle runs where Malote is built. What is here is parsed with an Oracle grammar and driven against a recording
driver in the tests; whoever uses it runs ``malote erp verify`` against their own database first.

Oracle has no lock timeout for INSERT, UPDATE and MERGE. So whatever may be held is locked beforehand with one: the
tables (LOCK TABLE … WAIT, in the very mode that writing takes anyway), the sales and the stock (SELECT … FOR UPDATE
WAIT). What is left, another session's uncommitted row of the same key, ends with the driver's call timeout.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import oracledb
from sqlalchemy import URL, Connection, Select, Table, event, inspect, text
from sqlalchemy.schema import CreateTable

from malote.erp import rows
from malote.erp.base import BaseErp, Options, server_engine
from malote.erp.booking import Stock
from malote.erp.call_statements import Answer
from malote.erp.connecting import classified, over_ledger
from malote.erp.grants import Grant
from malote.erp.letters import Letters
from malote.erp.mapping import MappedTable
from malote.erp.oracle import calls, grants
from malote.erp.oracle.dialect import DIALECT
from malote.erp.oracle.statements import ENCODING, OwnStatements, in_steps, key_names, stock_rows
from malote.erp.profiles.post import for_driver
from malote.erp.protocol import ErpError
from malote.erp.repertoire import repertoire_of
from malote.erp.values import Exact

_TAKEN = 1  # ORA-00001
_EXISTS = "ORA-00955"
_CONNECTION = {
    "tcp_connect_timeout": 5.0,
    "expire_time": 1,  # minutes between signs of life, so that a dead peer is noticed
    "program": "malote",
}


class OracleErp(BaseErp):
    """See ``malote.erp.base.BaseErp``."""

    engine = "oracle"
    dialect = DIALECT

    def __init__(self, url: URL, options: Options) -> None:
        self._sql = OwnStatements(options.tables, options.lock_timeout)
        engine = server_engine(url.set(drivername="oracle+oracledb"), connect_args=dict(_CONNECTION))
        event.listen(engine, "connect", self._prepare)
        super().__init__(engine, url, options)
        # A call may wait for the lock as well as work.
        self.patience_seconds = max(options.statement_timeout, self._sql.wait_seconds + 1.0)
        self._letters: Letters | None = None

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

    def grants(self, user: str) -> list[Grant]:
        return grants.needed(self.tables, user, DIALECT.identifier_preparer)

    def script(self) -> list[str]:
        return list(self._made(if_not_exists=False))  # which older ones don't understand

    def _create(self, wanted: list[Table]) -> None:
        with self._engine.connect() as connection:
            inspector = inspect(connection)
            absent = [table for table in wanted if not inspector.has_table(table.name, table.schema)]
            for table in absent:
                try:
                    with classified(table.name):
                        connection.execute(CreateTable(table))
                except ErpError as error:
                    if _EXISTS not in error.detail:  # by another program, at this moment
                        raise

    @contextmanager
    def _transaction(self) -> Iterator[Connection]:
        with self._engine.begin() as connection:
            with over_ledger(self.tables.ledger_name):
                connection.execute(text(self._sql.lock_tables))
            yield connection

    # ---- what Booking asks of an engine ----

    def claim(self, connection: Connection, entries: Sequence[rows.Row]) -> set[str]:
        with over_ledger(self.tables.ledger_name):
            taken = _each(connection, self._sql.claim, entries)
        names = [entry["identity"] for entry in entries]
        return set(names) - {names[place] for place in taken}

    def move_stock(self, connection: Connection, moves: Stock) -> None:
        stock = self.tables.stock
        assert stock is not None  # noqa: S101 only called where there is one
        moved = rows.stock_rows(stock, moves)
        bound = _bound(stock)
        with classified(stock.name):
            for some in in_steps([_key(stock, row) for row in moved]):
                connection.execute(self.locked(stock_rows(stock, some))).all()
            arriving = [bound(row) for row in moved]
            # A product that another poster sold for the first time at this moment: now its row is there.
            again = [arriving[place] for place in _each(connection, self._sql.move_stock, arriving)]
            if again and _each(connection, self._sql.move_stock, again):
                raise ErpError("erp_conflict", detail=stock.name)

    def letters(self, connection: Connection) -> Letters:
        """Asked once: the driver itself would write a question mark and say nothing."""
        if self._letters is None:
            with classified():
                encoding = connection.scalar(text(ENCODING)) or ""
            self._letters = Letters(self.tables, repertoire_of(encoding))
        return self._letters

    def locked(self, statement: Select[Any]) -> Select[Any]:
        return statement.suffix_with(f"FOR UPDATE WAIT {self._sql.wait_seconds}")

    def call(self, connection: Connection, statement: str, values: Mapping[str, str | None], most: int) -> list[Answer]:
        return calls.run(connection, for_driver(statement, "named"), values, most)


def _key(stock: MappedTable, row: rows.Row) -> tuple[Any, ...]:
    return tuple(row[name] for name in key_names(stock))


def _bound(stock: MappedTable) -> Callable[[rows.Row], rows.Row]:
    """Rows as the driver takes them: what is finer than its column is refused, never rounded."""
    kinds = {target.key: stock.columns[target.key].type for target in stock.inserted}
    exact: dict[str, Any] = {
        name: kind.dialect_impl(DIALECT).bind_processor(DIALECT)
        for name, kind in kinds.items()
        if isinstance(kind, Exact)
    }

    def bound(row: rows.Row) -> rows.Row:
        return row | {name: bind(row[name]) for name, bind in exact.items()}

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


ERP = OracleErp
