"""What a SQLite database has, by the driver's own connection: agents look at their outbox with it, servers likewise."""

import re
import sqlite3
from collections.abc import Sequence

from malote.schema.dialects import quoted
from malote.schema.found_tables import Found, FoundColumn, FoundKey, FoundTable

_MOST_DUPLICATES = 20
_WHERE = re.compile(r"\sWHERE\s(.+)$", re.IGNORECASE | re.DOTALL)


def look(connection: sqlite3.Connection) -> Found:
    """All tables of the database."""
    names = connection.execute(
        "SELECT name, type FROM sqlite_master WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite%' ORDER BY name"
    ).fetchall()
    return {name: _table(connection, name, is_table=kind == "table") for name, kind in names}


class SqliteProbe:
    """See ``found.Probe``."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def is_empty(self, table: str) -> bool:
        query = f"SELECT 1 FROM {quoted(table)} LIMIT 1"  # noqa: S608 - quoted, and of the database itself
        return self._connection.execute(query).fetchone() is None

    def duplicates(self, table: str, columns: Sequence[str]) -> list[str]:
        names = ", ".join(quoted(name) for name in columns)
        query = (
            f"SELECT {names} FROM {quoted(table)} GROUP BY {names}"  # noqa: S608 - as above
            f" HAVING count(*) > 1 LIMIT {_MOST_DUPLICATES}"
        )
        return [", ".join(map(_shown, row)) for row in self._connection.execute(query)]


def _shown(value: object) -> str:
    return value.hex() if isinstance(value, bytes) else str(value)


def _table(connection: sqlite3.Connection, name: str, *, is_table: bool) -> FoundTable:
    columns: dict[str, FoundColumn] = {}
    key: dict[int, str] = {}
    # Hidden columns are left out: nobody writes them.
    for _, column, declared, not_null, default, place in connection.execute(f"PRAGMA table_info({quoted(name)})"):
        columns[column] = FoundColumn(column, declared, not not_null, default)
        if place:
            key[place] = column
    keys = [FoundKey(f"{name}_pkey", tuple(key[place] for place in sorted(key)), unique=True, primary=True)]
    for _, index, unique, origin, _ in connection.execute(f"PRAGMA index_list({quoted(name)})"):
        if origin != "pk":
            keys.append(_index(connection, index, unique=bool(unique)))
    return FoundTable(
        name,
        columns,
        tuple(one for one in keys if one.columns or not one.primary),
        rows=_rows(connection, name) if is_table else 0,
        alterable=is_table,
        is_table=is_table,
    )


def _index(connection: sqlite3.Connection, name: str, *, unique: bool) -> FoundKey:
    parts = [row[2] for row in connection.execute(f"PRAGMA index_info({quoted(name)})")]
    columns = () if None in parts else tuple(parts)
    found = connection.execute("SELECT sql FROM sqlite_master WHERE type = 'index' AND name = ?", (name,)).fetchone()
    where = _WHERE.search(found[0]) if found and found[0] else None
    return FoundKey(name, columns, unique, where=where[1].strip() if where else None)


def _rows(connection: sqlite3.Connection, name: str) -> int:
    """A bound that costs one step: rows are numbered as they come, and few are ever deleted."""
    try:
        found = connection.execute(f"SELECT max(rowid) FROM {quoted(name)}").fetchone()  # noqa: S608 - as above
    except sqlite3.OperationalError:
        # Without row numbers; such tables here are small, and one step more is all it would cost to be wrong.
        return 0
    return int(found[0] or 0)
