"""The queries that look up goods, stores and ways of paying, as a profile has them. None is run here."""

from collections.abc import Iterable

from malote.erp.suggesting.guessing import Tables
from malote.erp.suggesting.spelling import Place
from malote.erp.suggesting.table_catalogue import CatalogueTable
from malote.erp.suggesting.vocabulary import ideas


def query(part: str, tables: Tables, words: dict[str, str], place: Place) -> list[str]:
    match part:
        case "product":
            sql, values = _product(tables, place)
        case "store":
            sql, values = store(tables, place)
        case _:
            sql, values = _method(tables.parts["method"], place)
    absent = f"{words[part]}: :{values[-1]}"
    asked = f"sql = '''{sql}'''" if '"' in sql else f'sql = "{sql}"'
    return [f"[query.{part}]", asked, f"values = [{listed(values)}]", f'absent = "{absent}"']


def _key_of(table: CatalogueTable) -> str:
    return table.key[0] if len(table.key) == 1 else next(iter(table.columns))


def store(tables: Tables, place: Place) -> tuple[str, list[str]]:
    table = tables.parts["store"]
    column = next(one for one in table.columns if "issuer" in ideas(one))
    bare = place.spelling.own.without_mask(place.spelling.quoted(column))
    if table.columns[column].kind != "text":
        bare = f"lpad({bare}, 14, '0')"
    return place.asking(_key_of(table), table, f"{bare} = :cnpj"), ["cnpj"]


def _method(table: CatalogueTable, place: Place) -> tuple[str, list[str]]:
    """By the tax authority's code: the column that is called so, or of two characters."""
    ranked = sorted(
        (one for one in table.columns.values() if one.kind in ("text", "integer")),
        key=lambda one: ("fiscal" not in ideas(one.name), one.kind != "text", one.length != 2, one.name),
    )
    code = place.text_of(table, ranked[0].name)
    if ranked[0].kind != "text":
        code = f"lpad({code}, 2, '0')"
    return place.asking(_key_of(table), table, f"{code} = :method"), ["method"]


def _product(tables: Tables, place: Place) -> tuple[str, list[str]]:
    table, beside = tables.parts["product"], tables.parts.get("barcode")
    key = _key_of(table)
    texts = {one.name: one for one in table.columns.values() if one.name != key}
    barcode = next((one for one in texts if "barcode" in ideas(one)), "")
    code = next((one for one in texts if "code" in ideas(one) and one != barcode), "") or key
    by_code = f"{place.text_of(table, code)} = :code"
    if beside is not None:
        refers = next(own for own, (target, _) in beside.refers.items() if target == table.name)
        code_in = next(one for one, found in beside.columns.items() if "barcode" in ideas(one) and found.kind == "text")
        by_barcode = place.asking(refers, beside, place.is_barcode(beside, code_in))
        return f"select coalesce(({by_barcode}), ({place.asking(key, table, by_code)}))", ["gtin", "code"]
    if not barcode:
        return place.asking(key, table, f"{place.text_of(table, code)} = coalesce(:code, :gtin)"), ["gtin", "code"]
    by_barcode = place.is_barcode(table, barcode)
    return f"{place.asking(key, table, f'{by_barcode} or {by_code}')} {place.spelling.own.first(by_barcode)}", [
        "gtin",
        "code",
    ]


def listed(values: Iterable[str]) -> str:
    return ", ".join(f'"{value}"' for value in values)
