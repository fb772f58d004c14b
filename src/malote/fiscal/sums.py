"""Whether what a document says adds up: its items, its payments and its header, each against the total it states."""

from typing import NamedTuple

from malote.fiscal.amounts import money
from malote.fiscal.documents import Item, Sale, Totals
from malote.fiscal.norms import Norm
from malote.fiscal.payment_methods import NO_PAYMENT
from malote.fiscal.problems import Problem, reject, warning

_MOST_TOLERATED = 10  # cents


class ItemSums(NamedTuple):
    """What the items of a sale come to, in cents."""

    net: int  # their part of the total
    goods: int  # vProd of what counts and is no service
    services: int
    discount: int
    freight: int
    insurance: int
    other: int
    icms: int
    icms_substitution: int
    icms_single_phase: int
    ipi: int
    pis: int
    cofins: int
    ibs: int
    cbs: int
    selective: int


def tolerated(items: int, allowed: int | None) -> int:
    """How many cents sums may be apart: one for each item and at most ten, unless the settings say ``allowed``."""
    return min(items, _MOST_TOLERATED) if allowed is None else allowed


def counted_total(totals: Totals, norm: Norm) -> int:
    """The total that items and payments must come to: vNF, or vNFTot where the norm has it count."""
    return (norm.reform_within and totals.total_with_reform) or totals.total


def paid_total(sale: Sale, counted: int) -> int:
    """What is booked as the sale's total: of vNF and the total that ``counted`` (vNFTot), the one that was paid."""
    stated = sale.totals.total
    if counted == stated or _is_unpaid(sale):
        return counted
    paid = _paid(sale)
    return stated if abs(paid - stated) < abs(paid - counted) else counted


def of_items(items: tuple[Item, ...], services: frozenset[int]) -> ItemSums:
    """``services`` are the numbers of the items that are no goods."""
    goods = rendered = discount = freight = insurance = other = 0
    icms = st = single = ipi = pis = cofins = ibs = cbs = selective = 0
    for item in items:
        taxes = item.taxes
        if item.in_total:
            if item.number in services:
                rendered += item.gross
            else:
                goods += item.gross
        discount += item.discount
        freight += item.freight
        insurance += item.insurance
        other += item.other
        icms += taxes.icms_amount
        st += taxes.icms_substitution_amount
        single += taxes.icms_single_phase_amount
        ipi += taxes.ipi_amount
        pis += taxes.pis_amount
        cofins += taxes.cofins_amount
        ibs += taxes.ibs_state_amount + taxes.ibs_city_amount
        cbs += taxes.cbs_amount
        selective += taxes.selective_amount
    net = goods + rendered - discount + freight + insurance + other
    return ItemSums(
        net,
        goods,
        rendered,
        discount,
        freight,
        insurance,
        other,
        icms,
        st,
        single,
        ipi,
        pis,
        cofins,
        ibs,
        cbs,
        selective,
    )


def check_total(total: int, expected: int, optional: int, tolerance: int, problems: list[Problem]) -> None:
    """The items against the total. ``optional`` cents may or may not have been taken off."""
    apart = min(expected - total, expected - optional - total, key=abs)
    _tell("items_sum", total, total + apart, tolerance, problems)


def check_payments(sale: Sale, total: int, tolerance: int, problems: list[Problem]) -> None:
    """Payments less change against the total, unless nothing is paid at all (tPag 90 and nothing else)."""
    if not _is_unpaid(sale):
        _tell("payments_sum", total, _paid(sale), tolerance, problems)


def _is_unpaid(sale: Sale) -> bool:
    return not sale.payments or all(payment.method == NO_PAYMENT for payment in sale.payments)


def _paid(sale: Sale) -> int:
    return sum([payment.amount for payment in sale.payments]) - sale.change


def check_header(
    names: tuple[str, ...], stated: tuple[int, ...], summed: tuple[int, ...], problems: list[Problem]
) -> None:
    """What the header states and the items come to, by the field's name. What is booked is what each of them says."""
    if stated == summed:
        return
    apart = [
        f"{name} {money(one)} ≠ {money(other)}"
        for name, one, other in zip(names, stated, summed, strict=True)
        if one != other
    ]
    problems.append(warning("header_disagrees", fields=", ".join(apart)))


def _tell(code: str, expected: int, found: int, tolerance: int, problems: list[Problem]) -> None:
    """A difference is always told; beyond the tolerance it can't be booked truthfully."""
    if found == expected:
        return
    say = reject if abs(found - expected) > tolerance else warning
    problems.append(say(code, expected=money(expected), found=money(found), difference=money(found - expected)))
