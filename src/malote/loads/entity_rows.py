"""Entities and their states in the store database. Each function works in the caller's transaction."""

from collections.abc import Iterable, Sequence

import msgspec
from sqlalchemy import Connection, func, insert, select, update

from malote.database.load_tables import load_entity, load_hold, load_state, load_version
from malote.load_format.entity import Entity
from malote.load_format.wire import EntityState
from malote.loads import watermarks
from malote.loads.watermarks import Watermark


class StoredEntity(msgspec.Struct, frozen=True):
    """An entity in force, with its newest state. ``since`` is where its changes were read up to; None: nowhere."""

    id: int
    entity: Entity
    since: Watermark | None
    looked_at: float | None
    compared_at: float | None
    state: EntityState

    @property
    def name(self) -> str:
        return self.entity.name


_NOTHING = EntityState(0, 0, "")


def in_force(connection: Connection) -> dict[str, StoredEntity]:
    """By name."""
    found = {}
    for row in connection.execute(select(load_entity).where(load_entity.c.version_to.is_(None))).all():
        entity = msgspec.json.decode(row.declaration, type=Entity)
        state = _state(connection, row.id, None) or _NOTHING
        found[row.name] = StoredEntity(
            row.id, entity, watermarks.read(row.watermark), row.looked_at, row.compared_at, state
        )
    return found


def newest_version(connection: Connection) -> int:
    """0: there is none yet."""
    return connection.execute(select(func.max(load_version.c.id))).scalar_one() or 0


def version_made_by(connection: Connection, moment: float) -> int:
    """The newest at that moment; 0: there was none."""
    query = select(func.max(load_version.c.id)).where(load_version.c.made_at <= moment)
    return connection.execute(query).scalar_one() or 0


def last_addition(connection: Connection, entity_id: int, after: int) -> int | None:
    """The newest version since that brought new rows of an entity."""
    mine = (load_state.c.entity_id == entity_id) & (load_state.c.version > after) & (load_state.c.added > 0)
    newest: int | None = connection.execute(select(func.max(load_state.c.version)).where(mine)).scalar_one()
    return newest


def is_emergency(connection: Connection, after: int) -> bool:
    """Whether a version since is one."""
    newer = (load_version.c.id > after) & load_version.c.emergency
    return bool(connection.execute(select(func.count()).where(newer)).scalar_one())


def states_at(connection: Connection, version: int) -> dict[str, tuple[int, EntityState]]:
    """Of each entity that there was then: its id, and its state."""
    there = load_entity.c.version_to.is_(None) | (load_entity.c.version_to > version)
    found = {}
    for row in connection.execute(select(load_entity.c.id, load_entity.c.name).where(there)).all():
        state = _state(connection, row.id, version)
        if state is not None:
            found[row.name] = (row.id, state)
    return found


def _state(connection: Connection, entity_id: int, version: int | None) -> EntityState | None:
    """At a version, or now: one look into an index, however many versions there were."""
    query = (
        select(load_state.c.version, load_state.c.rows, load_state.c.sha256)
        .where(load_state.c.entity_id == entity_id)
        .order_by(load_state.c.version.desc())
        .limit(1)
    )
    if version is not None:
        query = query.where(load_state.c.version <= version)
    row = connection.execute(query).one_or_none()
    return None if row is None else EntityState(row.version, row.rows, row.sha256)


def state_of(connection: Connection, name: str, version: int) -> tuple[int, EntityState] | None:
    """Of one entity, under whatever declaration it had then."""
    query = (
        select(load_entity.c.id, load_state.c.version, load_state.c.rows, load_state.c.sha256)
        .join(load_state, load_state.c.entity_id == load_entity.c.id)
        .where(load_entity.c.name == name, load_state.c.version <= version)
        .order_by(load_state.c.version.desc())
        .limit(1)
    )
    row = connection.execute(query).one_or_none()
    return None if row is None else (row.id, EntityState(row.version, row.rows, row.sha256))


def rows_at(connection: Connection, entity_id: int, version: int) -> int:
    """How many rows an entity of this declaration has at a version that changed it."""
    mine = (load_state.c.entity_id == entity_id) & (load_state.c.version == version)
    return int(connection.execute(select(load_state.c.rows).where(mine)).scalar_one())


def entity_of(connection: Connection, entity_id: int) -> Entity:
    query = select(load_entity.c.declaration).where(load_entity.c.id == entity_id)
    return msgspec.json.decode(connection.execute(query).scalar_one(), type=Entity)


def waiting(connection: Connection, since: float) -> set[str]:
    """Entities that wait for a person, or couldn't be read, as was seen since: nobody looks at them all the time."""
    seen = (load_hold.c.seen_at >= since) & (load_hold.c.confirmed_by == "")
    return set(connection.scalars(select(load_hold.c.entity).where(seen)))


def confirmed(connection: Connection) -> dict[str, str]:
    """Entities that a person let through and that no load was made of since, with the reason for which they waited."""
    found = select(load_hold.c.entity, load_hold.c.code).where(load_hold.c.confirmed_by != "")
    return {row.entity: row.code for row in connection.execute(found)}


def add(connection: Connection, entity: Entity) -> int:
    """Its id."""
    values = {"name": entity.name, "declaration": entity.declaration.decode(), "watermark": ""}
    return int(connection.execute(insert(load_entity).values(values).returning(load_entity.c.id)).scalar_one())


def note_looked(connection: Connection, entity_id: int, since: Watermark | None, now: float, *, whole: bool) -> None:
    """That the ERP was asked, and up to which change."""
    values: dict[str, str | float] = {"looked_at": now}
    if since is not None:
        values["watermark"] = watermarks.written(since)
    if whole:
        values["compared_at"] = now
    connection.execute(update(load_entity).where(load_entity.c.id == entity_id).values(values))


def lock(connection: Connection, ids: Iterable[int]) -> None:
    """For this transaction alone."""
    wanted: Sequence[int] = sorted(ids)
    connection.execute(select(load_entity.c.id).where(load_entity.c.id.in_(wanted)).with_for_update()).all()
