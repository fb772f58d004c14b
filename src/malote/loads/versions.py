"""Makes a version: all changes of all entities, their digests and what was refused, in one transaction.

A machine that dies before its end has the version of before, and reads from the ERP again what it had read.
"""

from collections.abc import Collection, Sequence

import msgspec
from sqlalchemy import Connection, delete, func, insert, select, update

from malote.batches import batches
from malote.database.chunks import chunks
from malote.database.load_tables import (
    load_bucket,
    load_entity,
    load_hold,
    load_refusal,
    load_row,
    load_state,
    load_version,
)
from malote.database.upserting import insert_into
from malote.explained_error import ExplainedError
from malote.load_format.digest import bucket_hash, entity_digest
from malote.loads import entity_rows
from malote.loads.comparing import Counts, Difference, EntityComparison
from malote.loads.entity_rows import StoredEntity
from malote.loads.limits import SEEN_WHOLE, UNDECLARED, UNREADABLE, EntityHold

_BUCKETS_AT_ONCE = 64
_ROWS_AT_ONCE = 1000


class LoadError(ExplainedError):
    """What was asked of loads can't be done; the code is the catalogue's."""


class EntityChange(msgspec.Struct, frozen=True):
    """What is to be made of an entity. ``hold``: why not now."""

    comparison: EntityComparison
    counts: Counts
    before: StoredEntity | None  # None: nothing of it, or declared otherwise
    hold: EntityHold | None

    @property
    def differs(self) -> bool:
        return self.before is None or bool(self.counts.new or self.counts.changed or self.counts.gone)


def make(
    connection: Connection, changes: Sequence[EntityChange], after: int, *, who: str, emergency: bool, now: float
) -> int:
    """The new version's number, or that of before where nothing differs and nothing was let through.

    ``after``: the version that all was compared with. Raises ``LoadError`` ``load_meanwhile`` where there is another.
    """
    entity_rows.lock(connection, [one.before.id for one in changes if one.before])
    if entity_rows.newest_version(connection) != after:
        raise LoadError("load_meanwhile")
    through = [one for one in changes if one.hold is None]
    made = [one for one in through if one.differs]
    version = after + 1 if made else after
    if made:
        values = {"id": version, "made_at": now, "asked_by": who, "emergency": emergency}
        connection.execute(insert(load_version).values(values))
    for one in changes:
        _note_refused(connection, one, now)
        _note_hold(connection, one, now)
    for one in through:
        entity_id = _change(connection, one, version) if one in made else one.before.id if one.before else None
        if entity_id is not None:
            entity_rows.note_looked(connection, entity_id, one.comparison.watermark, now, whole=one.comparison.whole)
    return version


def _change(connection: Connection, change: EntityChange, version: int) -> int:
    entity, counts = change.comparison.loaded.entity, change.counts
    if change.before is None:
        _end_earlier(connection, entity.name, version)
        entity_id = entity_rows.add(connection, entity)
    else:
        entity_id = change.before.id
    touched: set[int] = set()
    for some in batches(change.comparison.differences(), _ROWS_AT_ONCE):
        touched.update(one.bucket for one in some)
        _end_rows(connection, entity_id, [one for one in some if one.kind != "new"], version)
        _add_rows(connection, entity_id, [one for one in some if one.kind != "gone"], version)
    _hash_again(connection, entity_id, sorted(touched))
    buckets = {
        row.bucket: bytes(row.hash)
        for row in connection.execute(
            select(load_bucket.c.bucket, load_bucket.c.hash).where(load_bucket.c.entity_id == entity_id)
        )
    }
    state = {
        "entity_id": entity_id,
        "version": version,
        "rows": counts.rows,
        "sha256": entity_digest(entity, buckets),
        "added": counts.new,
        "changed": counts.changed,
        "gone": counts.gone,
    }
    connection.execute(insert(load_state).values(state))
    return entity_id


def _end_earlier(connection: Connection, name: str, version: int) -> None:
    """What was declared otherwise."""
    earlier = (load_entity.c.name == name) & load_entity.c.version_to.is_(None)
    for entity_id in connection.scalars(select(load_entity.c.id).where(earlier)).all():
        there = (load_row.c.entity_id == entity_id) & load_row.c.version_to.is_(None)
        connection.execute(update(load_row).where(there).values(version_to=version))
        connection.execute(delete(load_bucket).where(load_bucket.c.entity_id == entity_id))
        connection.execute(update(load_entity).where(load_entity.c.id == entity_id).values(version_to=version))


def _end_rows(connection: Connection, entity_id: int, ended: Sequence[Difference], version: int) -> None:
    for some in chunks(ended):
        mine = (load_row.c.entity_id == entity_id) & load_row.c.key.in_([one.key for one in some])
        connection.execute(update(load_row).where(mine & load_row.c.version_to.is_(None)).values(version_to=version))


