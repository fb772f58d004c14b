"""Takes the last change of the loads back: one step, one transaction, without a server."""

import sqlite3

import msgspec

from malote.till.loads import bucket_digests, held_entities, loads_database, overwritten
from malote.till.loads.held_entities import AppliedLoad, HeldEntity
from malote.till.loads.loads_database import LoadsDamagedError, LoadsError
from malote.till.loads.row_tables import drop_views


class RolledBack(msgspec.Struct, frozen=True):
    """From which version to which; ``changed``: rows. ``entities``: those that are as before."""

    from_version: int
    version: int
    changed: int
    entities: list[str]


def what_would_be(connection: sqlite3.Connection) -> RolledBack:
    """What ``roll_back`` would do. Raises ``LoadsError``."""
    undone = _undone(connection)
    names = sorted(overwritten.entities(connection, undone.id))
    from_version = held_entities.last_applied(connection).version
    return RolledBack(from_version, undone.version_before, undone.changed, names)


def roll_back(connection: sqlite3.Connection, at: float) -> RolledBack:
    """``at``: seconds since the epoch. Raises ``LoadsError`` ``loads_nothing_before``, and ``LoadsDamagedError`` where
    what comes of it isn't what was there; nothing is changed then."""
    with loads_database.writing(connection):
        undone, last = _undone(connection), held_entities.last_applied(connection)
        held = held_entities.all_held(connection)
        before = overwritten.entities(connection, undone.id)
        changed = sum(_restore(connection, undone.id, held[name], was) for name, was in before.items())
        for one in held_entities.all_held(connection).values():
            one.table.make_views(connection)
        # Of several in a row the newest is what nobody wants back.
        taken_back = max(last.version, last.rolled_back_from)
        held_entities.record(
            connection,
            AppliedLoad(
                id=last.id + 1,
                version=undone.version_before,
                version_before=last.version,
                rolled_back_from=taken_back,
                order_number=0,
                changed=changed,
                emergency=False,
                at=int(at),
            ),
        )
        for _ in overwritten.forget(connection, undone.id):
            pass
    return RolledBack(last.version, undone.version_before, changed, sorted(before))


def _undone(connection: sqlite3.Connection) -> AppliedLoad:
    newest = overwritten.newest(connection)
    found = [one for one in held_entities.history(connection, overwritten.MOST_HISTORY) if newest and one.id == newest]
    if not found:
        raise LoadsError("loads_nothing_before")
    return found[0]


def _restore(connection: sqlite3.Connection, applied: int, now: HeldEntity, before: HeldEntity | None) -> int:
    """One entity as it was; how many rows that took."""
    if before is None:
        held_entities.forget(connection, now.name)
        drop_views(connection, now.name)
        now.table.drop(connection)
        return now.rows
    if before.place != now.place:
        now.table.drop(connection)
        changed, hashing = now.rows, bucket_digests.hash_all(connection, before.table)
    else:
        changed, buckets = _restore_rows(connection, applied, before)
        hashing = bucket_digests.hash_again(connection, before.table, buckets)
    for _ in hashing:
        pass
    if bucket_digests.entity_digest(connection, before.table) != before.actual:
        raise LoadsDamagedError("loads_rollback_unproven", entity=before.name)
    held_entities.keep(connection, before)
    return changed


def _restore_rows(connection: sqlite3.Connection, applied: int, before: HeldEntity) -> tuple[int, set[int]]:
    table, buckets, changed = before.table, set[int](), 0
    for key, stored in overwritten.rows(connection, applied, before.name):
        there = table.find(connection, key)
        buckets.update(row[-2] for row in (there, stored) if row is not None)
        if stored is None:
            table.remove(connection, key)
        else:
            table.put(connection, [stored])
        changed += 1
    return changed, buckets
