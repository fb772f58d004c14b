"""What is told of a till itself, and not of a document: it ends when it isn't renewed any more."""

from collections.abc import Collection
from typing import Any

from sqlalchemy import ColumnElement, Connection, case, update

from malote.database.tables import till

SLOWED_SECONDS = 900.0  # longer than the intake takes to tell again of a till that goes on (intake/quota.py)
SHARED_SECONDS = 86_400.0  # each sale sent twice renews it, and a store may be closed for a night


def is_slowed(now: float | ColumnElement[float]) -> ColumnElement[bool]:
    """It brought so many rejects that it is made to wait."""
    return till.c.slowed_at > now - SLOWED_SECONDS


def is_sharing(now: float | ColumnElement[float]) -> ColumnElement[bool]:
    """Its agent reads the folder of another till."""
    return till.c.shared_at > now - SHARED_SECONDS


def slowed_since(now: float | ColumnElement[float]) -> ColumnElement[Any]:
    """When that was last told, in seconds since the epoch; NULL once it is over."""
    return case((is_slowed(now), till.c.slowed_at))


def shared_with(now: float | ColumnElement[float]) -> ColumnElement[Any]:
    """The till whose folder it reads; NULL once that is over."""
    return case((is_sharing(now), till.c.shared_with))


def note_shared(connection: Connection, till_ids: Collection[int], owner: str, now: float) -> None:
    """``owner``: the till whose documents these have sent too."""
    connection.execute(update(till).where(till.c.id.in_(till_ids)).values(shared_at=now, shared_with=owner))
