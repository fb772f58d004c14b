"""Servers without ``wire.Order``: they know two kinds of orders, in fields of their own."""

from collections.abc import Iterator, Sequence

import msgspec

from malote import wire

# What such a server calls them.
_CODES = {
    "order_foreign": "structure_order_foreign",
    "order_old": "structure_order_old",
    "order_tampered": "structure_tampered",
    "order_key_changed": "structure_key_changed",
    "order_broke_off": "structure_broke_off",
}


class Given(msgspec.Struct, frozen=True):
    """An order and what its signature is over. ``numbered``: its number says which of two is newer."""

    order: wire.Order
    statement: bytes
    numbered: bool = True


def orders_of(reply: wire.ContactReply, till: int) -> list[Given]:
    """The reply's orders, whatever the server's age."""
    if reply.orders is not None:
        return [Given(one, wire.order_statement(till, one)) for one in reply.orders]
    return list(_older(reply, till))


def _older(reply: wire.ContactReply, till: int) -> Iterator[Given]:
    if reply.resend:
        # Unsigned, under any number: it is one of those that may be obeyed all the same.
        yield Given(wire.Order(wire.SYNCHRONISE, reply.order, "", "", payload=""), b"", numbered=False)
    if reply.structure is not None:
        old = reply.structure
        order = wire.Order(wire.STRUCTURE, old.number, old.sha256, old.binding, payload=old.structure)
        yield Given(order, wire.structure_statement(till, old))


def synchronised(said: Sequence[wire.OrderProgress]) -> int:
    """The synchronisation obeyed last, 0 for none, for such a server."""
    done = [one.number for one in said if one.kind == wire.SYNCHRONISE and one.state == "done"]
    return done[-1] if done else 0


def structure(said: Sequence[wire.OrderProgress]) -> wire.OrderProgress | None:
    """The last order about a structure, likewise."""
    found = next((one for one in reversed(said) if one.kind == wire.STRUCTURE), None)
    return found and msgspec.structs.replace(found, code=_CODES.get(found.code, found.code))
