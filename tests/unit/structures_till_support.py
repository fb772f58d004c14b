"""Outboxes of last year and of this one, and a server's signature for tests."""

import sqlite3
from contextlib import closing
from pathlib import Path

import msgspec

from malote import wire
from malote.schema.definition import Column, Index, Structure, Table, encode, fingerprint
from malote.schema.till_structure import TILL
from malote.till import storage
from malote.trust.signing_key import SigningKey

TILL_NUMBER = 3
KEY = SigningKey(bytes(range(32)))
OTHER_KEY = SigningKey(bytes(32))


def old_outbox(path: Path) -> None:
    """An outbox as the first agents made it: the structure's version 1."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        for statement in storage.MIGRATIONS[0].split(";"):
            connection.execute(statement)
        connection.execute("PRAGMA user_version = 1")


def next_structure() -> Structure:
    """What a newer server may publish one day: a column, an index, a unique key and a table more."""
    tables = []
    for table in TILL.tables:
        if table.name == "document":
            table = msgspec.structs.replace(
                table,
                columns=(
                    *table.columns,
                    Column("cashier", "text"),
                    Column("rounds", "integer", nullable=False, fill="0"),
                ),
                indexes=(*table.indexes, Index("document_by_key", ("access_key",))),
            )
        tables.append(table)
    product = Table(
        "product",
        (Column("code", "text", nullable=False), Column("price", "decimal(15,2)", nullable=False, default="0")),
        primary_key=("code",),
        indexes=(Index("product_cheap", ("price",), where="price < 100"),),
    )
    return msgspec.structs.replace(TILL, version=TILL.version + 1, tables=(*tables, product))


def order(
    structure: Structure, number: int = 7, key: SigningKey = KEY, till: int = TILL_NUMBER, expires_at: int = 0
) -> wire.Order:
    content = encode(structure).decode()
    given = wire.Order(wire.STRUCTURE, number, fingerprint(structure), "", expires_at, content)
    return msgspec.structs.replace(given, signature=key.sign(wire.order_statement(till, given)))


def older_order(structure: Structure, number: int = 7, key: SigningKey = KEY) -> wire.StructureOrder:
    """As servers gave it that had no other orders but this."""
    content = encode(structure)
    text, sha256, signature = content.decode(), fingerprint(structure), key.sign(content)
    given = wire.StructureOrder(number, text, sha256, signature, structure.version)
    return msgspec.structs.replace(given, binding=key.sign(wire.structure_statement(TILL_NUMBER, given)))


def tables_of(path: Path) -> set[str]:
    with closing(sqlite3.connect(path)) as connection:
        return {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}


def columns_of(path: Path, table: str) -> list[str]:
    with closing(sqlite3.connect(path)) as connection:
        return [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
