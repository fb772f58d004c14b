"""Who holds up Malote's own sessions on PostgreSQL. Needs no privilege beyond those of posting."""

import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from decimal import Decimal
from typing import LiteralString, TypeVar

import msgspec
import psycopg
from sqlalchemy import URL
from sqlalchemy.dialects import postgresql

from malote.erp.mapping import ErpTables, MappedTable
from malote.erp.postgresql import locks as reading
from malote.erp.postgresql.connecting import PROGRAM, Connection, connected
from malote.erp.postgresql.locks import Activity, Holding
from malote.erp.postgresql.place import settle
from malote.erp.postgresql.sessions import OWN_PROGRAM, PREPARED_PREFIX
from malote.erp.profiles.compiled_expression import UnmappedError
from malote.erp.protocol import ErpError, Posting
from malote.erp.sessions.errors import SessionsError
from malote.erp.sessions.protocol import Own
from malote.erp.sessions.watching import Holder, SessionsSight, Wait
from malote.erp.values import OutOfRangeError
from malote.fiscal.documents import Cancellation, Sale

Answer = TypeVar("Answer")
Pair = tuple[str, str]  # issuer and product

DIALECT = postgresql.dialect()  # type: ignore[no-untyped-call]

# Reading waits behind an exclusive lock on the whole table; then it is no matter of rows.
_SHORT: LiteralString = "SELECT set_config('lock_timeout', '200', false)"


class _HeldRow(msgspec.Struct, frozen=True):
    """A row that a transaction is changing; ``number`` is the asker's own."""

    number: int
    place: str  # the table's name
    pid: int | None
    transaction: str


class PostgresqlWatch:
    """See ``malote.erp.sessions.watching.Watch``."""

    def __init__(self, url: URL, tables: ErpTables, own: Own = frozenset) -> None:
        self._url = url
        self._tables = tables
        self._rows = _Rows(tables, own)
        self._lock = threading.Lock()
        self._connection: Connection | None = None

    def close(self) -> None:
        with self._lock:
            self._drop()

    def look(self, sessions: Collection[str] = ()) -> SessionsSight:
        return self._ask(lambda connection: _look(connection, sessions))

    def held(self, batch: Sequence[Posting]) -> dict[int, Holder]:
        return self._ask(lambda connection: self._rows.held(connection, batch))

    def _ask(self, question: Callable[[Connection], Answer]) -> Answer:
        with self._lock:
            try:
                if self._connection is None:
                    self._connection = connected(self._url)
                    self._connection.execute(_SHORT)
                    if not self._tables.schema:
                        settle(self._connection, self._tables.ledger_name)
                return question(self._connection)
            except ErpError as error:  # the poster says it
                self._drop()
                raise SessionsError(error.code, detail=error.detail) from error
            except psycopg.Error as error:
                self._drop()
                raise SessionsError("erp_away", detail=error.sqlstate or type(error).__name__) from error

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _look(connection: Connection, sessions: Collection[str]) -> SessionsSight:
    holding = reading.holding(connection)
    holders = frozenset(one for one in sessions if _holds(holding, one))
    waits, known = _waits(connection, holding, {int(one) for one in holders if one.isdecimal()})
    return SessionsSight(waits, holders, {str(one.pid): _is_idle(one) for one in known.values() if one.state})


def _is_idle(one: Activity) -> bool:
    return (one.state or "").startswith("idle in transaction")


def _holds(holding: Holding, session: str) -> bool:
    if session.startswith(PREPARED_PREFIX):
        return session.removeprefix(PREPARED_PREFIX) in holding.prepared
    return session.isdecimal() and any(lock.granted for lock in holding.of(int(session)))


def _waits(connection: Connection, holding: Holding, also: Collection[int]) -> tuple[list[Wait], dict[int, Activity]]:
    """Malote's waits; and what is shown of those who hold them up, and of ``also``."""
    known = reading.activity(connection, holding.waiters())
    ours = [one for one in known.values() if (one.program or "").startswith(OWN_PROGRAM) and one.program != PROGRAM]
    roots = {one.pid: holding.roots(one.pid) for one in ours}
    heads = {root for each in roots.values() for root in each if isinstance(root, int)}
    named = reading.activity(connection, heads | set(also))
    return [_wait(one, roots[one.pid], holding, known | named) for one in ours], named


def _wait(one: Activity, roots: Iterable[int | str], holding: Holding, known: dict[int, Activity]) -> Wait:
    wanted = holding.wanted(one.pid)
    place = holding.object(one.pid)
    holders = tuple(_holder(root, place, holding, known) for root in roots)
    return Wait(one.program or "", holders, wanted.waiting if wanted else None)


def _holder(root: int | str, place: str, holding: Holding, known: dict[int, Activity]) -> Holder:
    if isinstance(root, str):
        return Holder(PREPARED_PREFIX + root, holding.prepared[root].owner, "", place)
    seen = known.get(root)
    if seen is None:
        return Holder(str(root), "", "", place)
    return Holder(str(root), seen.user or "", seen.program or seen.kind or "", place)


def _holders(connection: Connection, rows: Iterable[_HeldRow], own: Own) -> dict[int, Holder]:
    """Who changes these rows, by the number given to each: whoever stands at the head of that session's queue."""
    found = list(rows)
    if not found:
        return {}
    known = reading.activity(connection, {row.pid for row in found if row.pid is not None})
    holding = reading.holding(connection)
    posters = own()
    gids = {one.transaction: one.gid for one in holding.prepared.values()}
    holders: dict[int, Holder] = {}
    for row in found:
        if row.pid in known and (str(row.pid), known[row.pid].began) in posters:
            continue  # another poster: it will have finished in a moment
        head = gids.get(row.transaction) if row.pid is None else next(iter(holding.roots(row.pid)), row.pid)
        if head is not None:
            holders[row.number] = _holder(head, row.place, holding, known | _new(connection, head, known))
    return holders


