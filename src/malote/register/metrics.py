"""How the sales flow: per minute, how late, and what is rejected. For plots, with the figures behind them."""

import math
from collections import defaultdict
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import BigInteger, ColumnElement, Connection, Engine, and_, cast, func, select

from malote.database.engine import reading
from malote.database.tables import document as documents
from malote.database.tables import tally as tallies

LARGEST_SAMPLE = 20_000  # documents whose lag is looked at: the newest, enough for a percentile
LARGEST_WALK = 200_000  # documents looked at, the newest by arrival: after an outage, old ones are posted late
LONGEST_WAIT = 86400.0  # seconds from arrival to a posting that still counts


class Minute(msgspec.Struct, frozen=True):
    """``lag`` is the time from a sale's issue to its posting, in seconds; None where nothing was posted."""

    at: float  # its beginning, seconds since the epoch
    received: int
    posted: int
    lag_median: float | None
    lag_p95: float | None


class Metrics(msgspec.Struct, frozen=True):
    minutes: list[Minute]  # the oldest first, the one under way last
    lag_median: float | None  # over all of them
    lag_p95: float | None
    rejected: dict[str, int]  # by reason, the most frequent first
    waiting: dict[str, int]


def metrics(engine: Engine, *, now: float, minutes: int = 60) -> Metrics:
    """Of the last ``minutes``. Raises ``StoreError``."""
    last = math.floor(now / 60)
    first = last - minutes + 1
    since = first * 60.0
    with reading(engine) as connection:
        newest = _id(connection, func.max(documents.c.id))
        start = max(first_since(connection, since), newest - LARGEST_WALK)
        early = max(first_since(connection, since - LONGEST_WAIT), newest - LARGEST_WALK)
        received = _per_minute(connection, documents.c.accepted_at, documents.c.id >= start, since)
        posted = _per_minute(connection, documents.c.settled_at, _posted_from(early), since)
        sample = _sample(connection, early, since)
        rejected, waiting = _reasons(connection, "rejected"), _reasons(connection, "waiting")
    lags: dict[int, list[float]] = defaultdict(list)
    for issued_at, settled_at in sample:
        lag = settled_at - datetime.fromisoformat(issued_at).timestamp()
        if lag >= 0:  # a till's clock may say that the sale is still to come
            lags[math.floor(settled_at / 60)].append(lag)
    found = [
        Minute(
            at=minute * 60.0,
            received=received.get(minute, 0),
            posted=posted.get(minute, 0),
            lag_median=percentile(lags[minute], 0.5),
            lag_p95=percentile(lags[minute], 0.95),
        )
        for minute in range(first, last + 1)
    ]
    every = [lag for some in lags.values() for lag in some]
    return Metrics(found, percentile(every, 0.5), percentile(every, 0.95), rejected, waiting)


def percentile(values: list[float], share: float) -> float | None:
    """The smallest value that at least ``share`` of all do not exceed; None of nothing."""
    if not values:
        return None
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]


def first_since(connection: Connection, at: float) -> int:
    """The id from which on documents were accepted at ``at`` or later, found by halving.

    Ids are in order of arrival, so that times need no index on the path of every sale.
    """
    newest = _id(connection, func.max(documents.c.id))
    low, high = _id(connection, func.min(documents.c.id)), newest + 1 if newest else 0
    while low < high:
        middle = (low + high) // 2
        nearest = select(documents.c.accepted_at).where(documents.c.id >= middle).order_by(documents.c.id).limit(1)
        if connection.execute(nearest).scalar_one() < at:
            low = middle + 1
        else:
            high = middle
    return low


def _id(connection: Connection, which: ColumnElement[int]) -> int:
    return int(connection.execute(select(func.coalesce(which, 0))).scalar_one())


def _posted_from(start: int) -> ColumnElement[bool]:
    return and_(documents.c.id >= start, documents.c.state == "posted")


def _per_minute(
    connection: Connection, at: ColumnElement[Any], chosen: ColumnElement[bool], since: float
) -> dict[int, int]:
    """How many there are, by minute since the epoch."""
    # A cast cuts off in SQLite, where floor() may be missing, and rounds in PostgreSQL.
    minute = cast(at / 60, BigInteger) if connection.dialect.name == "sqlite" else func.floor(at / 60)
    query = select(minute, func.count()).where(chosen, at >= since).group_by(minute)
    return {int(number): count for number, count in connection.execute(query)}


def _sample(connection: Connection, start: int, since: float) -> list[tuple[str, float]]:
    query = (
        select(documents.c.issued_at, documents.c.settled_at)
        .where(_posted_from(start), documents.c.settled_at >= since, documents.c.issued_at.is_not(None))
        .order_by(documents.c.id.desc())
        .limit(LARGEST_SAMPLE)
    )
    return [(issued_at, settled_at) for issued_at, settled_at in connection.execute(query)]


def _reasons(connection: Connection, state: str) -> dict[str, int]:
    query = (
        select(tallies.c.reason_code, func.sum(tallies.c.count))
        .where(tallies.c.state == state, tallies.c.count > 0)
        .group_by(tallies.c.reason_code)
        .order_by(func.sum(tallies.c.count).desc(), tallies.c.reason_code)
    )
    return {code: int(count) for code, count in connection.execute(query)}
