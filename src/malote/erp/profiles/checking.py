"""Compares a profile with the live database: what is missing, what is of another type, what would refuse every row."""

import warnings
from collections.abc import Collection, Iterator, Mapping
from typing import Any, Literal

import msgspec
from sqlalchemy import Connection, Dialect, Inspector, Table, exc, inspect, types
from sqlalchemy.types import TypeEngine

from malote.erp import call_statements
from malote.erp.engine_loader import has_part, part_of
from malote.erp.mapping import MappedTable, plain
from malote.erp.profiles.own_texts import whole_texts_of
from malote.erp.values import types_of
from malote.fiscal.payment_methods import METHODS

# table_missing, column_missing: not there
# column_mistyped: what Malote writes would be changed on its way, or refused
# column_generated: the database makes its value by itself (computed, an identity ALWAYS) and takes no other
# value_unlisted: the profile writes texts (``expected``) that aren't among those of the enumeration (``found``)
# column_required: NOT NULL, without default, and the profile writes nothing to it
# call_unusable: the database can't run a statement of [post] or [query.…]; ``table`` is its line, ``found`` its words
# table_untransacted: its engine (``found``) takes nothing back: who is killed while writing there books twice
# text_unencodable: the profile writes a text (``expected``) with a character that the column lacks (``found``)
# key_missing: no unique key over exactly these columns, and without one the same thing could be booked twice
FaultKind = Literal[
    "table_missing",
    "column_missing",
    "column_mistyped",
    "column_generated",
    "value_unlisted",
    "column_required",
    "key_missing",
    "call_unusable",
    "table_untransacted",
    "text_unencodable",
]

Family = Literal["text", "number", "float", "moment", "clock", "date", "flag", "bytes", "other"]

_MOST_NAMED = 5


class ProfileFault(msgspec.Struct, frozen=True):
    """One thing that keeps the profile from working. ``column`` is "" where it is the table; names are the ERP's."""

    kind: FaultKind
    table: str
    column: str = ""
    expected: str = ""  # a type
    found: str = ""


def faults(engine: call_statements.Engine, connection: Connection) -> list[ProfileFault]:
    """In the order of the profile. Only looks."""
    tables, inspector = engine.tables, inspect(connection)
    found = _own(inspector, tables.ledger, {"identity"})
    if tables.state is not None:
        found += _own(inspector, tables.state, {"access_key"})
    by_trigger = _filled_by_trigger(connection, tables.schema)
    for mapped in tables.parts:
        columns = _columns(inspector, mapped.table)
        if columns is None:
            found.append(ProfileFault("table_missing", mapped.name))
            continue
        found += _mistyped(mapped, columns, connection.dialect)
        found += _unlisted(mapped, columns, tables.profile.lookup)
        filled = by_trigger.get(mapped.table.name, frozenset())
        found += _required(mapped.name, columns, {target.column for target in mapped.targets} | filled)
        if mapped.part == "stock":
            key = {target.column for target in mapped.inserted if target.key != "quantity"}
            found += _unkeyed(inspector, mapped.table, key)
    return found + [
        ProfileFault("call_unusable", f"post.{which}", found=words)
        for which, words in call_statements.unusable(engine, connection)
    ]


def _own(inspector: Inspector, table: Table, key: set[str]) -> list[ProfileFault]:
    """Of a table of Malote's own."""
    columns = _columns(inspector, table)
    if columns is None:
        return [ProfileFault("table_missing", plain(table.name))]
    wanted = [plain(one.name) for one in table.columns]
    missing = [ProfileFault("column_missing", plain(table.name), name) for name in wanted if name not in columns]
    required = _required(plain(table.name), columns, {column.name for column in table.columns})
    return missing + required + _unkeyed(inspector, table, key)


def _columns(inspector: Inspector, table: Table) -> dict[str, Any] | None:
    """What the database says of each column; None where there is no such table or view."""
    if not (inspector.has_table(table.name, table.schema)):
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", exc.SAWarning)  # of a type that SQLAlchemy doesn't know: it is no fault
        return {column["name"]: column for column in inspector.get_columns(table.name, table.schema)}


def _mistyped(mapped: MappedTable, columns: dict[str, Any], dialect: Dialect) -> list[ProfileFault]:
    found: list[ProfileFault] = []
    for target in mapped.targets:
        if target.column not in columns:
            found.append(ProfileFault("column_missing", mapped.name, target.column, str(target.compiled.shape)))
            continue
        there = columns[target.column]
        if target.inserted and _makes_itself(there):
            found.append(ProfileFault("column_generated", mapped.name, target.column))
            continue
        if target.compiled.shape.kind == "any":
            continue  # what the database itself gives
        wanted, live = _native(mapped.columns[target.key].type, dialect), _native(there["type"], dialect)
        if not target.bare and family(wanted) == "text" and family(live) == "other":
            continue  # a text of the profile's own, for a type that reads itself from one: JSON, a list, a UUID
        if types_of(dialect).TIMES_AS_TEXT and family(live) == "text" and family(wanted) in ("clock", "date"):
            continue  # whatever the column is called
        # How long a field of a document is, nobody knows beforehand; what the profile cuts or looks up, it does.
        length = None if target.bare else target.compiled.shape.length
        if not fits(wanted, live, length):
            found.append(
                ProfileFault(
                    "column_mistyped", mapped.name, target.column, str(target.compiled.shape), _named(live, dialect)
                )
            )
    return found


