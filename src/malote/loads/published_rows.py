"""The rows of a version, and what changed between two: as they are published, and as people ask for them."""

from collections.abc import Collection, Iterator, Sequence
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Connection, Engine, func, or_, select

from malote.batches import batches
from malote.database.chunks import CHUNK, chunks
from malote.database.engine import reading
from malote.database.load_tables import load_row
from malote.load_format.entity import Entity, Row, Value
from malote.load_format.wire import EntityState
from malote.loads import entity_rows
from malote.loads.entity_rows import StoredEntity
from malote.loads.load_reports import RowDifference

PAGE = 2000  # rows in memory
CHANGED = "••• ≠"  # in the place of a personal value that isn't what it was


def at(engine: Engine, name: str, version: int | None = None) -> tuple[Entity, EntityState, Iterator[Row]] | None:
    """An entity as it was at a version, or is now; None where there was nothing of it. Raises ``StoreError``."""
    with reading(engine) as connection:
        found = entity_rows.state_of(
            connection, name, entity_rows.newest_version(connection) if version is None else version
        )
        if found is None:
            return None
        entity_id, state = found
        entity = entity_rows.entity_of(connection, entity_id)
    return entity, state, (decoded(content) for _, content in whole(engine, entity_id, state.version))


def whole(engine: Engine, entity_id: int, version: int) -> Iterator[tuple[bytes, bytes]]:
    """Keys and contents of all rows at a version, by key. Each page is a transaction of its own: a version's rows
    don't change any more."""
    last = b""
    while True:
        query = (
            select(load_row.c.key, load_row.c.content)
            .where(load_row.c.entity_id == entity_id, is_of(version), load_row.c.key > last)
            .order_by(load_row.c.key)
            .limit(PAGE)
        )
        with reading(engine) as connection:
            rows = [(bytes(key), bytes(content)) for key, content in connection.execute(query)]
        yield from rows
        if len(rows) < PAGE:
            return
        last = rows[-1][0]


def there(connection: Connection, entity_id: int, version: int, keys: Sequence[bytes]) -> dict[bytes, Any]:
    """``content``, ``hash`` and ``put_off_to`` of those of these rows that there were at a version."""
    found: dict[bytes, Any] = {}
    for some in chunks(keys):
        query = select(load_row.c.key, load_row.c.content, load_row.c.hash, load_row.c.put_off_to).where(
            load_row.c.entity_id == entity_id, is_of(version), load_row.c.key.in_(some)
        )
        found |= {bytes(row.key): row for row in connection.execute(query)}
    return found


def changed_keys(engine: Engine, entity_id: int, after: int, version: int) -> Iterator[bytes]:
    """Of rows that came, went or changed in between, by key; one that changed twice is there once. ``version`` may be
    the earlier one: what changed since is what changes on the way back."""
    after, version = sorted((after, version))
    mine = load_row.c.entity_id == entity_id
    came = (load_row.c.version_from > after) & (load_row.c.version_from <= version)
    went = (load_row.c.version_to > after) & (load_row.c.version_to <= version)
    with reading(engine) as connection:
        is_one_page = count_changed(connection, entity_id, after, version) < PAGE
    # One page is found by the versions. More are walked by key: by the versions each page would cost what all do.
    changed = or_(mine & came, mine & went) if is_one_page else mine & or_(came, went)
    last = b""
    while True:
        query = select(load_row.c.key).where(changed, load_row.c.key > last)
        with reading(engine) as connection:
            keys = [bytes(key) for key in connection.scalars(query.distinct().order_by(load_row.c.key).limit(PAGE))]
        yield from keys
        if len(keys) < PAGE:
            return
        last = keys[-1]


def count_changed(connection: Connection, entity_id: int, after: int, version: int) -> int:
    """At most how many those are: a row that changed twice counts twice."""
    after, version = sorted((after, version))
    mine = load_row.c.entity_id == entity_id
    came = (load_row.c.version_from > after) & (load_row.c.version_from <= version)
    went = (load_row.c.version_to > after) & (load_row.c.version_to <= version)
    found = [connection.execute(select(func.count()).where(mine, one)).scalar_one() for one in (came, went)]
    return max(found)


def differences(engine: Engine, before: int, after: int, entity: str | None) -> Iterator[RowDifference]:
    """By entity and key, without what is personal."""
    with reading(engine) as connection:
        names = sorted({*entity_rows.states_at(connection, before), *entity_rows.states_at(connection, after)})
    for name in names:
        if entity is None or name == entity:
            yield from _differences(engine, name, before, after)


