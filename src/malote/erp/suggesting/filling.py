"""What goes into each column of a chosen table.

A guess is a line of a profile with how sure it is. What nothing is known of gets no line unless the database demands a
value; then it gets the most harmless one, marked.
"""

import re
from collections.abc import Iterable

import msgspec

from malote.erp.suggesting.field_rules import FLAG_STATE, FORMATS, PAID, RULES, STATE, TILL, quantity, told_state
from malote.erp.suggesting.guessing import (
    Part,
    Tables,
    balance_of,
    counted_key,
    drawn_key,
    key_of_many,
    link,
    of_sale,
    own_key,
    resolved,
    sequences_of_stores,
)
from malote.erp.suggesting.table_catalogue import CatalogueColumn, CatalogueTable
from malote.erp.suggesting.vocabulary import ideas, unlisted

_AMOUNTS = {"products", "total", "gross"}
_AMOUNT_IDEAS = {"net", "gross", "sale", "item", "line"}  # what an amount may be besides, to be told from others
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
    left = [column for column in table.columns.values() if not _numbered(part, column, tables)]
    referring = {column.name: _referring(part, column, tables) for column in left}
    open_ones = [column for column in left if not referring[column.name]]
    named = _named("sale" if part == "note" else part, open_ones)
    if part == "sale" and "payment" not in tables.parts:
        named = _named(PAID, open_ones) | named
    found: list[SuggestedLine] = []
    for column in table.columns.values():
        if column in left:
            found.append(_line(part, column, referring[column.name] or named.get(column.name, ""), tables))
        elif not column.made and column.name == counted_key(tables) and sequences_of_stores(tables):
            found.append(SuggestedLine(column.name, "query('next_sale', access_key, issuer)", "sequence"))
    return found


def _numbered(part: Part, column: CatalogueColumn, tables: Tables) -> bool:
    """Whether it is of the row's own key, which the database, a sequence or counting numbers."""
    table = tables.parts[part]
    if column.made or (part in ("sale", "item") and column.name == (own_key(table) or drawn_key(part, tables))):
        return True
    of_key = part == "sale" and column.name in key_of_many(tables)
    return of_key and (column.filled or column.name == counted_key(tables))


def _line(part: Part, column: CatalogueColumn, value: str, tables: Tables) -> SuggestedLine:
    table = tables.parts[part]
    if part == "movement" and not any("direction" in ideas(name) for name in table.columns):
        value = re.sub(r"(?<!\w)quantity", "moved", value)
    if value:
        return SuggestedLine(column.name, value, _doubt(value, column, table))
    if column.name == drawn_key(part, tables):
        return SuggestedLine(column.name, f"query('next_{part}', sale.access_key, {_NUMBERED[part]})", "sequence")
    if column.required:
        return SuggestedLine(column.name, _harmless(part, column), "required")
    return SuggestedLine(column.name, "", "filled" if column.filled else "left")


# What tells the rows of one sale apart, for those that draw a number each.
_NUMBERED = {"payment": "number", "tax": "concat(number, tax)", "movement": "concat(number, direction)"}


def _doubt(value: str, column: CatalogueColumn, table: CatalogueTable) -> str:
    if value == TILL:
        return "till"
    if "moved" in value:
        return "sign"
    if "paid(" in value:
        return "amount"
    if value in _AMOUNTS and not ideas(column.name) & _AMOUNT_IDEAS and _strange(column.name, table):
        return "amount"
    if value.startswith(("with_comma(", "cents(", "scaled(")):
        return "format"
    if value.startswith(STATE) and value != FLAG_STATE and not _told_state(value, column):
        return "state"
    return (
        "format"
        if value.startswith(tuple(f"query('{name}'" for name in (*FORMATS, "day_number", "hour_number")))
        else ""
    )


def _told_state(value: str, column: CatalogueColumn) -> bool:
    """Whether the database itself said what stands for cancelled and active: a comment, or a text's few values."""
    written = set(re.findall("'([^']*)'", value))
    return bool(told_state(column)[0] or written) and written <= {*told_state(column), *column.values}


def _strange(name: str, table: CatalogueTable) -> bool:
    """Whether a name has a word that nobody knows and that isn't the prefix of all of the table's."""
    return any(2 * sum(word in unlisted(one) for one in table.columns) < len(table.columns) for word in unlisted(name))


def _of_stock(tables: Tables) -> list[SuggestedLine]:
    """Its key and how many there are: whatever else stood there would be taken for a part of the key."""
    table = tables.parts["stock"]
    key = [SuggestedLine(name, _referring("stock", table.columns[name], tables)) for name in table.key]
    balance = table.columns[balance_of(table)]
    return [*key, SuggestedLine(balance.name, quantity(balance))]


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
        named = table.refers.get(column.name, ("", ""))[1]
        return "sale.key" if named == of_item else "item.key" if named == own_key(item) else "number"
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


def _named(part: Part, columns: Iterable[CatalogueColumn]) -> dict[str, str]:
    """By names and types, by column. What one has is not given to another: of several that a rule fits, that one has it
    whose name says nothing else."""
    found: dict[str, str] = {}
    for wanted, value in RULES[part]:
        fit = [one for one in columns if one.name not in found and ideas(one.name) & wanted]
        for column in sorted(fit, key=lambda one: len(unlisted(one.name))):
            if (made := value(column)) and made not in found.values():
                found[column.name] = made
    return found
