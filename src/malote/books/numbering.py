"""The numbers of each series: where they begin and end, what is missing, voided, or seen at more than one till.

A number counts as used as soon as a sale with it came, whatever became of it: a rejected one is not missing. All of it
is read from one index, a page at a time, so that a look at ten years costs as little as a look at a day.
"""

import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import groupby
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Connection, Engine, Select, select, tuple_

from malote.books import excused_numbers
from malote.books.doubtful_numbers import Doubts
from malote.books.number_period import bounds
from malote.database.engine import reading
from malote.database.tables import document as documents
from malote.database.tables import till as tills
from malote.database.tables import till_series
from malote.tills.series import series_of
from malote.tills.till import find_till

LARGEST_WALK = 50_000  # documents looked at for one page
MOST_GAPS = 500  # of one page
LARGEST_CHUNK = 500  # numbers looked up at once


class SeriesKey(msgspec.Struct, frozen=True, order=True):
    issuer: str
    model: str
    series: int


class SeriesQuery(msgspec.Struct, frozen=True):
    """Which series: those a till owns, or all. ``since`` and ``until``, both with zone, choose numbers issued from the
    one on and before the other; within a series, a later number is taken to be issued later."""

    till: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    after: SeriesKey | None = None  # the page starts behind it
    size: int = 50


class SeriesSummary(msgspec.Struct, frozen=True):
    """One series within the period. ``first`` and ``last`` are None where it has no number."""

    key: SeriesKey
    owner: str | None  # the till
    first: int | None
    last: int | None


class SeriesPage(msgspec.Struct, frozen=True):
    series: list[SeriesSummary]
    after: SeriesKey | None  # for the next page; None on the last one


class Gap(msgspec.Struct, frozen=True):
    """Numbers that no document has, ``first`` to ``last``. What was voided of them is not missing."""

    first: int
    last: int

    @property
    def count(self) -> int:
        return self.last - self.first + 1


class NumberOfSeveralTills(msgspec.Struct, frozen=True):
    """A number of sales of more than one till."""

    number: int
    tills: list[str]


class TwoKeys(msgspec.Struct, frozen=True):
    """A number of notes under more than one key, of which neither was settled: cancelled, taken back or superseded."""

    number: int
    keys: list[str]


class NumbersQuery(msgspec.Struct, frozen=True):
    key: SeriesKey
    since: datetime | None = None
    until: datetime | None = None
    after: int = 0  # the page starts behind this number


class NumbersPage(msgspec.Struct, frozen=True):
    """``seen`` numbers from ``first`` to ``last`` were looked at. ``after`` is None on the last page.

    ``accepted`` are gaps of which a person said why they are.
    ``two_keys``, ``void_booked`` (voided, and its sale is booked) and ``overdue`` (an offline sale without protocol
    after its deadline) are of these numbers.
    """

    key: SeriesKey
    first: int | None
    last: int | None
    seen: int
    gaps: list[Gap]
    voided: list[Gap]
    shared: list[NumberOfSeveralTills]
    after: int | None
    two_keys: list[TwoKeys] = []
    void_booked: list[int] = []
    overdue: list[int] = []
    accepted: list[Gap] = []


def series(engine: Engine, query: SeriesQuery) -> SeriesPage:
    """A page of series in their order. Raises ``StoreError``, ``TillError``."""
    owned = _owned(engine, query.till) if query.till is not None else None
    found: list[SeriesSummary] = []
    with reading(engine) as connection:
        for key in _behind(owned, query.after) if owned is not None else _all(connection, query.after):
            if len(found) == query.size:
                return SeriesPage(found, found[-1].key)
            period = bounds(connection, _sales_of(key), query.since, query.until)
            first, last = (period.first, period.last) if period else (None, None)
            found.append(SeriesSummary(key, _owner(connection, key), first, last))
    return SeriesPage(found, None)


def numbers(engine: Engine, query: NumbersQuery, now: float | None = None) -> NumbersPage:
    """What is missing, voided, shared and in doubt in one series, a page at a time; the cost of a page is bounded.

    ``now`` is in seconds since the epoch. Raises ``StoreError``.
    """
    with reading(engine) as connection:
        period = bounds(connection, _sales_of(query.key), query.since, query.until)
        if period is None:
            return NumbersPage(query.key, None, None, 0, [], _voids(connection, query.key), [], None)
        start = max(query.after, period.before)
        rows = connection.execute(walk(query.key, start, period.last)).all()
        voids, accepted = _voids(connection, query.key), _accepted(connection, query.key, start)
        known = sorted([*voids, *accepted], key=lambda one: one.first)
        page = _Page(start)
        for number, of_number in groupby(_whole(rows), key=lambda row: row.number):
            if not page.add(number, [row.till_id for row in of_number], known):
                break
        shared = _named(connection, _without_copies(connection, query.key, page.shared))
        end = page.previous
        doubts = Doubts(connection, _sales_of(query.key))
        two_keys = [TwoKeys(number, keys) for number, keys in doubts.two_keys(page.several).items()]
        void_booked = doubts.booked_among([(max(void.first, start + 1), min(void.last, end)) for void in voids])
        overdue = doubts.overdue(start, end, time.time() if now is None else now)
    at_end = end >= period.last
    shown = [void for void in voids if void.last > start and (void.first <= end or (at_end and query.until is None))]
    after = None if at_end else end
    found = (page.seen, page.gaps, shown, shared, after, two_keys, void_booked, overdue)
    return NumbersPage(query.key, period.first, period.last, *found, [one for one in accepted if one.first <= end])


