"""Every statement that the ERP on Oracle executes: those of its own, and how the common ones are written there."""

import math
from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import Select, select, tuple_
from sqlalchemy.schema import CreateTable

from malote.erp import connecting, number_guard, statements
from malote.erp.mapping import ErpTables, MappedTable
from malote.erp.oracle.dialect import DIALECT
from malote.erp.targets import CANCELLED, PROTOCOL

ENCODING = "SELECT value FROM nls_database_parameters WHERE parameter = 'NLS_CHARACTERSET'"


class OwnStatements:
    """Those that are Oracle's own, with the names of one ERP."""

    def __init__(self, tables: ErpTables, lock_timeout_seconds: float) -> None:
        self.wait_seconds = max(1, math.ceil(lock_timeout_seconds))
        self._quoted = DIALECT.identifier_preparer
        written = [tables.ledger, *(part.table for part in tables.parts)]
        names = ", ".join(self._quoted.format_table(table) for table in written)
        self.lock_tables = f"LOCK TABLE {names} IN ROW EXCLUSIVE MODE WAIT {self.wait_seconds}"
        self.claim = (
            f"INSERT INTO {self._quoted.format_table(tables.ledger)} (identity, content_hash, till, document_id)"  # noqa: S608
            " VALUES (:identity, :content_hash, :till, :document_id)"
        )
        self.move_stock = self._merge(tables.stock) if tables.stock else ""

    def _merge(self, stock: MappedTable) -> str:
        named = {target.key: self._quoted.quote(target.column) for target in stock.inserted}
        quantity = named["quantity"]
        arriving = ", ".join(f":{key} AS {key}" for key in named)
        same = " AND ".join(f"held.{name} = moved.{key}" for key, name in named.items() if key != "quantity")
        return (
            f"MERGE INTO {self._quoted.format_table(stock.table)} held"  # noqa: S608 names of the profile, quoted
            f" USING (SELECT {arriving} FROM dual) moved ON ({same})"
            f" WHEN MATCHED THEN UPDATE SET held.{quantity} = held.{quantity} + moved.quantity"
            f" WHEN NOT MATCHED THEN INSERT ({', '.join(named.values())})"
            f" VALUES ({', '.join(f'moved.{key}' for key in named)})"
        )


def stock_rows(stock: MappedTable, keys: Sequence[tuple[Any, ...]]) -> Select[Any]:
    """The rows of the stock under these keys, in order."""
    columns = [stock.columns[name] for name in key_names(stock)]
    quantity = stock.columns.quantity
    return select(quantity).where(tuple_(*columns).in_(keys)).order_by(*columns)


def every_statement(tables: ErpTables, lock_timeout_seconds: float = 5.0) -> list[str]:
    """All SQL that this adapter ever executes, DDL included, with lists of every size. Looking at the structure (for
    ``malote erp profile check``, and to name what is missing after an error) is SQLAlchemy's own reflection."""
    sql = OwnStatements(tables, lock_timeout_seconds)
    locked = f"FOR UPDATE WAIT {sql.wait_seconds}"
    sizes = [["x"] * size for size in statements.SIZES]
    selects: list[Select[Any]] = [
        statements.booked_after(tables, connecting.STEP).params(after=""),
        statements.entries_after(tables, number_guard.STEP).params(after=""),
    ]
    for keys in sizes:
        selects.append(statements.ledger_entries(tables, keys))
        selects.append(statements.standings(tables, keys))
        selects.append(statements.sale_rows(tables, keys))
        selects.append(statements.ledger_entries(tables, keys).suffix_with(locked))
        selects += [statements.sales_to_change(tables, keys, others).suffix_with(locked) for others in sizes]
        selects += [statements.readable_rows(part, keys) for part in (tables.sale, tables.item, tables.payment) if part]
        if tables.stock:
            selects.append(statements.goods_of(tables, keys))
            one = tuple("x" for _ in key_names(tables.stock))
            selects.append(stock_rows(tables.stock, [one] * len(keys)).suffix_with(locked))
    ddl = [str(CreateTable(table).compile(dialect=DIALECT)).strip() for table in tables.metadata.sorted_tables]
    changes = [sorted(_changed(tables, fields)) for fields in (CANCELLED, PROTOCOL)]
    return [
        *ddl,
        ENCODING,
        sql.lock_tables,
        sql.claim,
        *([sql.move_stock] if sql.move_stock else []),
        *(_compiled(statement) for statement in selects),
        *(_compiled(statements.change_sale(tables, columns)) for columns in changes),
        *(_compiled(statement) for statement in statements.rewriting(tables)),
        *(
            _compiled(statements.add(part), column_keys=[target.key for target in part.inserted])
            for part in tables.parts
            if part.part != "stock"
        ),
    ]


def _changed(tables: ErpTables, fields: frozenset[str]) -> list[str]:
    return list(tables.sale.change(dict.fromkeys(fields)))


def _compiled(statement: Any, column_keys: list[str] | None = None) -> str:
    lists = {"render_postcompile": isinstance(statement, Select)}
    return str(statement.compile(dialect=DIALECT, column_keys=column_keys, compile_kwargs=lists))


def key_names(stock: MappedTable) -> list[str]:
    """What tells one row of the stock from another."""
    return [target.key for target in stock.inserted if target.key != "quantity"]


def in_steps(keys: Sequence[tuple[Any, ...]]) -> Iterator[list[tuple[Any, ...]]]:
    """In order, in lists of one of ``statements.SIZES``, the last one repeated."""
    largest = statements.SIZES[-1]
    for start in range(0, len(keys), largest):
        some = list(keys[start : start + largest])
        size = next(size for size in statements.SIZES if size >= len(some))
        yield some + some[-1:] * (size - len(some))
