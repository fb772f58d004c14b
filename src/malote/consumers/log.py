"""What each consumer got, and when. Deliveries that follow one another closely are one line."""

from collections.abc import Mapping
from typing import Any, Literal

import msgspec
from sqlalchemy import Connection, Engine, insert, select, update

from malote.database.consumer_tables import consumer as consumers
from malote.database.consumer_tables import consumer_log as log
from malote.database.engine import reading, writing

What = Literal[
    "pulled",  # a page, which is no proof that it was kept: the next request's cursor is
    "delivered",
    "refused",  # while others were taken; it is tried again
    "sent_again",
    "left_out",  # of what was sent again, since it is damaged here: ``detail`` names it
]
TOGETHER_SECONDS = 60.0  # deliveries this close to one another are one line


class SendingEntry(msgspec.Struct, frozen=True):
    """Numbers of the feed, both included; None of what was sent again. Times are seconds since the epoch."""

    id: int
    what: What
    began_at: float
    ended_at: float
    first: int | None
    last: int | None
    count: int
    detail: dict[str, Any]


class Got(msgspec.Struct, frozen=True):
    what: What
    count: int
    first: int | None = None
    last: int | None = None
    detail: Mapping[str, str] = {}


def record(connection: Connection, consumer_id: int, got: Got, now: float) -> None:
    """In the transaction that moves the consumer's cursor."""
    if got.first is not None and _extend(connection, consumer_id, got, now):
        return
    values = {
        "consumer_id": consumer_id,
        "what": got.what,
        "began_at": now,
        "ended_at": now,
        "first": got.first,
        "last": got.last,
        "count": got.count,
        "detail": msgspec.json.encode(got.detail).decode(),
    }
    connection.execute(insert(log).values(values))


def note_pull(engine: Engine, consumer_id: int, asked_after: int, got: Got | None, now: float) -> None:
    """A consumer has everything up to where it asks to go on from. Raises ``StoreError``."""
    mine = (consumers.c.id == consumer_id) & consumers.c.revoked_at.is_(None)
    with writing(engine) as connection:
        moved = update(consumers).where(mine, consumers.c.got < asked_after).values(got=asked_after)
        connection.execute(moved)
        connection.execute(update(consumers).where(mine).values(got_at=now))
        if got is not None:
            record(connection, consumer_id, got, now)


def skip_to(engine: Engine, consumer_id: int, number: int) -> None:
    """What came before isn't wanted. Raises ``StoreError``."""
    with writing(engine) as connection:
        connection.execute(update(consumers).where(consumers.c.id == consumer_id).values(got=number))


def entries(engine: Engine, consumer_id: int, *, limit: int = 100, number: int | None = None) -> list[SendingEntry]:
    """The newest first; only those that cover a number of the feed, where one is given. Raises ``StoreError``."""
    query = select(*_COLUMNS).where(log.c.consumer_id == consumer_id).order_by(log.c.id.desc()).limit(limit)
    if number is not None:
        query = query.where(log.c.first <= number, log.c.last >= number)
    with reading(engine) as connection:
        return [_entry(row) for row in connection.execute(query)]


def _extend(connection: Connection, consumer_id: int, got: Got, now: float) -> bool:
    """Whether it follows the newest line, and was added to it."""
    newest = select(*_COLUMNS).where(log.c.consumer_id == consumer_id).order_by(log.c.id.desc()).limit(1)
    row = connection.execute(newest).one_or_none()
    follows = row is not None and row.what == got.what and row.last is not None and row.last + 1 == got.first
    if row is None or not follows or not 0 <= now - row.began_at <= TOGETHER_SECONDS:
        return False
    values = {"last": got.last, "count": row[6] + got.count, "ended_at": now}
    connection.execute(update(log).where(log.c.id == row.id).values(values))
    return True


def _entry(row: Any) -> SendingEntry:
    detail = msgspec.json.decode(row.detail)
    return SendingEntry(row.id, row.what, row.began_at, row.ended_at, row.first, row.last, row[6], detail)


_COLUMNS = tuple(log.c[name] for name in ("id", "what", "began_at", "ended_at", "first", "last", "count", "detail"))
