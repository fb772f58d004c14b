"""Orders to synchronise, in the book of orders: done when all is through, which the tallies tell.

Looking costs the same however long the history.
"""

from collections.abc import Iterable
from typing import Any

import msgspec
from sqlalchemy import Connection, Engine, select

from malote import wire
from malote.database.chunks import chunks
from malote.database.engine import reading
from malote.database.order_tables import till_order
from malote.database.tables import tally as tallies
from malote.database.tables import till as tills
from malote.orders import rows
from malote.orders.book import finish
from malote.orders.kinds import OrderKind
from malote.orders.rows import StoredOrder

# From the till's saying that it sends everything again to the moment when its counts tell of it.
SETTLING_SECONDS = 10.0


class SynchroniseOrderNote(msgspec.Struct, frozen=True):
    """What is kept beside an order: what was done on the server when it was given."""

    posted_before: int
    retried: int
    replayed: int


class SynchroniseCounts(msgspec.Struct, frozen=True):
    """Documents of one till now, since an order: ``sent`` counts from it, the others are as they are."""

    sent: int
    pending: int
    waiting: dict[str, int]
    rejected: dict[str, int]
    at_till: int


class Synchronising(msgspec.Struct, frozen=True):
    """An order and how its till stands. Times are seconds since the epoch."""

    order: StoredOrder
    noted: SynchroniseOrderNote
    till: str
    counts: SynchroniseCounts  # of the moment it was done; of now while it isn't
    last_contact_at: float | None

    def is_through(self, now: float) -> bool:
        """Whether nothing is left to be done for it by till, server and poster. What waits is nobody's to hurry."""
        if self.counts.pending or self.counts.at_till:
            return False
        obeyed_at = self.order.obeyed_at
        if self.last_contact_at is None:
            return now >= self.order.asked_at + SETTLING_SECONDS
        return obeyed_at is not None and self.last_contact_at >= obeyed_at + SETTLING_SECONDS


class SynchroniseOrders(OrderKind):
    """The till rescans, and sends again what is not proven."""

    name = wire.SYNCHRONISE
    waits = True

    def result(self, engine: Engine, order: StoredOrder, now: float) -> str | None:
        """The counts of the moment, once all is through."""
        found = find(engine, order.id)
        if found is None or not found.is_through(now):
            return None
        return msgspec.json.encode(found.counts).decode()


KIND = SynchroniseOrders()


def find(engine: Engine, order_id: int) -> Synchronising | None:
    return _one(engine, (till_order.c.id == order_id) & (till_order.c.kind == KIND.name))


def newest(engine: Engine, till: str) -> Synchronising | None:
    """The till's last order; None where there never was one."""
    ids = (
        select(till_order.c.id)
        .join(tills, tills.c.id == till_order.c.till_id)
        .where(tills.c.name_key == till.lower(), till_order.c.kind == KIND.name)
        .order_by(till_order.c.number.desc())
        .limit(1)
    )
    return _one(engine, till_order.c.id == ids.scalar_subquery())


def asked_since(engine: Engine, moment: float) -> set[int]:
    """The tills, by id, that were ordered to since then."""
    asked = select(till_order.c.till_id).where(till_order.c.kind == KIND.name, till_order.c.asked_at >= moment)
    with reading(engine) as connection:
        return set(connection.scalars(asked))


def finished(engine: Engine, found: Synchronising, now: float) -> Synchronising:
    """The same with its end noted, where it is through and nobody has noted it yet."""
    return msgspec.structs.replace(found, order=finish(engine, KIND, found.order, now))


def totals(connection: Connection, till_ids: Iterable[int]) -> dict[int, dict[str, dict[str, int]]]:
    """How many documents each till has, by state and reason."""
    found: dict[int, dict[str, dict[str, int]]] = {till_id: {} for till_id in till_ids}
    for chunk in chunks(sorted(found)):
        for row in connection.execute(select(tallies).where(tallies.c.till_id.in_(chunk), tallies.c.count > 0)):
            found[row.till_id].setdefault(row.state, {})[row.reason_code] = int(row._mapping["count"])
    return found


def _one(engine: Engine, chosen: Any) -> Synchronising | None:
    query = (
        select(*rows.COLUMNS, tills.c.name.label("till"), tills.c.last_contact_at, tills.c.pending.label("at_till"))
        .join_from(till_order, tills, till_order.c.till_id == tills.c.id)
        .where(chosen)
    )
    with reading(engine) as connection:
        row = connection.execute(query).one_or_none()
        if row is None:
            return None
        counted = totals(connection, [row.till_id])[row.till_id]
    order = rows.stored(row)
    noted = msgspec.json.decode(order.note, type=SynchroniseOrderNote)
    return Synchronising(order, noted, row.till, _counts(row, noted, counted), row.last_contact_at)


def _counts(row: Any, noted: SynchroniseOrderNote, counted: dict[str, dict[str, int]]) -> SynchroniseCounts:
    if row.result:
        return msgspec.json.decode(row.result, type=SynchroniseCounts)

    def number(*states: str) -> int:
        return sum(sum(counted.get(state, {}).values()) for state in states)

    return SynchroniseCounts(
        sent=number("posted") - noted.posted_before,
        pending=number("accepted", "posting"),
        waiting=counted.get("waiting", {}),
        rejected=counted.get("rejected", {}),
        at_till=row.at_till or 0,
    )
