"""Goes through the loads database while the till works: whether its pages can be read, and each row is still the one
that was proven when it was applied.

Some buckets at a step, an hour's steps the whole; then SQLite's own check of the tables beside the rows.
"""

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import msgspec

from malote.disk import DISK, Disk
from malote.load_format import digest
from malote.till.loads import bucket_digests, held_entities, loads_database
from malote.till.loads.held_entities import HeldEntity
from malote.till.loads.loads_database import LoadsDamagedError
from malote.till.loads.row_tables import RowTable, Stored

STEP_SECONDS = 10.0
_STEPS = 360  # of one walk
_DOUBTED = "0" * 64  # no digest of anything: what the server hears of an entity that it is to send whole


class DigestWalk:
    """For one thread."""

    def __init__(self, path: Path, disk: Disk = DISK) -> None:
        self._path, self._disk = path, disk
        self._name, self._bucket = "", 0  # where the next step begins

    def step(self) -> list[str]:
        """Names of entities that aren't what they were proven to be, and were told apart as such: rows stay, and the
        next load brings all of them. Raises ``LoadsDamagedError``, and other ``LoadsError``."""
        try:
            with loads_database.read_only(self._path) as connection, loads_database.reading(connection):
                held = held_entities.all_held(connection)
                bad = [one for one in self._looked_through(connection, held) if one.version]
        except FileNotFoundError:
            return []  # no load yet
        return self._doubt(bad) if bad else []

    def _looked_through(self, connection: sqlite3.Connection, held: Mapping[str, HeldEntity]) -> Iterator[HeldEntity]:
        left = -(-len(held) * digest.BUCKETS // _STEPS)
        for name in sorted(one for one in held if one >= self._name):
            first = self._bucket if name == self._name else 0
            last = min(first + left, digest.BUCKETS)
            self._name, self._bucket = name, last
            if not _is_proven(connection, held[name], first, last):
                yield held[name]
            left -= last - first
            if not left:
                return
        self._name, self._bucket = "", 0
        _check_own_tables(connection, self._path)

    def _doubt(self, bad: Sequence[HeldEntity]) -> list[str]:
        with loads_database.opened(self._path, self._disk) as connection, loads_database.writing(connection):
            now = held_entities.all_held(connection)
            told = [one for one in bad if now.get(one.name) == one]  # no load came meanwhile
            for one in told:
                unproven = msgspec.structs.replace(one, version=0, sha256=_DOUBTED, actual=_DOUBTED)
                held_entities.keep(connection, unproven)
        return [one.name for one in told]


def _is_proven(connection: sqlite3.Connection, held: HeldEntity, first: int, last: int) -> bool:
    table = held.table
    if bucket_digests.entity_digest(connection, table) != held.actual:
        return False
    found: dict[int, list[bytes]] = {}
    for row in table.of_buckets(connection, first, last):
        found.setdefault(row[-2], []).append(row[-1])
        if not _is_itself(table, row):
            return False
    return bucket_digests.kept(connection, table, first, last) == {
        number: digest.bucket_hash(hashes) for number, hashes in found.items()
    }


def _is_itself(table: RowTable, row: Stored) -> bool:
    return bool(digest.row_hash(table.row_of(row)) == row[-1])


def _check_own_tables(connection: sqlite3.Connection, path: Path) -> None:
    names = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT GLOB '_rows_*'")
    for (name,) in names.fetchall():
        (found,) = connection.execute(f'PRAGMA quick_check("{name}")').fetchone()
        if found != "ok":
            raise LoadsDamagedError("loads_damaged", path=str(path))
