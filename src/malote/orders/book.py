"""The book: places orders, tells tills of them in their contacts, and notes what they say came of them.

Every order is signed for its till, its number and its end when it is told. A till that says it has one on its disk is
told of it without its payload, until it says how it ended.
"""

import time
from collections.abc import Callable, Sequence
from typing import Any, assert_never

import msgspec
from sqlalchemy import Connection, Engine

from malote import rejection, wire
from malote.database.chunks import chunks
from malote.database.engine import reading, writing
from malote.orders import older_agents, rows
from malote.orders.kinds import OrderKind, Placing
from malote.orders.older_agents import ToldOrders
from malote.orders.rows import StoredOrder
from malote.tills.till import Till, lock

UNUSED_SECONDS = 86_400.0  # that a payload lies without an order that needs it
_MOST_FACTS = 20  # of an order that failed, and the characters of each
_LONGEST_FACT = 300


def place(
    connection: Connection, kind: OrderKind, placings: Sequence[Placing], *, who: str, now: float, asked_at: float = 0.0
) -> list[int]:
    """The ids of the new orders, in the order given, one to a till at most. Open ones of the kind end here.

    Raises ``ValueError`` for a payload beyond ``wire.MAX_PAYLOAD``.
    """
    ids: list[int] = []
    for some in chunks(placings):
        till_ids = [one.till_id for one in some]
        lock(connection, till_ids)
        payloads = _end_open(connection, kind, some, now)
        number = rows.next_number(connection, kind.name, till_ids, now)
        values = [
            {
                "till_id": one.till_id,
                "kind": kind.name,
                "number": one.number or number,
                "payload_sha256": rows.keep_payload(connection, payload, now),
                "asked_by": who,
                "asked_at": asked_at or now,
                "expires_at": one.expires_at,
                "note": one.note,
            }
            for one, payload in zip(some, payloads, strict=True)
        ]
        ids += rows.add(connection, values)
    return ids


def _end_open(connection: Connection, kind: OrderKind, placings: Sequence[Placing], now: float) -> list[str]:
    """Ends what these tills have open of the kind. What each is to be told instead: both, as the kind merges them."""
    held = rows.open_by_till(connection, kind.name, [one.till_id for one in placings])
    payloads = []
    for one in placings:
        before, payload = held.get(one.till_id), one.payload
        if before is not None:
            payload = kind.merged(rows.payload_of(connection, before.payload_sha256), payload)
            rows.end(connection, before.id, "replaced", now)
        payloads.append(payload)
    return payloads


