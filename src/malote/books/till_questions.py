"""What the server asks tills about their own books, and what it makes of the answers."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import Engine, delete, or_, select

from malote.books import gap_keeping
from malote.books.gap_ranges import GapRange, told
from malote.books.numbering import SeriesKey
from malote.business_day import BusinessCalendar
from malote.database.book_tables import day_difference, number_gap
from malote.database.engine import reading, writing
from malote.reconciliation import day_differences
from malote.wire import MOST_ASKED, MOST_RANGES, Asked, NumberRange, NumbersTold, Told

AGAIN_SECONDS = 600.0  # after an answer: what the till didn't have it may have by now
MOST_GAPS = 5000  # asked about at once, of all tills

MOST_DAYS = 5000

# The newest day last, which then is the one that its till is asked about.
_DAYS = select(day_difference.c.till_id, day_difference.c.day).where(day_difference.c.access_key == "")
_DAYS = _DAYS.order_by(day_difference.c.day)
_OPEN = number_gap.c.accepted_at.is_(None) & (number_gap.c.state != "voided")


def asked(engine: Engine, now: float) -> dict[int, Asked]:
    """By till, of those that have anything to answer. Raises ``StoreError``."""
    columns = number_gap.c
    due = or_(columns.told_at.is_(None), columns.told_at < now - AGAIN_SECONDS, columns.told_at > now)
    query = select(number_gap).where(_OPEN, due).order_by(columns.till_id, columns.told_at, columns.first)
    numbers: dict[int, list[NumberRange]] = defaultdict(list)
    with reading(engine) as connection:
        for row in connection.execute(query.limit(MOST_GAPS)):
            if len(numbers[row.till_id]) < MOST_RANGES:
                last = min(row.last, row.first + MOST_ASKED - 1)
                numbers[row.till_id].append(NumberRange(row.issuer, row.model, row.series, row.first, last))
        days = {row.till_id: row.day for row in connection.execute(_DAYS.limit(MOST_DAYS))}
    return {one: Asked(numbers.get(one, []), days.get(one, "")) for one in {*numbers, *days}}


def heed(engine: Engine, calendar: BusinessCalendar, till_id: int, answer: Told, now: float) -> None:
    """Notes what the till says of its own numbers and days, and of no other's. Raises ``StoreError``."""
    if answer.day is not None:
        day_differences.answer(engine, calendar, till_id, answer.day.day, answer.day.lines, now)
    if not answer.numbers:
        return
    with writing(engine) as connection:
        gap_keeping.lock(connection)
        for one in answer.numbers:
            key = SeriesKey(one.range.issuer, one.range.model, one.range.series)
            touched = (number_gap.c.till_id == till_id, number_gap.c.first <= one.range.last)
            of_till = (*gap_keeping.of_series(key), *touched, number_gap.c.last >= one.range.first)
            rows = connection.execute(select(number_gap).where(_OPEN, *of_till)).all()
            parts = _answered(rows, one, now)
            if parts:
                connection.execute(delete(number_gap).where(_OPEN, *of_till))
                gap_keeping.write(connection, key, parts, now)


def _answered(rows: Sequence[Any], answer: NumbersTold, now: float) -> list[GapRange]:
    """The rows, cut where the question ended: beyond it nothing was said."""
    found: list[GapRange] = []
    for row in rows:
        part = gap_keeping.part_of(row)
        first, last = max(part.first, answer.range.first), min(part.last, answer.range.last)
        if first > part.first:
            found.append(msgspec.structs.replace(part, last=first - 1))
        found += told(msgspec.structs.replace(part, first=first, last=last), answer.present, now)
        if last < part.last:
            found.append(msgspec.structs.replace(part, first=last + 1))
    return found
