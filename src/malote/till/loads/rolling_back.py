"""Takes the last change of the loads back: one step, one transaction, without a server, or as it orders."""

import sqlite3
from collections.abc import Generator, Iterator

import msgspec

from malote.batches import batches
from malote.load_format.wire import LoadOrder
from malote.till.loads import bucket_digests, held_entities, loads_database, overwritten
from malote.till.loads.held_entities import AppliedLoad, HeldEntity
from malote.till.loads.loads_database import LoadsDamagedError, LoadsError
from malote.till.loads.row_tables import drop_views

_UNPROVEN = "loads_rollback_unproven"
_AT_ONCE = 1000  # rows between two steps


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
        done = what_would_be(connection)
        changed = sum(_take_back(connection, _undone(connection), done.version, 0, at))
    return msgspec.structs.replace(done, changed=changed)


def go_back(connection: sqlite3.Connection, order: LoadOrder, number: int, at: float) -> Generator[int, None, bool]:
    """Obeys an order to go back by what this file remembers, without another: returns whether that could be done, and
    changes nothing where it couldn't, or isn't gone on with. Yields how many rows it has gone through.

    ``number``: the order's; ``at``: seconds since the epoch.
    """
    done = 0
    try:
        with loads_database.writing(connection):
            if not _leads_to(connection, order):
                return False
            for changed in _take_back(connection, _undone(connection), order.version, number, at):
                done += changed
                yield done
    except LoadsDamagedError as error:
        if error.code != _UNPROVEN:
            raise
        return False
    return True


def _leads_to(connection: sqlite3.Connection, order: LoadOrder) -> bool:
    """Whether the step back is what is ordered."""
    newest = overwritten.newest(connection)
    found = held_entities.all_held(connection) | overwritten.entities(connection, newest)
    states = [(found.get(name), state) for name, state in order.entities.items()]
    return bool(newest) and all(one is not None and one.actual == state.sha256.lower() for one, state in states)


def _take_back(
    connection: sqlite3.Connection, undone: AppliedLoad, version: int, number: int, at: float
) -> Iterator[int]:
    """In steps, in the caller's transaction: how many rows each took."""
    last, held = held_entities.last_applied(connection), held_entities.all_held(connection)
    changed = 0
    for name, was in overwritten.entities(connection, undone.id).items():
        for count in _restore(connection, undone.id, held[name], was):
            changed += count
            yield count
    for one in held_entities.all_held(connection).values():
        one.table.make_views(connection)
    held_entities.record(
        connection,
        AppliedLoad(
            id=last.id + 1,
            version=version,
            version_before=last.version,
            # Of several in a row the newest is what nobody wants back.
            rolled_back_from=max(last.version, last.rolled_back_from),
            order_number=number,
            changed=changed,
            emergency=False,
            at=int(at),
        ),
    )
    for _ in overwritten.forget(connection, undone.id):
        yield 0


def _undone(connection: sqlite3.Connection) -> AppliedLoad:
    """Never the first load: without it there would be nothing to sell with."""
    newest = overwritten.newest(connection)
    found = [one for one in held_entities.history(connection, overwritten.MOST_HISTORY) if newest and one.id == newest]
    if not found or not found[0].version_before:
        raise LoadsError("loads_nothing_before")
    return found[0]


def _restore(connection: sqlite3.Connection, applied: int, now: HeldEntity, before: HeldEntity | None) -> Iterator[int]:
    """One entity as it was."""
    if before is None:
        held_entities.forget(connection, now.name)
        drop_views(connection, now.name)
        now.table.drop(connection)
        yield now.rows
        return
    if before.place != now.place:
        now.table.drop(connection)
        yield now.rows
        hashing = bucket_digests.hash_all(connection, before.table)
    else:
        buckets: set[int] = set()
        yield from _restore_rows(connection, applied, before, buckets)
        hashing = bucket_digests.hash_again(connection, before.table, buckets)
    for _ in hashing:
        yield 0
    if bucket_digests.entity_digest(connection, before.table) != before.actual:
        raise LoadsDamagedError(_UNPROVEN, entity=before.name)
    held_entities.keep(connection, before)


def _restore_rows(connection: sqlite3.Connection, applied: int, before: HeldEntity, buckets: set[int]) -> Iterator[int]:
    """``buckets``: those that rows came into or went from are added."""
    table = before.table
    for some in batches(overwritten.rows(connection, applied, before.name), _AT_ONCE):
        for key, stored in some:
            there = table.find(connection, key)
            buckets.update(row[-2] for row in (there, stored) if row is not None)
            if stored is None:
                table.remove(connection, key)
            else:
                table.put(connection, [stored])
        yield len(some)
