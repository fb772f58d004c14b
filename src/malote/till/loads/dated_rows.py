"""Rows that are valid at a time, and when the next of them begins or ends: one walk over an entity in its order."""

import sqlite3
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from malote.load_format.entity import Entity, EntityColumn, Row
from malote.till.loads.row_tables import FROM, RowTable, is_dated, valid_at


class DatedRows:
    """``at``: seconds since the epoch by the server's clock. Once walked, ``next`` is when another walk finds others;
    None: never."""

    def __init__(
        self, connection: sqlite3.Connection, table: RowTable, at: float, zone_shift: float = 0.0, *, every: bool
    ) -> None:
        """``zone_shift``: seconds by which the till's zone is wrong. ``every``: those of other times too."""
        self._connection, self._table, self._every = connection, table, every
        self._at, self._zone_shift = at, zone_shift
        self.next: float | None = None

    def __iter__(self) -> Iterator[Row]:
        if self._every or not any(map(is_dated, self._table.entity.columns)):
            yield from self._table.walk(self._connection)
            return
        entity = self._table.entity
        others = [place for place in entity.key_places if entity.columns[place].name != FROM]
        thing: Any = None
        chosen: Row | None = None
        for row in self._table.walk(self._connection):
            self._mind(entity, row)
            key = [row[place] for place in others] if len(others) < len(entity.key) else row
            if chosen is not None and key != thing:
                yield chosen
                chosen = None
            if valid_at(entity, row, self._at, self._zone_shift):
                thing, chosen = key, row  # in its order the last one began last
        if chosen is not None:
            yield chosen

    def _mind(self, entity: Entity, row: Row) -> None:
        for column, value in zip(entity.columns, row, strict=True):
            if value is not None and is_dated(column):
                moment = _begins(column, str(value), self._zone_shift)
                if moment > self._at and (self.next is None or moment < self.next):
                    self.next = moment


def _begins(column: EntityColumn, value: str, zone_shift: float) -> float:
    """When what the value says comes about; a day that is the last ends with its midnight."""
    if column.kind == "instant":
        return datetime.fromisoformat(value).timestamp()
    day = datetime.fromisoformat(value) + timedelta(days=column.name != FROM)
    return day.astimezone().timestamp() - zone_shift
