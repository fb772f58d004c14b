"""A database's tables as far as a profile needs to know them. Reads its catalogue, and no row."""

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Literal

import msgspec
from sqlalchemy import Connection, MetaData, Select, func, inspect, select
from sqlalchemy import column as sa_column
from sqlalchemy import table as sa_table
from sqlalchemy import types as sql
from sqlalchemy.exc import DBAPIError

from malote.erp import tables as own_tables
from malote.erp.engine_loader import has_part, part_of
from malote.erp.ordinary_tables import state
from malote.erp.profiles.profile import is_name
from malote.erp.suggesting.vocabulary import ACTIVE_BEGINS, beginning

Kind = Literal["text", "integer", "decimal", "clock", "moment", "date", "hour", "flag", "other"]

_VALUES = re.compile(r"'([^']{1,10})'")
_NUMBERS = re.compile(r"(?<![\w.'])(\d{1,4})(?![\w.'])")
_MEANING = re.compile(
    r"(?<!\w)(\d{1,4}|[A-Z]{1,3})['\"]?\s*(?:[=:–]|->?|\s)\s*([^\W\d]\w{2,})"
)  # 1 = ativa, 2 cancelada
_BLANK = re.compile(  # branco = normal, em branco quando ativa, ' ' normal
    r"(?:(?<!\w)(?:branco|vazi[oa]|espa[çc]o|blank|empty|space)|' +')\s*(?:[=:–]|->?|\s)\s*"
    r"(?:quando\s+|se\s+|when\s+|if\s+)?([^\W\d]\w{2,})",
    re.IGNORECASE,
)
_REFUSED_BUT = re.compile(r"\bnew\s*\.\s*\S+\s+not\s+in\s*\([^()]*\)", re.IGNORECASE)
_DRAWN = re.compile(r"nextval\(|uuid\w*\(", re.IGNORECASE)  # of a default: the database gives each row its own
_UNBOUNDED = 10
_MOST_TABLES = 3000

_OWN = {
    frozenset(table.columns.keys()) for table in (*own_tables.metadata.sorted_tables, state(MetaData(), "state", None))
}


class CatalogueColumn(msgspec.Struct, frozen=True):
    """``values``: those that a check or a refusing trigger allows, where it lists any. ``made``: by the database
    itself. ``filled``: by a trigger, where it is left alone. ``meanings``: of values, as the column's comment tells."""

    name: str
    kind: Kind
    length: int | None  # of a text
    places: int  # of a number
    required: bool  # not null, and nothing is put there by default
    made: bool
    values: tuple[str, ...] = ()
    filled: bool = False
    meanings: tuple[tuple[str, str], ...] = ()


class CatalogueTable(msgspec.Struct, frozen=True):
    """``refers``: by column, the table and column that a foreign key names. ``unnamed``: columns that no profile can
    name."""

    name: str
    columns: dict[str, CatalogueColumn]
    key: tuple[str, ...]
    refers: dict[str, tuple[str, str]]
    unnamed: tuple[str, ...] = ()


class TableCatalogue(msgspec.Struct, frozen=True):
    """What stands in a schema. ``triggers``: by table, the source of what runs when it is written. ``schemas``: the
    others that there are."""

    tables: Mapping[str, CatalogueTable]
    views: tuple[str, ...] = ()
    schemas: tuple[str, ...] = ()
    sequences: tuple[str, ...] = ()
    triggers: Mapping[str, str] = {}

    def written_by_trigger(self, table: str, of: set[str]) -> bool:
        """Whether a trigger of one of the tables ``of`` speaks of ``table``."""
        spoken = re.compile(rf"\b{re.escape(table)}\b", re.IGNORECASE)
        return any(spoken.search(source) for name, source in self.triggers.items() if name in of and name != table)


_SYSTEMS_OWN = ("information_schema", "performance_schema", "sys")  # in which no ERP has tables