def walk(key: SeriesKey, after: int, last: int) -> Select[Any]:
    """The numbers of a series in order, each with its till. Everything it needs is in the index."""
    return (
        select(documents.c.number, documents.c.till_id)
        .where(*_sales_of(key), documents.c.number > after, documents.c.number <= last)
        .order_by(documents.c.number)
        .limit(LARGEST_WALK + 1)
    )


def next_series(after: SeriesKey | None) -> Select[Any]:
    """The first series behind another one: one look into the index, however many documents each has."""
    columns = (documents.c.issuer, documents.c.model, documents.c.series)
    statement = select(*columns).where(documents.c.number.is_not(None), documents.c.issuer.is_not(None))
    statement = statement.where(documents.c.model.is_not(None), documents.c.series.is_not(None))
    if after is not None:
        statement = statement.where(tuple_(*columns) > tuple_(after.issuer, after.model, after.series))
    return statement.order_by(*columns).limit(1)


class _Page:
    """What a walk over the numbers finds."""

    def __init__(self, start: int) -> None:
        self.previous = start
        self.seen = 0
        self.gaps: list[Gap] = []
        self.shared: dict[int, set[int]] = {}
        self.several: list[int] = []  # numbers of more than one document

    def add(self, number: int, till_ids: list[int], voids: Sequence[Gap]) -> bool:
        """False when the page is full: the number then belongs to the next one."""
        if number > self.previous + 1:
            if len(self.gaps) >= MOST_GAPS:
                return False
            self.gaps += _without(Gap(self.previous + 1, number - 1), voids)
        if len(till_ids) > 1:
            self.several.append(number)
        if len(set(till_ids)) > 1:
            self.shared[number] = set(till_ids)
        self.previous = number
        self.seen += 1
        return True


def _whole(rows: Sequence[Any]) -> Sequence[Any]:
    """The rows of one walk, without those of a number that the walk may have been cut off in."""
    if len(rows) <= LARGEST_WALK:
        return rows
    whole = [row for row in rows if row.number != rows[-1].number]
    return whole or rows


def _without(gap: Gap, voids: Iterable[Gap]) -> Iterator[Gap]:
    """What is left of a gap when the voided numbers are taken off. The voids are in order."""
    first = gap.first
    for void in voids:
        if void.last < first or void.first > gap.last:
            continue
        if void.first > first:
            yield Gap(first, void.first - 1)
        first = void.last + 1
    if first <= gap.last:
        yield Gap(first, gap.last)


def _owned(engine: Engine, till: str) -> list[SeriesKey]:
    return [SeriesKey(*key) for key in series_of(engine, find_till(engine, till))]


def _behind(keys: Iterable[SeriesKey], after: SeriesKey | None) -> Iterator[SeriesKey]:
    return (key for key in keys if after is None or key > after)


def _all(connection: Connection, after: SeriesKey | None) -> Iterator[SeriesKey]:
    while row := connection.execute(next_series(after)).first():
        after = SeriesKey(*row)
        yield after


def _owner(connection: Connection, key: SeriesKey) -> str | None:
    query = select(tills.c.name).join(till_series, till_series.c.till_id == tills.c.id)
    return connection.execute(query.where(*_owned_key(key))).scalar()


def _voids(connection: Connection, key: SeriesKey) -> list[Gap]:
    return [Gap(*one) for one in excused_numbers.voids(connection, (key.issuer, key.model, key.series))]


def _accepted(connection: Connection, key: SeriesKey, after: int) -> list[Gap]:
    return [Gap(*one) for one in excused_numbers.accepted(connection, (key.issuer, key.model, key.series), after)]


def _without_copies(connection: Connection, key: SeriesKey, shared: dict[int, set[int]]) -> dict[int, set[int]]:
    """Numbers of more than one sale: what the series' own till and another one sent alike is one, of two agents that
    share a folder."""
    owner = connection.execute(select(till_series.c.till_id).where(*_owned_key(key))).scalar()
    keys: dict[int, set[str | None]] = defaultdict(set)
    numbers = sorted(shared)
    for start in range(0, len(numbers), LARGEST_CHUNK):
        wanted = documents.c.number.in_(numbers[start : start + LARGEST_CHUNK])
        query = select(documents.c.number, documents.c.access_key).where(*_sales_of(key), wanted)
        for row in connection.execute(query):
            keys[row.number].add(row.access_key)
    return {number: till_ids for number, till_ids in shared.items() if owner not in till_ids or len(keys[number]) > 1}


def _owned_key(key: SeriesKey) -> tuple[ColumnElement[bool], ...]:
    return till_series.c.issuer == key.issuer, till_series.c.model == key.model, till_series.c.series == key.series


def _named(connection: Connection, shared: dict[int, set[int]]) -> list[NumberOfSeveralTills]:
    ids = sorted({till_id for till_ids in shared.values() for till_id in till_ids})
    names = {
        row.id: row.name for row in connection.execute(select(tills.c.id, tills.c.name).where(tills.c.id.in_(ids)))
    }
    return [NumberOfSeveralTills(number, sorted(names[one] for one in till_ids)) for number, till_ids in shared.items()]


def _sales_of(key: SeriesKey) -> tuple[ColumnElement[bool], ...]:
    return _of(key, "sale")


def _of(key: SeriesKey, kind: str) -> tuple[ColumnElement[bool], ...]:
    return (
        documents.c.issuer == key.issuer,
        documents.c.model == key.model,
        documents.c.series == key.series,
        documents.c.kind == kind,
        # The index leaves out what has no number.
        documents.c.number.is_not(None),
    )
