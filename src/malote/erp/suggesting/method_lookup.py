"""Ways of paying that the ERP calls by words of its own, where it lists them: an enumeration, a CHECK."""

from collections.abc import Iterator

from malote.erp.suggesting.table_catalogue import CatalogueColumn
from malote.erp.suggesting.vocabulary import ideas, plain
from malote.fiscal.payment_methods import METHODS

LOOKUP = "lookup(method, 'method')"

_BY_IDEA = {"cash": ("01",), "credit": ("03",), "debit": ("04",), "pix": ("17", "20", "23")}
_OTHERS = ("OUTRO", "OTHER", "DIVERS")


def method(column: CatalogueColumn) -> str:
    """What goes into the column: the method's two digits, unless it takes none of them."""
    if column.kind != "text":
        return ""
    return LOOKUP if column.values and METHODS.keys().isdisjoint(column.values) else "method"


def method_lookup(column: CatalogueColumn, unsure: str) -> Iterator[str]:
    """The profile's table of them; ``unsure`` stands beside what nobody knows."""
    found: dict[str, str] = {}
    for value in column.values:
        found |= {code: value for code in _codes(value) if code not in found}
    others = next((value for value in column.values if plain(value).startswith(_OTHERS)), "")
    yield from ("", "[lookup.method]")
    yield from (f'"{code}" = "{value}"' for code, value in sorted(found.items()))
    for value in column.values:
        if value not in found.values() and value != others:
            yield f'# "??" = "{value}"  # ? {unsure}'
    yield f'"*" = "{others}"' if others else f'# "*" = "??"  # ? {unsure}'


def _codes(value: str) -> tuple[str, ...]:
    said = ideas(value)
    for idea, codes in _BY_IDEA.items():
        if idea in said:
            return codes
    return tuple(code for code, one in METHODS.items() if plain(value) in (plain(one.name.pt), plain(one.name.en)))
