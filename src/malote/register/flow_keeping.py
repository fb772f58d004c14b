"""Keeps the sums that the dashboard is drawn from: what came and what became of it, counted once, as it comes.

Rows lie in order of their noting, but of two that were noted at once the first may be committed last: only what was
noted a while ago is counted, and never again, since the place up to which that was done moves in the same transaction.
"""

import threading
from collections.abc import Callable, Sequence
from datetime import tzinfo
from typing import Any

from sqlalchemy import Connection, Engine, Row, delete, insert, select, text, update

from malote import log as logs
from malote.database.consumer_tables import feed
from malote.database.engine import reading, writing
from malote.database.errors import StoreError
from malote.database.flow_tables import flow_counted, flow_sum, server_start
from malote.database.tables import document as documents
from malote.database.tables import till as tills
from malote.register.flow_slots import DAY, KEPT_SECONDS, FlowSums, store_of
from malote.register.halving import first_since

SETTLED_SECONDS = 60.0  # so long a transaction may stay open between noting and committing
ROUND_SECONDS = 15.0
AT_ONCE = 5000  # rows in one transaction: tills and posters must not wait long
REST_SECONDS = 0.2  # between two of them
STARTS_KEPT_SECONDS = 90 * 86400.0

Counted = tuple[int, int]  # the newest document and the newest entry of the feed that stand in the sums

log = logs.get_logger("malote.register")


class FlowKeeper:
    """One thread's work: ``run`` counts until it is told to stop. ``zone``: the store's clock."""

    def __init__(
        self, engine: Engine, zone: Callable[[], tzinfo | None], clock: Callable[[], float], version: str
    ) -> None:
        self._engine, self._zone, self._clock, self._version = engine, zone, clock, version
        self._told = False

    def run(self, stop: threading.Event) -> None:
        while True:
            try:
                self._tell_start()
                while self.count():
                    if stop.wait(REST_SECONDS):
                        return
            except StoreError as error:
                log.warning("flow_waits", reason=str(error))
            if stop.wait(ROUND_SECONDS):
                return

    def count(self) -> int:
        """Counts what is old enough, the first few thousand of it; how many rows. Raises ``StoreError``."""
        settled = self._clock() - SETTLED_SECONDS
        with reading(self._engine) as connection:
            known = counted(connection)
            if known and not _any(connection, known, settled):
                return 0
        with writing(self._engine) as connection:
            # Others wait here, and then see what this one has counted.
            start = _lock(connection, self._clock())
            came, became = since(connection, start, AT_ONCE)
            came, became = _older(came, settled), _older(became, settled)
            keep(connection, sums_of(connection, came, became, FlowSums(self._zone(), self._clock())))
            done = (came[-1].id if came else start[0], became[-1].id if became else start[1])
            connection.execute(update(flow_counted).values(document_id=done[0], feed_id=done[1]))
        return len(came) + len(became)

    def _tell_start(self) -> None:
        if not self._told:
            with writing(self._engine) as connection:
                connection.execute(insert(server_start).values(at=self._clock(), version=self._version))
            self._told = True


def forget(engine: Engine, now: float) -> int:
    """Drops what nobody looks back at any more; how many rows. Raises ``StoreError``."""
    with writing(engine) as connection:
        dropped = connection.execute(delete(server_start).where(server_start.c.at < now - STARTS_KEPT_SECONDS)).rowcount
        for width, seconds in KEPT_SECONDS.items():
            old = (flow_sum.c.width == width, flow_sum.c.slot < int(now - seconds))
            dropped += connection.execute(delete(flow_sum).where(*old)).rowcount
    return dropped


def counted(connection: Connection) -> Counted | None:
    """None before the first round."""
    row = connection.execute(select(flow_counted.c.document_id, flow_counted.c.feed_id)).one_or_none()
    return (int(row[0]), int(row[1])) if row else None


def beginning(connection: Connection, now: float) -> Counted:
    """What lies before the longest look back, and is never counted."""
    began = now - KEPT_SECONDS[DAY]
    first = first_since(connection, documents.c.id, documents.c.accepted_at, began)
    first_told = first_since(connection, feed.c.id, feed.c.at, began)
    return max(first - 1, 0), max(first_told - 1, 0)


def since(connection: Connection, start: Counted, limit: int) -> tuple[Sequence[Row[Any]], Sequence[Row[Any]]]:
    """What came after that, and what became of documents, up to ``limit`` of each, in order."""
    came = (
        select(documents.c.id, documents.c.accepted_at.label("at"), documents.c.till_id, documents.c.kind)
        .add_columns(documents.c.total)
        .where(documents.c.id > start[0])
        .order_by(documents.c.id)
        .limit(limit)
    )
    became = (
        select(feed.c.id, feed.c.at, feed.c.what, feed.c.code, documents.c.till_id, documents.c.kind)
        .add_columns(documents.c.total, documents.c.issued_at)
        .join_from(feed, documents, documents.c.id == feed.c.document_id)
        .where(feed.c.id > start[1])
        .order_by(feed.c.id)
        .limit(limit)
    )
    return connection.execute(came).all(), connection.execute(became).all()


def sums_of(connection: Connection, came: Sequence[Row[Any]], became: Sequence[Row[Any]], sums: FlowSums) -> FlowSums:
    """Adds sales that came and were booked, and documents of all kinds that were rejected."""
    if not came and not became:
        return sums
    stores = {row.id: store_of(row.name) for row in connection.execute(select(tills.c.id, tills.c.name))}
    for row in came:
        if row.kind == "sale":
            sums.received(row.at, stores[row.till_id], row.total or 0)
    for row in became:
        cents = (row.total or 0) if row.kind == "sale" else 0
        if row.what == "booked":
            sums.booked(row.at, cents, row.issued_at)
        elif row.what == "rejected":
            sums.rejected(row.at, stores[row.till_id], row.code or "", cents)
    return sums


def keep(connection: Connection, sums: FlowSums) -> None:
    rows = [{**place._asdict(), "count": count, "cents": cents} for place, count, cents in sums.rows()]
    if rows:
        connection.execute(_ADD, rows)


def _any(connection: Connection, known: Counted, settled: float) -> bool:
    came = select(documents.c.accepted_at).where(documents.c.id > known[0]).order_by(documents.c.id).limit(1)
    became = select(feed.c.at).where(feed.c.id > known[1]).order_by(feed.c.id).limit(1)
    oldest = (connection.scalar(came), connection.scalar(became))
    return any(at is not None and at < settled for at in oldest)


def _lock(connection: Connection, now: float) -> Counted:
    """Where the sums stand; the first time, where the longest look back begins."""
    query = select(flow_counted.c.document_id, flow_counted.c.feed_id).with_for_update()
    row = connection.execute(query).one_or_none()
    if row is not None:
        return int(row[0]), int(row[1])
    start = beginning(connection, now)
    connection.execute(insert(flow_counted).values(id=1, document_id=start[0], feed_id=start[1]))
    return start


def _older(rows: Sequence[Row[Any]], settled: float) -> Sequence[Row[Any]]:
    """Those before the first that is too young: what follows it is counted another time."""
    young = next((place for place, row in enumerate(rows) if row.at >= settled), len(rows))
    return rows[:young]


_ADD = text(
    "INSERT INTO flow_sum (width, slot, what, part, count, cents)"
    " VALUES (:width, :slot, :what, :part, :count, :cents) ON CONFLICT (width, slot, what, part)"
    " DO UPDATE SET count = flow_sum.count + excluded.count, cents = flow_sum.cents + excluded.cents"
)
