"""Whether a sale can be booked truthfully. The official XSD is advice; this decides (docs/reading.md)."""

from collections.abc import Iterable
from functools import lru_cache

from malote.fiscal import cnpj, gtin, sums
from malote.fiscal.access_key import KeyParts, split
from malote.fiscal.amounts import CENTS, AmountError
from malote.fiscal.documents import Item, Sale, Totals
from malote.fiscal.findings import key_digit, named
from malote.fiscal.items import ItemTexts
from malote.fiscal.norms import Norm
from malote.fiscal.note_fields import HeadRow, ItemRow, TotalsRow
from malote.fiscal.note_rows import NoteRow
from malote.fiscal.problems import Problem, reject, warning

_COUNTS = "1"  # indSomaPISST, indSomaCOFINSST

# Every till uses few registration numbers, all day long.
_is_right_issuer = lru_cache(maxsize=1000)(cnpj.is_right)


def check_note(sale: Sale, row: NoteRow, norm: Norm, tolerance: int, problems: list[Problem]) -> None:
    """Adds what is wrong with an NFC-e or NF-e that could be read. ``tolerance`` in cents."""
    head = row.head
    problems += key_digit(sale.access_key)
    disagreeing = _disagreeing(sale, head)
    if disagreeing:
        problems.append(reject("key_disagrees", fields=", ".join(disagreeing)))
    check_items(sale.items, problems)
    unusual = _unusual(sale.items, row.items)
    services = frozenset(
        [item.number for item, own in unusual if own.service_list.strip() or own.service_amount.strip()]
    )
    summed = sums.of_items(sale.items, services)
    total = sums.counted_total(sale.totals, norm)
    expected = summed.net + _beyond_items(row.totals, sale.totals) + _substituted(unusual)
    sums.check_total(total, expected, _cents(row.totals.icms_exempted), tolerance, problems)
    sums.check_payments(sale, total, tolerance, problems)
    _check_header(sale, row, summed, norm, problems)
    check_people(sale, problems)


def check_items(items: tuple[Item, ...], problems: list[Problem]) -> None:
    """Adds what is odd in one of the items."""
    odd_gross: list[int] = []
    odd_codes: list[int] = []
    nameless: list[int] = []
    for item in items:
        if not item.product_code:
            nameless.append(item.number)
        if not -1 <= item.quantity * item.unit_price * 100 - item.gross <= 1:
            odd_gross.append(item.number)
        if item.gtin and not gtin.is_right(item.gtin):
            odd_codes.append(item.number)
    if nameless:
        problems.append(reject("item_without_product", items=_listed(nameless)))
    if odd_gross:
        problems.append(warning("item_gross", items=_listed(odd_gross)))
    if odd_codes:
        problems.append(warning("gtin_check_digit", items=_listed(odd_codes)))


def check_people(sale: Sale, problems: list[Problem]) -> None:
    """The registration numbers of who sells and who buys."""
    if not _is_right_issuer(sale.issuer):
        problems.append(reject("issuer_check_digit", found=sale.issuer))
    # A foreigner's document has any form; a CPF or CNPJ is told by its length.
    if len(sale.consumer) in (11, 14) and not cnpj.is_right(sale.consumer):
        problems.append(warning("consumer_check_digit"))


def _disagreeing(sale: Sale, head: HeadRow) -> list[str]:
    """The fields whose value in the key isn't the body's, as "tpEmis 1 ≠ 9"."""
    key, issued = sale.access_key, head.issued
    body = (
        f"{head.state or key[:2]}{issued[2:4]}{issued[5:7]}{sale.issuer:0>14}{sale.model}{sale.series:03}"
        f"{sale.number:09}{sale.emission}{head.code or key[35:43]:0>8}{head.digit or key[43]}"
    )
    # Nearly always they are the same letter for letter.
    return [] if body == key else _differences(split(key), sale, head)


def _differences(parts: KeyParts, sale: Sale, head: HeadRow) -> list[str]:
    pairs = (
        ("cUF", parts.state, head.state or parts.state),
        ("AAMM", parts.year_month, f"{sale.issued_at:%y%m}"),
        ("CNPJ", parts.issuer, f"{sale.issuer:0>14}"),
        ("mod", parts.model, sale.model),
        ("serie", str(parts.series), str(sale.series)),
        ("nNF", str(parts.number), str(sale.number)),
        ("tpEmis", str(parts.emission), str(sale.emission)),
        ("cNF", parts.code, f"{head.code.strip() or parts.code:0>8}"),
        ("cDV", parts.digit, head.digit.strip() or parts.digit),
    )
    return [f"{name} {in_key} ≠ {named(in_body)}" for name, in_key, in_body in pairs if in_key != in_body]


