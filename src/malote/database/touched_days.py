"""Marks the days of issue whose books have to be counted again, in the transaction of what changed them.

The marks are written last and in order. Whoever counts takes a mark away before it counts: a change that isn't
committed yet holds its mark, and so is waited for; one that comes later leaves a new mark.
"""

import re
from collections.abc import Iterable

from sqlalchemy import Connection, text

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")

_TOUCH = text(
    "INSERT INTO touched_day (till_id, day, turn) VALUES (:till_id, :day, 1)"
    " ON CONFLICT (till_id, day) DO UPDATE SET turn = touched_day.turn + 1"
)


def touch(connection: Connection, days: Iterable[tuple[int, str | None]]) -> None:
    """``days``: till and time of issue (ISO 8601, or its day) of the documents that changed."""
    found = {(till_id, day[:10]) for till_id, day in days if day and _DAY.match(day)}
    if found:
        connection.execute(_TOUCH, [{"till_id": till_id, "day": day} for till_id, day in sorted(found)])
