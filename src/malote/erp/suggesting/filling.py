"""What goes into each column of a chosen table.

A guess is a line of a profile with how sure it is. What nothing is known of gets no line unless the database demands a
value; then it gets the most harmless one, marked.
"""

import re
from collections.abc import Callable

import msgspec

from malote.erp.suggesting.guessing import (
    Part,
    Tables,
    balance_of,
    counted_key,
    drawn_key,
    is_key,
    key_of_many,
    link,
    of_sale,
    own_key,
    resolved,
    sequences_of_stores,
)
from malote.erp.suggesting.table_catalogue import CatalogueColumn, CatalogueTable
from malote.erp.suggesting.vocabulary import ACTIVE_WORDS, CANCELLED_WORDS, IN_WORDS, OUT_WORDS, ideas, one_of

TILL = "sale_series_as_till"
_FIELD = re.compile(r"(?<!['\w.])([a-z_]+)(?=[,)]|$)")  # of a sale's expression, such as issued_at in clock(issued_at)


class SuggestedLine(msgspec.Struct, frozen=True):
    """``value`` as a profile writes it; "" for a column that is left alone. ``doubt``: why somebody must look, as
    ``writing`` has the words; "" where it is sure."""

    column: str
    value: str
    doubt: str = ""


def lines(part: Part, tables: Tables) -> list[SuggestedLine]:
    """What goes into the columns of a part's table, in their order."""
    table = tables.parts[part]
    if part == "stock":
        return _of_stock(tables)
    taken: set[str] = set()
    found: list[SuggestedLine] = []
    counted = counted_key(tables) if part == "sale" else ""
    signed = part == "movement" and not any("direction" in ideas(name) for name in table.columns)
    for column in table.columns.values():
        if column.made or (part in ("sale", "item") and column.name == (own_key(table) or drawn_key(part, tables))):
            continue
        drawn = column.name == counted and bool(sequences_of_stores(tables))
        if part == "sale" and column.name in key_of_many(tables) and (column.filled or column.name == counted):
            if drawn:
                found.append(SuggestedLine(column.name, "query('next_sale', access_key, issuer)", "sequence"))
            continue
        value = _referring(part, column, tables) or _named(part, column, taken)
        if signed and "(quantity" in f"({value}":
            value = value.replace("quantity", "moved")
        doubt = ""
        if value:
            taken.add(value)
            doubt = _doubt(value)
        elif column.name == drawn_key(part, tables):
            value, doubt = f"query('next_{part}', sale.access_key, {_NUMBERED[part]})", "sequence"
        elif column.required:
            value, doubt = _harmless(part, column), "required"
        else:
            doubt = "filled" if column.filled else "left"
        found.append(SuggestedLine(column.name, value, doubt))
    return found


# What tells the rows of one sale apart, for those that draw a number each.
_NUMBERED = {"payment": "number", "tax": "concat(number, tax)", "movement": "concat(number, direction)"}


def _doubt(value: str) -> str:
    if value == TILL:
        return "till"
    if "moved" in value:
        return "sign"
    if value.startswith(("with_comma(", "cents(", "scaled(")):
        return "format"
    if value.startswith("present(cancelled_at, ") and value[22].isdigit():
        return "state"
    return "format" if value.startswith(tuple(f"query('{name}'" for name in FORMATS)) else ""


def _of_stock(tables: Tables) -> list[SuggestedLine]:
    """Its key and how many there are: whatever else stood there would be taken for a part of the key."""
    table = tables.parts["stock"]
    key = [SuggestedLine(name, _referring("stock", table.columns[name], tables)) for name in table.key]
    return [*key, SuggestedLine(balance_of(table), "quantity")]


def _referring(part: Part, column: CatalogueColumn, tables: Tables) -> str:
    table = tables.parts[part]
    if part != "sale" and key_of_many(tables):
        if (other := link(table, tables).get(column.name)) is not None:
            return f"sale_key('{other}')"
    elif part != "sale" and column.name == of_sale(table, tables):
        return "sale.key"
    target, other = resolved(table, column.name, tables)
    item = tables.parts.get("item")
    if part == "tax" and item is not None and target == item.name:
        of_item = of_sale(item, tables)
        return "sale.key" if table.refers.get(column.name, ("", ""))[1] == of_item else "number"
    for name in ("product", "store", "method"):
        looked_up = tables.parts.get(name)
        if looked_up is not None and target == looked_up.name:
            return asked(name, looked_up, of_sale=part == "sale")
    if part != "sale" and target == tables.parts["sale"].name:
        return _as_in_sale(other, tables)
    return ""


