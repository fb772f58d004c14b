"""From the texts of one det to an item of a sale.

What can be told by which columns of ``ItemRow`` an item feeds, and not by their texts, is told once: it is the item's
layout. A shop's items have a handful of layouts, whether they were found by their form or in a tree.
"""

from collections.abc import Sequence

from lxml import etree
from msgspec import Struct
from msgspec.structs import replace

from malote.fiscal.amounts import CENTS, DECIMALS, RATES, AmountError, is_amount, printable, shown
from malote.fiscal.documents import Item, Taxes
from malote.fiscal.gtin import number_of
from malote.fiscal.learned_forms import ANY, CODE, picking
from malote.fiscal.note_fields import ITEM, SELDOM, ItemRow
from malote.fiscal.problems import Problem, reject, warning
from malote.fiscal.reading_limits import Limits

_REMEMBERED = 1_000  # layouts
_MOST_FINDINGS = 5  # of invalid amounts: a broken file would fill pages
_NUMBERS = {str(number): number for number in range(1, 991)}
_NO_AMOUNTS = (0,) * len(SELDOM)
_CODES = (
    "number", "product_code", "ncm", "cfop", "unit", "in_total", "icms_origin", "icms_status", "icms_simple_status",
    "service_list", "pis_status", "cofins_status", "reform_status", "reform_class",
)  # fmt: skip
_COLUMNS = tuple(ITEM.of)
_UNUSUAL = ("service_list", "service_amount", "pis_substitution_counts", "cofins_substitution_counts")
_USUAL = _COLUMNS.index(_UNUSUAL[0])  # columns that most items have


class ItemLayout:
    """What the items have in common that feed the same columns in the same order."""

    def __init__(self, columns: Sequence[int]) -> None:
        self._columns = columns
        place_of = {_COLUMNS[column]: place for place, column in enumerate(columns)}
        # Behind the texts stands an empty one, for the columns that aren't fed.
        places = [place_of.get(name, len(columns)) for name in _COLUMNS]
        self._usual = picking(places[:_USUAL])
        self._seldom = picking(places[-len(SELDOM) :]) if place_of.keys() & set(SELDOM) else None
        self._code_places = [place_of[name] for name in _CODES if name in place_of]
        self._codes = picking(self._code_places)
        self._service = [place_of[name] for name in ("service_list", "service_amount") if name in place_of]
        self.patterns = [CODE if _COLUMNS[column] in _CODES else ANY for column in columns]
        # Whether it may say something of itself that few items do.
        self.is_unusual = bool(place_of.keys() & set(_UNUSUAL))
        self.has_seldom = self._seldom is not None  # whether it may have amounts that items seldom have

    def item(self, texts: Sequence[str], are_clean: bool) -> Item:
        """The item of these texts, one for each of the columns; ``are_clean`` says that its codes are (``printable``).

        Raises ``AmountError``. Positional throughout: this runs for every line of every sale.
        """
        # Nearly always codes are letters and digits and nothing else, and need no cleaning.
        if not (are_clean or "".join(self._codes(texts)).isalnum()):
            texts = self._cleaned(texts)
        every = (*texts, "")
        (
            number, code, gtin, description, ncm, cfop, unit, quantity, price, gross, discount, in_total,
            origin, status, simple_status, base, rate, amount,
            pis_status, pis_base, pis_rate, pis, cofins_status, cofins_base, cofins_rate, cofins,
            reform_status, reform_class, reform_base, ibs_uf_rate, ibs_uf, ibs_mun_rate, ibs_mun, cbs_rate, cbs,
        ) = self._usual(every)  # fmt: skip
        if not gross or gross.isspace():
            raise AmountError
        cents = CENTS
        rates = RATES
        (
            service, freight, insurance, other, st_base, st_amount, single, single_withheld, single_before, fund,
            fund_st, fund_withheld, ipi, pis_st, cofins_st, selective, ibs_single, cbs_single, *_,
        ) = _NO_AMOUNTS if self._seldom is None else [cents[text] for text in self._seldom(every)]  # fmt: skip
        return Item(
            _NUMBERS.get(number, 0), code, gtin if gtin.isdecimal() else number_of(printable(gtin)),
            (description if description.isprintable() else printable(description)).strip(), ncm, cfop, unit,
            DECIMALS[quantity], DECIMALS[price], cents[gross], cents[discount], freight, insurance, other,
            in_total != "0" or self._is_service(texts),
            Taxes(
                origin, status or simple_status, cents[base], rates[rate], cents[amount],
                st_base, st_amount, fund + fund_st + fund_withheld, ipi, service,
                pis_status, cents[pis_base], rates[pis_rate], cents[pis],
                cofins_status, cents[cofins_base], rates[cofins_rate], cents[cofins],
                reform_status, reform_class, cents[reform_base], rates[ibs_uf_rate], cents[ibs_uf],
                rates[ibs_mun_rate], cents[ibs_mun], rates[cbs_rate], cents[cbs],
                single + single_withheld + single_before, pis_st, cofins_st, selective, ibs_single, cbs_single,
            ),
        )  # fmt: skip

    def _cleaned(self, texts: Sequence[str]) -> list[str]:
        cleaned = [*texts]
        for place in self._code_places:
            cleaned[place] = printable(cleaned[place])
        return cleaned

    def _is_service(self, texts: Sequence[str]) -> bool:
        return any(texts[place].strip() for place in self._service)

    def row(self, texts: Sequence[str]) -> ItemRow:
        """All columns; "" where none is fed."""
        return ITEM.filled(self._columns, texts)


