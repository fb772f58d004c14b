"""Which field a column's name and type speak of, and in which form the column holds it."""

from collections.abc import Callable

from malote.erp.suggesting.guessing import Part, is_key
from malote.erp.suggesting.method_lookup import method
from malote.erp.suggesting.table_catalogue import CatalogueColumn
from malote.erp.suggesting.vocabulary import (
    ACTIVE_BEGINS,
    ACTIVE_WORDS,
    CANCELLED_BEGINS,
    CANCELLED_WORDS,
    IN_BEGINS,
    IN_WORDS,
    OUT_BEGINS,
    OUT_WORDS,
    beginning,
    ideas,
    one_of,
)

TILL = "sale_series_as_till"
PAID = "paid"  # no part, but more rules for one


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
        if column.kind == "integer" and what in ("day", "hour"):  # 20261128, 153000
            return f"query('{what}_number', clock({field}))"
        named = f"{what}{column.length}"
        return f"query('{named}', clock({field}))" if column.kind == "text" and named in FORMATS else ""

    return value


STATE = "present(cancelled_at, "  # what stands for cancelled, and for active, follows
FLAG_STATE = f"{STATE}true, false)"


def _key(column: CatalogueColumn) -> str:
    return "access_key" if is_key(column) else ""


def told_state(column: CatalogueColumn) -> tuple[str, str]:
    """What says cancelled and active, as the column's comment has it; "" twice where it doesn't."""
    cancelled = beginning(CANCELLED_BEGINS, column.meanings)
    others = [(value, meaning) for value, meaning in column.meanings if value != cancelled]
    active = beginning(ACTIVE_BEGINS, others) or (others[0][0] if len(others) == 1 else "")
    return (cancelled, active) if cancelled and active else ("", "")


def _state(column: CatalogueColumn) -> str:
    if column.kind == "flag":
        return FLAG_STATE if "cancelled" in ideas(column.name) else ""
    told = told_state(column)
    if column.kind == "integer":
        numbers = [int(one) for one in reversed(told) if one.isdigit()] or sorted(map(int, column.values)) or [0, 1]
        return f"{STATE}{numbers[-1]}, {numbers[0]})" if len(numbers) > 1 else ""
    if column.kind != "text":
        return ""
    if told[0]:
        return f"{STATE}'{told[0]}', '{told[1]}')"
    values = [(value, value) for value in column.values]
    cancelled = one_of(CANCELLED_WORDS, column.values) or beginning(CANCELLED_BEGINS, values) or "C"
    left = [(value, meaning) for value, meaning in values if value != cancelled]
    active = one_of(ACTIVE_WORDS, column.values, but=cancelled) or beginning(ACTIVE_BEGINS, left)
    active = active or (left[0][0] if len(left) == 1 else "A")
    return f"{STATE}'{cancelled}', '{active}')"


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
    several = column.kind == "text" or (column.kind == "integer" and len(column.values or column.meanings) > 1)
    return "lookup(direction, 'direction')" if several else ""


def directions(column: CatalogueColumn) -> tuple[str, str, bool]:
    """What stands for out and in there, and whether the database itself told."""
    told = beginning(OUT_BEGINS, column.meanings), beginning(IN_BEGINS, column.meanings)
    if all(told):
        return *told, True
    if column.kind == "integer":
        return column.values[-1], column.values[0], False
    out = one_of(OUT_WORDS, column.values)
    back = one_of(IN_WORDS, column.values, but=out)
    return out or "S", back or "E", bool(out and back)


quantity = _decimal("quantity", 4, "places")

_Rule = tuple[set[str], Callable[[CatalogueColumn], str]]
RULES: dict[Part, list[_Rule]] = {
    "sale": [
        ({"key"}, _key),
        ({"protocol"}, _always("protocol_number", "text")),
        ({"cancelled"}, _when("cancelled_at")),
        ({"state", "cancelled"}, _state),
        (
            {"item"},
            lambda column: "item_count" if "quantity" in ideas(column.name) and column.kind == "integer" else "",
        ),
        ({"discount"}, _money("discount")),
        ({"change"}, _money("change")),
        ({"gross"}, _money("products")),
        ({"net"}, _money("total")),
        ({"value"}, _money("total")),
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
    # Of a sale whose payments have no rows: a column for each way of paying. By tPag.
    PAID: [
        ({"cash"}, _money("paid('01')")),
        ({"credit"}, _money("paid('03')")),
        ({"debit"}, _money("paid('04')")),
        ({"pix"}, _money("paid('17', '20')")),
    ],
    "item": [
        ({"quantity"}, quantity),
        ({"discount"}, _money("discount")),
        ({"price"}, _decimal("unit_price", 10, "rounded")),
        ({"net", "gross"}, _money("gross")),
        ({"value"}, _money("gross")),
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
        ({"method", "fiscal", "payment"}, method),
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
        ({"quantity"}, quantity),
        ({"direction"}, _direction),
        ({"product", "code"}, _always("product_code", "text")),
        ({"time"}, _when("at")),
    ],
}
