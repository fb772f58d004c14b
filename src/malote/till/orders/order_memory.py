"""Orders as the outbox keeps them, a fact for each kind; those that an older agent noted otherwise too."""

import msgspec

from malote import wire
from malote.till.orders.handling import KindRecord, OrderRecord
from malote.till.outbox import Outbox

_FACT = "order:"  # and the kind


class _Dealt(msgspec.Struct, frozen=True):
    """What agents before these orders noted of the last one about a structure."""

    order: int
    done: bool = False
    code: str = ""
    facts: dict[str, str] = {}
    seconds: float = 0.0


def recall(outbox: Outbox, kind: str) -> KindRecord:
    """Raises ``OutboxError``."""
    noted = outbox.noted(_FACT + kind)
    if noted is not None:
        try:
            return msgspec.json.decode(noted, type=KindRecord)
        except msgspec.DecodeError:
            return KindRecord()  # another version's
    return _OLDER[kind](outbox) if kind in _OLDER else KindRecord()


def remember(outbox: Outbox, kind: str, record: KindRecord) -> None:
    """Raises ``OutboxError``."""
    outbox.note(_FACT + kind, record)


def forget_numbers(outbox: Outbox, kinds: list[str]) -> None:
    """Orders of a server that is another may have any number; what was refused may come again."""
    for kind in kinds:
        remember(outbox, kind, msgspec.structs.replace(recall(outbox, kind), newest=0, refused=None))


def _older_synchronisation(outbox: Outbox) -> KindRecord:
    noted = outbox.noted("synchronised")
    # Those had any number: it says nothing of what is newer.
    return KindRecord(current=OrderRecord(msgspec.json.decode(noted, type=int), "done")) if noted else KindRecord()


def _older_structure(outbox: Outbox) -> KindRecord:
    dealt, newest = outbox.noted("structure_order"), outbox.noted("structure_newest")
    try:
        one = msgspec.json.decode(dealt, type=_Dealt) if dealt else _Dealt(0)
        number = msgspec.json.decode(newest, type=int) if newest else 0
    except msgspec.DecodeError:
        return KindRecord()
    if not one.order:
        return KindRecord(number)
    state: wire.OrderState = "done" if one.done else "failed"
    last = OrderRecord(one.order, state, code=one.code, facts=one.facts, seconds=one.seconds)
    return KindRecord(number, last)


_OLDER = {wire.SYNCHRONISE: _older_synchronisation, wire.STRUCTURE: _older_structure}
