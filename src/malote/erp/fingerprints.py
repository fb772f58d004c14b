"""What the ERP's rows of whole ranges of keys come to, added up by the database itself: whatever changes shows.

Nothing is compared here. A sum that is what it was means that nothing changed since it was taken, and costs a small
part of reading the rows; of one that isn't, the rows are read. A part's sum can be taken off the whole's.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any, ClassVar, Protocol

import msgspec
from sqlalchemy import Connection, Table

from malote.erp import numbers
from malote.erp.connecting import classified
from malote.erp.mapping import ErpTables
from malote.fiscal.documents import cancellation_of

Range = tuple[str, str]  # the first and the last key
Print = tuple[int, ...]  # of each table how many rows, and the sum of their hashes; the sales first
Transaction = Callable[[], AbstractContextManager[Connection]]

_AT_ONCE = 200  # ranges in one statement
WRAP = 2**63


class Rows(msgspec.Struct, frozen=True):
    """One table's part: ``joined`` is how its rows are found from sales ``s`` (or, without, by their own key)."""

    table: str
    key: str
    columns: list[str]
    sale: str = ""
    joined: str = ""
    mark: str = ""  # before the key, in the ledger
    of_key: slice = slice(None)  # what of a key stands behind the mark

    def within(self, ranges: Sequence[Range]) -> list[Range]:
        """These ranges of keys as its own."""
        return [(self.mark + first[self.of_key], self.mark + last[self.of_key]) for first, last in ranges]


class Engine(Protocol):
    """What it asks of an engine."""

    tables: ErpTables
    dialect: ClassVar[Any]

    def fingerprint(self, connection: Connection, part: Rows, ranges: Sequence[Range]) -> list[Print]:
        """Of one table, one for each of its own ranges."""
        ...


def fingerprints(
    engine: Engine, transaction: Transaction, ranges: Sequence[Range], numbered: Sequence[Range]
) -> list[Print] | None:
    """One for each range; None where it can't be told. ``numbered`` are the same as far as the ledger's rows of numbers
    go, which know no month. Raises ``ErpError``."""
    tables = engine.tables
    parts = _Parts(tables, engine.dialect.identifier_preparer.quote).all()
    if not parts:
        return None
    found: list[Print] = []
    for start in range(0, len(ranges), _AT_ONCE):
        some, theirs = ranges[start : start + _AT_ONCE], numbered[start : start + _AT_ONCE]
        with classified(tables.sale.name), transaction() as connection:
            each = [
                engine.fingerprint(connection, part, part.within(theirs if part.mark == numbers.PREFIX else some))
                for part in parts
            ]
        found += [tuple(value for of_part in each for value in of_part[place]) for place in range(len(some))]
    return found


class _Parts:
    """The tables of one ERP whose rows are added up."""

    def __init__(self, tables: ErpTables, quote: Callable[[str], str]) -> None:
        self._tables = tables
        self._quote = quote
        self._schema = f"{quote(tables.schema)}." if tables.schema else ""

    def all(self) -> list[Rows]:
        tables = self._tables
        if tables.profile.post is not None or "access_key" not in tables.sale.columns:
            return []
        key = tables.sale.columns.access_key.name
        ledger = [self._of(tables.ledger, "identity"), self._of(tables.ledger, "identity", mark=cancellation_of(""))]
        if tables.state is not None:
            ledger.append(self._of(tables.state, "access_key"))
        found = [self._of(tables.sale.table, key), *ledger]
        sale, identity = self._named(tables.sale.table), tables.sale.of_sale
        for mapped in (tables.note, tables.item, tables.tax, tables.payment, tables.cancellation):
            if mapped is None:
                continue
            if "access_key" in mapped.columns:
                found.append(self._of(mapped.table, mapped.columns.access_key.name))
            elif mapped.of_sale and identity:
                joined = " AND ".join(
                    f"t.{self._quote(own.column)} = s.{self._quote(other.column)}"
                    for own, other in zip(mapped.of_sale.targets, identity.targets, strict=True)
                )
                found.append(self._of(mapped.table, key, sale=sale, joined=joined))
        # Last: sums that were taken before it was added up begin with what all others come to.
        found.append(self._of(tables.ledger, "identity", mark=numbers.PREFIX, of_key=numbers.NUMBER))
        return found

    def _of(self, table: Table, key: str, **others: Any) -> Rows:
        return Rows(self._named(table), self._quote(key), [self._quote(one.name) for one in table.columns], **others)

    def _named(self, table: Table) -> str:
        return self._schema + self._quote(table.name)
