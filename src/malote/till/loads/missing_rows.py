"""Which rows of a table a file doesn't have, found without holding the file's keys in memory."""

import sqlite3
from collections.abc import Sequence
from typing import Any, Self

from malote.till.loads.row_tables import RowTable, Stored

_NAME = "_keys_of_file"


class RowsOfFile:
    """Keys in a table of the connection's own, gone at the end of the block."""

    def __init__(self, connection: sqlite3.Connection, table: RowTable) -> None:
        self._connection, self._table = connection, table
        self._names = [f'"{name}"' for name in table.entity.key]

    def __enter__(self) -> Self:
        names = ", ".join(self._names)
        self._connection.execute(f"DROP TABLE IF EXISTS temp.{_NAME}")
        self._connection.execute(f"CREATE TEMP TABLE {_NAME} ({names}, PRIMARY KEY ({names})) WITHOUT ROWID")
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.execute(f"DROP TABLE IF EXISTS temp.{_NAME}")

    def note(self, keys: Sequence[tuple[Any, ...]]) -> None:
        values = ", ".join("?" * len(self._names))
        self._connection.executemany(f"INSERT OR IGNORE INTO temp.{_NAME} VALUES ({values})", keys)

    def missing(self, most: int) -> list[Stored]:
        """Rows of the table that were not noted. They are to be removed before it is asked again."""
        same = " AND ".join(f"kept.{name} = held.{name}" for name in self._names)
        return self._connection.execute(
            f'SELECT * FROM "{self._table.name}" AS held'
            f" WHERE NOT EXISTS (SELECT 1 FROM temp.{_NAME} AS kept WHERE {same}) LIMIT ?",
            (most,),
        ).fetchall()
