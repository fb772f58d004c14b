"""How one JSON is read as rows of a table of the ERP's: by those columns alone that are given, each of the type it has.

A domain may forbid NULL, so that no row of the whole table can be made where only a key and a date are known.
"""

from collections.abc import Iterable
from typing import Any

import psycopg

from malote.erp.connecting import classified
from malote.erp.mapping import MappedTable
from malote.erp.postgresql.column_kinds import UNKNOWN, ColumnKind, columns_of
from malote.erp.postgresql.dialect import DIALECT

PLACE = "malote_place"  # of a row among those given, from 1

quote = DIALECT.identifier_preparer.quote


class ArrivingRows:
    """Of one transaction, in which what a table is like is asked for once: a DBA may alter it before the next."""

    def __init__(self, driver: psycopg.Connection[Any]) -> None:
        self._driver = driver
        self._known: dict[str, dict[str, ColumnKind]] = {}

    def given(self, mapped: MappedTable, columns: Iterable[str], alias: str = "arriving") -> str:
        """What stands after FROM: one bound JSON as rows of these columns, each with its ``PLACE``."""
        names = list(dict.fromkeys(columns))
        declared = ", ".join(f"{quote(one)} {self._kind(mapped, one).declared}" for one in names)
        named = ", ".join([*map(quote, names), PLACE])
        return f"ROWS FROM (json_to_recordset(%s) AS ({declared})) WITH ORDINALITY AS {alias} ({named})"

    def written(self, mapped: MappedTable, columns: Iterable[str]) -> list[str]:
        """The given columns as they go into the table's own."""
        return [f"arriving.{quote(one)}{self._kind(mapped, one).written}" for one in columns]

    def compared(self, mapped: MappedTable, columns: Iterable[str], alias: str) -> list[str]:
        """Columns of ``alias``, the table or what is given, as they can be compared."""
        return [f"{alias}.{quote(one)}{self._kind(mapped, one).compared}" for one in columns]

    def _kind(self, mapped: MappedTable, column: str) -> ColumnKind:
        table = table_name(mapped)
        if table not in self._known:
            with classified(mapped.name):
                self._known[table] = columns_of(self._driver, table)
        return self._known[table].get(column, UNKNOWN)


def table_name(mapped: MappedTable) -> str:
    return DIALECT.identifier_preparer.format_table(mapped.table)
