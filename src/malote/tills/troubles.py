"""What ails each till, as it said itself by contact: what it sees and can't capture, what it lost, what it can't write.

For lights, findings and alerts. One line per till and code; everything here ends when the till says so no longer.
"""

from collections.abc import Iterator
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Connection, and_, func, or_, select

from malote.database.tables import till
from malote.database.till_tables import NotedTrouble

# What the POS is writing just now is seen and not captured yet: no trouble for so long.
UNCAPTURED_SECONDS = 60.0
SKEW_SECONDS = 60.0

UNCAPTURED = "files_uncaptured"
SKEWED = "clock_skewed"


class KnownTrouble(msgspec.Struct, frozen=True):
    """``code`` is in the catalogue, or a newer agent's. ``since`` in seconds since the epoch, by this server's clock;
    ``count`` files or sales, ``value`` in cents as far as known."""

    till_id: int
    till: str
    code: str
    since: float
    count: int
    value: int
    facts: dict[str, str] = {}


def till_troubles(connection: Connection, *, now: float, till_id: int | None = None) -> list[KnownTrouble]:
    """Of all enabled tills, or of one, by till and code. Raises ``StoreError``.

    One look at the tills' rows; only of those that have trouble anything is decoded.
    """
    query = select(till).where(till.c.disabled_at.is_(None), or_(is_troubled(now), is_skewed())).order_by(till.c.id)
    if till_id is not None:
        query = query.where(till.c.id == till_id)
    return [trouble for row in connection.execute(query) for trouble in of_row(row, now)]


def of_row(row: Any, now: float) -> Iterator[KnownTrouble]:
    """The same of a row of ``till``."""
    if row.uncaptured and row.uncaptured_since is not None and row.uncaptured_since < now - UNCAPTURED_SECONDS:
        minutes = f"{(now - row.uncaptured_since) / 60:.0f} min"
        facts = {"count": str(row.uncaptured), "age": minutes}
        yield KnownTrouble(row.id, row.name, UNCAPTURED, row.uncaptured_since, row.uncaptured, 0, facts)
    for noted in decoded(row.troubles):
        yield KnownTrouble(row.id, row.name, noted.code, noted.since, noted.count, noted.value, noted.facts)
    skew = row.clock_skew_seconds
    if skew is not None and abs(skew) > SKEW_SECONDS:
        facts = {"seconds": f"{skew:+.0f}"}
        yield KnownTrouble(row.id, row.name, SKEWED, row.last_contact_at or now, 1, 0, facts)


def is_troubled(now: float | ColumnElement[float]) -> ColumnElement[bool]:
    """It sees files that it doesn't capture, or told of a trouble."""
    uncaptured = and_(till.c.uncaptured > 0, till.c.uncaptured_since < now - UNCAPTURED_SECONDS)
    return or_(func.coalesce(uncaptured, False), till.c.troubles.is_not(None))


def is_skewed() -> ColumnElement[bool]:
    """Its clock is wrong."""
    return func.abs(till.c.clock_skew_seconds) > SKEW_SECONDS


def decoded(said: str | None) -> list[NotedTrouble]:
    return msgspec.json.decode(said, type=list[NotedTrouble]) if said else []
