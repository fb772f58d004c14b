"""Server and ERP side by side, per till and business day, recomputed from what both have now.

The digest of a side is the SHA-256 over its sales' lines ``KEY STATE CENTS``, each with a line feed, in the order of
their bytes, where STATE is ``booked`` or ``cancelled``; a row that stands twice is two lines. Anybody can recompute it.
The server's side are the sales that it settled as posted, the ERP's the rows of its own sales under their keys; its
ledger is asked besides. Where the ERP doesn't keep its sales (``books.compare_sales``), its side are the entries.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta

import msgspec
from sqlalchemy import ColumnElement, Engine, and_, select

from malote.business_day import BusinessCalendar, day_digest, sale_line
from malote.database.chunks import chunks
from malote.database.engine import reading
from malote.database.erp_tables import erp_difference
from malote.database.tables import document as documents
from malote.database.tables import till as tills
from malote.reconciliation import changed_keys, erp_comparison, erp_memory, strangers
from malote.reconciliation.erp_comparison import Booked, ErpComparison, ErpDifference, ErpWitness, What
from malote.reconciliation.strangers import Stranger
from malote.tills.till import find_till

DAYS = 30  # that are looked at where nobody says which


class ReconcileQuery(msgspec.Struct, frozen=True):
    """``since`` and ``until`` are business days, both included; None: no end. ``till`` is a name; None: all."""

    since: date | None = None
    until: date | None = None
    till: str | None = None


class BooksSide(msgspec.Struct, frozen=True):
    count: int
    total: int  # cents
    digest: str  # hex


class ReconciledDay(msgspec.Struct, frozen=True):
    """``day`` None: of sales whose time of issue can't be read."""

    till: str
    day: date | None
    server: BooksSide
    erp: BooksSide

    @property
    def equal(self) -> bool:
        return self.server == self.erp


class NamedDifference(msgspec.Struct, frozen=True):
    """One difference, so that a person can find it. Totals in cents; ``erp_total`` None where the ERP has nothing."""

    document_id: int  # 0 of a sale that nobody sent
    till: str
    day: date | None
    kind: str
    access_key: str
    series: int | None
    number: int | None
    what: What
    total: int
    erp_total: int | None
    accepted: bool = False  # a person said why it is so
    fields: str = ""  # which differ, where that is told: total, items[2].quantity, -payments[1] (gone), +items[9]


class ReconcileReport(msgspec.Struct, frozen=True):
    days: list[ReconciledDay]
    differences: list[NamedDifference]
    sales_compared: bool  # whether the ERP's sales themselves were looked at, and not only its ledger

    @property
    def troubled(self) -> bool:
        return any(not one.accepted for one in self.differences)


class Books(msgspec.Struct, frozen=True):
    """Both sides. ``sales``: whether the ERP's sales themselves are looked at."""

    engine: Engine
    erp: ErpWitness
    day: BusinessCalendar
    sales: bool = True


_Sales = dict[tuple[int, date | None], list[tuple[str, int, bool]]]  # key, cents, whether it is cancelled


def reconcile(books: Books, query: ReconcileQuery, now: float) -> ReconcileReport:
    """Raises ``StoreError``, ``TillError`` and what the ERP raises. What is found feeds the lights too."""
    server: _Sales = defaultdict(list)
    erp: _Sales = defaultdict(list)
    found: list[ErpDifference] = []
    for compared in compared_pages(books, query, now):
        found += compared.differences
        _add(books, compared, server, erp)
    names = till_names(books.engine)
    unsent = _unsent(books, query, now) if books.sales else []
    for one in unsent:
        erp[one.till_id, books.day.of(one.issued_at)].append((one.access_key, one.total, False))
    days = [
        ReconciledDay(names[key[0]], key[1], _side(server[key]), _side(erp[key]))
        for key in sorted({*server, *erp}, key=lambda key: (names[key[0]].lower(), key[1] or date.min))
    ]
    known = {one.fields for one in found if one.what == changed_keys.KEY}
    others = [_named_stranger(books, one, names[one.till_id]) for one in unsent if one.access_key not in known]
    return ReconcileReport(days, [*named(books, found), *others], books.sales)


def compared_pages(books: Books, query: ReconcileQuery, now: float) -> Iterator[ErpComparison]:
    """The documents of the query, compared page by page; what is found is written down."""
    for ids in erp_comparison.pages(books.engine, _condition(books.engine, query)):
        compared = compared_now(books, ids, now)
        within = {one.id for one in compared.booked if _is_within(books.day.of(one.issued_at), query)}
        yield ErpComparison(
            [one for one in compared.booked if one.id in within],
            compared.rows,
            [one for one in compared.differences if one.booked.id in within],
        )


