"""Which tables look like sale, items, payments, taxes and movements, and what goes into each of their columns.

A guess is a line of a profile with how sure it is. What nothing is known of gets no line unless the database demands a
value; then it gets the most harmless one, marked.
"""

from collections.abc import Callable, Iterable, Mapping
from functools import partial

import msgspec

from malote.erp.suggesting.looking import Column, Found
from malote.erp.suggesting.words import ACTIVE_WORDS, CANCELLED_WORDS, IN_WORDS, OUT_WORDS, ideas

Part = str
_KEY_LENGTHS = (44, 47, 48, 50)


class Line(msgspec.Struct, frozen=True):
    """``value`` as a profile writes it; "" for a column that is left alone. ``sure`` False: somebody must look."""

    column: str
    value: str
    sure: bool = True


class Tables(msgspec.Struct):
    """By part the table chosen; "product", "store" and "method" are looked up, never written."""

    parts: dict[Part, Found]
    known: Mapping[str, Found]


def chosen(known: Mapping[str, Found]) -> Tables:
    """What looks most like each part; a part that nothing looks like is left out."""
    tables = Tables({}, known)
    sale = _best(known.values(), partial(_like_sale, known=known), 6)
    if sale is None:
        return tables
    tables.parts["sale"] = sale
    others = [one for one in known.values() if one is not sale]
    for part, like in (("item", _like_item), ("payment", _like_payment), ("tax", _like_tax)):
        left = [one for one in others if one not in tables.parts.values()]
        best = _best(left, partial(like, tables=tables), 5)
        if best is not None:
            tables.parts[part] = best
    if "item" not in tables.parts:
        return tables
    for part, of in (("product", "item"), ("store", "sale"), ("method", "payment")):
        found = _referred(tables, of, part)
        if found is not None:
            tables.parts[part] = found
    left = [one for one in others if one not in tables.parts.values()]
    movement = _best(left, partial(_like_movement, tables=tables), 6)
    if movement is not None:
        tables.parts["movement"] = movement
    return tables


def _best(tables: Iterable[Found], like: Callable[[Found], int], least: int) -> Found | None:
    found = max(tables, key=lambda one: (like(one), one.name), default=None)
    return found if found is not None and like(found) >= least else None


def is_key(column: Column) -> bool:
    return column.kind == "text" and ("key" in ideas(column.name) or column.length in _KEY_LENGTHS[:1])


def _has(table: Found, *wanted: str, kinds: tuple[str, ...] = ()) -> bool:
    return any(ideas(one.name) & set(wanted) and (not kinds or one.kind in kinds) for one in table.columns.values())


def _like_sale(table: Found, known: Mapping[str, Found]) -> int:
    named = ideas(table.name)
    score = 5 * any(map(is_key, table.columns.values())) + 3 * ("sale" in named) + ("header" in named)
    score -= 4 * bool(named & {"item", "payment", "tax"}) + 2 * ("stock" in named)
    score += sum(target == table.name for one in known.values() for target, _ in one.refers.values())
    return score + _has(table, "time") + _has(table, "net", "value", kinds=("decimal",)) + _has(table, "series")


def _of_sale(table: Found, tables: Tables) -> str:
    """The column that names the sale: a foreign key, or one called like the sale's own key."""
    sale = tables.parts["sale"]
    made = own_key(sale)
    for column, (target, other) in table.refers.items():
        if target == sale.name and other == (made or other):
            return column
    own = sale.key[0] if len(sale.key) == 1 else ""
    return own if own in table.columns and own != "id" else ""


def _like_item(table: Found, tables: Tables) -> int:
    named = ideas(table.name)
    score = 3 * bool(_of_sale(table, tables)) + 3 * ("item" in named) + 2 * _has(table, "quantity")
    # "mov_linhas" are lines of a sale that is called movement.
    another = (named & {"payment", "tax", "stock"}) - ({"stock"} & ideas(tables.parts["sale"].name))
    return score + _has(table, "price") - 4 * bool(another)


def _like_payment(table: Found, tables: Tables) -> int:
    score = 3 * bool(_of_sale(table, tables)) + 3 * ("payment" in ideas(table.name))
    return score + _has(table, "value", kinds=("decimal",)) - 3 * _has(table, "quantity")


