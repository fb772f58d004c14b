"""The tables that rows stand in, made from the declarations of their entities, and the views that a POS reads.

A table is named by its place, a number, and never altered: an entity that is declared otherwise gets a new one, and
its view leads there from then on. Names in declarations are in snake case, and quoted all the same.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from operator import itemgetter
from typing import Any

import msgspec

from malote.load_format.digest import bucket_of
from malote.load_format.entity import ColumnKind, Entity, EntityColumn, Row

Stored = tuple[Any, ...]  # a row's values as SQLite has them, its bucket, its hash

_TYPES: dict[ColumnKind, str] = {
    "text": "TEXT",
    "integer": "INTEGER",
    "decimal": "TEXT",  # exact, as a POS's own decimal type reads it; SQLite has none
    "boolean": "INTEGER",
    "date": "TEXT",
    "instant": "TEXT",
}
_NOW: dict[ColumnKind, str] = {
    "date": '(SELECT "day" FROM "_now")',
    "instant": '(SELECT "instant" FROM "_now")',
}
FROM, UNTIL = "valid_from", "valid_until"


class RowTable:
    """The table of an entity at its place; works on a connection in whose transaction the caller is."""

    def __init__(self, entity: Entity, place: int) -> None:
        self.entity, self.place = entity, place
        self.name = f"_rows_{place}"
        self._names = [column.name for column in entity.columns]
        self._key = itemgetter(*entity.key_places) if len(entity.key) > 1 else None
        self._only = entity.key_places[0]
        self._booleans = [at for at, column in enumerate(entity.columns) if column.kind == "boolean"]
        values = ", ".join("?" * (len(self._names) + 2))
        where = " AND ".join(f'"{name}" = ?' for name in entity.key)
        self._find = f'SELECT * FROM "{self.name}" WHERE {where}'
        self._put = f'INSERT OR REPLACE INTO "{self.name}" VALUES ({values})'
        self._add = f'INSERT INTO "{self.name}" VALUES ({values})'
        self._remove = f'DELETE FROM "{self.name}" WHERE {where}'

    def key_of(self, row: Sequence[Any]) -> tuple[Any, ...]:
        return self._key(row) if self._key else (row[self._only],)

    def key_text(self, key: Sequence[Any]) -> bytes:
        """As ``load_format.digest.key_bytes`` spells it."""
        return msgspec.json.encode(key)

    def row_of(self, stored: Stored) -> Row:
        """What was stored, as its file had it."""
        row = list(stored[:-2])
        for place in self._booleans:
            row[place] = None if row[place] is None else bool(row[place])
        return tuple(row)

    # ---- rows ----

    def find(self, connection: sqlite3.Connection, key: Sequence[Any]) -> Stored | None:
        found: Stored | None = connection.execute(self._find, key).fetchone()
        return found

    @property
    def asked_by(self) -> str:
        """The column of the key that names the thing."""
        return _key_in_order(self.entity)[0]

    def find_by_first(self, connection: sqlite3.Connection, value: str) -> list[Stored]:
        """All rows of one thing."""
        return connection.execute(f'SELECT * FROM "{self.name}" WHERE "{self.asked_by}" = ?', (value,)).fetchall()

    def put(self, connection: sqlite3.Connection, rows: Sequence[Stored]) -> None:
        connection.executemany(self._put, rows)

    def add(self, connection: sqlite3.Connection, rows: Sequence[Stored]) -> None:
        """Raises ``sqlite3.IntegrityError`` for a key that is there."""
        connection.executemany(self._add, rows)

    def remove(self, connection: sqlite3.Connection, key: Sequence[Any]) -> None:
        connection.execute(self._remove, key)

    def count(self, connection: sqlite3.Connection) -> int:
        ((count,),) = connection.execute(f'SELECT COUNT(*) FROM "{self.name}"')
        return int(count)

    def walk(self, connection: sqlite3.Connection) -> Iterator[Row]:
        """All rows, of one thing after the other, and each thing's in the order in which they begin."""
        order = ", ".join(f'"{name}"' for name in _key_in_order(self.entity))
        for found in connection.execute(f'SELECT * FROM "{self.name}" ORDER BY {order}'):
            yield self.row_of(found)

    def hashes(self, connection: sqlite3.Connection, bucket: int) -> list[bytes]:
        found = connection.execute(f'SELECT "_hash" FROM "{self.name}" WHERE "_bucket" = ?', (bucket,))
        return [one for (one,) in found]

    def of_buckets(self, connection: sqlite3.Connection, first: int, last: int) -> Iterator[Stored]:
        """Rows of the buckets from one number and before the other."""
        query = f'SELECT * FROM "{self.name}" WHERE "_bucket" >= ? AND "_bucket" < ?'
        return connection.execute(query, (first, last))

    def all_hashes(self, connection: sqlite3.Connection) -> Iterator[tuple[int, bytes]]:
        """With their buckets, bucket by bucket."""
        return connection.execute(f'SELECT "_bucket", "_hash" FROM "{self.name}" ORDER BY "_bucket"')

    # ---- making ----

    def create(self, connection: sqlite3.Connection) -> None:
        columns = ", ".join(f'"{one.name}" {_TYPES[one.kind]}' for one in self.entity.columns)
        key = ", ".join(f'"{name}"' for name in _key_in_order(self.entity))
        connection.execute(
            f'CREATE TABLE "{self.name}" ({columns}, "_bucket" INTEGER NOT NULL, "_hash" BLOB NOT NULL,'
            f" PRIMARY KEY ({key})) WITHOUT ROWID"
        )

    def make_index(self, connection: sqlite3.Connection) -> None:
        """Once a new table is filled: entry by entry, in no order, its pages would be written over and over."""
        connection.execute(f'CREATE INDEX "{self.name}_bucket" ON "{self.name}" ("_bucket", "_hash")')

    def drop(self, connection: sqlite3.Connection) -> None:
        connection.execute(f'DROP TABLE IF EXISTS "{self.name}"')

    def make_views(self, connection: sqlite3.Connection) -> None:
        """``<entity>``: all its rows; ``<entity>_now``: those that are valid at this minute, of one thing the last."""
        for view, statement in self._views():
            if view == self.entity.name or not _is_entity(connection, view):
                connection.execute(f'DROP VIEW IF EXISTS "{view}"')
                connection.execute(statement)

    def has_these_views(self, connection: sqlite3.Connection) -> bool:
        """False where an older agent made them otherwise."""
        query = "SELECT sql FROM sqlite_master WHERE type = 'view' AND name = ?"
        return all(
            connection.execute(query, (view,)).fetchone() == (statement,)
            for view, statement in self._views()
            if view == self.entity.name or not _is_entity(connection, view)
        )

    def _views(self) -> Iterator[tuple[str, str]]:
        name = self.entity.name
        columns = ", ".join(f'a."{one}"' for one in self._names)
        for view, which in ((name, ""), (f"{name}_now", self._valid_now())):
            yield view, f'CREATE VIEW "{view}" AS SELECT {columns} FROM "{self.name}" AS a {which}'

    def _valid_now(self) -> str:
        valid = [_is_valid("a", column) for column in self.entity.columns if is_dated(column)]
        dated = next((one for one in self.entity.columns if one.name == FROM and is_dated(one)), None)
        if dated is not None and FROM in self.entity.key:
            same = [f'b."{name}" = a."{name}"' for name in self.entity.key if name != FROM]
            later = [_is_valid("b", column) for column in self.entity.columns if is_dated(column)]
            which = " AND ".join([*same, f'b."{FROM}" > a."{FROM}"', *later])
            valid.append(f'NOT EXISTS (SELECT 1 FROM "{self.name}" AS b WHERE {which})')
        return f"WHERE {' AND '.join(valid)}" if valid else ""


