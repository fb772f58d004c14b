"""Names the field that a database refused, after the fact: servers say that a value didn't fit, and seldom which."""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, Dialect, inspect, types

from malote.erp import rows
from malote.erp.mapping import ErpTables, MappedTable
from malote.erp.profiles.compiled_expression import UnmappedError
from malote.erp.protocol import ErpError, Posting
from malote.erp.repertoire import named_character, rows_of
from malote.erp.targets import ColumnTarget
from malote.erp.values import Exact, Money, OutOfRangeError

Columns = Mapping[str, Mapping[str, Any]]  # by table and column: what the database has there

OUT_OF_RANGE = "value_out_of_range"
UNENCODABLE = "erp_unencodable"
NOT_A_CHARACTER = "\x00"  # the one that XML can't say either
_MOST_NAMED = 5
_WHOLE = {types.SmallInteger: 2**15, types.Integer: 2**31, types.BigInteger: 2**63}


def live_columns(connection: Connection, tables: ErpTables) -> Columns:
    """The types of the columns that are there, by the ERP's names."""
    inspector = inspect(connection)
    found: dict[str, dict[str, Any]] = {}
    for mapped in tables.parts:
        if inspector.has_table(mapped.table.name, mapped.table.schema):
            live = inspector.get_columns(mapped.table.name, mapped.table.schema)
            found[mapped.name] = {column["name"]: column["type"] for column in live}
    return found


def named(
    error: ErpError, posting: Posting, tables: ErpTables, columns: Columns, dialect: Dialect, without_nul: str = ""
) -> ErpError:
    """The same error with the first field that doesn't fit; as it was where all of them seem to. ``without_nul``: what
    an engine is called that holds that character in no text."""
    for field, mapped, target, value in _values(posting, tables):
        live = columns.get(mapped.name, {}).get(target.column)
        column = f"{mapped.name}.{target.column}"
        facts = {**error.facts, "field": field, "column": column}
        if isinstance(value, str) and NOT_A_CHARACTER in value and without_nul:
            character = named_character(NOT_A_CHARACTER)
            facts |= {"character": character, "encoding": without_nul}
            return ErpError(UNENCODABLE, detail=f"{field}: {character} ({without_nul})", facts=facts)
        size = _too_large(value, mapped.columns[target.key].type, live, dialect)
        if size:
            kind = f" {live.compile(dialect=dialect)}" if live is not None else ""
            detail = f"{field}, {column}{kind}: {size}"
            return ErpError(OUT_OF_RANGE, detail=detail, facts=facts | {"size": size})
    return error


def _values(posting: Posting, tables: ErpTables) -> Iterator[tuple[str, MappedTable, ColumnTarget, Any]]:
    """Everything that is written of a document, with the field of the document it came of."""
    sale: rows.Row = {}
    for part, number, row in rows_of(posting.document, posting.till):
        sale = row if part == "sale" else sale
        mapped = tables.part(part)
        if mapped is None:
            continue
        for target in mapped.inserted:
            if not target.told_by({"cancelled_at": None, **row}, sale):
                continue
            path = f"{part}[{number}]" if number else part
            field = f"{path}.{target.bare or target.column}"
            try:
                value = target.compiled.value({"cancelled_at": None, **row}, sale)
            except (OutOfRangeError, UnmappedError):
                value = OutOfRangeError
            yield field, mapped, target, value


def _too_large(value: Any, own: Any, live: Any, dialect: Dialect) -> str:
    """How large, where that is more than fits: characters of a text, digits before the point of a number; of an
    enumeration, what it takes instead."""
    if value is OutOfRangeError:
        return "?"
    if isinstance(value, str):
        if isinstance(live, types.Enum) and value not in live.enums:
            return ", ".join(live.enums[:_MOST_NAMED])
        longest = getattr(live, "length", None)
        return str(len(value)) if longest is not None and len(value) > longest else ""
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        return ""
    amount = Decimal(value).scaleb(-2) if isinstance(own, Money) else Decimal(value)
    if abs(amount) >= _limit(live):
        return str(amount.adjusted() + 1)
    return "" if _is_bound(own, value, dialect) else str(amount.adjusted() + 1)


def _limit(live: Any) -> Decimal:
    for kind, limit in _WHOLE.items():
        if type(live) in (kind, *kind.__subclasses__()) and isinstance(live, kind):
            return Decimal(limit)
    if isinstance(live, types.Numeric) and live.precision is not None:
        return Decimal(10) ** (live.precision - (live.scale or 0))
    return Decimal("Infinity")


def _is_bound(own: Any, value: Any, dialect: Dialect) -> bool:
    """Whether Malote's own type takes it for this engine."""
    if not isinstance(own, Money | Exact):
        return True
    bind = own.dialect_impl(dialect).bind_processor(dialect)
    try:
        if bind is not None:
            bind(value)
    except OutOfRangeError:
        return False
    return True
