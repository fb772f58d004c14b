"""Synchronisations that were asked for: told to the till until it says that it has obeyed, done when all is through.

The counts come from the tallies, so that looking costs the same however long the history.
"""

import secrets
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, Engine, func, insert, select, update

from malote.database.chunks import chunks
from malote.database.engine import reading, writing
from malote.database.quarantine_tables import sync_order
from malote.database.tables import tally as tallies
from malote.database.tables import till as tills

# From the till's saying that it sends everything again to the moment when its counts tell of it.
SETTLING_SECONDS = 10.0


class Placing(msgspec.Struct, frozen=True):
    """An order to be placed: what was done on the server already."""

    till_id: int
    posted_before: int
    retried: int
    replayed: int


class Counts(msgspec.Struct, frozen=True):
    """Documents of one till now, since an order: ``sent`` counts from it, the others are as they are."""

    sent: int
    pending: int
    waiting: dict[str, int]
    rejected: dict[str, int]
    at_till: int


class StoredOrder(msgspec.Struct, frozen=True):
    """An order and how its till stands. Times are seconds since the epoch."""

    id: int
    till_id: int
    till: str
    number: int
    asked_by: str
    asked_at: float
    retried: int
    replayed: int
    offered_at: float | None
    picked_up_at: float | None
    done_at: float | None
    counts: Counts  # of the moment it was done; of now while it isn't
    last_contact_at: float | None
    replaced: bool

    def is_through(self, now: float) -> bool:
        """Whether nothing is left to be done for it by till, server and poster. What waits is nobody's to hurry."""
        if self.counts.pending or self.counts.at_till:
            return False
        if self.last_contact_at is None:
            return now >= self.asked_at + SETTLING_SECONDS
        return self.picked_up_at is not None and self.last_contact_at >= self.picked_up_at + SETTLING_SECONDS


def place(connection: Connection, placings: Sequence[Placing], who: str, asked_at: float) -> list[int]:
    """The ids of the new orders, in the order given. Earlier ones of the same tills end here."""
    for chunk in chunks([one.till_id for one in placings]):
        mine = sync_order.c.till_id.in_(chunk) & sync_order.c.done_at.is_(None)
        connection.execute(update(sync_order).where(mine).values(done_at=asked_at))
    ids = []
    for one in placings:
        values = {
            "till_id": one.till_id,
            "number": 1 + secrets.randbelow(2**53 - 1),
            "asked_by": who,
            "asked_at": asked_at,
            "posted_before": one.posted_before,
            "retried": one.retried,
            "replayed": one.replayed,
        }
        ids.append(int(connection.execute(insert(sync_order).values(values).returning(sync_order.c.id)).scalar_one()))
    return ids


def due(engine: Engine, till_id: int, obeyed: int | None, now: float) -> int:
    """The number of the order that the till must be told, 0 for none.

    ``obeyed`` is the number it says it has obeyed; an agent that can't say is told once.
    """
    with reading(engine) as connection:
        found = connection.execute(_open_of(till_id)).first()
    if found is None or found.picked_up_at is not None:
        return 0
    told = int(found.number)
    if obeyed == told:
        _mark(engine, found.id, picked_up_at=now)
        return 0
    if found.offered_at is None:
        _mark(engine, found.id, offered_at=now, **({"picked_up_at": now} if obeyed is None else {}))
    return told


def finish(engine: Engine, order: StoredOrder, now: float) -> StoredOrder:
    """The order with its end noted, where it is through and nobody has noted it yet."""
    if order.done_at is not None or not order.is_through(now):
        return order
    _mark(engine, order.id, done_at=now, result=msgspec.json.encode(order.counts).decode())
    return msgspec.structs.replace(order, done_at=now)


def find(engine: Engine, order_id: int) -> StoredOrder | None:
    return _one(engine, sync_order.c.id == order_id)


def newest(engine: Engine, till: str) -> StoredOrder | None:
    """The till's last order; None where there never was one."""
    ids = (
        select(func.max(sync_order.c.id))
        .join(tills, tills.c.id == sync_order.c.till_id)
        .where(tills.c.name_key == till.lower())
    )
    return _one(engine, sync_order.c.id == ids.scalar_subquery())


def unfinished(engine: Engine, till_id: int) -> StoredOrder | None:
    """The till's order that is neither done nor replaced."""
    return _one(engine, (sync_order.c.till_id == till_id) & sync_order.c.done_at.is_(None))


def totals(connection: Connection, till_ids: Iterable[int]) -> dict[int, dict[str, dict[str, int]]]:
    """How many documents each till has, by state and reason."""
    found: dict[int, dict[str, dict[str, int]]] = {till_id: {} for till_id in till_ids}
    for chunk in chunks(sorted(found)):
        for row in connection.execute(select(tallies).where(tallies.c.till_id.in_(chunk), tallies.c.count > 0)):
            found[row.till_id].setdefault(row.state, {})[row.reason_code] = int(row._mapping["count"])
    return found


def _open_of(till_id: int) -> Any:
    columns = (sync_order.c.id, sync_order.c.number, sync_order.c.offered_at, sync_order.c.picked_up_at)
    return (
        select(*columns)
        .where(sync_order.c.till_id == till_id, sync_order.c.done_at.is_(None))
        .order_by(sync_order.c.id.desc())
    )


def _mark(engine: Engine, order_id: int, **values: Any) -> None:
    with writing(engine) as connection:
        still = (sync_order.c.id == order_id) & sync_order.c.done_at.is_(None)
        connection.execute(update(sync_order).where(still).values(values))


def _one(engine: Engine, chosen: Any) -> StoredOrder | None:
    query = (
        select(sync_order, tills.c.name.label("till"), tills.c.last_contact_at, tills.c.pending.label("at_till"))
        .join_from(sync_order, tills, sync_order.c.till_id == tills.c.id)
        .where(chosen)
        .order_by(sync_order.c.id.desc())
        .limit(1)
    )
    with reading(engine) as connection:
        row = connection.execute(query).one_or_none()
        if row is None:
            return None
        counted = totals(connection, [row.till_id])[row.till_id]
    return _stored(row, _counts(row, counted))


def _counts(row: Any, counted: dict[str, dict[str, int]]) -> Counts:
    if row.result is not None:
        return _result.decode(row.result)

    def number(*states: str) -> int:
        return sum(sum(counted.get(state, {}).values()) for state in states)

    return Counts(
        sent=number("posted") - row.posted_before,
        pending=number("accepted", "posting"),
        waiting=counted.get("waiting", {}),
        rejected=counted.get("rejected", {}),
        at_till=row.at_till or 0,
    )


def _stored(row: Any, counts: Counts) -> StoredOrder:
    return StoredOrder(
        id=row.id,
        till_id=row.till_id,
        till=row.till,
        number=row.number,
        asked_by=row.asked_by,
        asked_at=row.asked_at,
        retried=row.retried,
        replayed=row.replayed,
        offered_at=row.offered_at,
        picked_up_at=row.picked_up_at,
        done_at=row.done_at,
        counts=counts,
        last_contact_at=row.last_contact_at,
        replaced=row.done_at is not None and row.result is None,
    )


_result = msgspec.json.Decoder(Counts)