def look(connection: Connection, schema: str | None) -> TableCatalogue:
    """The tables of a schema by name, without Malote's own, what a profile can't name, and parts of a table that is
    split."""
    inspector = inspect(connection)
    engine = connection.dialect.name
    whole_of: dict[str, str] = {}
    if has_part(engine, "partitions"):  # where the parts of a table are tables too
        whole_of = part_of(engine, "partitions").wholes(connection, schema)
    names = [name for name in inspector.get_table_names(schema) if is_name(name) and name not in whole_of]
    of_triggers = part_of(engine, "triggers")
    triggers: dict[str, str] = {}
    for table, source in of_triggers.sources(connection, schema):
        triggers[table] = f"{triggers.get(table, '')}\n{source}"
    by_trigger = of_triggers.filled(connection, schema)
    tables = [
        _table(inspector, name, schema, whole_of, by_trigger.get(name, frozenset()), triggers.get(name, ""))
        for name in sorted(names)[:_MOST_TABLES]
    ]
    return TableCatalogue(
        tables={one.name: one for one in tables if frozenset(one.columns) not in _OWN},
        views=tuple(sorted(inspector.get_view_names(schema))),
        schemas=tuple(name for name in inspector.get_schema_names() if name not in (schema, *_SYSTEMS_OWN)),
        sequences=tuple(sorted(name for name in inspector.get_sequence_names(schema) if is_name(name))),
        triggers=triggers,
    )


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


def _table(
    inspector: Any, name: str, schema: str | None, whole_of: dict[str, str], by_trigger: frozenset[str], triggers: str
) -> CatalogueTable:
    checks = [str(one["sqltext"]) for one in inspector.get_check_constraints(name, schema)]
    checks += _REFUSED_BUT.findall(triggers)
    every = inspector.get_columns(name, schema)
    told = [one for one in every if is_name(one["name"])]
    columns = {one["name"]: _column(one, checks, filled=one["name"] in by_trigger) for one in told}
    refers = {
        own: (_whole(key["referred_table"], whole_of), other)
        for key in inspector.get_foreign_keys(name, schema)
        for own, other in zip(key["constrained_columns"], key["referred_columns"], strict=True)
    }
    key = inspector.get_pk_constraint(name, schema).get("constrained_columns") or []
    unnamed = tuple(one["name"] for one in every if not is_name(one["name"]))
    return CatalogueTable(name, columns, tuple(key), refers, unnamed)


def _whole(table: str, whole_of: dict[str, str]) -> str:
    """The table that a part of it, or a part of a part, belongs to: a foreign key to it has one to each part too."""
    while table in whole_of:
        table = whole_of[table]
    return table


def _column(told: Any, checks: list[str], *, filled: bool) -> CatalogueColumn:
    kind, made = told["type"], bool(told.get("identity") or told.get("computed"))
    made = made or _DRAWN.search(str(told.get("default") or "")) is not None or told.get("autoincrement") is True
    allowed = [one for one in checks if re.search(rf"\b{re.escape(told['name'])}\b", one)]
    nullable = told["nullable"]
    if isinstance(behind := getattr(kind, "data_type", None), sql.TypeEngine):  # a domain
        allowed.append(str(kind.check))
        nullable, kind = nullable and not kind.not_null, behind
    return CatalogueColumn(
        name=told["name"],
        kind=_kind(kind),
        length=getattr(kind, "length", None),
        places=_places(kind),
        required=not nullable and told.get("default") is None and not made and not filled,
        made=made,
        values=_values(kind, allowed),
        filled=filled,
        meanings=meanings_of(told.get("comment") or ""),
    )


def meanings_of(comment: str) -> tuple[tuple[str, str], ...]:
    """Of values; a blank is one where it stands for an active sale, since comments speak of blanks otherwise too."""
    blank = [(" ", meaning) for meaning in _BLANK.findall(comment) if beginning(ACTIVE_BEGINS, [(" ", meaning)])]
    return (*_MEANING.findall(comment), *blank)


def _values(kind: Any, checks: list[str]) -> tuple[str, ...]:
    """Those that a column may have, where they are few."""
    if isinstance(kind, sql.Enum):
        return tuple(kind.enums)
    listed = _NUMBERS if isinstance(kind, sql.Integer) else _VALUES
    return tuple(dict.fromkeys(listed.findall(" ".join(checks))))


def _places(kind: Any) -> int:
    """Of a number that nobody bounded, as many as any field has."""
    if isinstance(kind, sql.Numeric) and kind.precision is None and kind.scale is None:
        return _UNBOUNDED
    return getattr(kind, "scale", None) or 0


def _kind(kind: Any) -> Kind:
    match kind:
        case sql.DateTime():
            return "moment" if kind.timezone else "clock"
        case sql.Date():
            return "date"
        case sql.Time():
            return "hour"
        case sql.Boolean():
            return "flag"
        case sql.Integer():
            return "flag" if getattr(kind, "display_width", None) == 1 else "integer"  # MariaDB's truth values
        case sql.Numeric():
            whole = kind.scale == 0 or (kind.scale is None and kind.precision is not None)
            return "integer" if whole and not isinstance(kind, sql.Float) else "decimal"
        case sql.String():
            return "text"
    return "other"