def valid_at(entity: Entity, row: Row, at: float, zone_shift: float = 0.0) -> bool:
    """As the view ``_now`` sees it, at another time; ``at``: seconds since the epoch by the server's clock;
    ``zone_shift``: seconds by which the till's zone is wrong."""
    moment, day = datetime.fromtimestamp(at, UTC), datetime.fromtimestamp(at + zone_shift, UTC)
    for column, value in zip(entity.columns, row, strict=True):
        if value is None or not is_dated(column):
            continue
        is_day = column.kind == "date"
        now = day.astimezone().date().isoformat() if is_day else moment.strftime("%Y-%m-%dT%H:%M:%SZ")
        if str(value) > now if column.name == FROM else (str(value) < now if is_day else str(value) <= now):
            return False
    return True


def drop_views(connection: sqlite3.Connection, name: str) -> None:
    for view in (name, f"{name}_now"):
        if view == name or not _is_entity(connection, view):
            connection.execute(f'DROP VIEW IF EXISTS "{view}"')


def stored(table: RowTable, row: Row, row_hash: bytes) -> Stored:
    return (*row, bucket_of(table.key_text(table.key_of(row))), row_hash)


def _key_in_order(entity: Entity) -> list[str]:
    """What is asked for first: of dated rows the thing, then the date."""
    return sorted(entity.key, key=lambda name: name == FROM)


def is_dated(column: EntityColumn) -> bool:
    return column.name in (FROM, UNTIL) and column.kind in _NOW


def _is_valid(alias: str, column: EntityColumn) -> str:
    """A day is valid to its end, an instant until it has come."""
    until = ">=" if column.kind == "date" else ">"
    sign = "<=" if column.name == FROM else until
    return f'({alias}."{column.name}" IS NULL OR {alias}."{column.name}" {sign} {_NOW[column.kind]})'


def _is_entity(connection: sqlite3.Connection, name: str) -> bool:
    return connection.execute("SELECT 1 FROM _entity WHERE name = ?", (name,)).fetchone() is not None