def _like_tax(table: Found, tables: Tables) -> int:
    item = tables.parts.get("item")
    near = bool(_of_sale(table, tables)) or any(item and target == item.name for target, _ in table.refers.values())
    return 3 * near + 3 * ("tax" in ideas(table.name)) + _has(table, "rate") + _has(table, "base")


def _like_movement(table: Found, tables: Tables) -> int:
    product = tables.parts.get("product")
    refers = any(product and target == product.name for target, _ in table.refers.values())
    score = (
        3 * ("stock" in ideas(table.name)) + 2 * _has(table, "quantity") + 2 * refers + bool(_of_sale(table, tables))
    )
    return score + _has(table, "direction")


def _referred(tables: Tables, of: Part, part: str) -> Found | None:
    """The table that a foreign key of a part leads to and that looks like what is looked up."""
    table = tables.parts.get(of)
    if table is None:
        return None
    targets = [tables.known[target] for target, _ in table.refers.values() if target in tables.known]
    proof = {"product": ("barcode", "code"), "store": ("issuer",), "method": ("fiscal", "code", "method")}[part]
    fit = [one for one in targets if one not in tables.parts.values() and _has(one, *proof)]
    return max(fit, key=lambda one: (part in ideas(one.name), one.name), default=None)


# ---- columns ----


def lines(part: Part, tables: Tables) -> list[Line]:
    """What goes into the columns of a part's table, in their order."""
    table = tables.parts[part]
    taken: set[str] = set()
    found: list[Line] = []
    for column in table.columns.values():
        if column.made or (part == "sale" and column.name == own_key(table)):
            continue
        value = _referring(part, column, tables) or _named(part, column, taken)
        if value:
            taken.add(value)
            found.append(Line(column.name, value))
        elif column.required:
            found.append(Line(column.name, _harmless(column), sure=False))
        else:
            found.append(Line(column.name, "", sure=False))
    return found


def own_key(table: Found) -> str:
    """The column by which the database numbers the rows; "" where it doesn't."""
    made = [one for one in table.key if one in table.columns and table.columns[one].made]
    return made[0] if len(made) == 1 else ""


def key_of_many(part: Part, tables: Tables) -> list[str]:
    """The columns by which a part names its sale where no single one does: no profile can say that yet."""
    table, sale = tables.parts[part], tables.parts["sale"]
    if own_key(sale) or any(map(is_key, table.columns.values())):
        return []
    found = [column for column, (target, other) in table.refers.items() if target == sale.name and other in sale.key]
    return found if len(found) > 1 else []


def _referring(part: Part, column: Column, tables: Tables) -> str:
    table = tables.parts[part]
    if part != "sale" and column.name == _of_sale(table, tables):
        return "sale.key"
    target, _ = table.refers.get(column.name) or _elsewhere(column.name, tables)
    item = tables.parts.get("item")
    if part == "tax" and item is not None and target == item.name:
        of_item = _of_sale(item, tables)
        return "sale.key" if table.refers.get(column.name, ("", ""))[1] == of_item else "number"
    for name in ("product", "store", "method"):
        looked_up = tables.parts.get(name)
        if looked_up is not None and target == looked_up.name:
            return asked(name, looked_up, of_sale=part == "sale")
    return ""


def _elsewhere(column: str, tables: Tables) -> tuple[str, str]:
    """Where nobody thought of a foreign key: what a column of the same name refers to in another part."""
    others = (table.refers[column] for table in tables.parts.values() if column in table.refers)
    return next(others, ("", ""))


def asked(name: str, table: Found, *, of_sale: bool) -> str:
    """The call of the query that looks this table up."""
    issuer = "issuer" if of_sale else "sale.issuer"
    match name:
        case "product":
            return "query('product', gtin, product_code)"
        case "store":
            return f"query('store', {issuer})"
    return "query('method', method)"


def _harmless(column: Column) -> str:
    """For a column that must have something, of which nobody knows what."""
    match column.kind:
        case "integer" | "decimal":
            return "0"
        case "clock":
            return "clock(issued_at)"
        case "moment":
            return "issued_at"
        case "date":
            return "date(issued_at)"
        case "text" if column.values:
            return f"'{column.values[0]}'"
        case "text":
            return f"'{'MALOTE'[: column.length or 6]}'"
    return "0"


