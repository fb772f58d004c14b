"""What the loads database has of each entity, and which versions were applied: read and written in the caller's
transaction, and told to the server."""

import sqlite3
from itertools import takewhile
from pathlib import Path

import msgspec

from malote import wire
from malote.load_format.entity import Entity
from malote.till.loads import loads_database
from malote.till.loads.loads_database import LoadsDamagedError, LoadsError
from malote.till.loads.row_tables import RowTable

_COLUMNS = "name, declaration, place, version, sha256, actual, row_count, applied_at"
_MOST_STEPS = 8  # in a row: there are two at most, since no more can be taken back (``overwritten.KEPT``)
_APPLIED = "id, version, version_before, rolled_back_from, order_number, changed, emergency, at"


class HeldEntity(msgspec.Struct, frozen=True):
    """``sha256``: the digest at ``version``; ``actual``: the one with chosen items of later versions in it."""

    name: str
    declaration: bytes
    place: int
    version: int
    sha256: str
    actual: str
    rows: int
    applied_at: int

    @property
    def entity(self) -> Entity:
        return msgspec.json.decode(self.declaration, type=Entity)

    @property
    def table(self) -> RowTable:
        return RowTable(self.entity, self.place)


class AppliedLoad(msgspec.Struct, frozen=True, array_like=True):
    """A change of what the till sells with. ``at``: seconds since the epoch. ``changed``: rows. ``rolled_back_from``:
    the version that was taken back by it; 0: none. ``order_number`` 0: it was done at the till."""

    id: int
    version: int
    version_before: int
    rolled_back_from: int
    order_number: int
    changed: int
    emergency: bool
    at: int


NOTHING = AppliedLoad(0, 0, 0, 0, 0, 0, False, 0)


def all_held(connection: sqlite3.Connection) -> dict[str, HeldEntity]:
    found = connection.execute(f"SELECT {_COLUMNS} FROM _entity ORDER BY name")
    return {row[0]: HeldEntity(*row) for row in found}


def keep(connection: sqlite3.Connection, held: HeldEntity) -> None:
    connection.execute(
        f"INSERT OR REPLACE INTO _entity ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)", msgspec.structs.astuple(held)
    )


def forget(connection: sqlite3.Connection, name: str) -> None:
    connection.execute("DELETE FROM _entity WHERE name = ?", (name,))
    connection.execute("DELETE FROM _bucket WHERE entity = ?", (name,))


def has_older_views(connection: sqlite3.Connection) -> bool:
    """Whether an agent of another version made some of them."""
    return not all(one.table.has_these_views(connection) for one in all_held(connection).values())


def bring_views_up_to_date(connection: sqlite3.Connection) -> None:
    for one in all_held(connection).values():
        if not one.table.has_these_views(connection):
            one.table.make_views(connection)


def next_place(connection: sqlite3.Connection) -> int:
    """A number that no table has, nor one that is kept to be gone back to."""
    names = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name GLOB '_rows_*'")
    return max((int(name.removeprefix("_rows_")) for (name,) in names), default=0) + 1


def last_applied(connection: sqlite3.Connection) -> AppliedLoad:
    return next(iter(history(connection, 1)), NOTHING)


def history(connection: sqlite3.Connection, most: int = 50) -> list[AppliedLoad]:
    """The latest first."""
    found = connection.execute(f"SELECT {_APPLIED} FROM _applied ORDER BY id DESC LIMIT ?", (most,))
    return [msgspec.convert(row, AppliedLoad, strict=False) for row in found]


def record(connection: sqlite3.Connection, applied: AppliedLoad) -> None:
    values = msgspec.structs.astuple(applied)
    connection.execute(f"INSERT INTO _applied ({_APPLIED}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)", values)


def said(path: Path) -> wire.LoadsHeld | None:
    """What a contact tells of the database at ``path``; None where it can't be read now."""
    try:
        with loads_database.read_only(path) as connection, loads_database.reading(connection):
            last = last_applied(connection)
            held = all_held(connection)
            taken_back = _steps_before(connection)
    except (FileNotFoundError, LoadsDamagedError):
        return wire.LoadsHeld(0)
    except LoadsError:
        return None
    entities = {one.name: wire.EntityHeld(one.version, one.sha256) for one in held.values()}
    by = last.order_number if last.rolled_back_from else 0
    return wire.LoadsHeld(last.version, last.at, entities, last.rolled_back_from, by, taken_back)


def _steps_before(connection: sqlite3.Connection) -> list[tuple[int, int, int]]:
    """Of persons' steps back in a row those before the last: there may have been no contact between them."""
    latest = history(connection, _MOST_STEPS)
    steps = list(takewhile(lambda one: one.rolled_back_from and not one.order_number, latest))
    return [(one.version, one.rolled_back_from, one.at) for one in reversed(steps[1:])]
