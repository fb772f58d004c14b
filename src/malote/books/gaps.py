"""Missing numbers, kept as documents come: a look costs what is new, and what is missing.

Documents are walked in order of arrival. Of a series that goes on from number to number nothing is asked; only where
numbers were left out, or come later, what lies around them is reckoned anew. What came lately is looked at twice, since
of two that come at once the one with the smaller id may be committed last; and what is missing is looked at again and
again, whatever was walked.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, Engine, func, select, update

from malote.books.gap_keeping import counts_as_sale, lock, of_series, reckon
from malote.books.numbering import SeriesKey
from malote.database.book_tables import number_gap, number_series, number_walk
from malote.database.chunks import among, chunks
from malote.database.engine import reading, writing
from malote.database.tables import document as documents
from malote.database.upserting import insert_into
from malote.findings.kinds import USUAL_SECONDS
from malote.findings.noted_findings import NotedStanding

MOST_WALKED = 20_000  # documents at one look
MOST_CHECKED = 100  # known gaps at one look, those first that were looked at longest ago
TWICE_SECONDS = 15.0  # at least, between two looks at what came lately
STARTING_SECONDS = 3600.0  # during which a series may turn out to begin with a smaller number
NEAR = 500  # numbers: what lies nearer is reckoned at once
SAT = "59"  # cancellations take numbers of its series: what lies between its sales is not missing

_COLUMNS = ("id", "kind", "issuer", "model", "series", "number", "last_number", "state", "reason_code")


class _Known(msgspec.Struct):
    """Of one series."""

    first: int
    last: int
    started_at: float
    gaps: list[tuple[int, int]] = []


def look(engine: Engine, now: float) -> dict[int, NotedStanding]:
    """By till, the numbers that are missing for longer than the usual moment, and that nobody accepted.

    ``now`` in seconds since the epoch. Raises ``StoreError``.
    """
    with reading(engine) as connection:
        rows = _new(connection, connection.scalar(select(number_walk.c.walked_to)) or 0)
    if rows:
        with writing(engine) as connection:
            place = lock(connection)
            _walk(connection, rows, now)
            _go_on(connection, place, rows, now)
    _check(engine, now)
    with reading(engine) as connection:
        return _missing(connection, now)


def missing_query(before: float) -> Any:
    """Of each till: how many, and since when, of those that were left out before this moment."""
    columns = number_gap.c
    count = func.sum(columns.last - columns.first + 1)
    is_open = columns.accepted_at.is_(None) & (columns.state != "voided")
    return (
        select(columns.till_id, count, func.min(columns.found_at))
        .where(is_open, columns.state != "at_till", columns.found_at < before)
        .group_by(columns.till_id)
    )


def _missing(connection: Connection, now: float) -> dict[int, NotedStanding]:
    rows = connection.execute(missing_query(now - USUAL_SECONDS))
    return {till_id: NotedStanding(int(count), 0, since) for till_id, count, since in rows}


def _new(connection: Connection, after: int) -> Sequence[Any]:
    """In order of arrival."""
    query = select(*(documents.c[name] for name in _COLUMNS)).where(documents.c.id > after)
    return connection.execute(query.order_by(documents.c.id).limit(MOST_WALKED)).all()


def _go_on(connection: Connection, place: Any, rows: Sequence[Any], now: float) -> None:
    """What was seen at the look before is walked, if that was long enough ago; all of a page that is full."""
    newest, full = rows[-1].id, len(rows) == MOST_WALKED
    values = {"walked_to": newest if full else 0, "seen_to": newest, "walked_at": now}
    if not full:
        due = abs(now - place.walked_at) >= TWICE_SECONDS
        values = values | {"walked_to": place.seen_to} if due else {}
    if values:
        connection.execute(update(number_walk).values(values))


def _walk(connection: Connection, rows: Sequence[Any], now: float) -> None:
    by_series: dict[SeriesKey, list[Any]] = defaultdict(list)
    for row in rows:
        of_series_row = row.kind in ("sale", "number_void") and None not in (row.issuer, row.model, row.series)
        if of_series_row and row.number is not None and row.model != SAT:
            by_series[SeriesKey(row.issuer, row.model, row.series)].append(row)
    known = _known(connection, by_series)
    changed: dict[SeriesKey, _Known] = {}
    for key, some in sorted(by_series.items()):
        one = known.get(key)
        before = (one.first, one.last) if one else None
        one = _of_series(connection, key, some, one, now)
        if one is not None and before != (one.first, one.last):
            changed[key] = one
    _keep(connection, changed)


def _of_series(
    connection: Connection, key: SeriesKey, rows: Sequence[Any], known: _Known | None, now: float
) -> _Known | None:
    """What is known of the series afterwards; None while nothing but refused documents came of it."""
    numbers = sorted({row.number for row in rows if row.kind == "sale"})
    real = {row.number for row in rows if row.kind == "sale" and counts_as_sale(row.state, row.reason_code)}
    if known is None:
        if not real:
            return None
        known = _Known(min(real), min(real), now)
    odd: list[int] = []
    if real and min(real) < known.first and now - known.started_at < STARTING_SECONDS:
        odd += [min(real), known.first]
        known.first = min(real)
    last = known.last
    for number in numbers:
        if number in real and number > last:
            odd += [] if number == last + 1 else [last, number]
            last = number
        elif known.first <= number and any(first <= number <= end for first, end in known.gaps):
            odd.append(number)
    for row in rows:
        if row.kind == "number_void" and row.last_number is not None and row.number <= last:
            odd += [row.number, min(row.last_number, last)]
    known.last = last
    for window in _windows(odd):
        reckon(connection, key, window, known.first, now)
    return known


def _windows(numbers: Sequence[int]) -> Iterator[tuple[int, int]]:
    """What lies near one another is looked at together."""
    ordered = sorted(set(numbers))
    start = end = ordered[0] if ordered else 0
    for number in ordered[1:]:
        if number - end > NEAR:
            yield start, end
            start = number
        end = number
    if ordered:
        yield start, end


def _check(engine: Engine, now: float) -> None:
    """Looks again at what is known to be missing: it may have come, or be voided, or be so no longer."""
    with reading(engine) as connection:
        query = select(number_gap).where(number_gap.c.checked_at < now - TWICE_SECONDS)
        due = connection.execute(query.order_by(number_gap.c.checked_at).limit(MOST_CHECKED)).all()
    if not due:
        return
    with writing(engine) as connection:
        lock(connection)
        for row in due:
            key = SeriesKey(row.issuer, row.model, row.series)
            start = connection.scalar(select(number_series.c.first).where(*_of(key)))
            reckon(connection, key, (row.first, row.last), row.first if start is None else start, now)
            within = number_gap.c.first.between(row.first, row.last)
            connection.execute(update(number_gap).where(*of_series(key), within).values(checked_at=now))


def _known(connection: Connection, keys: dict[SeriesKey, Any]) -> dict[SeriesKey, _Known]:
    found: dict[SeriesKey, _Known] = {}
    for some in chunks([(key.issuer, key.model, key.series) for key in sorted(keys)]):
        columns = number_series.c
        own = among((columns.issuer, columns.model, columns.series), some)
        for row in connection.execute(select(number_series).where(own)):
            found[SeriesKey(row.issuer, row.model, row.series)] = _Known(row.first, row.last, row.started_at)
        gap = number_gap.c
        query = select(gap.issuer, gap.model, gap.series, gap.first, gap.last).where(gap.state != "voided")
        for row in connection.execute(query.where(among((gap.issuer, gap.model, gap.series), some))):
            found[SeriesKey(*row[:3])].gaps.append((row.first, row.last))
    return found


def _keep(connection: Connection, changed: dict[SeriesKey, _Known]) -> None:
    if not changed:
        return
    statement = insert_into(connection, number_series)
    fresh = {name: statement.excluded[name] for name in ("first", "last")}
    statement = statement.on_conflict_do_update(index_elements=["issuer", "model", "series"], set_=fresh)
    rows = [
        {**msgspec.structs.asdict(key), "first": one.first, "last": one.last, "started_at": one.started_at}
        for key, one in changed.items()
    ]
    connection.execute(statement, rows)


def _of(key: SeriesKey) -> tuple[Any, ...]:
    columns = number_series.c
    return columns.issuer == key.issuer, columns.model == key.model, columns.series == key.series
