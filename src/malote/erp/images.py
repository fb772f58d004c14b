"""How what was booked stands in the ERP's own rows, beside how it was written: which fields differ, never a value.

What a query found in the ERP is held against what it found at the booking; what the database makes itself is left out,
and so is a protocol that came later than its sale.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from sqlalchemy import Connection, select

from malote.erp import (
    booking_state,
    call_statements,
    fitting,
    images_called,
    images_ledger,
    images_ordinary,
    ordinary,
    rows,
    statements,
)
from malote.erp.connecting import classified
from malote.erp.looked_up_now import LookupsNow
from malote.erp.mapping import ErpTables, MappedTable
from malote.erp.ordinary import ordinary_of
from malote.erp.profiles.compiled_expression import UnmappedError
from malote.erp.protocol import GONE, TWICE, Posting, SaleRow
from malote.erp.raw_rows import TableSide
from malote.erp.side_by_side import without_protocol
from malote.erp.values import OutOfRangeError
from malote.fiscal.documents import Cancellation, NumberVoid, Sale

STEP = 500  # documents in memory at once, with all their rows
_VOID = ("issuer", "model", "series", "year", "first", "last")

Transaction = Callable[[], AbstractContextManager[Connection]]
Departures = dict[int, list[str]]
Sides = dict[str, TableSide]  # of the sales, and by the name of their lines


class Engine(fitting.Engine, call_statements.Engine, ordinary.Engine, Protocol):
    """What it asks of an engine."""


def departures(
    engine: Engine, transaction: Transaction, postings: Sequence[Posting], cancelled: Collection[str]
) -> Departures:
    """By document what differs, of those that differ; ``cancelled`` are the keys of sales that are. Raises
    ``ErpError``."""
    found: Departures = {}
    sides: Sides = {}
    for start in range(0, len(postings), STEP):
        some = postings[start : start + STEP]
        with classified(engine.tables.sale.name), transaction() as connection:
            fit = fitting.fitted(some, engine, connection)
            batch = [one for one in fit.batch if one.document_id not in fit.unfit]
            found |= _of_sales(engine, connection, batch, cancelled, sides)
            found |= _of_others(engine.tables, connection, batch)
            # Of the documents as they were read: the ledger knows no other letters.
            found = images_ledger.merged(found, images_ledger.departures(connection, engine.tables, some))
    return found


def _of_sales(
    engine: Engine, connection: Connection, batch: Sequence[Posting], cancelled: Collection[str], sides: Sides
) -> Departures:
    """``sides``: those of the steps before, which remember what they met."""
    sales = [(one, one.document) for one in batch if isinstance(one.document, Sale)]
    if not sales:
        return {}
    tables = engine.tables
    if tables.profile.post is not None:
        return images_called.departures(engine, connection, tables.profile.post, sales, cancelled)
    if ordinarily := ordinary_of(engine, connection):
        now = LookupsNow(engine, connection)
        return images_ordinary.departures(ordinarily, engine.records(connection), tables, sales, cancelled, now)
    keys = sorted({sale.access_key for _, sale in sales})
    found: Departures = defaultdict(list)
    for name, mapped in (("", tables.sale), *_lined(tables)):
        sides.setdefault(name, TableSide(mapped, connection.dialect))
    header = sides[""]
    there = header.read(connection, keys)
    read = [(name, side, side.read(connection, keys)) for name, side in sides.items() if name]
    for posting, sale in sales:
        own = there.get(sale.access_key, [])
        when = sale.issued_at if sale.access_key in cancelled else None
        row = rows.sale_row(sale, posting.till) | {"cancelled_at": when}
        try:
            differing = without_protocol(header.differing(row, row, own), row)
            for name, side, held in read:
                written = rows.item_rows(sale) if name == "items" else rows.payment_rows(sale)
                differing += side.differing_lines(name, written, row, held.get(sale.access_key, []))
        except (OutOfRangeError, UnmappedError):
            continue  # the profile says otherwise by now: what was written can't be told any more
        if differing and own:
            found[posting.document_id] = differing
    return dict(found)


def _lined(tables: ErpTables) -> Iterator[tuple[str, MappedTable]]:
    if tables.item:
        yield "items", tables.item
    if tables.payment:
        yield "payments", tables.payment


def _of_others(tables: ErpTables, connection: Connection, batch: Sequence[Posting]) -> Departures:
    """Cancellations and voids whose rows are gone, stand twice, or say something else."""
    if tables.profile.post is not None or tables.state is not None:
        return {}
    found: Departures = _of_cancellations(tables, connection, batch)
    voids = tables.number_void
    names = [name for name in _VOID if voids is not None and name in voids.columns]
    if voids is not None and {"series", "first", "last"} <= set(names):
        for one in batch:
            if isinstance(one.document, NumberVoid):
                own = [voids.columns[name] == getattr(one.document, name) for name in names]
                held = connection.execute(select(voids.columns.first).where(*own).limit(2)).all()
                if len(held) != 1:
                    found[one.document_id] = [TWICE] if held else [GONE]
    return found


def _of_cancellations(tables: ErpTables, connection: Connection, batch: Sequence[Posting]) -> Departures:
    """Field by field in Malote's own table; in another whether they are there, and once."""
    mapped = tables.cancellation
    own = [(one, one.document) for one in batch if isinstance(one.document, Cancellation)]
    if mapped is None or "access_key" not in mapped.columns or not own:
        return {}
    side, found = TableSide(mapped, connection.dialect), Departures()
    there = side.read(connection, sorted({document.access_key for _, document in own}))
    for one, document in own:
        held = there.get(document.access_key, [])
        if len(held) != 1:
            found[one.document_id] = [TWICE] if held else [GONE]
        elif mapped.plain and (fields := side.differing(row := rows.cancellation_row(document, one.till), row, held)):
            found[one.document_id] = fields
    return found


def sale_rows(engine: Engine, transaction: Transaction, access_keys: Sequence[str]) -> list[SaleRow]:
    """The ERP's own rows of these sales, each step in a transaction of its own. Raises ``ErpError``."""
    found: list[SaleRow] = []
    tables, post = engine.tables, engine.tables.profile.post
    for some in statements.steps(set(access_keys)):
        with classified(tables.sale.name), transaction() as connection:
            told = connection.execute(statements.sale_rows(tables, some))
            own = [SaleRow(key, total, cancelled_at is not None) for key, total, cancelled_at in told]
            if tables.state is not None:
                numbers = booking_state.numbers(connection, tables.state, some)
                named = [(row.access_key, numbers[row.access_key], row) for row in own if row.access_key in numbers]
                own = images_ordinary.sale_rows(engine.records(connection), tables, named)
            elif post is not None and post.compare_sales:
                own = images_called.sale_rows(engine, connection, post, own)
            found += own
    return found
