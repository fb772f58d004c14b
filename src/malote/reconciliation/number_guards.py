"""Whether the ledger still guards the number of what was booked: a second key of it would else be booked unnoticed.

A number's row may rightly name another sale, which came first or took this one's place, or a void. One that is gone, is
damaged, or names what was never booked has lost its number. And where it names another sale that counts as well, while
nobody was ever told of the two, one sale may be booked twice.
"""

from collections.abc import Mapping, Sequence

import msgspec
from sqlalchemy import Connection, Engine, select

from malote.database.chunks import chunks
from malote.database.engine import reading
from malote.database.quarantine_tables import document_event
from malote.database.tables import document as documents
from malote.erp import number_guard, numbers
from malote.erp.numbers import UNREADABLE, VOIDED
from malote.fiscal.access_key import is_well_formed, split
from malote.fiscal.documents import NumberVoid
from malote.reconciliation.departing import Contents
from malote.reconciliation.erp_differences import Booked, ErpDifference, ErpWitness
from malote.spool import number_rivals

FIELD = "ledger.number"
_TOLD = "number_twice"

Entries = Mapping[str, bytes]


class _Held(msgspec.Struct, frozen=True):
    """A booked document and who holds one of its numbers instead."""

    booked: Booked
    holder: str


def identities(booked: Sequence[Booked], contents: Contents) -> list[str]:
    """What of the ledger must be read besides: the numbers' rows, and that there is a guard."""
    return [number_guard.DONE, *(number for one in booked for number in _numbers(one, contents))]


def with_lost_guards(
    engine: Engine,
    erp: ErpWitness,
    booked: Sequence[Booked],
    contents: Contents,
    entries: Entries,
    found: Sequence[ErpDifference],
) -> list[ErpDifference]:
    """``found``, and the numbers that are guarded no more of documents of which nothing was found. ``entries``: what
    the ledger has. Raises ``StoreError`` and what the ERP raises."""
    if number_guard.DONE not in entries:
        return list(found)  # the next poster makes it
    told = {one.booked.id for one in found}
    lost: dict[int, ErpDifference] = {}
    others: list[_Held] = []
    for one in booked:
        for number in _numbers(one, contents) if one.id not in told else ():
            holder = numbers.holder_of(number, entries[number]) if number in entries else UNREADABLE
            if holder == UNREADABLE:
                lost[one.id] = _unguarded(one)
            elif holder != (VOIDED if one.kind == "number_void" else one.access_key):
                others.append(_Held(one, holder))
    more = _of_others(engine, erp, [one for one in others if one.booked.id not in lost]) if others else {}
    return [*found, *lost.values(), *more.values()]


def _numbers(one: Booked, contents: Contents) -> Sequence[str]:
    if one.kind == "sale":
        return [number] if (number := numbers.identity_of(one.access_key)) else []
    own = [each.document for each in contents.get(one.void, ())] if one.kind == "number_void" else []
    return numbers.identities_of(own[0]) if own and isinstance(own[0], NumberVoid) else []


def _unguarded(one: Booked) -> ErpDifference:
    return ErpDifference(one, "unguarded", one.total if one.kind == "sale" else None, FIELD)


def _of_others(engine: Engine, erp: ErpWitness, held: Sequence[_Held]) -> dict[int, ErpDifference]:
    keys = sorted({one.holder for one in held} - {VOIDED})
    known = erp.ledger(keys) if keys else {}
    sales = [one for one in held if one.booked.kind == "sale" and not one.booked.cancelled]
    lost = [one.booked for one in held if one.holder != VOIDED and one.holder not in known]
    with reading(engine) as connection:
        void = _void(connection, [one.booked for one in sales if one.holder == VOIDED])
        lost += [one.booked for one in sales if one.holder == VOIDED and one.booked.id not in void]
        untold = _untold(connection, [one for one in sales if one.holder in known])
    counting = {row.access_key for row in erp.sales([one.holder for one in untold]) if not row.cancelled}
    twice = [one for one in untold if one.holder in counting]
    return {one.id: _unguarded(one) for one in lost} | {
        one.booked.id: ErpDifference(one.booked, "twice", one.booked.total, one.holder) for one in twice
    }


def _void(connection: Connection, sales: Sequence[Booked]) -> set[int]:
    """Those whose number is void as far as this store knows."""
    parts = {one.id: split(one.access_key) for one in sales if is_well_formed(one.access_key)}
    named = {place: (each.issuer, each.model, each.series, each.number) for place, each in parts.items()}
    void = number_rivals.voided(connection, set(named.values()))
    return {place for place, number in named.items() if number in void}


def _untold(connection: Connection, held: Sequence[_Held]) -> list[_Held]:
    """Those of which nobody was ever told that two sales have the number, by a document of either."""
    keys = sorted({key for one in held for key in (one.booked.access_key, one.holder)})
    told: set[str] = set()
    for some in chunks(keys):
        event = document_event.c
        query = select(documents.c.access_key).join(document_event, event.document_id == documents.c.id)
        told |= set(
            connection.scalars(
                query.where(documents.c.access_key.in_(some), event.what == "flagged", event.code == _TOLD)
            )
        )
    return [one for one in held if not {one.booked.access_key, one.holder} & told]
