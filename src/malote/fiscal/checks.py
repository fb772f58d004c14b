"""Whether a sale can be booked truthfully. The official XSD is advice; this decides (DESIGN §4)."""

from functools import lru_cache

from malote.fiscal import cnpj, gtin
from malote.fiscal.access_key import KeyParts, split
from malote.fiscal.amounts import CENTS, AmountError, money
from malote.fiscal.documents import Item, Payment, Sale
from malote.fiscal.findings import key_digit, named
from malote.fiscal.problems import Problem, reject, warning
from malote.fiscal.rows import HeadRow, NoteRow, TotalsRow

NO_PAYMENT = "90"  # tPag
_ORDINARY = ("1", "")  # finNFe
_COMES_IN = "0"  # tpNF

# Every till uses few registration numbers, all day long.
_is_right_issuer = lru_cache(maxsize=1000)(cnpj.is_right)


def check_note(sale: Sale, row: NoteRow, problems: list[Problem]) -> None:
    """Adds what is wrong with an NFC-e or NF-e that could be read."""
    head = row.head
    problems += key_digit(sale.access_key)
    disagreeing = _disagreeing(sale, head)
    if disagreeing:
        problems.append(reject("key_disagrees", fields=", ".join(disagreeing)))
    if head.purpose not in _ORDINARY or head.direction == _COMES_IN:
        problems.append(reject("not_a_sale", purpose=named(head.purpose), direction=named(head.direction)))
    expected = check_items(sale.items, problems) + _beyond_items(row.totals, sale)
    check_total(sale, expected, _exempted(row.totals), problems)
    check_payments(sale, _total_with_reform(row.totals), problems)
    check_people(sale, problems)


def check_items(items: tuple[Item, ...], problems: list[Problem]) -> int:
    """What the items come to, in cents; adds what is odd in one of them."""
    whole = 0
    odd_gross: list[int] = []
    odd_codes: list[int] = []
    for item in items:
        gross = item.gross
        whole += (gross if item.in_total else 0) - item.discount + item.freight + item.insurance + item.other
        if not -1 <= item.quantity * item.unit_price * 100 - gross <= 1:
            odd_gross.append(item.number)
        if item.gtin and not gtin.is_right(item.gtin):
            odd_codes.append(item.number)
    if odd_gross:
        problems.append(warning("item_gross", items=_listed(odd_gross)))
    if odd_codes:
        problems.append(warning("gtin_check_digit", items=_listed(odd_codes)))
    return whole


def check_total(sale: Sale, expected: int, optional: int, problems: list[Problem]) -> None:
    """The items against the total. ``optional`` cents may or may not have been taken off."""
    total, tolerance = sale.totals.total, len(sale.items)
    if min(abs(total - expected), abs(total - expected + optional)) > tolerance:
        problems.append(
            reject("items_sum", expected=money(total), found=money(expected), difference=money(expected - total))
        )


def check_payments(sale: Sale, total_with_reform: int, problems: list[Problem]) -> None:
    """Payments less change against the total; from 2027 they may pay IBS and CBS on top of it."""
    if not sale.payments or _unpaid(sale.payments):
        return
    paid = sum([payment.amount for payment in sale.payments]) - sale.change
    total, tolerance = sale.totals.total, len(sale.items)
    if abs(paid - total) > tolerance and (not total_with_reform or abs(paid - total_with_reform) > tolerance):
        problems.append(
            reject("payments_sum", expected=money(total), found=money(paid), difference=money(paid - total))
        )


def check_people(sale: Sale, problems: list[Problem]) -> None:
    """The registration numbers of who sells and who buys."""
    if not _is_right_issuer(sale.issuer):
        problems.append(reject("issuer_check_digit", found=sale.issuer))
    # A foreigner's document has any form; a CPF or CNPJ is told by its length.
    if len(sale.consumer) in (11, 14) and not cnpj.is_right(sale.consumer):
        problems.append(warning("consumer_check_digit"))


def _unpaid(payments: tuple[Payment, ...]) -> bool:
    return any(payment.method == NO_PAYMENT for payment in payments)


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


def _beyond_items(totals: TotalsRow, sale: Sale) -> int:
    """What is part of the total and of no item: taxes that are added to the price."""
    added = sale.totals.icms_substitution + sale.totals.ipi
    for text in (totals.poverty_fund_substitution, totals.icms_single_phase, totals.import_duty, totals.ipi_returned):
        if text:
            added += _cents(text)
    return added


def _exempted(totals: TotalsRow) -> int:
    """ICMS not charged, which some notes take off the total and others (indDeduzDeson 0 or absent) don't."""
    return _cents(totals.icms_exempted)


def _total_with_reform(totals: TotalsRow) -> int:
    return _cents(totals.total_with_reform) if totals.total_with_reform else 0


def _cents(text: str) -> int:
    # These amounts aren't booked; one that can't be read shows as a wrong sum.
    try:
        return CENTS[text]
    except AmountError:
        return 0


def _listed(numbers: list[int]) -> str:
    shown = ", ".join(str(number) for number in numbers[:10])
    return shown if len(numbers) <= 10 else f"{shown}, …"