def _new(connection: Connection, head: int | str, known: dict[int, Activity]) -> dict[int, Activity]:
    return {} if isinstance(head, str) or head in known else reading.activity(connection, [head])


class _Rows:
    """Which rows of the ERP documents need, and which of those are being changed.

    A row under change carries the number of the transaction that changes it, and the transaction holds a lock on its
    own number: both can be read without waiting.
    """

    def __init__(self, tables: ErpTables, own: Own) -> None:
        self._tables = tables
        self._own = own
        self._quoted = DIALECT.identifier_preparer

    def held(self, connection: Connection, batch: Sequence[Posting]) -> dict[int, Holder]:
        goods = self._goods(connection, batch)
        pairs = sorted({pair for wanted in goods.values() for pair in wanted})
        by_pair = _holders(connection, self._held_stock(connection, pairs), self._own)
        cancelled = _cancelled(batch)
        found = _holders(connection, self._held_sales(connection, cancelled), self._own)
        for document_id, wanted in goods.items():
            for number, pair in enumerate(pairs):
                if number in by_pair and pair in wanted:
                    found.setdefault(document_id, by_pair[number])
        return found

    def _goods(self, connection: Connection, batch: Sequence[Posting]) -> dict[int, set[Pair]]:
        """Issuer and product of all that each document moves."""
        if self._tables.stock is None or self._tables.state is not None:
            return {}  # where goods are the ERP's records, only it knows which
        goods: dict[int, set[Pair]] = {}
        for posting in batch:
            if isinstance(posting.document, Sale):
                sale = posting.document
                goods[posting.document_id] = {(sale.issuer, item.product_code) for item in sale.items}
        cancelled, item = _cancelled(batch), self._tables.item
        if cancelled and item:
            for key, issuer, product in connection.execute(self._goods_of(item), (list(cancelled),)):
                pair = self._tables.sale.read("issuer", issuer), item.read("product_code", product)
                goods.setdefault(cancelled[key], set()).add(pair)
        return goods

    def _held_stock(self, connection: Connection, pairs: Sequence[Pair]) -> Iterator[_HeldRow]:
        stock = self._tables.stock
        if stock is None or not pairs:
            return
        wanted = []
        for number, (issuer, product) in enumerate(pairs):
            fields = {"issuer": issuer, "product_code": product, "quantity": Decimal(1)}
            with suppress(OutOfRangeError, UnmappedError):  # posting it will say so
                wanted.append({**stock.rows([fields])[0], "quantity": number})
        arriving = msgspec.json.encode(wanted).decode()
        for number, pid, transaction in connection.execute(self._changed_stock(stock), (arriving,)):
            yield _HeldRow(number, stock.name, pid, transaction)

    def _held_sales(self, connection: Connection, cancelled: Mapping[str, int]) -> Iterator[_HeldRow]:
        if not cancelled:
            return
        key, table = self._tables.standing.access_key, self._tables.standing.access_key.table
        column = f"r.{self._quoted.quote(key.name)}"
        changed = f"""
            SELECT {column}, held.pid, r.xmax::text FROM {self._quoted.format_table(table)} r
              JOIN pg_locks held ON held.transactionid = r.xmax AND held.locktype = 'transactionid' AND held.granted
             WHERE {column} = ANY(%s)
        """.encode()  # noqa: S608 names from the profile, quoted
        for access_key, pid, transaction in connection.execute(changed, (list(cancelled),)):
            yield _HeldRow(cancelled[access_key], str(table.name), pid, transaction)

    def _changed_stock(self, stock: MappedTable) -> bytes:
        keys = [target for target in stock.inserted if target.key != "quantity"]
        types = {one.key: stock.columns[one.key].type.compile(dialect=DIALECT).partition(" COLLATE")[0] for one in keys}
        arriving = ", ".join(f"{key} {kind}" for key, kind in types.items())
        same = " AND ".join(f"r.{self._quoted.quote(one.column)} = wanted.{one.key}" for one in keys)
        return f"""
            SELECT wanted.quantity, held.pid, r.xmax::text
              FROM json_to_recordset(%s) AS wanted ({arriving}, quantity int)
              JOIN {self._table(stock)} r ON {same}
              JOIN pg_locks held ON held.transactionid = r.xmax AND held.locktype = 'transactionid' AND held.granted
        """.encode()  # noqa: S608 names from the profile, quoted

    def _goods_of(self, item: MappedTable) -> bytes:
        sale = self._tables.sale
        key = f"s.{self._quoted.quote(sale.columns.access_key.name)}"
        return f"""
            SELECT {key}, s.{self._quoted.quote(sale.columns.issuer.name)},
                   i.{self._quoted.quote(item.columns.product_code.name)}
              FROM {self._table(sale)} s
              JOIN {self._table(item)} i ON i.{self._quoted.quote(item.columns.access_key.name)} = {key}
             WHERE {key} = ANY(%s)
        """.encode()  # noqa: S608 names from the profile, quoted

    def _table(self, mapped: MappedTable) -> str:
        return self._quoted.format_table(mapped.table)


def _cancelled(batch: Sequence[Posting]) -> dict[str, int]:
    """Keys of sales that are cancelled, with the document that does it."""
    return {
        posting.document.access_key: posting.document_id
        for posting in batch
        if isinstance(posting.document, Cancellation)
    }


def named(address: URL, program: str) -> URL:
    """The address under which a connection shows as ``program``."""
    return address.update_query_dict({"application_name": program})


WATCH = PostgresqlWatch
