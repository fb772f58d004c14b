"""How it stands with the loads: per entity, per till, and per till and entity. Costs a few questions for all tills."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, func, select, union

from malote.database.load_tables import load_entity, load_file, load_hold, load_refusal, load_version
from malote.database.order_tables import till_order
from malote.load_format.entity import Entity
from malote.load_format.wire import LOAD
from malote.loads import back_rows, entity_rows, rises_put_off, shelf_first, tills_held
from malote.loads.back_rows import Back
from malote.loads.declarations import Loaded
from malote.loads.entity_rows import StoredEntity
from malote.loads.load_reports import EntityStatus, Going, Refusal, TillEntity, TillLoad, TillLoadState
from malote.loads.price_history import spelt
from malote.loads.spared_rows import values_of
from malote.loads.tills_held import Held
from malote.loads.versions import LoadError
from malote.orders import rows
from malote.orders.rows import StoredOrder
from malote.tills.till import Till, ids_of, last_contacts

_facts = msgspec.json.Decoder(dict[str, str])


def entities(connection: Connection, now: float) -> list[EntityStatus]:
    """By name; also those that nothing was ever loaded of, for what keeps them."""
    known = entity_rows.in_force(connection)
    holds = {row.entity: row for row in connection.execute(select(load_hold))}
    refused: dict[str, int] = {
        row.entity: row.many
        for row in connection.execute(
            select(load_refusal.c.entity, func.count().label("many")).group_by(load_refusal.c.entity)
        )
    }
    made = _made_at(connection, [one.state.version for one in known.values()])
    found = [_entity(name, known.get(name), holds.get(name), refused, made) for name in sorted({*known, *holds})]
    return [_with_put_off(connection, one, known, now) for one in found]


def _with_put_off(
    connection: Connection, one: EntityStatus, known: Mapping[str, StoredEntity], now: float
) -> EntityStatus:
    if one.entity != shelf_first.ENTITY or one.entity not in known:
        return one
    count, first = rises_put_off.waiting(connection, known[one.entity].id, spelt(now))
    return msgspec.structs.replace(one, put_off=count, put_off_to=first)


def expect(connection: Connection, entity: str | None) -> None:
    """Raises ``LoadError`` ``load_entity_unknown``: of a name that nothing has, nothing is said to be well."""
    if entity is None:
        return
    known = set(connection.scalars(union(select(load_entity.c.name), select(load_hold.c.entity))))
    if entity not in known:
        raise LoadError("load_entity_unknown", entity=entity, known=", ".join(sorted(known)))


def refusals(connection: Connection, entity: str | None, limit: int, declared: Mapping[str, Loaded]) -> list[Refusal]:
    """Of an entity, or of all, the newest first. ``declared``: as the profile has them now."""
    query = select(load_refusal).order_by(load_refusal.c.since.desc(), load_refusal.c.entity, load_refusal.c.key)
    if entity is not None:
        query = query.where(load_refusal.c.entity == entity)
    known = [
        {name: one.entity for name, one in declared.items()},
        {name: one.entity for name, one in entity_rows.in_force(connection).items()},
    ]
    return [
        Refusal(
            row.entity,
            _key_shown([names[row.entity] for names in known if row.entity in names], bytes(row.key)),
            row.code,
            _facts.decode(row.facts),
            row.since,
        )
        for row in connection.execute(query.limit(limit))
    ]


def _key_shown(declared: Sequence[Entity], key: bytes) -> str:
    """Masked where nobody knows what it says, or one of the declarations that it may go by has a person in it."""
    columns = [[one.columns[place] for place in one.key_places] for one in declared]
    if not columns or key[:1] != b"[" or any(column.personal for some in columns for column in some):
        return "•••"
    told = (column.told(value) for column, value in zip(columns[0], values_of(key), strict=False))
    return ", ".join(str(one) for one in told if one is not None and one != "")


def tills(connection: Connection, listed: Sequence[Till], now: float, stalled_seconds: float) -> list[TillLoad]:
    """In the order given."""
    ids = [one.id for one in listed]
    held = tills_held.newest(connection, ids)
    orders = _last_orders(connection, ids)
    known = entity_rows.in_force(connection)
    newest = {name: one.state.version for name, one in sorted(known.items()) if one.state.version}
    heard = last_contacts(connection)
    kept = back_rows.in_force(connection, now)
    wanted = {till_id: _kept_versions(connection, back) for till_id, back in kept.items()}
    return [
        TillLoad(one.name, "unable", contact_at=heard.get(one.id))
        if (has := held.get(one.id)) is None
        else _till(
            one,
            has,
            orders.get(one.id),
            wanted.get(one.id, newest),
            kept.get(one.id),
            heard.get(one.id),
            now,
            stalled_seconds,
        )
        for one in listed
    ]


def entities_of(connection: Connection, till: Till) -> list[TillEntity]:
    """Each entity at one till."""
    held = tills_held.newest(connection, [till.id]).get(till.id)
    found = []
    for name, one in sorted(entity_rows.in_force(connection).items()):
        version = held.version_of(name) if held is not None else 0
        state = entity_rows.state_of(connection, name, version) if version else None
        size = (
            select(load_file.c.bytes)
            .where(load_file.c.entity_id == one.id, load_file.c.mode == "whole")
            .order_by(load_file.c.version.desc())
            .limit(1)
        )
        found.append(
            TillEntity(
                name,
                state[1].version if state else 0,
                one.state.version,
                state[1].rows if state else 0,
                held.applied_at if held is not None and state else None,
                connection.execute(size).scalar_one_or_none(),
            )
        )
    return found


def _entity(
    name: str, known: StoredEntity | None, hold: Any, refused: Mapping[str, int], made: Mapping[int, float]
) -> EntityStatus:
    return EntityStatus(
        name,
        known.state.version if known else 0,
        known.state.rows if known else 0,
        made.get(known.state.version) if known else None,
        known.looked_at if known else None,
        known.compared_at if known else None,
        refused.get(name, 0),
        hold.code if hold else "",
        _facts.decode(hold.facts) if hold else {},
        hold.since if hold else None,
        hold.confirmed_by if hold else "",
        is_final=bool(hold and hold.is_final),
    )


def _till(
    till: Till,
    held: Held,
    order: StoredOrder | None,
    wanted: Mapping[str, int],
    back: Back | None,
    contact_at: float | None,
    now: float,
    stalled_seconds: float,
) -> TillLoad:
    """``wanted``: the version of each entity that the till should have."""
    has = {name: held.others.get(name, held.version) for name in wanted}
    missing = [name for name, version in wanted.items() if has[name] != version and (back or has[name] < version)]
    going = _going(order, now, stalled_seconds) if order is not None and order.ended_at is None else None
    failed = order if order is not None and order.state == "failed" else None
    return TillLoad(
        till.name,
        _state(held, missing, going, failed, back),
        held.version,
        held.applied_at if held.version else None,
        missing,
        held.differing,
        held.rolled_back_from,
        going,
        failed.code if failed else "",
        _facts.decode(failed.facts) if failed else {},
        failed.ended_at if failed else None,
        contact_at,
        back.shown if back is not None else None,
    )


def _state(
    held: Held, missing: list[str], going: Going | None, failed: StoredOrder | None, back: Back | None
) -> TillLoadState:
    if not missing and not held.differing:
        return "back" if back is not None else "current"
    if going is not None:
        return "loading" if going.state == "begun" else "behind"
    if failed is not None:
        return "failed"
    return "behind" if held.version else "none"


def _kept_versions(connection: Connection, back: Back) -> dict[str, int]:
    """Of what is known here: what isn't, no order can ask for."""
    states = back_rows.order_of(connection, back, back.back_from).entities
    return {name: back.version_of(name) for name in states}


