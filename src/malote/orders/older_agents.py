"""Agents without ``wire.Order``: they know two kinds of orders, and say in fields of their own what came of them."""

from collections.abc import Callable, Iterator, Sequence

import msgspec

from malote import wire
from malote.orders.rows import StoredOrder


class ToldOrders(msgspec.Struct, frozen=True):
    """What a contact's reply tells of orders: ``orders``, or to an older agent what follows."""

    orders: list[wire.Order] | None = None
    synchronise: int = 0  # which synchronisation; 0: none
    structure: wire.StructureOrder | None = None


class _Versioned(msgspec.Struct, frozen=True):
    version: int = 0


def knows(contact: wire.Contact, kind: str) -> bool:
    """Whether the agent can be told of such an order at all."""
    if contact.orders is not None or kind == wire.SYNCHRONISE:
        return True
    return kind == wire.STRUCTURE and contact.structure is not None


def progress_of(contact: wire.Contact, orders: Sequence[StoredOrder]) -> list[wire.OrderProgress]:
    """What the till says of these orders."""
    return contact.orders if contact.orders is not None else list(_said(contact, orders))


def _said(contact: wire.Contact, orders: Sequence[StoredOrder]) -> Iterator[wire.OrderProgress]:
    structure = contact.structure
    for one in orders:
        if one.kind == wire.SYNCHRONISE and contact.synchronised == one.number:
            yield wire.OrderProgress(one.kind, one.number, "done")
        elif one.kind == wire.STRUCTURE and structure is not None and structure.order == one.number:
            state: wire.OrderState = "done" if structure.done else "failed"
            code, facts, seconds = structure.code, structure.facts, structure.seconds
            yield wire.OrderProgress(one.kind, one.number, state, code=code, facts=facts, seconds=seconds)


def nothing(contact: wire.Contact) -> ToldOrders:
    return ToldOrders(None if contact.orders is None else [])


def told(till_id: int, contact: wire.Contact, orders: Sequence[wire.Order], sign: Callable[[bytes], str]) -> ToldOrders:
    """``sign``: with the key that tills know, in hex."""
    if contact.orders is not None:
        return ToldOrders(list(orders))
    synchronise = next((one.number for one in orders if one.kind == wire.SYNCHRONISE), 0)
    structure = next((_structure(till_id, one, sign) for one in orders if one.kind == wire.STRUCTURE), None)
    return ToldOrders(None, synchronise, structure)


def _structure(till_id: int, order: wire.Order, sign: Callable[[bytes], str]) -> wire.StructureOrder:
    text = order.payload or ""
    version = msgspec.json.decode(text, type=_Versioned).version
    given = wire.StructureOrder(order.number, text, order.sha256, sign(text.encode()), version)
    return msgspec.structs.replace(given, binding=sign(wire.structure_statement(till_id, given)))
