"""What was booked in this month so far, and in the last one up to the same day."""

from datetime import date, timedelta

import msgspec
from sqlalchemy import Connection, func, select

from malote.database.book_tables import book_day


class MonthSoFar(msgspec.Struct, frozen=True):
    """What was booked of its business days up to the same day of the month. Cents."""

    month: str  # YYYY-MM
    count: int
    total: int


def so_far(connection: Connection, today: date) -> list[MonthSoFar]:
    """Up to the same day of both: the last month's whole would always look better in the middle of this one."""
    first = today.replace(day=1)
    before = (first - timedelta(days=1)).replace(day=1)
    same_day = min(before + timedelta(days=today.day - 1), first - timedelta(days=1))
    return [_month(connection, *bounds) for bounds in ((first, today), (before, same_day))]


def _month(connection: Connection, since: date, until: date) -> MonthSoFar:
    sums = select(func.coalesce(func.sum(book_day.c.booked), 0), func.coalesce(func.sum(book_day.c.booked_total), 0))
    count, total = connection.execute(sums.where(book_day.c.day.between(since.isoformat(), until.isoformat()))).one()
    return MonthSoFar(f"{since:%Y-%m}", int(count), int(total))