def _unlisted(
    mapped: MappedTable, columns: dict[str, Any], lookups: Mapping[str, Mapping[str, str | int]]
) -> Iterator[ProfileFault]:
    """What the profile writes into an enumeration that lacks it. Of a document's fields ways of paying are known."""
    for target in mapped.targets:
        live = columns.get(target.column, {}).get("type")
        if not isinstance(live, types.Enum):
            continue
        said = list(METHODS) if target.bare == "method" else list(whole_texts_of(target.expression, lookups))
        lacking = [one for one in said if one not in live.enums]
        if lacking and (target.bare != "method" or len(lacking) == len(said)):
            named = ", ".join(lacking[:_MOST_NAMED])
            yield ProfileFault("value_unlisted", mapped.name, target.column, named, ", ".join(live.enums[:_MOST_NAMED]))


def _required(table: str, columns: dict[str, Any], written: Collection[str]) -> list[ProfileFault]:
    return [
        ProfileFault("column_required", table, plain(name))
        for name, column in columns.items()
        if name not in written and not _fills_itself(column)
    ]


def _filled_by_trigger(connection: Connection, schema: str | None) -> Mapping[str, frozenset[str]]:
    """By table, on engines on which it can be told."""
    if not has_part(connection.dialect.name, "triggers"):
        return {}
    found: Mapping[str, frozenset[str]] = part_of(connection.dialect.name, "triggers").filled(connection, schema)
    return found


def _fills_itself(column: dict[str, Any]) -> bool:
    return bool(
        column["nullable"]
        or column.get("default") is not None
        or column.get("identity")
        or column.get("computed")
        or column.get("autoincrement") is True
    )


def _makes_itself(column: dict[str, Any]) -> bool:
    return bool(column.get("computed") or (column.get("identity") or {}).get("always"))


def _unkeyed(inspector: Inspector, table: Table, wanted: set[str]) -> list[ProfileFault]:
    if table.name in inspector.get_view_names(table.schema):
        return []  # a view has none, and what is behind it is the ERP's business
    keys: list[set[Any]] = [set(inspector.get_pk_constraint(table.name, table.schema)["constrained_columns"])]
    keys += [set(one["column_names"]) for one in inspector.get_unique_constraints(table.name, table.schema)]
    keys += [set(one["column_names"]) for one in inspector.get_indexes(table.name, table.schema) if one["unique"]]
    if wanted in keys:
        return []
    return [ProfileFault("key_missing", plain(table.name), ", ".join(sorted(wanted)))]


# ---- types ----


def fits(wanted: TypeEngine[Any], live: TypeEngine[Any], length: int | None = None) -> bool:
    """Whether what Malote writes into a column of type ``wanted`` stays unchanged in one of type ``live``."""
    one, other = family(wanted), family(live)
    if one == "number":
        return other == "number" and _holds(_places(wanted), _places(live))
    if one == "flag":
        # As MariaDB and MySQL call theirs: a number of one digit, by which it is known.
        return other == "flag" or getattr(live, "display_width", None) == 1
    if one == "date":
        return other in ("date", "clock")
    if one == "text":
        longest = getattr(live, "length", None)
        return other == "text" and (length is None or longest is None or length <= longest)
    return one == other


def family(kind: TypeEngine[Any]) -> Family:
    match kind:
        case types.Boolean():
            return "flag"
        case types.Integer():
            return "number"
        case types.Float():
            return "float"
        case types.Numeric():
            return "number"
        case types.DateTime() | types.TIMESTAMP():
            return "moment" if getattr(kind, "timezone", False) else "clock"
        case types.Date():
            return "date"
        case types.LargeBinary() | types.BINARY() | types.VARBINARY():
            return "bytes"
        case types.String():
            return "text"
        case types.UserDefinedType():
            return "moment"  # Oracle's, written as text
    return "other"


def _places(kind: TypeEngine[Any]) -> int | None:
    """Decimals; None where the column takes any number of them."""
    if isinstance(kind, types.Numeric) and not isinstance(kind, types.Integer):
        return kind.scale if kind.precision is not None else None
    return 0


def _holds(wanted: int | None, live: int | None) -> bool:
    return live is None or (wanted is not None and wanted <= live)


def _native(kind: TypeEngine[Any], dialect: Dialect) -> TypeEngine[Any]:
    """The type as this engine has it."""
    if isinstance(kind, types.TypeDecorator):
        return _native(kind.load_dialect_impl(dialect), dialect)
    if isinstance(kind, types.SchemaType) and isinstance(behind := getattr(kind, "data_type", None), TypeEngine):
        return behind  # a domain's
    return kind._variant_mapping.get(dialect.name, kind)


def _named(kind: TypeEngine[Any], dialect: Dialect) -> str:
    return "?" if isinstance(kind, types.NullType) else str(kind.compile(dialect=dialect))
