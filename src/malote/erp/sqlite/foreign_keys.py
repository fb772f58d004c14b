"""SQLite looks at no foreign key before it is told to, on each connection anew."""

import sqlite3
from collections.abc import Iterable

from malote.erp.sqlite.dialect import DIALECT


def enforce(connection: sqlite3.Connection, tables: Iterable[str]) -> None:
    """Those that the ERP has of the tables that Malote writes. Where one is declared so that SQLite can't follow it (to
    a table that isn't there, to columns that aren't unique), any writing would fail: then none is followed, as for any
    other program that never asks for it."""
    quote = DIALECT.identifier_preparer.quote
    statements = [
        statement.format(quote(name))
        for name in tables
        for statement in ("INSERT INTO {} DEFAULT VALUES", "DELETE FROM {}")
    ]
    possible = [statement for statement in statements if _is_possible(connection, statement)]
    connection.execute("PRAGMA foreign_keys = ON")
    if not all(_is_possible(connection, statement) for statement in possible):
        connection.execute("PRAGMA foreign_keys = OFF")


def _is_possible(connection: sqlite3.Connection, statement: str) -> bool:
    """Whether it can be prepared; nothing is done."""
    try:
        connection.execute(f"EXPLAIN {statement}")
    except sqlite3.OperationalError:
        return False
    return True
