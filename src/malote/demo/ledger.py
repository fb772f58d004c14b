"""What a simulated till sold, by its own account: the truth that the proof starts from.

One SQLite file per till, written with full sync before the till writes the document's file, as a POS keeps its own
database. A file that a crash kept from being written is written at the next start.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Literal

import msgspec

from malote.demo.catalogue import products
from malote.demo.notes import DemoNote

Status = Literal["unauthorised", "contingency", "authorised", "cancelled"]

_SCHEMA = """
    CREATE TABLE IF NOT EXISTS sale (
        access_key TEXT PRIMARY KEY,
        number INTEGER NOT NULL UNIQUE,
        issued_at TEXT NOT NULL,
        emission INTEGER NOT NULL,
        total INTEGER NOT NULL,
        status TEXT NOT NULL,
        quantities TEXT NOT NULL,
        prices TEXT NOT NULL DEFAULT '{}'
    );
    CREATE TABLE IF NOT EXISTS voided (first INTEGER PRIMARY KEY, last INTEGER NOT NULL);
    CREATE TABLE IF NOT EXISTS unwritten (id INTEGER PRIMARY KEY, name TEXT NOT NULL, content BLOB NOT NULL);
"""


class SoldSale(msgspec.Struct, frozen=True):
    """One sale as its till has it. ``total`` in cents, ``quantities`` in ten-thousandths by product code; ``prices``:
    in cents, of products that were not sold at the catalogue's."""

    access_key: str
    number: int
    issued_at: datetime
    emission: int
    total: int
    status: Status
    quantities: dict[str, int]
    prices: dict[str, int] = {}

    @property
    def counts(self) -> bool:
        """Whether the goods left the store and stay away."""
        return self.status != "cancelled"


class OutgoingFile(msgspec.Struct, frozen=True):
    name: str  # relative to the till's folder, with forward slashes
    content: bytes


class DemoLedgerEntry(msgspec.Struct):
    """What one transaction of the ledger records."""

    sold: list[tuple[DemoNote, Status]] = []
    changed: list[tuple[str, Status]] = []  # access key and what became of it
    voided: list[tuple[int, int]] = []
    files: list[OutgoingFile] = []


class DemoLedger:
    """Serves one thread at a time."""

    def __init__(self, path: Path) -> None:
        # The live view closes what a till's thread has used; never two at once.
        self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = FULL")
        self._connection.executescript(_SCHEMA)
        if "prices" not in [column[1] for column in self._connection.execute("PRAGMA table_info(sale)")]:
            self._connection.execute("ALTER TABLE sale ADD COLUMN prices TEXT NOT NULL DEFAULT '{}'")

    def record(self, entry: DemoLedgerEntry) -> list[int]:
        """Records all of it or nothing, durably; returns the numbers of the files that are now to be written."""
        with self._transaction():
            self._connection.executemany(
                "INSERT INTO sale VALUES (?, ?, ?, ?, ?, ?, ?, ?)", [_row(note, status) for note, status in entry.sold]
            )
            self._connection.executemany(
                "UPDATE sale SET status = ? WHERE access_key = ?", [(status, key) for key, status in entry.changed]
            )
            self._connection.executemany("INSERT INTO voided VALUES (?, ?)", entry.voided)
            insert = "INSERT INTO unwritten (name, content) VALUES (?, ?) RETURNING id"
            return [self._connection.execute(insert, (f.name, f.content)).fetchone()[0] for f in entry.files]

    def unwritten(self) -> list[tuple[int, OutgoingFile]]:
        """Files recorded and, as far as the ledger knows, not written."""
        rows = self._connection.execute("SELECT id, name, content FROM unwritten ORDER BY id")
        return [(identifier, OutgoingFile(name, content)) for identifier, name, content in rows]

    def written(self, identifiers: Sequence[int]) -> None:
        with self._transaction():
            self._connection.executemany("DELETE FROM unwritten WHERE id = ?", [(each,) for each in identifiers])

    def next_number(self) -> int:
        query = "SELECT max(number) FROM (SELECT number FROM sale UNION ALL SELECT last FROM voided)"
        (last,) = self._connection.execute(query).fetchone()
        return (last or 0) + 1

    def sales(self) -> Iterator[SoldSale]:
        """Every sale in the order of its number."""
        columns = "access_key, number, issued_at, emission, total, status, quantities, prices"
        rows = self._connection.execute(f"SELECT {columns} FROM sale ORDER BY number")  # noqa: S608 - as named here
        for key, number, issued_at, emission, total, status, *told in rows:
            moment = datetime.fromisoformat(issued_at)
            yield SoldSale(key, number, moment, emission, total, status, *map(msgspec.json.decode, told))

    def voided(self) -> list[tuple[int, int]]:
        return self._connection.execute("SELECT first, last FROM voided ORDER BY first").fetchall()

    def close(self) -> None:
        self._connection.close()

    def _transaction(self) -> "_Transaction":
        return _Transaction(self._connection)


class _Transaction:
    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def __enter__(self) -> None:
        self._connection.execute("BEGIN IMMEDIATE")

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        self._connection.execute("COMMIT" if kind is None else "ROLLBACK")


def _row(note: DemoNote, status: Status) -> tuple[str, int, str, int, int, Status, bytes, bytes]:
    quantities: dict[str, int] = {}
    for line in note.basket.lines:
        quantities[line.product.code] = quantities.get(line.product.code, 0) + line.quantity
    issued_at = note.issued_at.isoformat()
    told = (msgspec.json.encode(quantities), msgspec.json.encode(_other_prices(note)))
    return note.access_key, note.number, issued_at, note.emission, note.total, status, *told


def _other_prices(note: DemoNote) -> dict[str, int]:
    """What it was sold at where the catalogue says otherwise, so that the same basket can be drawn again."""
    listed = {product.code: product.price for product in products()}
    sold = {line.product.code: line.product.price for line in note.basket.lines}
    return {code: price for code, price in sold.items() if listed.get(code) != price}
