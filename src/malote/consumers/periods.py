"""What was booked in a period: the documents of its business days, day by day and till by till."""

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta, tzinfo
from itertools import groupby
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Engine, or_, select

from malote.consumers.pulling import change_of, columns
from malote.database.chunks import chunks
from malote.database.engine import reading
from malote.database.tables import document as documents
from malote.database.tables import pouch as pouches
from malote.database.tables import till as tills
from malote.spool.feed import Change

DayOf = Callable[[str | None], date | None]  # the business day of an ISO 8601 time
_PAGE = 5000  # rows looked at in one query


class Period(msgspec.Struct, frozen=True):
    """Business days, both included; ``till`` None: all."""

    since: date
    until: date
    till: str | None = None


class PeriodPlace(NamedTuple):
    """Where a document stands in a period, in the order of sending."""

    day: str
    till: str
    document_id: int


class PeriodContent(msgspec.Struct, frozen=True):
    """``total``: of the sales, in cents. ``pruned``: of which only what identifies them is left."""

    places: list[PeriodPlace]
    total: int
    pruned: int


def find(engine: Engine, period: Period, day_of: DayOf, clock: tzinfo | None) -> PeriodContent:
    """Everything that is booked now, in the order of sending. ``clock``: the store's. Raises ``StoreError``."""
    places: list[PeriodPlace] = []
    total = pruned = 0
    for row in _rows(engine, period):
        # What has no time of its own counts from when it came.
        written = row.issued_at or datetime.fromtimestamp(row.accepted_at, UTC).astimezone(clock).isoformat()
        day = day_of(written)
        if day is None or not period.since <= day <= period.until:
            continue
        places.append(PeriodPlace(day.isoformat(), row.name, row.id))
        total += row.total or 0 if row.kind == "sale" else 0
        pruned += row.pruned_at is not None
    return PeriodContent(sorted(places), total, pruned)


def till_days(places: Sequence[PeriodPlace]) -> Iterator[tuple[str, str, list[int]]]:
    """Day, till and the documents of each till-day."""
    for (day, till), some in groupby(places, key=lambda place: (place.day, place.till)):
        yield day, till, [place.document_id for place in some]


def changes(engine: Engine, document_ids: Sequence[int]) -> Iterator[tuple[Change, str]]:
    """These documents as changes without a number, each with its state now. Raises ``StoreError``."""
    for some in chunks(document_ids):
        query = (
            select(*columns())
            .select_from(documents.join(tills, tills.c.id == documents.c.till_id))
            .where(documents.c.id.in_(some))
            .order_by(documents.c.id)
        )
        with reading(engine) as connection:
            rows = connection.execute(query).all()
        yield from ((change_of(row), row.state) for row in rows)


def cancelled_keys(engine: Engine, access_keys: Sequence[str]) -> set[str]:
    """Those of the keys whose sales are cancelled, on whatever day. Raises ``StoreError``."""
    found: set[str] = set()
    for some in chunks(access_keys):
        query = select(documents.c.access_key).where(
            documents.c.access_key.in_(some), documents.c.kind == "cancellation", documents.c.state == "posted"
        )
        with reading(engine) as connection:
            found |= set(connection.execute(query).scalars())
    return found


def pruned_ones(engine: Engine, document_ids: Sequence[int]) -> set[int]:
    """Those whose content left the server by its retention. Raises ``StoreError``."""
    found: set[int] = set()
    for some in chunks(document_ids):
        query = select(documents.c.id).join(pouches, pouches.c.id == documents.c.pouch_id)
        with reading(engine) as connection:
            dropped = query.where(documents.c.id.in_(some), pouches.c.pruned_at.is_not(None))
            found |= set(connection.scalars(dropped))
    return found


def _rows(engine: Engine, period: Period) -> Iterator[Any]:
    """A day more on both sides, since times are kept as they are written."""
    first, last = period.since - timedelta(days=1), period.until + timedelta(days=2)
    query = (
        select(
            documents.c.id, documents.c.issued_at, documents.c.accepted_at, documents.c.kind, documents.c.total,
            tills.c.name, pouches.c.pruned_at,
        )
        .select_from(documents.join(tills).outerjoin(pouches, pouches.c.id == documents.c.pouch_id))
        .where(documents.c.state == "posted")
        .where(
            or_(
                documents.c.issued_at.is_(None), documents.c.issued_at.between(first.isoformat(), last.isoformat())
            )
        )
        .order_by(documents.c.id)
        .limit(_PAGE)
    )  # fmt: skip
    if period.till is not None:
        query = query.where(tills.c.name_key == period.till.lower())
    after = 0
    while True:
        with reading(engine) as connection:
            rows = connection.execute(query.where(documents.c.id > after)).all()
        yield from rows
        if len(rows) < _PAGE:
            return
        after = rows[-1].id
