"""What can still be read of a damaged SQLite file, row by row: a damaged page spoils only the rows on it."""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

# Rows in a row that can't be read, or aren't there, after which the rest of a table is given up where nobody can say
# how long it is.
_GIVES_UP = 200_000

Row = tuple[Any, ...]


@contextmanager
def opened(path: Path) -> Iterator[sqlite3.Connection]:
    """For reading only; the log beside it is read too. Raises ``sqlite3.DatabaseError`` where nothing can be read."""
    with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as connection:
        connection.text_factory = lambda text: text.decode("utf-8", "replace")
        connection.execute("PRAGMA cell_size_check = ON")
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        yield connection


class TableReader:
    """The rows of one table in the order of their numbers; ``unreadable`` grows while it is read."""

    def __init__(self, connection: sqlite3.Connection, table: str, wanted: Sequence[str]) -> None:
        self._connection = connection
        self._table = table
        self.columns = [name for name in wanted if name in self._there()]
        self.unreadable = 0

    def _there(self) -> set[str]:
        """The columns that it has: an older version's has fewer."""
        try:
            return {row[1] for row in self._connection.execute(f'PRAGMA table_info("{self._table}")')}
        except sqlite3.DatabaseError:
            return set()

    def rows(self) -> Iterator[Row]:
        if not self.columns:
            return
        names = ", ".join(f'"{name}"' for name in self.columns)
        query = f'SELECT rowid, {names} FROM "{self._table}"'  # noqa: S608 - our own tables' names
        last = 0
        while True:
            try:
                for number, *row in self._connection.execute(f"{query} WHERE rowid > ? ORDER BY rowid", (last,)):
                    last = number
                    yield tuple(row)
                return
            except sqlite3.DatabaseError:
                found = self._beyond(query, last)
            if found is None:
                return
            last, row = found
            yield row

    def _beyond(self, query: str, last: int) -> tuple[int, Row] | None:
        """The next row that can be read, by its number; None when there is none any more."""
        end, failed = self._end(), 0
        for number in range(last + 1, (end or last + _GIVES_UP) + 1):
            try:
                row = self._connection.execute(f"{query} WHERE rowid = ?", (number,)).fetchone()
            except sqlite3.DatabaseError:
                failed += 1
                continue
            if row is not None:
                self.unreadable += failed
                return number, tuple(row[1:])
        # Where its end isn't known, how many there were isn't either.
        self.unreadable += failed if end is not None else 1
        return None

    def _end(self) -> int | None:
        try:
            (end,) = self._connection.execute(f'SELECT max(rowid) FROM "{self._table}"').fetchone()  # noqa: S608
        except sqlite3.DatabaseError:
            return None
        return int(end or 0)
