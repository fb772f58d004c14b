"""A declaration of tables as the structure's data form."""

import re
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Column as DeclaredColumn
from sqlalchemy import Index as DeclaredIndex
from sqlalchemy import MetaData, UniqueConstraint
from sqlalchemy import Table as DeclaredTable
from sqlalchemy.types import TypeEngine

from malote.erp.engine_loader import part_of
from malote.erp.values import DatabaseNow, Money
from malote.erp_engines import NAMES
from malote.schema.definition import FORMAT, Column, Index, Scope, Structure, Table

# A type is known by what the first of the engines, which tells the most apart, calls it.
_TYPES = {
    "TIMESTAMP WITH TIME ZONE": "moment",
    "TIMESTAMP WITHOUT TIME ZONE": "clock",
    "BOOLEAN": "boolean",
    "SMALLINT": "smallint",
    "BIGINT": "bigint",
    "INTEGER": "integer",
    "DOUBLE PRECISION": "double",
    "BYTEA": "binary",
    "DATE": "date",
    "TEXT": "text",
    'TEXT COLLATE "C"': "key",
}
_NUMERIC = re.compile(r"NUMERIC\((\d+), (\d+)\)")
_DIALECT = part_of(NAMES[0], "dialect").DIALECT


def structure_of(metadata: MetaData, scope: Scope, version: int, *, fill_amounts: bool = False) -> Structure:
    """The tables in the order of their declaration.

    ``fill_amounts``: rows from before an amount hold 0 of it. Raises ``ValueError`` for a type without a portable name.
    """
    tables = tuple(_table(table, fill_amounts=fill_amounts) for table in metadata.sorted_tables)
    return Structure(FORMAT, scope, version, tables)


def _table(table: DeclaredTable, *, fill_amounts: bool) -> Table:
    uniques = {
        _plain(one.name): _names(list(one.columns)) for one in table.constraints if isinstance(one, UniqueConstraint)
    }
    return Table(
        name=_plain(table.name),
        columns=tuple(_column(column, fill_amounts=fill_amounts) for column in table.columns),
        primary_key=_names(list(table.primary_key.columns)),
        uniques=dict(sorted(uniques.items())),
        indexes=tuple(sorted(map(_index, table.indexes), key=lambda index: index.name)),
    )


def _column(column: DeclaredColumn[Any], *, fill_amounts: bool) -> Column:
    fills = fill_amounts and isinstance(column.type, Money) and not column.nullable
    return Column(
        name=_plain(column.name),
        type=_portable(column.type),
        nullable=bool(column.nullable),
        default=_default(column),
        fill="0" if fills else None,
    )


def _portable(declared: TypeEngine[Any]) -> str:
    text = declared.compile(dialect=_DIALECT)
    numeric = _NUMERIC.fullmatch(text)
    if numeric is not None:
        return f"decimal({numeric[1]},{numeric[2]})"
    if text.startswith("VARCHAR"):
        return "text"
    try:
        return _TYPES[text]
    except KeyError as error:
        raise ValueError(f"no portable name for {text}") from error


def _default(column: DeclaredColumn[Any]) -> str | None:
    if column.server_default is None:
        return None
    argument = getattr(column.server_default, "arg", None)
    return "now" if isinstance(argument, DatabaseNow) else str(argument)


def _index(index: DeclaredIndex) -> Index:
    where = index.dialect_options["postgresql"]["where"]
    return Index(
        name=_plain(index.name),
        columns=_names(list(index.columns)),
        unique=bool(index.unique),
        where=None if where is None else str(where),
    )


def _names(columns: Sequence[Any]) -> tuple[str, ...]:
    return tuple(_plain(column.name) for column in columns)


def _plain(name: Any) -> str:
    """Names of tables come in a kind of text of SQLAlchemy's own."""
    return f"{name}"
