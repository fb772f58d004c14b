"""Two events of one product that overlap: which of them stays out until a person has parted them at the ERP.

A price without an end is the usual one, and an event may begin within it. An event is one that ends: nothing may begin
before it has. Of two promotions for the same quantity no moment may be both's. What is over by now is no conflict.
"""

from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Any

import msgspec

from malote.load_format.entity import ALWAYS, Entity, Row

# Of which entities, and what must be equal for two rows to stand in each other's way.
_ALIKE = {"price": ("product_code", "unit", "region"), "promotion": ("product_code", "from_quantity")}
_FIRST, _LAST = "", "~"  # before and after all instants as rows have them


class DatedRow(msgspec.Struct, frozen=True):
    """``is_new``: it came with this look at the ERP, so that it may stay out."""

    key: bytes
    row: Row
    is_new: bool


class EventConflict(msgspec.Struct, frozen=True):
    """``key``: of the row that stays out."""

    key: bytes
    facts: dict[str, str]


def is_of_events(entity: Entity) -> bool:
    return entity.name in _ALIKE


def may_conflict(entity: Entity, row: Row) -> bool:
    """Whether a new row of this kind can stand in another's way: most are prices without beginning or end."""
    values = _by_name(entity, row)
    return entity.name == "promotion" or values["valid_until"] is not None or values["valid_from"] != ALWAYS


def conflicts(entity: Entity, rows: Iterable[DatedRow], now: str) -> Iterator[EventConflict]:
    """``now``: as rows have instants."""
    events = [_Event.of(entity, one) for one in rows]
    for _, some in groupby(sorted(events, key=lambda one: (one.alike, one.begins, one.key)), key=lambda one: one.alike):
        yield from _among(entity, list(some), now)


class _Event(msgspec.Struct, frozen=True):
    alike: str
    begins: str
    ends: str
    key: bytes
    is_new: bool
    told: str

    @classmethod
    def of(cls, entity: Entity, one: DatedRow) -> "_Event":
        values = _by_name(entity, one.row)
        begins, ends = values["valid_from"] or _FIRST, values["valid_until"] or _LAST
        alike = "\0".join(str(values[name]) for name in _ALIKE[entity.name])
        name = f"{values['code']}: " if "code" in values else ""
        told = f"{name}{begins if begins > ALWAYS else '…'} – {values['valid_until'] or '…'}"
        return cls(alike, begins, ends, one.key, one.is_new, told)


def _among(entity: Entity, events: list[_Event], now: str) -> Iterator[EventConflict]:
    """By their beginnings; one that stays out stands in nobody's way any more."""
    staying: list[_Event] = []
    for one in events:
        other = next((before for before in staying if _collide(entity, before, one, now)), None)
        if other is None or not (one.is_new or other.is_new):
            staying.append(one)
            continue
        out, kept = (one, other) if one.is_new else (other, one)
        if out is other:
            staying.remove(other)
            staying.append(one)
        product = out.alike.partition("\0")[0]
        facts = {"entity": entity.name, "product": product, "event": out.told, "other": kept.told}
        yield EventConflict(out.key, facts)


def _collide(entity: Entity, before: _Event, one: _Event, now: str) -> bool:
    is_event = before.ends != _LAST or entity.name == "promotion"
    return is_event and one.begins < before.ends and min(before.ends, one.ends) > now


def _by_name(entity: Entity, row: Row) -> dict[str, Any]:
    return dict(zip((column.name for column in entity.columns), row, strict=True))