class OrderBook:
    """Safe for threads. Every method raises ``StoreError``."""

    def __init__(
        self,
        engine: Engine,
        kinds: Sequence[OrderKind],
        sign: Callable[[bytes], str],
        clock: Callable[[], float] = time.time,
    ) -> None:
        """``sign``: with the key that tills know, in hex."""
        self._engine = engine
        self._kinds = {kind.name: kind for kind in kinds}
        self._sign = sign
        self._clock = clock

    def due(self, till: Till, contact: wire.Contact) -> ToldOrders:
        """What the till must be told now, once what it said is noted."""
        now = self._clock()
        orders = self._open(till)
        said = {(one.kind, one.number): one for one in older_agents.progress_of(contact, orders)}
        heard = [self._heard(till, one, said.get((one.kind, one.number)), now) for one in orders]
        called = [kind.call(till, contact) for kind in self._kinds.values()]
        if any(called) or any(heard):
            orders = self._open(till)
        told = [
            one for one in orders if one.is_told and one.kind in self._kinds and older_agents.knows(contact, one.kind)
        ]
        return self._told(till, contact, told, now) if told else older_agents.nothing(contact)

    # ---- what tills say ----

    def _open(self, till: Till) -> list[StoredOrder]:
        with reading(self._engine) as connection:
            return rows.open_of(connection, till.id)

    def _heard(self, till: Till, order: StoredOrder, said: wire.OrderProgress | None, now: float) -> bool:
        """Notes what is new of an order. Whether that changed which orders are told."""
        kind = self._kinds.get(order.kind)
        if kind is None:
            return False  # of a newer version, which wrote it
        if order.state == "obeyed":
            finish(self._engine, kind, order, now)
            return False
        if said is None:
            return self._expires(order, now)
        if (
            said.state == "begun"
            and order.begun_at is not None
            and (said.done, said.total) == (order.done, order.total)
        ):
            return False
        with writing(self._engine) as connection:
            if _note(connection, kind, order, said, now):
                kind.heard(connection, till, order, said)
        return True

    def _expires(self, order: StoredOrder, now: float) -> bool:
        if not order.expires_at or now < order.expires_at or order.begun_at is not None:
            return False
        with writing(self._engine) as connection:
            return rows.end(connection, order.id, "expired", now)

    # ---- what tills are told ----

    def _told(self, till: Till, contact: wire.Contact, orders: Sequence[StoredOrder], now: float) -> ToldOrders:
        given = self._signed(till, contact, orders)
        news = [pair for pair in zip(orders, given, strict=True) if pair[0].signature != pair[1].signature]
        # An agent that can't say that it has obeyed is told once.
        mute = contact.orders is None and contact.synchronised is None
        if news:
            with writing(self._engine) as connection:
                for one, order in news:
                    state = "told" if one.state == "placed" else one.state
                    values = {"state": state, "told_at": one.told_at or now, "signature": order.signature}
                    if mute and one.kind == wire.SYNCHRONISE:
                        values |= {"state": "obeyed", "obeyed_at": now}
                    rows.mark(connection, one.id, **values)
        return older_agents.told(till.id, contact, given, self._sign)

    def _signed(self, till: Till, contact: wire.Contact, orders: Sequence[StoredOrder]) -> list[wire.Order]:
        """For this till alone: no other, and no later time, can be given it as an order of the server."""
        given = []
        with reading(self._engine) as connection:
            for one in orders:
                order = wire.Order(one.kind, one.number, one.payload_sha256, "", one.expires_at)
                signature = self._sign(wire.order_statement(till.id, order))
                has_it = contact.orders is not None and one.begun_at is not None and _has(contact.orders, one)
                payload = None if has_it else rows.payload_of(connection, one.payload_sha256)
                given.append(msgspec.structs.replace(order, signature=signature, payload=payload))
        return given


def finish(engine: Engine, kind: OrderKind, order: StoredOrder, now: float) -> StoredOrder:
    """The order with its end noted, where its kind is through with it. Raises ``StoreError``."""
    if order.ended_at is not None:
        return order
    result = kind.result(engine, order, now)
    if result is None:
        return order
    with writing(engine) as connection:
        rows.end(connection, order.id, "done", now, result=result)
    return msgspec.structs.replace(order, state="done", ended_at=now, result=result)


def sweep(engine: Engine, now: float) -> int:
    """Drops what no open order says any more. How many payloads. Raises ``StoreError``."""
    with writing(engine) as connection:
        return rows.sweep(connection, now - UNUSED_SECONDS)


def _has(said: Sequence[wire.OrderProgress], order: StoredOrder) -> bool:
    return any((one.kind, one.number, one.state) == (order.kind, order.number, "begun") for one in said)


def _note(connection: Connection, kind: OrderKind, order: StoredOrder, said: wire.OrderProgress, now: float) -> bool:
    """False where somebody else ended it meanwhile."""
    values: dict[str, Any] = {"done": said.done, "total": said.total, "unit": said.unit[:20]}
    if said.done != order.done or order.begun_at is None:
        values["moved_at"] = now
    match said.state:
        case "begun":
            state = order.state if order.state == "withdrawn" else "begun"
            return rows.mark(connection, order.id, state=state, begun_at=order.begun_at or now, **values)
        case "done" if kind.waits:
            return rows.mark(connection, order.id, state="obeyed", obeyed_at=now, seconds=said.seconds, **values)
        case "done":
            values |= {"obeyed_at": now, "seconds": said.seconds, "result": "{}"}
            return rows.end(connection, order.id, "done", now, **values)
        case "failed":
            code, facts = reason_of(said)
            values |= {"code": code, "facts": facts, "seconds": said.seconds}
            return rows.end(connection, order.id, "failed", now, **values)
    assert_never(said.state)


def reason_of(said: wire.OrderProgress) -> tuple[str, str]:
    """Why an order failed: a code of the catalogue, and its facts as JSON, of bounded size."""
    facts = {name[:40]: value[:_LONGEST_FACT] for name, value in list(said.facts.items())[:_MOST_FACTS]}
    if said.code in rejection.catalogue():
        return said.code, msgspec.json.encode(facts).decode()
    return "unknown_reason", msgspec.json.encode(facts | {"code": said.code[:40]}).decode()