class ItemTexts(Struct, frozen=True, gc=False):
    """What a det says, as it is written."""

    layout: ItemLayout
    texts: Sequence[str]
    are_clean: bool = False  # whether its codes are

    def row(self) -> ItemRow:
        return self.layout.row(self.texts)


_layouts: dict[tuple[int, ...], ItemLayout] = {}


def item_texts(detail: etree._Element, twice: list[str]) -> ItemTexts:
    """What is in a det; adds the names of fields that it says in two ways."""
    columns, texts = ITEM.fed(detail)
    layout = _layouts.get(tuple(columns))
    if layout is not None:
        return ItemTexts(layout, texts)
    once, texts_once = ITEM.once(columns, texts, twice)
    layout = ItemLayout(once)
    if once is columns and len(_layouts) < _REMEMBERED:
        _layouts[tuple(columns)] = layout
    return ItemTexts(layout, texts_once)


NO_TEXTS = ItemTexts(ItemLayout(()), ())


def read_items(found: list[ItemTexts], limits: Limits, problems: list[Problem]) -> tuple[Item, ...] | None:
    if not found:
        problems.append(reject("items_missing"))
        return None
    if len(found) > limits.max_items:
        problems.append(reject("too_many_items", found=len(found), limit=limits.max_items))
        return None
    try:
        items = tuple([one.layout.item(one.texts, one.are_clean) for one in found])
    except AmountError:
        problems.extend(_bad_amounts([one.row() for one in found]))
        return None
    numbers = [item.number for item in items]
    if numbers != list(range(1, len(items) + 1)):
        problems.append(warning("item_numbers"))
        if len(set(numbers)) != len(numbers) or 0 in numbers:
            items = tuple([replace(item, number=place) for place, item in enumerate(items, 1)])
    return items


def _bad_amounts(rows: list[ItemRow]) -> list[Problem]:
    """Which amounts of which items are none."""
    found: list[Problem] = []
    for place, row in enumerate(rows, 1):
        for column, text in row._asdict().items():
            name = _bad_amount(column, text)
            if name is not None:
                found.append(reject("amount_invalid", field=f"det {place} {name}", found=shown(text)))
        if len(found) >= _MOST_FINDINGS:
            break
    return found[:_MOST_FINDINGS]


def _bad_amount(column: str, text: str) -> str | None:
    """The field's name in the file, when its text should be an amount and is none."""
    missing = column == "gross" and not text.strip()
    fine = is_amount(ITEM.of[column].rpartition("/")[2], text) and not missing
    return None if fine else ITEM.titles[column]
