"""Orders as the outbox keeps them, a fact for each kind; those that an older agent noted otherwise too."""

import msgspec

from malote import wire
from malote.till.orders.handling import Kept, Standing
from malote.till.outbox import Outbox

_FACT = "order:"  # and the kind


class _Dealt(msgspec.Struct, frozen=True):
    """What agents before these orders noted of the last one about a structure."""

    order: int
    done: bool = False
    code: str = ""
    facts: dict[str, str] = {}
    seconds: float = 0.0


def recall(outbox: Outbox, kind: str) -> Kept:
    """Raises ``OutboxError``."""
    noted = outbox.noted(_FACT + kind)
    if noted is not None:
        try:
            return msgspec.json.decode(noted, type=Kept)
        except msgspec.DecodeError:
            return Kept()  # another version's
    return _OLDER[kind](outbox) if kind in _OLDER else Kept()


def remember(outbox: Outbox, kind: str, kept: Kept) -> None:
    """Raises ``OutboxError``."""
    outbox.note(_FACT + kind, kept)


def forget_numbers(outbox: Outbox, kinds: list[str]) -> None:
    """Orders of a server that is another may have any number; what was refused may come again."""
    for kind in kinds:
        remember(outbox, kind, msgspec.structs.replace(recall(outbox, kind), newest=0, refused=None))


def _older_synchronisation(outbox: Outbox) -> Kept:
    noted = outbox.noted("synchronised")
    # Those had any number: it says nothing of what is newer.
    return Kept(standing=Standing(msgspec.json.decode(noted, type=int), "done")) if noted else Kept()


def _older_structure(outbox: Outbox) -> Kept:
    dealt, newest = outbox.noted("structure_order"), outbox.noted("structure_newest")
    try:
        one = msgspec.json.decode(dealt, type=_Dealt) if dealt else _Dealt(0)
        number = msgspec.json.decode(newest, type=int) if newest else 0
    except msgspec.DecodeError:
        return Kept()
    if not one.order:
        return Kept(number)
    state: wire.OrderState = "done" if one.done else "failed"
    standing = Standing(one.order, state, code=one.code, facts=one.facts, seconds=one.seconds)
    return Kept(number, standing)


_OLDER = {wire.SYNCHRONISE: _older_synchronisation, wire.STRUCTURE: _older_structure}
