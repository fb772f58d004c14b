"""Orders in the store database: rows, and how they change. Each function works in the caller's transaction.

    placed ─▶ told ─▶ begun ─▶ obeyed ─▶ done
                        └──────────────▶ failed        aside: expired, replaced, cancelled

A till has one open order of a kind at most: a newer one takes its place, with what of the older one must be done still.
"""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import msgspec
from sqlalchemy import Connection, delete, func, insert, select, update

from malote import wire
from malote.database.chunks import chunks
from malote.database.order_tables import order_payload, till_order

# placed     nobody was told
# told       the till was told, and may not have heard
# begun      the till has it on its disk
# withdrawn  nobody is told any more; a till that is at it may still say how it ended
# obeyed     the till has done its part, the server isn't through
OpenState = Literal["placed", "told", "begun", "withdrawn", "obeyed"]
EndState = Literal["done", "failed", "expired", "replaced", "cancelled"]
TOLD: tuple[OpenState, ...] = ("placed", "told", "begun")  # of which the till is told


class StoredOrder(msgspec.Struct, frozen=True):
    """Times are seconds since the epoch."""

    id: int
    till_id: int
    kind: str
    number: int
    payload_sha256: str
    signature: str
    asked_by: str
    asked_at: float
    expires_at: int
    state: str
    told_at: float | None
    begun_at: float | None
    obeyed_at: float | None
    ended_at: float | None
    done: int
    total: int
    unit: str
    moved_at: float | None
    seconds: float | None
    code: str
    facts: str
    note: str
    result: str

    @property
    def is_told(self) -> bool:
        return self.state in TOLD


COLUMNS = tuple(till_order.c[name] for name in StoredOrder.__struct_fields__)


def stored(row: Any) -> StoredOrder:
    """Of a row that has ``COLUMNS``."""
    return StoredOrder(*(row._mapping[column] for column in COLUMNS))


_NOTHING = hashlib.sha256(b"").hexdigest()  # an order whose kind says all; it stands in no row


# ---- placing ----


def open_by_till(connection: Connection, kind: str, till_ids: Sequence[int]) -> dict[int, StoredOrder]:
    """At most a chunk of tills."""
    mine = till_order.c.till_id.in_(till_ids) & (till_order.c.kind == kind) & till_order.c.ended_at.is_(None)
    return {row.till_id: stored(row) for row in connection.execute(select(*COLUMNS).where(mine))}


def next_number(connection: Connection, kind: str, till_ids: Sequence[int], now: float) -> int:
    """Greater than all that these tills were told of the kind; also after a backup came back, by the clock."""
    mine = till_order.c.till_id.in_(till_ids) & (till_order.c.kind == kind)
    newest = connection.execute(select(func.max(till_order.c.number)).where(mine)).scalar_one_or_none() or 0
    return max(int(now * 1_000_000), newest + 1)


def add(connection: Connection, values: Sequence[Mapping[str, Any]]) -> list[int]:
    """New rows' ids, in the order given."""
    blank = {
        "signature": "",
        "state": "placed",
        "done": 0,
        "total": 0,
        "unit": "",
        "code": "",
        "facts": "{}",
        "result": "",
    }
    statement = insert(till_order).returning(till_order.c.id, sort_by_parameter_order=True)
    return list(connection.scalars(statement, [blank | dict(one) for one in values]))


def keep_payload(connection: Connection, payload: str, now: float) -> str:
    """Its hash. Raises ``ValueError`` for one that no contact could carry."""
    if len(payload) > wire.MAX_PAYLOAD:
        raise ValueError(f"a payload of {len(payload)} characters: name what it is by hash, and let it be fetched")
    sha256 = hashlib.sha256(payload.encode()).hexdigest()
    if sha256 == _NOTHING:
        return sha256
    known = order_payload.c.sha256 == sha256
    # Written anew each time: what is told again must not be swept away meanwhile.
    if not connection.execute(update(order_payload).where(known).values(written_at=now)).rowcount:
        connection.execute(insert(order_payload).values(sha256=sha256, content=payload, written_at=now))
    return sha256


def payload_of(connection: Connection, sha256: str) -> str:
    if sha256 == _NOTHING:
        return ""
    return str(connection.execute(select(order_payload.c.content).where(order_payload.c.sha256 == sha256)).scalar_one())


def sweep(connection: Connection, before: float) -> int:
    """Drops payloads that no open order has, written before this moment. How many."""
    needed = select(till_order.c.payload_sha256).where(till_order.c.ended_at.is_(None))
    unused = (order_payload.c.written_at < before) & order_payload.c.sha256.not_in(needed)
    return connection.execute(delete(order_payload).where(unused)).rowcount


# ---- going on ----


def open_of(connection: Connection, till_id: int) -> list[StoredOrder]:
    """The till's open orders, at most one of each kind."""
    mine = (till_order.c.till_id == till_id) & till_order.c.ended_at.is_(None)
    return [stored(row) for row in connection.execute(select(*COLUMNS).where(mine).order_by(till_order.c.id))]


def mark(connection: Connection, order_id: int, **values: Any) -> bool:
    """Changes an order that is open still; whether it was."""
    still = (till_order.c.id == order_id) & till_order.c.ended_at.is_(None)
    return bool(connection.execute(update(till_order).where(still).values(values)).rowcount)


def end(connection: Connection, order_id: int, state: EndState, now: float, **values: Any) -> bool:
    """Whether it was open still."""
    return mark(connection, order_id, state=state, ended_at=now, **values)


def withdraw(connection: Connection, kind: str, till_ids: Sequence[int], now: float) -> None:
    """Nobody is told any more. One that nobody was told of yet ends here."""
    for chunk in chunks(till_ids):
        mine = till_order.c.till_id.in_(chunk) & (till_order.c.kind == kind) & till_order.c.ended_at.is_(None)
        untold = mine & (till_order.c.state == "placed")
        connection.execute(update(till_order).where(untold).values(state="cancelled", ended_at=now))
        told = mine & till_order.c.state.in_(("told", "begun"))
        connection.execute(update(till_order).where(told).values(state="withdrawn"))