def _named(part: Part, column: Column, taken: set[str]) -> str:
    """By its name and type; what another column has already is not given again."""
    for wanted, value in _RULES[part]:
        if ideas(column.name) & wanted and (made := value(column)) and made not in taken:
            return made
    return ""


def _always(value: str, *kinds: str) -> Callable[[Column], str]:
    return lambda column: value if not kinds or column.kind in kinds else ""


def _when(field: str) -> Callable[[Column], str]:
    shapes = {"clock": f"clock({field})", "moment": field, "date": f"date({field})"}
    return lambda column: shapes.get(column.kind, "")


def _key(column: Column) -> str:
    return "access_key" if is_key(column) else ""


def _state(column: Column) -> str:
    if column.kind != "text":
        return ""
    cancelled = next((one for one in CANCELLED_WORDS if one in column.values), "C")
    active = next((one for one in ACTIVE_WORDS if one in column.values and one != cancelled), "A")
    return f"present(cancelled_at, '{cancelled}', '{active}')"


def _decimal(field: str, most: int, shortened: str) -> Callable[[Column], str]:
    def value(column: Column) -> str:
        if column.kind == "integer" and most:
            return ""
        return field if column.places >= most else f"{shortened}({field}, {column.places})"

    return value


def _text(field: str, longest: int) -> Callable[[Column], str]:
    def value(column: Column) -> str:
        if column.kind != "text":
            return ""
        return f"left({field}, {column.length})" if column.length and column.length < longest else field

    return value


def _cfop(column: Column) -> str:
    return "integer(cfop)" if column.kind == "integer" else "cfop"


def _issuer(column: Column) -> str:
    return "masked(issuer)" if (column.length or 0) >= 18 else "issuer"


def _direction(column: Column) -> str:
    return "lookup(direction, 'direction')" if column.kind == "text" else ""


def directions(column: Column) -> tuple[str, str, bool]:
    """What stands for out and in there, and whether the database itself told."""
    out = next((one for one in OUT_WORDS if one in column.values), "")
    back = next((one for one in IN_WORDS if one in column.values and one != out), "")
    return out or "S", back or "E", bool(out and back)


_Rule = tuple[set[str], Callable[[Column], str]]
_RULES: dict[Part, list[_Rule]] = {
    "sale": [
        ({"key"}, _key),
        ({"protocol"}, _always("protocol_number", "text")),
        ({"cancelled"}, _when("cancelled_at")),
        ({"state", "cancelled"}, _state),
        ({"discount"}, _always("discount", "decimal")),
        ({"change"}, _always("change", "decimal")),
        ({"gross"}, _always("products", "decimal")),
        ({"net", "value"}, _always("total", "decimal")),
        ({"series"}, _always("series", "integer")),
        ({"issuer"}, _issuer),
        ({"consumer"}, _always("consumer", "text")),
        ({"model"}, _always("model", "text")),
        ({"number"}, _always("number", "integer")),
        ({"till"}, _always("sale_series_as_till", "integer")),
        ({"till"}, _always("till", "text")),
        ({"time"}, _when("issued_at")),
    ],
    "item": [
        ({"quantity"}, _decimal("quantity", 4, "places")),
        ({"discount"}, _always("discount", "decimal")),
        ({"price"}, _decimal("unit_price", 10, "rounded")),
        ({"value", "net", "gross"}, _always("gross", "decimal")),
        ({"cfop"}, _cfop),
        ({"ncm"}, _always("ncm", "text")),
        ({"unit"}, _text("unit", 6)),
        ({"barcode"}, _always("gtin", "text")),
        ({"description"}, _text("description", 120)),
        ({"product", "code"}, _always("product_code", "text")),
        ({"line"}, _always("number", "integer")),
    ],
    "payment": [
        ({"change"}, _always("change", "decimal")),
        ({"value", "net", "gross"}, _always("amount", "decimal")),
        ({"method", "fiscal", "payment"}, _always("method", "text")),
        ({"line"}, _always("number", "integer")),
    ],
    "tax": [
        ({"base"}, _always("base", "decimal")),
        ({"rate"}, _always("rate", "decimal")),
        ({"value"}, _always("amount", "decimal")),
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