def _differences(engine: Engine, name: str, before: int, after: int) -> Iterator[RowDifference]:
    with reading(engine) as connection:
        found = [entity_rows.state_of(connection, name, version) for version in (before, after)]
        entities = [entity_rows.entity_of(connection, one[0]) for one in found if one is not None]
    personal = {
        at for entity in entities for at, place in enumerate(entity.key_places) if entity.columns[place].personal
    }
    sides = [one[0] for one in found if one is not None]
    if len(sides) == 2 and sides[0] == sides[1]:
        keys = changed_keys(engine, sides[0], min(before, after), max(before, after))
    else:  # declared otherwise in between
        moments = (before, after) if len(sides) == 2 else (before if found[0] else after,)
        known = {key for one, at in zip(sides, moments, strict=True) for key, _ in whole(engine, one, at)}
        keys = iter(sorted(known))
    for some in batches(keys, PAGE):
        with reading(engine) as connection:
            shown = [_read(connection, one, version, some) for one, version in zip(found, (before, after), strict=True)]
        for key in some:
            (old, _), (new, put_off_to) = (side.get(key, (None, None)) for side in shown)
            if old != new:
                yield RowDifference(name, _shown_key(entities[-1], key, personal), *both_shown(old, new), put_off_to)


def _read(
    connection: Connection, found: tuple[int, EntityState] | None, version: int, keys: list[bytes]
) -> dict[bytes, tuple[tuple[Entity, Row] | None, str | None]]:
    """Each with when it is valid, where that was put off."""
    if found is None:
        return {}
    entity = entity_rows.entity_of(connection, found[0])
    rows = there(connection, found[0], version, keys)
    return {key: ((entity, decoded(row.content)), row.put_off_to) for key, row in rows.items()}


def both_shown(
    before: tuple[Entity, Row] | None, after: tuple[Entity, Row] | None
) -> tuple[dict[str, Any] | None, dict[str, Any] | None]:
    """Both by column; of what is personal only whether it changed."""
    sides = [None if one is None else _told(*one) for one in (before, after)]
    if before is not None and after is not None and sides[1] is not None:
        old, new = ({c.name: v for c, v in zip(one[0].columns, one[1], strict=True)} for one in (before, after))
        for column in after[0].columns:
            if column.personal and old.get(column.name) != new[column.name]:
                sides[1][column.name] = CHANGED
    return sides[0], sides[1]


def _told(entity: Entity, row: Row) -> dict[str, Any]:
    values = by_column(entity, row)
    return {column.name: column.told(values[column.name]) for column in entity.columns}


def _shown_key(entity: Entity, key: bytes, personal: Collection[int]) -> list[Value]:
    columns = [entity.columns[place] for place in entity.key_places]
    values = zip(columns, msgspec.json.decode(key), strict=True)
    return ["•••" if place in personal else column.told(value) for place, (column, value) in enumerate(values)]


def by_column(entity: Entity, row: Row) -> dict[str, Any]:
    """Without what is personal."""
    return {
        column.name: "•••" if column.personal and value is not None else value
        for column, value in zip(entity.columns, row, strict=True)
    }


def keys_beginning(connection: Connection, known: StoredEntity, values: Sequence[str]) -> list[tuple[Value, ...]]:
    """Keys of rows that there are now, whose first values are these; a chunk at most. Of keys whose first columns are
    texts or numbers."""
    columns = [known.entity.columns[place] for place in known.entity.key_places][: len(values)]
    typed = [int(one) if column.kind == "integer" else one for column, one in zip(columns, values, strict=False)]
    first = msgspec.json.encode(typed)[:-1]
    begins = (load_row.c.key == first + b"]") | ((load_row.c.key > first + b",") & (load_row.c.key < first + b"-"))
    query = select(load_row.c.key).where(load_row.c.entity_id == known.id, load_row.c.version_to.is_(None), begins)
    return [tuple(msgspec.json.decode(key)) for key in connection.scalars(query.limit(CHUNK))]


def decoded(content: bytes) -> Row:
    return tuple(msgspec.json.decode(content))


def is_of(version: int) -> ColumnElement[bool]:
    """A condition on ``load_row``."""
    return (load_row.c.version_from <= version) & (load_row.c.version_to.is_(None) | (load_row.c.version_to > version))