def _as_in_sale(column: str, tables: Tables) -> str:
    """What the sale has in a column, said in one of its lines: the rest of a key of several columns."""
    value = next((line.value for line in lines("sale", tables) if line.column == column), "")
    return "" if "cancelled_at" in value else _FIELD.sub(r"sale.\1", value)


def asked(name: str, table: CatalogueTable, *, of_sale: bool) -> str:
    """The call of the query that looks this table up."""
    issuer = "issuer" if of_sale else "sale.issuer"
    match name:
        case "product":
            return "query('product', gtin, product_code)"
        case "store":
            return f"query('store', {issuer})"
    return "query('method', method)"


def _harmless(part: Part, column: CatalogueColumn) -> str:
    """For a column that must have something, of which nobody knows what."""
    when = {"sale": "issued_at", "movement": "at"}.get(part, "sale.issued_at")
    match column.kind:
        case "integer" | "decimal":
            return "0"
        case "clock":
            return f"clock({when})"
        case "moment":
            return when
        case "date":
            return f"date({when})"
        case "hour":
            return f"query('hour', clock({when}))"
        case "flag":
            return "false"
        case "text" if column.values:
            return f"'{column.values[0]}'"
        case "text":
            return f"'{'MALOTE'[: column.length or 6]}'"
    return "0"


def _named(part: Part, column: CatalogueColumn, taken: set[str]) -> str:
    """By its name and type; what another column has already is not given again."""
    for wanted, value in _RULES["sale" if part == "note" else part]:
        if ideas(column.name) & wanted and (made := value(column)) and made not in taken:
            return made
    return ""


def _always(value: str, *kinds: str) -> Callable[[CatalogueColumn], str]:
    return lambda column: value if not kinds or column.kind in kinds else ""


def _when(field: str) -> Callable[[CatalogueColumn], str]:
    shapes = {"clock": f"clock({field})", "moment": field, "date": f"date({field})"}
    return lambda column: shapes.get(column.kind, "")


# How days and hours are written in columns of text, by the column's length; and an hour that is one.
FORMATS = {
    "day8": "YYYYMMDD",
    "day10": "DD/MM/YYYY",
    "month6": "YYYYMM",
    "hour6": "HH24MISS",
    "hour8": "HH24:MI:SS",
}


def _written(what: str, field: str) -> Callable[[CatalogueColumn], str]:
    def value(column: CatalogueColumn) -> str:
        if column.kind == "hour" and what == "hour":
            return f"query('hour', clock({field}))"
        named = f"{what}{column.length}"
        return f"query('{named}', clock({field}))" if column.kind == "text" and named in FORMATS else ""

    return value


def _key(column: CatalogueColumn) -> str:
    return "access_key" if is_key(column) else ""


def _state(column: CatalogueColumn) -> str:
    if column.kind == "flag":
        return "present(cancelled_at, true, false)" if "cancelled" in ideas(column.name) else ""
    if column.kind == "integer":
        numbers = sorted(map(int, column.values)) or [0, 1]
        return f"present(cancelled_at, {numbers[-1]}, {numbers[0]})" if len(numbers) > 1 else ""
    if column.kind != "text":
        return ""
    cancelled = one_of(CANCELLED_WORDS, column.values) or "C"
    active = one_of(ACTIVE_WORDS, column.values, but=cancelled) or "A"
    return f"present(cancelled_at, '{cancelled}', '{active}')"


def _decimal(field: str, most: int, shortened: str) -> Callable[[CatalogueColumn], str]:
    def value(column: CatalogueColumn) -> str:
        if column.kind == "text":
            return f"with_comma({shortened}({field}, {min(most, 4)}))"
        if column.kind == "integer" and most:
            # Whole numbers of a price are cents; of a quantity they may be pieces, or thousandths.
            return f"scaled(rounded({field}, 2), 2)" if shortened == "rounded" else f"{shortened}({field}, 0)"
        return field if column.places >= most else f"{shortened}({field}, {column.places})"

    return value


