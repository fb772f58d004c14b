"""What the last two changes of the loads overwrote: kept in the transaction that overwrites it, for one step back."""

import sqlite3
from collections.abc import Iterator

import msgspec

from malote.till.loads import held_entities
from malote.till.loads.held_entities import HeldEntity
from malote.till.loads.row_tables import RowTable, Stored

KEPT = 2  # changes that can be taken back
_AT_ONCE = 5000
MOST_HISTORY = 500


class Overwritten:
    """What one change, ``applied``, overwrites. Of each entity and row the first word counts."""

    def __init__(self, connection: sqlite3.Connection, applied: int) -> None:
        self._connection = connection
        self.applied = applied
        self._named: set[str] = set()

    def entity(self, name: str, before: HeldEntity | None) -> None:
        """Before anything of it changes; None: it was not there."""
        if name not in self._named:
            self._named.add(name)
            value = None if before is None else msgspec.json.encode(before)
            self._connection.execute("INSERT OR IGNORE INTO _undo_entity VALUES (?, ?, ?)", (self.applied, name, value))

    def rows(self, name: str, rows: list[tuple[bytes, Stored | None]]) -> None:
        """Keys with what stood there; None: nothing."""
        self._connection.executemany(
            "INSERT OR IGNORE INTO _undo_row VALUES (?, ?, ?, ?)",
            [
                (self.applied, name, key, None if stored is None else msgspec.msgpack.encode(stored))
                for key, stored in rows
            ],
        )


def newest(connection: sqlite3.Connection) -> int:
    """The change that would be taken back; 0: none can."""
    ((applied,),) = connection.execute("SELECT COALESCE(MAX(applied), 0) FROM _undo_entity")
    return int(applied)


def kept(connection: sqlite3.Connection) -> set[int]:
    """The changes that can be gone back over."""
    return {applied for (applied,) in connection.execute("SELECT DISTINCT applied FROM _undo_entity")}


def entities(connection: sqlite3.Connection, applied: int) -> dict[str, HeldEntity | None]:
    """What each that it changed was before."""
    found = connection.execute("SELECT name, before FROM _undo_entity WHERE applied = ?", (applied,))
    return {name: None if value is None else msgspec.json.decode(value, type=HeldEntity) for name, value in found}


def rows(connection: sqlite3.Connection, applied: int, name: str) -> Iterator[tuple[tuple[object, ...], Stored | None]]:
    """Keys with what stood there."""
    found = connection.execute("SELECT key, before FROM _undo_row WHERE applied = ? AND name = ?", (applied, name))
    for key, before in found:
        yield tuple(msgspec.json.decode(key)), None if before is None else tuple(msgspec.msgpack.decode(before))


def forget_older(connection: sqlite3.Connection) -> Iterator[None]:
    """Drops what is older than the last two changes, in steps."""
    for applied in sorted(kept(connection), reverse=True)[KEPT:]:
        yield from forget(connection, applied)
    connection.execute(
        "DELETE FROM _applied WHERE id <= (SELECT MAX(id) FROM _applied) - ? AND id NOT IN"
        " (SELECT applied FROM _undo_entity)",
        (MOST_HISTORY,),
    )


def forget(connection: sqlite3.Connection, applied: int) -> Iterator[None]:
    """Drops what one change overwrote, with tables that only it could go back to, in steps."""
    used = {one.place for one in held_entities.all_held(connection).values()}
    before = [one for one in entities(connection, applied).values() if one is not None]
    connection.execute("DELETE FROM _undo_entity WHERE applied = ?", (applied,))
    for other in kept(connection):
        used |= {one.place for one in entities(connection, other).values() if one is not None}
    for one in before:
        if one.place not in used:
            RowTable(one.entity, one.place).drop(connection)
    query = (
        "DELETE FROM _undo_row WHERE (applied, name, key) IN"
        " (SELECT applied, name, key FROM _undo_row WHERE applied = ? LIMIT ?)"
    )
    while connection.execute(query, (applied, _AT_ONCE)).rowcount:
        yield
