"""What is kept of the gaps of a series: reckoned anew around the numbers that something happened to."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Connection, and_, delete, insert, select

from malote.books import excused_numbers
from malote.books.gap_ranges import GapRange, Hole, parts_of, voiding_due
from malote.books.numbering import SeriesKey
from malote.database.book_tables import number_gap, number_walk
from malote.database.tables import document as documents
from malote.database.tables import till_series

LEGACY = frozenset({"booked_by_old_system", "before_the_start"})  # kept: from before the start

_PART = ("first", "last", "till_id", "state", "found_at", "due", "told_at", "accepted_at")


def reckon(connection: Connection, key: SeriesKey, window: tuple[int, int], start: int, now: float) -> list[GapRange]:
    """Between the sales that stand on both sides of these numbers: what is missing there now. Nothing below ``start``
    is; what was known of a number stays known."""
    below, above = _fences(connection, key, window, start)
    holes = list(_holes(connection, key, below, above, now))
    of_key = (key.issuer, key.model, key.series)
    voids = excused_numbers.voids(connection, of_key, (below, above)) if holes else []
    within = and_(*of_series(key), number_gap.c.last >= below, number_gap.c.first <= above)
    known = [part_of(row) for row in connection.execute(select(number_gap).where(within))]
    parts = parts_of(holes, voids, known)
    if parts != sorted(known, key=lambda one: one.first):
        connection.execute(delete(number_gap).where(within))
        write(connection, key, parts, now)
    return parts


def lock(connection: Connection) -> Any:
    """Keeps others out of the gaps until this transaction ends; how far the walk has come."""
    return connection.execute(select(number_walk).with_for_update()).one()


def write(connection: Connection, key: SeriesKey, parts: Sequence[GapRange], now: float) -> None:
    """Adds these rows."""
    own = {"issuer": key.issuer, "model": key.model, "series": key.series, "checked_at": now}
    if parts:
        connection.execute(insert(number_gap), [own | msgspec.structs.asdict(one) for one in parts])


def of_series(key: SeriesKey) -> tuple[ColumnElement[bool], ...]:
    """The rows of a series."""
    columns = number_gap.c
    return columns.issuer == key.issuer, columns.model == key.model, columns.series == key.series


def part_of(row: Any) -> GapRange:
    return GapRange(*(row._mapping[name] for name in _PART))


def counts_as_sale(state: str, reason_code: str | None) -> bool:
    """Whether a document bounds a gap: what was refused may be a test's, or nonsense, and its number anywhere. It is
    used up all the same."""
    return state not in ("rejected", "discarded") and not (state == "kept" and reason_code in LEGACY)


def _sales(key: SeriesKey) -> tuple[ColumnElement[bool], ...]:
    columns = documents.c
    of_key = (columns.issuer == key.issuer, columns.model == key.model, columns.series == key.series)
    return *of_key, columns.kind == "sale", columns.number.is_not(None)


def _fences(connection: Connection, key: SeriesKey, window: tuple[int, int], start: int) -> tuple[int, int]:
    """The sales beside the window; where there are none, the window's own ends."""
    number = documents.c.number
    real = (*_sales(key), documents.c.state.not_in(("rejected", "discarded")))
    below = select(number).where(*real, number < window[0]).order_by(number.desc()).limit(1)
    above = select(number).where(*real, number > window[1]).order_by(number).limit(1)
    first, last = connection.scalar(below), connection.scalar(above)
    return max(window[0] if first is None else first, start), window[1] if last is None else last


def _holes(connection: Connection, key: SeriesKey, below: int, above: int, now: float) -> Iterator[Hole]:
    names = ("number", "till_id", "state", "reason_code", "issued_at", "accepted_at")
    query = select(*(documents.c[name] for name in names)).where(*_sales(key))
    query = query.where(documents.c.number.between(below, above)).order_by(documents.c.number)
    owner = _owner(connection, key)
    today = datetime.fromtimestamp(now, UTC).date()
    used: list[int] = []
    fenced = False
    for row in connection.execute(query):
        bounds = counts_as_sale(row.state, row.reason_code)
        if fenced and bounds:
            due = voiding_due(row.issued_at, today)
            for first, last in _between(used, row.number):
                yield Hole(first, last, owner or row.till_id, row.accepted_at, due)
        used = [row.number] if bounds else [*used, row.number]
        fenced = fenced or bounds


def _between(used: Sequence[int], number: int) -> Iterator[tuple[int, int]]:
    """What is left free from the first of ``used``, in order, up to this number."""
    for low, high in zip(used, [*used[1:], number], strict=True):
        if high > low + 1:
            yield low + 1, high - 1


def _owner(connection: Connection, key: SeriesKey) -> int | None:
    columns = till_series.c
    of_key = (columns.issuer == key.issuer, columns.model == key.model, columns.series == key.series)
    return connection.scalar(select(columns.till_id).where(*of_key))