def _add_rows(connection: Connection, entity_id: int, added: Sequence[Difference], version: int) -> None:
    if added:
        rows = [
            {
                "entity_id": entity_id,
                "key": one.key,
                "version_from": version,
                "bucket": one.bucket,
                "content": one.content,
                "hash": one.hash,
                "erp_key": one.erp_key,
                "put_off_to": one.put_off_to,
            }
            for one in added
        ]
        connection.execute(insert(load_row), rows)


def _hash_again(connection: Connection, entity_id: int, touched: Sequence[int]) -> None:
    """The buckets that rows came into or went from. An empty one is none."""
    there = (load_row.c.entity_id == entity_id) & load_row.c.version_to.is_(None)
    for start in range(0, len(touched), _BUCKETS_AT_ONCE):
        some = touched[start : start + _BUCKETS_AT_ONCE]
        hashes: dict[int, list[bytes]] = {}
        query = select(load_row.c.bucket, load_row.c.hash).where(there & load_row.c.bucket.in_(some))
        for bucket, digest in connection.execute(query):
            hashes.setdefault(bucket, []).append(bytes(digest))
        mine = (load_bucket.c.entity_id == entity_id) & load_bucket.c.bucket.in_(some)
        connection.execute(delete(load_bucket).where(mine))
        rows = [{"entity_id": entity_id, "bucket": one, "hash": bucket_hash(found)} for one, found in hashes.items()]
        if rows:
            connection.execute(insert(load_bucket), rows)


# ---- what is noted beside ----


def _note_refused(connection: Connection, change: EntityChange, now: float) -> None:
    """As they were last read: of all rows, or of those that were read now."""
    name = change.comparison.loaded.entity.name
    mine = load_refusal.c.entity == name
    for some in batches(change.comparison.refused(), _ROWS_AT_ONCE):
        rows = [
            {"entity": name, "key": one.key, "code": one.code, "facts": one.facts, "since": now, "seen_at": now}
            for one in some
        ]
        statement = insert_into(connection, load_refusal)
        news = {column: statement.excluded[column] for column in ("code", "facts", "seen_at")}
        connection.execute(statement.on_conflict_do_update(index_elements=["entity", "key"], set_=news), rows)
    if change.comparison.whole:
        connection.execute(delete(load_refusal).where(mine, load_refusal.c.seen_at < now))
    elif connection.execute(select(func.count()).select_from(load_refusal).where(mine)).scalar_one():
        for keys in chunks(list(change.comparison.accepted_keys())):
            connection.execute(delete(load_refusal).where(mine, load_refusal.c.key.in_(keys)))


def _note_hold(connection: Connection, change: EntityChange, now: float) -> None:
    name = change.comparison.loaded.entity.name
    if change.hold is None and not change.comparison.whole:
        held = connection.execute(select(load_hold.c.code).where(load_hold.c.entity == name)).scalar_one_or_none()
        if held in SEEN_WHOLE:
            return
    note_hold(connection, name, change.hold, now)


def unreadable(connection: Connection) -> set[str]:
    """Entities that the ERP didn't give when they were last read."""
    return set(connection.scalars(select(load_hold.c.entity).where(load_hold.c.code == UNREADABLE)))


def noted_of(connection: Connection, names: Sequence[str]) -> bool:
    """Whether something keeps one of these entities, or rows of one are refused."""
    tables = (load_hold, load_refusal)
    return any(
        connection.execute(select(one.c.entity).where(one.c.entity.in_(names)).limit(1)).first() for one in tables
    )


def note_undeclared(connection: Connection, declared: Collection[str], now: float) -> None:
    """That tills keep entities which the profile no longer has. What a person said of one stands."""
    known = entity_rows.in_force(connection)
    there = select(load_hold.c.entity).where(load_hold.c.code == UNDECLARED)
    told = set(connection.scalars(there))
    for name in known.keys() - set(declared) - told:
        state = known[name].state
        facts = {"entity": name, "kept": str(state.rows), "version": str(state.version)}
        note_hold(connection, name, EntityHold(UNDECLARED, facts), now)
    for name in told & set(declared):
        note_hold(connection, name, None, now)


def note_hold(connection: Connection, name: str, hold: EntityHold | None, now: float) -> None:
    """What keeps the entity now; None: nothing does. What a person confirmed is over with either."""
    mine = load_hold.c.entity == name
    if hold is None:
        connection.execute(delete(load_hold).where(mine))
        return
    values = {
        "code": hold.code,
        "facts": msgspec.json.encode(hold.facts).decode(),
        "seen_at": now,
        "gone": hold.gone,
        "changed": hold.changed,
        "confirmed_by": "",
        "is_final": hold.is_final,
    }
    same = mine & (load_hold.c.code == hold.code)
    if not connection.execute(update(load_hold).where(same).values(values)).rowcount:
        connection.execute(delete(load_hold).where(mine))
        connection.execute(insert(load_hold).values(entity=name, since=now, **values))
