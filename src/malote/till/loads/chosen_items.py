"""Rows that an order names one by one: each is proven by the hash that the order has of it."""

import sqlite3
from collections.abc import Sequence

from malote.load_format import digest
from malote.load_format.wire import LoadItem
from malote.till.loads.row_tables import RowTable, Stored


def are_among(table: RowTable, rows: Sequence[Stored], items: Sequence[LoadItem]) -> bool:
    """Whether all rows are such that were ordered."""
    ordered = {item.sha256.lower() for item in items if item.sha256}
    return all(row[-1].hex() in ordered for row in rows)


def missing(connection: sqlite3.Connection, table: RowTable, items: Sequence[LoadItem]) -> list[LoadItem]:
    """Those that are here otherwise than ordered."""
    return [item for item in items if _hash_here(connection, table, item) != item.sha256.lower()]


def _hash_here(connection: sqlite3.Connection, table: RowTable, item: LoadItem) -> str:
    if len(item.key) != len(table.entity.key):
        return "no key"
    found = table.find(connection, item.key)
    return digest.row_hash(table.row_of(found)).hex() if found is not None else ""
