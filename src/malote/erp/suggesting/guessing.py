"""Which tables look like sale, items, payments, taxes, movements and stock, and which are looked up for them."""

import re
from collections.abc import Callable, Iterable, Mapping
from functools import partial

import msgspec

from malote.erp.suggesting.table_catalogue import CatalogueColumn, CatalogueTable, TableCatalogue
from malote.erp.suggesting.vocabulary import ideas

Part = str
_KEY_LENGTHS = (44, 47, 48, 50)


class Tables(msgspec.Struct):
    """By part the table chosen; "product", "barcode", "store" and "method" are looked up, never written.
    ``by_trigger``: what would be a part, but is written by the ERP's own triggers."""

    parts: dict[Part, CatalogueTable]
    known: Mapping[str, CatalogueTable]
    sequences: tuple[str, ...] = ()
    by_trigger: tuple[str, ...] = ()
    by_item: str = ""  # taxes that name their item alone: no profile finds those of a sale


def chosen(database: TableCatalogue) -> Tables:
    """What looks most like each part; a part that nothing looks like is left out."""
    known = database.tables
    tables = Tables({}, known, database.sequences)
    sale = _best(known.values(), partial(_like_sale, known=known), 6)
    if sale is None:
        return tables
    whole = _beside(sale, known)
    tables.parts |= {"sale": sale} if whole is None else {"sale": whole, "note": sale}
    sale = tables.parts["sale"]
    others = [one for one in known.values() if one is not sale]
    for part, like in (("item", _like_item), ("payment", _like_payment), ("tax", _like_tax)):
        left = [one for one in others if one not in tables.parts.values()]
        best = _best(left, partial(like, tables=tables), 5)
        if best is not None:
            tables.parts[part] = best
    if "item" not in tables.parts:
        return tables
    if (tax := tables.parts.get("tax")) and not _names_sale(tax, tables) and not any(map(is_key, tax.columns.values())):
        tables.by_item = tables.parts.pop("tax").name
    for part, of in (("product", "item"), ("store", "sale"), ("method", "payment")):
        found = _referred(tables, of, part) or (_only_store(tables, others) if part == "store" else None)
        if found is not None:
            tables.parts[part] = found
    if "note" not in tables.parts and (note := _note(tables, others)) is not None:
        tables.parts["note"] = note
    left = [one for one in others if one not in tables.parts.values()]
    barcode = _best(left, partial(_like_barcode, tables=tables), 1)
    if barcode is not None:
        tables.parts["barcode"] = barcode
    _choose_shelves(tables, others, database)
    return tables


def _beside(table: CatalogueTable, known: Mapping[str, CatalogueTable]) -> CatalogueTable | None:
    """The sale whose second half a table with the access key is: its own key names one row of it."""
    targets = {table.refers.get(column, ("", ""))[0] for column in table.key}
    whole = known.get(targets.pop()) if len(targets) == 1 else None
    named = {table.refers[column][1] for column in table.key} if whole else set()
    return whole if whole is not None and whole is not table and named == set(whole.key) else None


def _note(tables: Tables, others: list[CatalogueTable]) -> CatalogueTable | None:
    """A table with the access key, one row for each sale, where the sale's own lacks it."""
    if any(map(is_key, tables.parts["sale"].columns.values())):
        return None
    for one in others:
        own = set(link(one, tables)) or {of_sale(one, tables)}
        if one not in tables.parts.values() and own == set(one.key) and any(map(is_key, one.columns.values())):
            return one
    return None


def _choose_shelves(tables: Tables, others: list[CatalogueTable], database: TableCatalogue) -> None:
    """Movements and stock, but for what the ERP's own triggers write: it would be counted twice."""
    written = {tables.parts[part].name for part in ("sale", "item", "payment") if part in tables.parts}
    for part, like, least in (("movement", _like_movement, 6), ("stock", _like_stock, 5)):
        left = [one for one in others if one not in tables.parts.values()]
        best = _best(left, partial(like, tables=tables), least)
        if best is None:
            continue
        if best.name in tables.by_trigger:
            continue
        if database.written_by_trigger(best.name, written):
            tables.by_trigger += (best.name,)
        else:
            tables.parts[part] = best
            written.add(best.name)  # a trigger on the movements may keep the stock


def _best(tables: Iterable[CatalogueTable], like: Callable[[CatalogueTable], int], least: int) -> CatalogueTable | None:
    found = max(tables, key=lambda one: (like(one), one.name), default=None)
    return found if found is not None and like(found) >= least else None


def is_key(column: CatalogueColumn) -> bool:
    return column.kind == "text" and ("key" in ideas(column.name) or column.length in _KEY_LENGTHS[:1])


