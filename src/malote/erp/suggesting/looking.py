"""A database's tables as far as a profile needs to know them. Reads its catalogue, and no row."""

import re
from decimal import Decimal
from typing import Any, Literal

import msgspec
from sqlalchemy import Connection, Select, func, inspect, select
from sqlalchemy import column as sa_column
from sqlalchemy import table as sa_table
from sqlalchemy import types as sql
from sqlalchemy.exc import DBAPIError

from malote.erp.profiles.profile import is_name

Kind = Literal["text", "integer", "decimal", "clock", "moment", "date", "flag", "other"]

_VALUES = re.compile(r"'([^']{1,10})'")
_MOST_TABLES = 3000


class Column(msgspec.Struct, frozen=True):
    """``values``: those that a check allows, where it lists texts. ``made``: by the database itself."""

    name: str
    kind: Kind
    length: int | None  # of a text
    places: int  # of a number
    required: bool  # not null, and nothing is put there by default
    made: bool
    values: tuple[str, ...] = ()


class Found(msgspec.Struct, frozen=True):
    """``refers``: by column, the table and column that a foreign key names."""

    name: str
    columns: dict[str, Column]
    key: tuple[str, ...]
    refers: dict[str, tuple[str, str]]


def look(connection: Connection, schema: str | None) -> dict[str, Found]:
    """The tables of a schema by name; what a profile can't name is left out."""
    inspector = inspect(connection)
    names = [name for name in inspector.get_table_names(schema) if is_name(name)]
    return {name: _table(inspector, name, schema) for name in sorted(names)[:_MOST_TABLES]}


def smallest(connection: Connection, table: str, column: str, schema: str | None) -> int | None:
    """The smallest number that stands in a column: a value that a foreign key to it takes. None where there is none, or
    where the user may not look."""
    asked: Select[Any] = select(func.min(sa_column(column))).select_from(sa_table(table, schema=schema))
    try:
        with connection.begin_nested():
            found = connection.scalar(asked)
    except DBAPIError:
        return None
    return int(found) if isinstance(found, int | Decimal) else None


def _table(inspector: Any, name: str, schema: str | None) -> Found:
    checks = [str(one["sqltext"]) for one in inspector.get_check_constraints(name, schema)]
    columns = {one["name"]: _column(one, checks) for one in inspector.get_columns(name, schema) if is_name(one["name"])}
    refers = {
        own: (key["referred_table"], other)
        for key in inspector.get_foreign_keys(name, schema)
        for own, other in zip(key["constrained_columns"], key["referred_columns"], strict=True)
    }
    key = inspector.get_pk_constraint(name, schema).get("constrained_columns") or []
    return Found(name, columns, tuple(key), refers)


def _column(told: Any, checks: list[str]) -> Column:
    kind, made = told["type"], bool(told.get("identity") or told.get("computed"))
    made = made or "nextval(" in str(told.get("default") or "")
    allowed = [one for one in checks if re.search(rf"\b{re.escape(told['name'])}\b", one)]
    return Column(
        name=told["name"],
        kind=_kind(kind),
        length=getattr(kind, "length", None),
        places=getattr(kind, "scale", None) or 0,
        required=not told["nullable"] and told.get("default") is None and not made,
        made=made,
        values=tuple(dict.fromkeys(_VALUES.findall(" ".join(allowed)))),
    )


def _kind(kind: Any) -> Kind:
    match kind:
        case sql.DateTime():
            return "moment" if kind.timezone else "clock"
        case sql.Date():
            return "date"
        case sql.Boolean():
            return "flag"
        case sql.Integer():
            return "integer"
        case sql.Numeric():
            return "decimal" if kind.scale else "integer"
        case sql.String():
            return "text"
    return "other"