def _going(order: StoredOrder, now: float, stalled_seconds: float) -> Going:
    took = (order.moved_at or now) - (order.begun_at or now)
    rate = order.done / took if order.done and took > 0 else None
    left = (order.total - order.done) / rate if rate and order.total else None
    stalled = order.moved_at is not None and now - order.moved_at > stalled_seconds
    return Going(
        int(order.number),
        order.state,
        order.asked_by,
        order.asked_at,
        order.done,
        order.total,
        order.unit,
        rate,
        left,
        order.moved_at if stalled else None,
    )


def _last_orders(connection: Connection, till_ids: Sequence[int]) -> dict[int, StoredOrder]:
    each, wanted = till_order.alias(), ids_of(till_ids)
    mine = (each.c.till_id == wanted.c.id) & (each.c.kind == LOAD)
    last = select(func.max(each.c.number)).where(mine).scalar_subquery()
    query = (
        select(*rows.COLUMNS)
        .select_from(till_order)
        .join(wanted, (till_order.c.till_id == wanted.c.id) & (till_order.c.number == last))
        .where(till_order.c.kind == LOAD)
    )
    return {row.till_id: rows.stored(row) for row in connection.execute(query)}


def _made_at(connection: Connection, versions: Sequence[int]) -> dict[int, float]:
    query = select(load_version.c.id, load_version.c.made_at).where(load_version.c.id.in_(versions))
    return {row.id: row.made_at for row in connection.execute(query)}
