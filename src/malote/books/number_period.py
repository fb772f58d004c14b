"""Which numbers of a series belong to a period: from the first sale issued in it to the last."""

from datetime import datetime

import msgspec
from sqlalchemy import ColumnElement, Connection, func, select

from malote.database.tables import document as documents

Conditions = tuple[ColumnElement[bool], ...]  # which documents: the sales of one series


class Bounds(msgspec.Struct, frozen=True):
    """The numbers of a period. ``before``: the number it begins behind, that of the last sale before it."""

    before: int
    first: int
    last: int


def bounds(connection: Connection, sales: Conditions, since: datetime | None, until: datetime | None) -> Bounds | None:
    """Where the period begins and ends; None where no sale was issued in it.

    A gap belongs to the period of the sale behind it: of periods that follow one another, to one and no more.
    """
    column = documents.c.number
    row = connection.execute(select(func.min(column), func.max(column)).where(*sales)).one()
    if row[0] is None:
        return None
    start, last = int(row[0]), int(row[1])
    if since is not None:
        start = _first_since(connection, sales, since, (start, last))
    end = last + 1
    if until is not None:
        end = _first_since(connection, sales, until, (start, last))
    within = (column >= start, column < end)
    row = connection.execute(select(func.min(column), func.max(column)).where(*sales, *within)).one()
    return None if row[0] is None else Bounds(start - 1, int(row[0]), int(row[1]))


def _first_since(connection: Connection, sales: Conditions, at: datetime, within: tuple[int, int]) -> int:
    """The smallest number from which on sales were issued at ``at`` or later, found by halving."""
    low, high = within[0], within[1] + 1
    while low < high:
        middle = (low + high) // 2
        nearest = (
            select(documents.c.number, documents.c.issued_at)
            .where(*sales, documents.c.number >= middle, documents.c.number < high)
            .order_by(documents.c.number)
            .limit(1)
        )
        row = connection.execute(nearest).first()
        if row is None:
            high = middle
        elif _is_before(row.issued_at, at):
            low = row.number + 1
        else:
            high = middle
    return low


def _is_before(issued_at: str | None, at: datetime) -> bool:
    """A sale of no known time is taken to be of the period."""
    try:
        issued = datetime.fromisoformat(issued_at or "")
    except ValueError:
        return False
    return issued.tzinfo is not None and issued < at