def _has(table: CatalogueTable, *wanted: str, kinds: tuple[str, ...] = ()) -> bool:
    return any(ideas(one.name) & set(wanted) and (not kinds or one.kind in kinds) for one in table.columns.values())


def _like_sale(table: CatalogueTable, known: Mapping[str, CatalogueTable]) -> int:
    named = ideas(table.name)
    score = 5 * any(map(is_key, table.columns.values())) + 3 * ("sale" in named) + ("header" in named)
    score -= 4 * bool(named & {"item", "payment", "tax"}) + 2 * ("stock" in named)
    score += sum(target == table.name for one in known.values() for target, _ in one.refers.values())
    return score + _has(table, "time") + _has(table, "net", "value", kinds=("decimal",)) + _has(table, "series")


def of_sale(table: CatalogueTable, tables: Tables) -> str:
    """The column that names the sale: a foreign key, or one called like the sale's own key."""
    sale = tables.parts["sale"]
    made = sale_key(tables)
    for column, (target, other) in table.refers.items():
        if target == sale.name and other == (made or other):
            return column
    own = sale.key[0] if len(sale.key) == 1 else ""
    return own if own in table.columns and own != "id" else ""


def link(table: CatalogueTable, tables: Tables) -> dict[str, str]:
    """The columns by which a table names its sale where the sale's key is of several, each with the sale's: a foreign
    key, or, where nobody thought of one, columns called like the sale's whole key."""
    sale = tables.parts["sale"]
    if sale_key(tables) or len(sale.key) < 2:
        return {}
    own = {column: other for column, (target, other) in table.refers.items() if target == sale.name}
    if len(own) > 1:
        return own
    return {one: one for one in sale.key} if all(one in table.columns for one in sale.key) else {}


def _names_sale(table: CatalogueTable, tables: Tables) -> bool:
    return bool(of_sale(table, tables) or link(table, tables))


def _like_item(table: CatalogueTable, tables: Tables) -> int:
    named = ideas(table.name)
    score = 3 * _names_sale(table, tables) + 3 * ("item" in named) + 2 * _has(table, "quantity")
    # "mov_linhas" are lines of a sale that is called movement.
    another = (named & {"payment", "tax", "stock"}) - ({"stock"} & ideas(tables.parts["sale"].name))
    return score + _has(table, "price") - 4 * bool(another)


def _like_payment(table: CatalogueTable, tables: Tables) -> int:
    named = ideas(table.name)
    targets = [tables.known[target] for column in table.refers for target, _ in _chain(table, column, tables)]
    by_method = any(ideas(one.name) & {"method", "payment"} or _has(one, "fiscal") for one in targets)
    score = 3 * _names_sale(table, tables) + 3 * ("payment" in named) + 3 * by_method - 6 * ("tax" in named)
    return score + _has(table, "value", kinds=("decimal",)) - 3 * _has(table, "quantity")


def _like_tax(table: CatalogueTable, tables: Tables) -> int:
    item = tables.parts.get("item")
    near = _names_sale(table, tables) or any(item and target == item.name for target, _ in table.refers.values())
    return 3 * near + 3 * ("tax" in ideas(table.name)) + _has(table, "rate") + _has(table, "base")


def _like_movement(table: CatalogueTable, tables: Tables) -> int:
    product = tables.parts.get("product")
    refers = any(product and target == product.name for target, _ in table.refers.values())
    score = 3 * ("stock" in ideas(table.name)) + 2 * _has(table, "quantity") + 2 * refers + _names_sale(table, tables)
    return score + _has(table, "direction")


def _like_barcode(table: CatalogueTable, tables: Tables) -> int:
    """A table in which goods have their barcodes beside: one good, several codes."""
    product = tables.parts.get("product")
    refers = any(product and target == product.name for target, _ in table.refers.values())
    return int(refers and _has(table, "barcode", kinds=("text",)))


def _like_stock(table: CatalogueTable, tables: Tables) -> int:
    """One row for each good, or each good of a store, with how many there are."""
    product, store = tables.parts.get("product"), tables.parts.get("store")
    places = {one.name for one in (product, store) if one}
    targets = {table.refers.get(name) or elsewhere(name, tables) for name in table.key}
    looked_up = {target for target, _ in targets}
    if product is None or product.name not in looked_up or not looked_up <= places:
        return 0
    return 4 * bool(balance_of(table)) + ("stock" in ideas(table.name)) + len(looked_up)


def balance_of(table: CatalogueTable) -> str:
    """The column with how many there are; "" where none is called so."""
    numbers = [one for one in table.columns.values() if one.kind == "decimal" and "balance" in ideas(one.name)]
    return numbers[0].name if numbers else ""


