"""Tills that are kept at an earlier load: rows, and how they change. Each function works in the caller's transaction.

A row stands until a person releases the till, another takes its place, or its time has come. What the till reports of
a step back that a person did there becomes a row as well, once: it is known by when the till did it.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Connection, func, or_, select, update

from malote.database.chunks import chunks
from malote.database.errors import StoreError
from malote.database.load_tables import load_back, load_till
from malote.database.upserting import insert_into
from malote.load_format.wire import LoadOrder
from malote.loads import entity_rows, tills_held
from malote.loads.load_reports import KeptBack
from malote.loads.tills_held import Held
from malote.wire import LoadsHeld

_encode = msgspec.json.Encoder(order="sorted")


class Back(msgspec.Struct, frozen=True):
    """``version``, ``others``: what the till is kept at, as ``Held`` has them. ``back_from``: what isn't wanted there.
    ``asked_by`` "": whoever was there. ``till_at``: when a person did it there, by the till's clock; 0: as ordered."""

    id: int
    till_id: int
    version: int
    others: dict[str, int]
    back_from: int
    asked_by: str
    reason: str
    asked_at: float
    until: float | None
    till_at: int
    released_at: float | None

    @property
    def shown(self) -> KeptBack:
        return KeptBack(self.version, self.back_from, self.asked_by, self.reason, self.asked_at, self.until)

    def version_of(self, entity: str) -> int:
        return self.others.get(entity, self.version)


def in_force(connection: Connection, now: float) -> dict[int, Back]:
    """By till. Costs what there is of them, whatever the history."""
    return {row.till_id: _back(row) for row in connection.execute(select(load_back).where(_stands(now)))}


def of(connection: Connection, till_id: int, now: float) -> Back | None:
    row = connection.execute(select(load_back).where(load_back.c.till_id == till_id, _stands(now))).one_or_none()
    return None if row is None else _back(row)


def earlier(connection: Connection, held: Held, most: int) -> list[Held]:
    """The loads that the till had before the one that it has, as far as they are known here: the latest first, each
    version once. None of those in which it had some rows given alone: no order can bring these back."""
    query = (
        select(load_till.c.version, load_till.c.others, load_till.c.applied_at, load_till.c.chosen)
        .where(load_till.c.till_id == held.till_id, load_till.c.version < held.version, load_till.c.version > 0)
        .order_by(load_till.c.id.desc())
        .limit(most * 4)  # a row for each change: of a load that came in parts there are some
    )
    found: dict[int, Held] = {}
    for row in connection.execute(query):
        values = {name: msgspec.json.decode(getattr(row, name)) for name in ("others", "chosen")}
        values |= {"version": row.version, "applied_at": row.applied_at}
        found.setdefault(row.version, msgspec.structs.replace(held, **values))
    return [one for one in found.values() if not tills_held.chosen_of(one.chosen, one.version)][:most]


def order_of(connection: Connection, back: Back | Held, back_from: int) -> LoadOrder:
    """That asks for all that the till is kept at, as far as this database knows it."""
    names = {*entity_rows.states_at(connection, back.version), *back.others}
    found = {name: entity_rows.state_of(connection, name, back.version_of(name)) for name in sorted(names)}
    states = {name: one[1] for name, one in found.items() if one is not None}
    return LoadOrder(back.version, states, back_from=back_from)


def place(
    connection: Connection,
    held: Held,
    back_from: int,
    *,
    who: str,
    reason: str,
    now: float,
    until: float | None = None,
    till_at: int = 0,
) -> Back:
    """Keeps the till at what ``held`` says. One that stood before ends here. Raises ``StoreError`` where another
    transaction keeps the till at the same moment: it is worth a second try."""
    release(connection, [held.till_id], who, now)
    values = {
        "till_id": held.till_id,
        "version": held.version,
        "others": _encode.encode(held.others).decode(),
        "back_from": back_from,
        "asked_by": who,
        "reason": reason,
        "asked_at": now,
        "until": until,
        "till_at": till_at,
        "released_by": "",
    }
    statement = insert_into(connection, load_back).values(values).on_conflict_do_nothing().returning(*load_back.c)
    row = connection.execute(statement).one_or_none()
    if row is None:  # PostgreSQL alone has two writers: the other one's row wasn't there to be ended
        raise StoreError("store_away", detail="the till is being kept at a load by another")
    return _back(row)


def release(connection: Connection, till_ids: Sequence[int], who: str, now: float) -> None:
    for some in chunks(till_ids):
        mine = load_back.c.till_id.in_(some) & load_back.c.released_at.is_(None)
        connection.execute(update(load_back).where(mine).values(released_at=now, released_by=who))


def hear(connection: Connection, held: Held, said: LoadsHeld, now: float) -> Back | None:
    """What a till says of a step back that was done there: the row that it becomes, where nobody knew of it."""
    if not said.rolled_back_from or said.rolled_back_by or not said.version:
        return None
    newest = select(load_back).where(load_back.c.till_id == held.till_id).order_by(load_back.c.id.desc()).limit(1)
    row = connection.execute(newest).one_or_none()
    if row is not None and row.version == said.version and (row.till_at == said.applied_at or _is_open(row, now)):
        connection.execute(update(load_back).where(load_back.c.id == row.id).values(till_at=said.applied_at))
        return None
    return place(connection, held, said.rolled_back_from, who="", reason="", now=now, till_at=said.applied_at)


def oldest_needed(connection: Connection, now: float) -> int | None:
    """The oldest version that a till is kept at: its rows aren't forgotten meanwhile."""
    kept = [one for back in in_force(connection, now).values() for one in (back.version, *back.others.values()) if one]
    return min(kept, default=None)


def open_count(connection: Connection) -> tuple[Any, ...]:
    """What changes with every row that comes or is released."""
    stands = load_back.c.released_at.is_(None)
    return tuple(connection.execute(select(func.count(), func.max(load_back.c.id)).where(stands)).one())


def _stands(now: float) -> ColumnElement[bool]:
    return load_back.c.released_at.is_(None) & or_(load_back.c.until.is_(None), load_back.c.until > now)


def _is_open(row: Any, now: float) -> bool:
    return row.released_at is None and (row.until is None or row.until > now)


def _back(row: Any) -> Back:
    values: Mapping[str, Any] = {name: getattr(row, name) for name in Back.__struct_fields__}
    return Back(**{**values, "others": msgspec.json.decode(row.others)})
