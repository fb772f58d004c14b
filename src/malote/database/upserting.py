"""INSERTs that may meet a row of the same key, on whichever engine the store database is: its dialect is loaded when
one is written, and not with the tables."""

from typing import Any

from sqlalchemy import Connection, Table


def insert_into(connection: Connection, table: Table) -> Any:
    """An INSERT with ``on_conflict_do_update`` and ``on_conflict_do_nothing``."""
    if connection.dialect.name == "postgresql":
        from sqlalchemy.dialects import postgresql

        return postgresql.insert(table)
    from sqlalchemy.dialects import sqlite

    return sqlite.insert(table)