def _unusual(items: tuple[Item, ...], found: list[ItemTexts]) -> list[tuple[Item, ItemRow]]:
    """The items with their rows that say something of themselves that few do: looked for once."""
    return [(item, own.row()) for item, own in zip(items, found, strict=True) if own.layout.is_unusual]


def _beyond_items(said: TotalsRow, totals: Totals) -> int:
    """What is part of the total and of no item: taxes that are added to the price."""
    added = totals.icms_substitution + totals.ipi
    for text in (
        said.poverty_fund_substitution,
        said.icms_single_phase_withheld,
        said.import_duty,
        said.ipi_returned,
    ):
        if text:
            added += _cents(text)
    return added


def _substituted(unusual: list[tuple[Item, ItemRow]]) -> int:
    """PIS and COFINS by substitution, where the item says that they are part of the note's total."""
    added = 0
    for item, own in unusual:
        if own.pis_substitution_counts.strip() == _COUNTS:
            added += item.taxes.pis_substitution_amount
        if own.cofins_substitution_counts.strip() == _COUNTS:
            added += item.taxes.cofins_substitution_amount
    return added


_ALWAYS = ("vProd", "vServ", "vICMS", "vST", "vICMSMono", "vIPI", "vIBS", "vCBS", "vIS")
_OF_GOODS = ("vDesc", "vFrete", "vSeg", "vOutro", "vPIS", "vCOFINS")


def _check_header(sale: Sale, row: NoteRow, summed: sums.ItemSums, norm: Norm, problems: list[Problem]) -> None:
    """The header's amounts that are sums of the items' own. Of services, the layout keeps some of them elsewhere."""
    said = sale.totals
    names: tuple[str, ...] = _ALWAYS
    stated: tuple[int, ...] = (
        said.products, said.services, said.icms, said.icms_substitution, said.icms_single_phase, said.ipi, said.ibs,
        said.cbs, said.selective,
    )  # fmt: skip
    added: tuple[int, ...] = (
        summed.goods, summed.services, summed.icms, summed.icms_substitution, summed.icms_single_phase, summed.ipi,
        summed.ibs, summed.cbs, summed.selective,
    )  # fmt: skip
    if not summed.services:
        names += _OF_GOODS
        stated += (said.discount, said.freight, said.insurance, said.other, said.pis, said.cofins)
        added += (summed.discount, summed.freight, summed.insurance, summed.other, summed.pis, summed.cofins)
    if norm.reform_within and said.total_with_reform:
        names += ("vNF",)
        stated += (said.total,)
        added += (said.total_with_reform,)
    seldom_stated, seldom_added = _seldom(row)
    sums.check_header(names + _SELDOM, stated + seldom_stated, added + seldom_added, problems)


_SELDOM = ("vFCP", "vFCPST", "vFCPSTRet", "vIBSMono", "vCBSMono")
_NOTHING = (0,) * len(_SELDOM)


def _seldom(row: NoteRow) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """What the header states and the items come to of what few notes have: ``_SELDOM``.

    Of IBS and CBS of one phase the header has the own and the withheld apart, an item both together and less what is
    deferred.
    """
    said = row.totals
    items = [own.row() for own in row.items if own.layout.has_seldom]
    texts = (
        said.poverty_fund, said.poverty_fund_substitution, said.poverty_fund_withheld, said.ibs_single_phase,
        said.ibs_single_phase_withheld, said.cbs_single_phase, said.cbs_single_phase_withheld,
    )  # fmt: skip
    if not items and not "".join(texts).strip("0."):
        return _NOTHING, _NOTHING
    fund, fund_st, fund_withheld, ibs, ibs_withheld, cbs, cbs_withheld = map(_cents, texts)
    added = (
        _sum(own.poverty_fund for own in items),
        _sum(own.poverty_fund_substitution for own in items),
        _sum(own.poverty_fund_withheld for own in items),
        _sum(text for own in items for text in (own.ibs_single_phase, own.ibs_single_phase_deferred)),
        _sum(text for own in items for text in (own.cbs_single_phase, own.cbs_single_phase_deferred)),
    )
    return (fund, fund_st, fund_withheld, ibs + ibs_withheld, cbs + cbs_withheld), added


def _sum(texts: Iterable[str]) -> int:
    return sum(map(_cents, texts))


def _cents(text: str) -> int:
    # These amounts aren't booked; one that can't be read shows as a wrong sum.
    try:
        return CENTS[text]
    except AmountError:
        return 0


def _listed(numbers: list[int]) -> str:
    shown = ", ".join(str(number) for number in numbers[:10])
    return shown if len(numbers) <= 10 else f"{shown}, …"