def compared_now(books: Books, ids: Sequence[int], now: float) -> ErpComparison:
    """These documents; what is found is written down. Raises ``StoreError`` and what the ERP raises."""
    compared = erp_comparison.compare(books.engine, books.erp, ids, sales=books.sales)
    if books.sales:
        found = changed_keys.paired(books.engine, books.erp, compared.differences, now)
        compared = msgspec.structs.replace(compared, differences=found)
    erp_memory.note(books.engine, ids, compared.differences, now)
    return compared


def named(books: Books, found: Sequence[ErpDifference]) -> list[NamedDifference]:
    """In order of arrival."""
    names = till_names(books.engine)
    accepted = _accepted(books.engine, [one.booked.id for one in found])
    return [
        NamedDifference(
            document_id=booked.id,
            till=names[booked.till_id],
            day=books.day.of(booked.issued_at),
            kind=booked.kind,
            access_key=booked.access_key,
            series=booked.series,
            number=booked.number,
            what=one.what,
            total=booked.total if booked.kind == "sale" else 0,
            erp_total=one.erp_total,
            accepted=booked.id in accepted,
            fields=one.fields,
        )
        for one in sorted(found, key=lambda one: one.booked.id)
        for booked in [one.booked]
    ]


def _unsent(books: Books, query: ReconcileQuery, now: float) -> list[Stranger]:
    till_id = find_till(books.engine, query.till).id if query.till is not None else None
    until = query.until or datetime.fromtimestamp(now, UTC).date() + timedelta(days=1)
    found = strangers.look(
        books.engine, books.erp, _months(query.since or until - timedelta(days=DAYS), until), now, till_id
    )
    return [one for one in found if _is_within(books.day.of(one.issued_at), query)]


def _months(since: date, until: date) -> list[date]:
    """The first days of the months that keys of these days name."""
    first, last = since - timedelta(days=1), until + timedelta(days=1)
    months = [first.replace(day=1)]
    while (following := (months[-1] + timedelta(days=32)).replace(day=1)) <= last:
        months.append(following)
    return months


def _named_stranger(books: Books, one: Stranger, till: str) -> NamedDifference:
    day = books.day.of(one.issued_at)
    of_key = ("sale", one.access_key, one.series, one.number)
    return NamedDifference(0, till, day, *of_key, "unsent", 0, one.total, one.accepted)


def _add(books: Books, compared: ErpComparison, server: _Sales, erp: _Sales) -> None:
    lost = {one.booked.id for one in compared.differences if one.what == "missing"}
    for one in compared.booked:
        if one.kind != "sale":
            continue
        key = one.till_id, books.day.of(one.issued_at)
        own = (one.access_key, one.total, one.cancelled)
        server[key].append(own)
        if books.sales:
            erp[key] += [(row.access_key, row.total, row.cancelled) for row in _rows(compared, one)]
        elif one.id not in lost:
            erp[key].append(own)


def _rows(compared: ErpComparison, booked: Booked) -> Sequence[erp_comparison.ComparedSaleRow]:
    return compared.rows.get(booked.access_key, ())


def _side(sales: Sequence[tuple[str, int, bool]]) -> BooksSide:
    digest = day_digest(sale_line(key, cents, cancelled=cancelled) for key, cents, cancelled in sales)
    return BooksSide(len(sales), sum(cents for _, cents, _ in sales), digest)


def _condition(engine: Engine, query: ReconcileQuery) -> ColumnElement[bool] | None:
    """What the database can sort out: a day more on both sides, since times are kept as they are written."""
    conditions: list[ColumnElement[bool]] = []
    if query.till is not None:
        conditions.append(documents.c.till_id == find_till(engine, query.till).id)
    if query.since is not None:
        since = documents.c.issued_at >= (query.since - timedelta(days=1)).isoformat()
        # A void of numbers is of no day.
        conditions.append(since | documents.c.issued_at.is_(None))
    if query.until is not None:
        conditions.append(documents.c.issued_at < (query.until + timedelta(days=3)).isoformat())
    return and_(*conditions) if conditions else None


def _is_within(day: date | None, query: ReconcileQuery) -> bool:
    if day is None:
        return query.until is None
    return (query.since is None or query.since <= day) and (query.until is None or day <= query.until)


def till_names(engine: Engine) -> dict[int, str]:
    """By id. Raises ``StoreError``."""
    with reading(engine) as connection:
        return {row.id: row.name for row in connection.execute(select(tills.c.id, tills.c.name))}


def _accepted(engine: Engine, ids: Sequence[int]) -> set[int]:
    found: set[int] = set()
    with reading(engine) as connection:
        for some in chunks(ids):
            query = select(erp_difference.c.document_id).where(
                erp_difference.c.document_id.in_(some), erp_difference.c.accepted_at.is_not(None)
            )
            found |= set(connection.scalars(query))
    return found
