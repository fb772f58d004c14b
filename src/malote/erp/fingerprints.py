"""What the ERP's rows of whole ranges of keys come to, added up by the database itself: whatever changes shows.

Nothing is compared here. A sum that is what it was means that nothing changed since it was taken, and costs a small
part of reading the rows; of one that isn't, the rows are read. A part's sum can be taken off the whole's.
"""

import hashlib
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any

import msgspec
import psycopg
from sqlalchemy import Connection, Table

from malote.erp.connecting import classified
from malote.erp.mapping import ErpTables, MappedTable
from malote.erp.postgresql.grants import DIALECT

Range = tuple[str, str]  # the first and the last key
Print = tuple[int, ...]  # of each table how many rows, and the sum of their hashes; the sales first
Transaction = Callable[[], AbstractContextManager[Connection]]

_AT_ONCE = 200  # ranges in one statement
_WRAP = 2**63
_FUNCTION = "malote_rows"
_RECORDS_SINCE = 140_000  # PostgreSQL hashes records from this version on
_quote = DIALECT.identifier_preparer.quote


class _Rows(msgspec.Struct, frozen=True):
    """One table's part: ``joined`` is how its rows are found from sales ``s`` (or, without, by their own key)."""

    table: str
    key: str
    columns: list[str]
    sale: str = ""
    joined: str = ""
    mark: str = ""  # before the key, in the ledger


def fingerprints(transaction: Transaction, tables: ErpTables, ranges: Sequence[Range]) -> list[Print] | None:
    """One for each range; None where it can't be told. Raises ``ErpError``."""
    parts = _parts(tables)
    if not parts:
        return None
    found: list[Print] = []
    for start in range(0, len(ranges), _AT_ONCE):
        some = ranges[start : start + _AT_ONCE]
        with classified(tables.sale.name), transaction() as connection:
            match connection.connection.driver_connection:
                case psycopg.Connection() as driver:
                    each = [_on_postgresql(driver, part, some) for part in parts]
                case sqlite3.Connection() as driver:
                    each = [_on_sqlite(driver, part, some) for part in parts]
                case _:
                    return None
        found += [tuple(value for of_part in each for value in of_part[place]) for place in range(len(some))]
    return found


def add_function(connection: sqlite3.Connection) -> None:
    """What PostgreSQL has and SQLite lacks."""
    connection.create_aggregate(_FUNCTION, -1, _Sum)  # type: ignore[arg-type]


class _Sum:
    def __init__(self) -> None:
        self._sum = 0

    def step(self, *values: Any) -> None:
        self._sum += int.from_bytes(hashlib.blake2b(repr(values).encode(), digest_size=8).digest(), "big")

    def finalize(self) -> str:
        return str(self._sum % _WRAP)


def _parts(tables: ErpTables) -> list[_Rows]:
    if tables.profile.post is not None or "access_key" not in tables.sale.columns:
        return []
    schema = f"{_quote(tables.schema)}." if tables.schema else ""
    key = tables.sale.columns.access_key.name
    ledger = [_of(schema, tables.ledger, "identity"), _of(schema, tables.ledger, "identity", mark="cancel:")]
    if tables.state is not None:
        ledger.append(_of(schema, tables.state, "access_key"))
    found = [_of(schema, tables.sale.table, key), *ledger]
    sale, identity = _quote(tables.sale.table.name), tables.sale.identity
    for mapped in (tables.item, tables.tax, tables.payment, tables.cancellation):
        if mapped is None:
            continue
        if "access_key" in mapped.columns:
            found.append(_of(schema, mapped.table, mapped.columns.access_key.name))
        elif joined := _joined(mapped, identity.column if identity else ""):
            found.append(_of(schema, mapped.table, key, sale=schema + sale, joined=joined))
    return found


def _of(schema: str, table: Table, key: str, **others: str) -> _Rows:
    return _Rows(schema + _quote(table.name), _quote(key), [_quote(one.name) for one in table.columns], **others)


def _joined(mapped: MappedTable, identity: str) -> str:
    of_sale = mapped.of_sale
    return f"t.{_quote(of_sale.column)} = s.{_quote(identity)}" if of_sale and identity else ""


def _on_postgresql(driver: psycopg.Connection[Any], part: _Rows, ranges: Sequence[Range]) -> list[Print]:
    """The bounds go as rows of the very table, so that its index on the key is used whatever its type."""
    keyed, held = (part.sale, "s") if part.sale else (part.table, "t")
    record = f"ROW({', '.join(f't.{one}' for one in part.columns)})"
    hashed = (
        f"hash_record_extended({record}, 0)"
        if driver.info.server_version >= _RECORDS_SINCE
        else f"hashtextextended({record}::text, 0)"
    )
    bounds = f"json_populate_recordset(NULL::{keyed}, %s) WITH ORDINALITY"
    within = f"{held}.{part.key} >= a.{part.key} AND {held}.{part.key} <= b.{part.key}"
    lines = f" JOIN {part.table} AS t ON {part.joined}" if part.sale else ""
    statement = (
        f"SELECT a.ordinality, count(*), sum({hashed}) FROM {bounds} AS a"  # noqa: S608 names of the profile
        f" JOIN {bounds} AS b ON a.ordinality = b.ordinality"
        f" JOIN {keyed} AS {held} ON {within}{lines} GROUP BY 1"
    )
    column = part.key.strip('"')
    given = [msgspec.json.encode([{column: part.mark + one[at]} for one in ranges]).decode() for at in (0, 1)]
    answered = {place: (count, int(total) % _WRAP) for place, count, total in driver.execute(statement.encode(), given)}
    return [answered.get(place, (0, 0)) for place in range(1, len(ranges) + 1)]


def _on_sqlite(driver: sqlite3.Connection, part: _Rows, ranges: Sequence[Range]) -> list[Print]:
    statement = (
        f"SELECT count(*), {_FUNCTION}({', '.join(part.columns)}) FROM {part.table}"  # noqa: S608 names of the profile
        f" WHERE {part.key} >= ? AND {part.key} <= ?"
    )
    found: list[Print] = []
    for first, last in ranges:
        count, total = driver.execute(statement, (part.mark + first, part.mark + last)).fetchone()
        found.append((count, int(total or 0)))
    return found
