"""What an entity that waits for a person would become: how much of it, and the rows that a person looks at first."""

import heapq
from collections.abc import Iterator
from decimal import Decimal
from itertools import islice
from typing import Any

import msgspec
from sqlalchemy import Connection, Engine, select, update

from malote.accounts import audit
from malote.accounts.audit import Actor
from malote.batches import batches
from malote.database.engine import reading
from malote.database.load_tables import load_hold
from malote.load_format.entity import Entity
from malote.loads import published_rows
from malote.loads.comparing import Counts, Difference
from malote.loads.limits import UNREADABLE, EntityHold
from malote.loads.load_reports import RowDifference
from malote.loads.versions import EntityChange, LoadError

SHOWN = 20  # rows
_MOST_WEIGHED = 20_000  # differences among which those are chosen
_AT_ONCE = 500


class HeldChanges(msgspec.Struct, frozen=True):
    """As the ERP has it at ``read_at``. ``code`` and ``facts``: why it would be held; "": it no longer would.
    ``rows``: the largest changes of a price first, else by key; without what is personal."""

    read_at: float
    code: str
    facts: dict[str, str]
    counts: Counts | None  # None: it can't be read
    rows: list[RowDifference]


def found(engine: Engine, change: EntityChange | EntityHold, now: float) -> HeldChanges:
    """Raises ``StoreError``."""
    if isinstance(change, EntityHold):
        return HeldChanges(now, change.code, change.facts, None, [])
    code, facts = (change.hold.code, change.hold.facts) if change.hold else ("", {})
    weighed = islice(change.comparison.differences(), _MOST_WEIGHED)
    rows = heapq.nlargest(SHOWN, _rows(engine, change, weighed), key=_weight)
    return HeldChanges(now, code, facts, change.comparison.judged(), rows)


def _rows(engine: Engine, change: EntityChange, differences: Iterator[Difference]) -> Iterator[RowDifference]:
    entity = change.comparison.loaded.entity
    for some in batches(differences, _AT_ONCE):
        before = {}
        if change.before is not None:
            with reading(engine) as connection:
                keys = [one.erp_key or one.key for one in some]
                before = published_rows.there(connection, change.before.id, change.before.state.version, keys)
        for one in some:
            old = before[key].content if (key := one.erp_key or one.key) in before else None
            yield _difference(entity, one, old)


def _difference(entity: Entity, one: Difference, old: bytes | None) -> RowDifference:
    sides = [
        (entity, published_rows.decoded(content)) if content is not None else None for content in (old, one.content)
    ]
    key = msgspec.json.decode(one.key)
    columns = (entity.columns[place] for place in entity.key_places)
    shown = ["•••" if one.personal else one.told(value) for one, value in zip(columns, key, strict=True)]
    return RowDifference(entity.name, shown, *published_rows.both_shown(sides[0], sides[1]), one.put_off_to)


def _weight(row: RowDifference) -> Decimal:
    """How far a price moves, as a share of what it was; a row that comes, or has no price, comes last."""
    if row.before is None:
        return Decimal(-1)
    old, new = (side.get("price") if side else None for side in (row.before, row.after))
    if not isinstance(old, str) or not isinstance(new, str):
        return Decimal(0)
    return abs(Decimal(new) - Decimal(old)) / max(Decimal(old), Decimal("0.01"))


def held(connection: Connection, entity: str) -> Any:
    """What a person decides on. Raises ``LoadError`` ``load_not_held``; of what can't be read there is nothing."""
    held = connection.execute(select(load_hold).where(load_hold.c.entity == entity)).one_or_none()
    if held is None or held.code == UNREADABLE:
        raise LoadError("load_not_held", entity=entity)
    return held


def decide(connection: Connection, held: Any, actor: Actor, action: str, reason: str, now: float) -> None:
    """Writes down what a person said of what is held."""
    confirmed_by = actor.name if action == "load_confirmed" else ""
    connection.execute(update(load_hold).where(load_hold.c.entity == held.entity).values(confirmed_by=confirmed_by))
    facts: dict[str, str | int] = {"code": held.code, "gone": held.gone, "changed": held.changed}
    audit.record(connection, actor, action, f"entity:{held.entity}", after=facts, reason=reason, now=now)