def _money(field: str) -> Callable[[CatalogueColumn], str]:
    """An amount: a number, whole cents, or a text with a comma."""
    shapes = {"decimal": field, "integer": f"cents({field})", "text": f"with_comma({field})"}
    return lambda column: shapes.get(column.kind, "")


def _text(field: str, longest: int) -> Callable[[CatalogueColumn], str]:
    def value(column: CatalogueColumn) -> str:
        if column.kind != "text":
            return ""
        return f"left({field}, {column.length})" if column.length and column.length < longest else field

    return value


def _cfop(column: CatalogueColumn) -> str:
    return "integer(cfop)" if column.kind == "integer" else "cfop"


def _issuer(column: CatalogueColumn) -> str:
    return "masked(issuer)" if (column.length or 0) >= 18 else "issuer"


def _direction(column: CatalogueColumn) -> str:
    several = column.kind == "text" or (column.kind == "integer" and len(column.values) > 1)
    return "lookup(direction, 'direction')" if several else ""


def directions(column: CatalogueColumn) -> tuple[str, str, bool]:
    """What stands for out and in there, and whether the database itself told."""
    if column.kind == "integer":
        return column.values[-1], column.values[0], False
    out = one_of(OUT_WORDS, column.values)
    back = one_of(IN_WORDS, column.values, but=out)
    return out or "S", back or "E", bool(out and back)


_Rule = tuple[set[str], Callable[[CatalogueColumn], str]]
_RULES: dict[Part, list[_Rule]] = {
    "sale": [
        ({"key"}, _key),
        ({"protocol"}, _always("protocol_number", "text")),
        ({"cancelled"}, _when("cancelled_at")),
        ({"state", "cancelled"}, _state),
        ({"discount"}, _money("discount")),
        ({"change"}, _money("change")),
        ({"gross"}, _money("products")),
        ({"net", "value"}, _money("total")),
        ({"series"}, _always("series", "integer")),
        ({"series"}, _always("text(series)", "text")),
        ({"issuer"}, _issuer),
        ({"consumer"}, _always("consumer", "text")),
        ({"model"}, _always("model", "text")),
        ({"till"}, _always(TILL, "integer")),
        ({"till"}, _always("till", "text")),
        ({"number"}, _always("number", "integer")),
        ({"number"}, _always("text(number)", "text")),
        ({"hour"}, _written("hour", "issued_at")),
        ({"time"}, _when("issued_at")),
        ({"time"}, _written("day", "issued_at")),
        ({"month"}, _written("month", "issued_at")),
        ({"sale"}, _always("number", "integer")),
    ],
    "item": [
        ({"quantity"}, _decimal("quantity", 4, "places")),
        ({"discount"}, _money("discount")),
        ({"price"}, _decimal("unit_price", 10, "rounded")),
        ({"value", "net", "gross"}, _money("gross")),
        ({"cfop"}, _cfop),
        ({"ncm"}, _always("ncm", "text")),
        ({"unit"}, _text("unit", 6)),
        ({"barcode"}, _always("gtin", "text")),
        ({"description"}, _text("description", 120)),
        ({"product", "code"}, _always("product_code", "text")),
        ({"line"}, _always("number", "integer")),
    ],
    "payment": [
        ({"change"}, _money("change")),
        ({"value", "net", "gross"}, _money("amount")),
        ({"method", "fiscal", "payment"}, _always("method", "text")),
        ({"line"}, _always("number", "integer")),
    ],
    "tax": [
        ({"base"}, _money("base")),
        ({"rate"}, _always("rate", "decimal")),
        ({"value"}, _money("amount")),
        ({"sigla"}, _always("tax", "text")),
        ({"line"}, _always("number", "integer")),
    ],
    "movement": [
        ({"quantity"}, _decimal("quantity", 4, "places")),
        ({"direction"}, _direction),
        ({"product", "code"}, _always("product_code", "text")),
        ({"time"}, _when("at")),
    ],
}