def _referred(tables: Tables, of: Part, part: str) -> CatalogueTable | None:
    """The table that a foreign key of a part leads to and that looks like what is looked up."""
    table = tables.parts.get(of)
    if table is None:
        return None
    targets = [tables.known[target] for column in table.refers for target, _ in _chain(table, column, tables)]
    proof = {"product": ("barcode", "code"), "store": ("issuer",), "method": ("fiscal", "code", "method")}[part]
    fit = [one for one in targets if one not in tables.parts.values() and _has(one, *proof)]
    sure = {"product": "barcode", "store": "issuer", "method": "fiscal"}[part]
    return max(fit, key=lambda one: (_has(one, sure), part in ideas(one.name), one.name), default=None)


def _only_store(tables: Tables, others: list[CatalogueTable]) -> CatalogueTable | None:
    """Where the sale refers to no store, but to what is of one (a day's summary, a session of a till): the one table
    that looks like it."""
    left = [one for one in others if one not in tables.parts.values() and len(one.key) == 1]
    fit = [one for one in left if "store" in ideas(one.name) and _has(one, "issuer", kinds=("text",))]
    return fit[0] if len(fit) == 1 else None


def own_key(table: CatalogueTable) -> str:
    """The column by which the database numbers the rows; "" where it doesn't."""
    made = [one for one in table.key if one in table.columns and table.columns[one].made]
    return made[0] if len(made) == 1 else ""


def drawn_key(part: Part, tables: Tables) -> str:
    """The number that a row gets of a sequence, where the database doesn't draw it by itself; "" for none.

    Known by being the one whole number of the key that refers to nothing; of a sale, by not being its own number.
    """
    table = tables.parts[part]
    if not tables.sequences or own_key(table):
        return ""
    numbers = [one for one in table.key if table.columns[one].kind == "integer" and one not in table.refers]
    if len(numbers) != 1 or (part != "sale" and len(table.key) != 1):
        return ""
    identity = part != "sale" and re.match(r"id(?:_|[A-Z])", numbers[0]) is not None  # id_item is no line's number
    return "" if ideas(numbers[0]) & {"line", "till", "series"} and not identity else numbers[0]


def sale_key(tables: Tables) -> str:
    """The one column by which lines name their sale, if the database or a sequence numbers it."""
    return own_key(tables.parts["sale"]) or drawn_key("sale", tables)


def key_of_many(tables: Tables) -> tuple[str, ...]:
    """The sale's columns by which its lines name it, where no single one does."""
    item = tables.parts.get("item")
    if item is None or any(map(is_key, item.columns.values())):
        return ()
    return tuple(link(item, tables).values())


def counted_key(tables: Tables) -> str:
    """The one number of a key of several columns that no field of a note is: one more than the last. "" for none."""
    sale = tables.parts["sale"]
    key = key_of_many(tables)
    numbers = [one for one in map(sale.columns.__getitem__, key) if one.kind == "integer" and not _made(one)]
    numbers = [one for one in numbers if one.name not in sale.refers and not ideas(one.name) & {"till", "series"}]
    found = [one for one in numbers if "sequence" in ideas(one.name)]
    others = (one for one in sale.columns.values() if one.name not in key and one.kind == "integer")
    if not found and any("number" in ideas(one.name) for one in others):  # that one is the note's own
        found = numbers
    return found[0].name if len(found) == 1 else ""


def sequences_of_stores(tables: Tables) -> str:
    """What the sequences are called that number each store's sales, without the code behind; "" for none."""
    if not counted_key(tables) or "store" not in tables.parts:
        return ""
    stems = [found[1] for one in tables.sequences if (found := re.fullmatch(r"(.*[a-z_])(\d+)", one))]
    wanted = ideas(tables.parts["sale"].name)
    fit = sorted({stem for stem in stems if ideas(stem) & wanted}, key=lambda stem: (-stems.count(stem), stem))
    return fit[0] if fit else ""


def resolved(table: CatalogueTable, column: str, tables: Tables) -> tuple[str, str]:
    """The table and column that a column leads to: by its foreign key, and by that one's until something is known."""
    chain = _chain(table, column, tables)
    parts = {one.name for one in tables.parts.values()}
    return next((one for one in chain if one[0] in parts), chain[0] if chain else ("", ""))


def _chain(table: CatalogueTable, column: str, tables: Tables) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    step = table.refers.get(column) or elsewhere(column, tables)
    while step[0] in tables.known and step not in found:
        found.append(step)
        step = tables.known[step[0]].refers.get(step[1], ("", ""))
    return found


def _made(column: CatalogueColumn) -> bool:
    return column.made or column.filled


def elsewhere(column: str, tables: Tables) -> tuple[str, str]:
    """Where nobody thought of a foreign key: what a column of the same name refers to in another part."""
    others = (table.refers[column] for table in tables.parts.values() if column in table.refers)
    return next(others, ("", ""))
