"""The digest of an entity's rows as they stand here: only the buckets that changed are hashed again."""

import sqlite3
from collections.abc import Iterable, Iterator
from itertools import groupby
from operator import itemgetter

from malote.load_format import digest
from malote.till.loads.row_tables import RowTable

_AT_ONCE = 64


def hash_all(connection: sqlite3.Connection, table: RowTable) -> Iterator[None]:
    """In the caller's transaction, in steps, in one walk over the table."""
    name = table.entity.name
    connection.execute("DELETE FROM _bucket WHERE entity = ?", (name,))
    group: list[tuple[str, int, bytes]] = []
    for number, found in groupby(table.all_hashes(connection), itemgetter(0)):
        group.append((name, number, digest.bucket_hash(row_hash for _, row_hash in found)))
        if len(group) == _AT_ONCE:
            connection.executemany("INSERT INTO _bucket VALUES (?, ?, ?)", group)
            group = []
            yield
    connection.executemany("INSERT INTO _bucket VALUES (?, ?, ?)", group)


def hash_again(connection: sqlite3.Connection, table: RowTable, buckets: Iterable[int]) -> Iterator[None]:
    """In the caller's transaction, in steps."""
    name = table.entity.name
    for count, number in enumerate(sorted(buckets), 1):
        hashes = table.hashes(connection, number)
        if hashes:
            row = (name, number, digest.bucket_hash(hashes))
            connection.execute("INSERT OR REPLACE INTO _bucket VALUES (?, ?, ?)", row)
        else:
            connection.execute("DELETE FROM _bucket WHERE entity = ? AND number = ?", (name, number))
        if count % _AT_ONCE == 0:
            yield


def kept(connection: sqlite3.Connection, table: RowTable, first: int, last: int) -> dict[int, bytes]:
    """Of the buckets from one number and before the other, as last hashed."""
    query = "SELECT number, hash FROM _bucket WHERE entity = ? AND number >= ? AND number < ?"
    return dict(connection.execute(query, (table.entity.name, first, last)).fetchall())


def entity_digest(connection: sqlite3.Connection, table: RowTable) -> str:
    """Of the buckets as last hashed."""
    found = connection.execute("SELECT number, hash FROM _bucket WHERE entity = ?", (table.entity.name,))
    return digest.entity_digest(table.entity, dict(found.fetchall()))
