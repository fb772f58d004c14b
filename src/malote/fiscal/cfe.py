"""CF-e of the SAT (model 59) and its cancellation. The SAT itself signs: a document with its Id is authorised."""

from datetime import datetime
from decimal import Decimal

from lxml import etree
from msgspec.structs import replace

from malote.fiscal import checks, sums
from malote.fiscal.access_key import SAT_MODEL, is_well_formed, split
from malote.fiscal.amounts import CENTS, DECIMALS, RATES, AmountError, is_amount, printable, shown
from malote.fiscal.cnpj import is_right
from malote.fiscal.documents import Cancellation, Item, Payment, Protocol, Sale, Taxes, Totals
from malote.fiscal.findings import ambiguous, key_form, named
from malote.fiscal.gtin import number_of
from malote.fiscal.moments import read_compact
from malote.fiscal.norms import SAT
from malote.fiscal.payment_methods import check_methods
from malote.fiscal.problems import Problem, reject, warning
from malote.fiscal.reading_limits import Limits
from malote.fiscal.reading_result import Reading, Summary, named_by_key, unreadable
from malote.fiscal.sat_fields import (
    SAT_ITEM,
    SAT_TOTALS,
    SatChangeRow,
    SatHeadRow,
    SatItemRow,
    SatPaymentRow,
    SatRow,
    SatTotalsRow,
    sat_row,
)

_AUTHORISED = 100  # a CF-e has no cStat: as that of a note
_CANCELLED = 135
_PERCENT = 100


def read_sat(document: etree._Element, limits: Limits) -> Reading:
    """The sale that a CFe says. Never raises."""
    row = _cleaned(sat_row(document))
    head = row.head
    key = head.identity.removeprefix("CFe")
    if not key:
        return unreadable([reject("sat_request")], _partial(row, key, None, None))
    problems: list[Problem] = []
    issued_at = _time(head, problems)
    environment = _environment(head, problems)
    if row.twice:
        return unreadable([ambiguous(row.twice)], _partial(row, key, issued_at, environment))
    problems += key_form(key)
    items = _items(row, limits, problems)
    payments = _payments(row, limits, problems)
    change = _change(row, problems)
    totals = _totals(row, problems)
    if not is_well_formed(key) or issued_at is None or environment is None or not items or not payments:
        return unreadable(problems, _partial(row, key, issued_at, environment))
    if totals is None or change is None:
        return unreadable(problems, _partial(row, key, issued_at, environment))
    parts = split(key)
    sale = Sale(
        key,
        SAT_MODEL,
        head.layout,
        _issuer(head, key),
        parts.series,
        parts.number,
        issued_at,
        environment,
        1,
        head.buying_company or head.buying_person,
        items,
        payments,
        change,
        totals,
        protocol=Protocol("", _AUTHORISED, issued_at),
        norm=SAT.version,
    )
    _check(sale, row, limits, problems)
    return Reading(sale, "sale", problems)


def _check(sale: Sale, row: SatRow, limits: Limits, problems: list[Problem]) -> None:
    problems += _disagreeing(sale, row.head)
    tolerance = sums.tolerated(len(sale.items), limits.tolerance)
    checks.check_items(sale.items, problems)
    services = frozenset(item.number for item, own in zip(sale.items, row.items, strict=True) if own.service_rate)
    summed = sums.of_items(sale.items, services)
    total = sale.totals.total
    sums.check_total(total, summed.net, _spread(row), tolerance, problems)
    sums.check_payments(sale, total, tolerance, problems)
    names, stated, added = zip(*_header(sale, row, summed), strict=True)
    sums.check_header(names, stated, added, problems)
    checks.check_people(sale, problems)


def _header(sale: Sale, row: SatRow, summed: sums.ItemSums) -> list[tuple[str, int, int]]:
    """What the header and the items' own sums say of the same, as far as the document says it."""
    totals = row.totals
    spread = (
        sum([_cents(own.spread_discount) for own in row.items]),
        sum([_cents(own.spread_addition) for own in row.items]),
    )
    pairs = [
        ("vCFe", totals.total, sale.totals.total),
        ("vProd", totals.products, summed.goods + summed.services),
        ("vDesc", totals.discount, summed.discount - spread[0]),
        ("vOutro", totals.other, summed.other - spread[1]),
        ("vICMS", totals.icms, summed.icms),
        ("vPIS", totals.pis, summed.pis),
        ("vCOFINS", totals.cofins, summed.cofins),
    ]
    found = [(name, _cents(text), amount) for name, text, amount in pairs if text]
    for item, own in zip(sale.items, row.items, strict=True):
        net = item.gross - item.discount + item.other
        if own.net and _cents(own.net) != net:
            found.append((f"det {item.number} vItem", _cents(own.net), net))
    return found


def read_sat_cancellation(document: etree._Element) -> Reading:
    """The cancellation that a CFeCanc says. Never raises."""
    row = _cleaned(sat_row(document))
    head = row.head
    own_key = head.identity.removeprefix("CFe")
    cancelled = head.cancelled.removeprefix("CFe")
    if not own_key:
        partial = replace(named_by_key("cancellation", cancelled), authorised=False)
        return unreadable([reject("sat_request")], partial)
    if row.twice:
        return unreadable([ambiguous(row.twice)], named_by_key("cancellation", cancelled))
    problems = key_form(cancelled) + key_form(own_key)
    at = _time(head, problems)
    if not is_well_formed(cancelled) or at is None:
        return unreadable(problems, named_by_key("cancellation", cancelled))
    issuer = _issuer(head, cancelled)
    cancellation = Cancellation(
        cancelled,
        "CFeCanc",
        1,
        issuer,
        at,
        2 if head.environment == "2" else 1,  # most don't say it
        "",
        Protocol("", _CANCELLED, at),
        "",
        own_key,
    )
    if cancelled[6:20] != issuer:
        problems.append(reject("key_disagrees", fields=f"CNPJ {cancelled[6:20]} ≠ {named(issuer)}"))
    elif not is_right(issuer):
        problems.append(reject("issuer_check_digit", found=named(issuer)))
    return Reading(cancellation, "cancellation", problems)


def _cleaned(row: SatRow) -> SatRow:
    """Without the white space around texts, and the control characters within."""
    return SatRow(
        SatHeadRow._make(map(printable, row.head)),
        [SatItemRow._make(map(printable, item)) for item in row.items],
        [SatPaymentRow._make(map(printable, payment)) for payment in row.payments],
        SatTotalsRow._make(map(printable, row.totals)),
        SatChangeRow(printable(row.change.change)),
        row.twice,
    )


def _time(head: SatHeadRow, problems: list[Problem]) -> datetime | None:
    at = read_compact(head.date, head.hour, head.state)
    if at is None:
        problems.append(reject("issue_time_invalid", found=named(f"{head.date} {head.hour}".strip())))
    return at


def _environment(head: SatHeadRow, problems: list[Problem]) -> int | None:
    if head.environment in ("1", "2"):
        return int(head.environment)
    problems.append(reject("environment_missing", found=named(head.environment)))
    return None


def _issuer(head: SatHeadRow, key: str) -> str:
    """The seller's CNPJ; that of the key where the body has none."""
    return head.issuer or key[6:20]


def _items(row: SatRow, limits: Limits, problems: list[Problem]) -> tuple[Item, ...] | None:
    if not row.items:
        problems.append(reject("items_missing"))
        return None
    if len(row.items) > limits.max_items:
        problems.append(reject("too_many_items", found=len(row.items), limit=limits.max_items))
        return None
    try:
        items = tuple([_item(place, own) for place, own in enumerate(row.items, 1)])
    except AmountError:
        problems.append(_bad_amount(row.items))
        return None
    if [own.number for own in row.items] != [str(item.number) for item in items]:
        problems.append(warning("item_numbers"))
    return items


def _item(place: int, row: SatItemRow) -> Item:
    """Raises ``AmountError``."""
    if not row.gross:
        raise AmountError
    cents = CENTS
    return Item(
        place, row.product_code, number_of(row.gtin), row.description, row.ncm, row.cfop, row.unit,
        DECIMALS[row.quantity], DECIMALS[row.unit_price], cents[row.gross],
        cents[row.discount] + cents[row.spread_discount], 0, 0, cents[row.other] + cents[row.spread_addition], True,
        Taxes(
            icms_origin=row.icms_origin,
            icms_status=row.icms_status or row.icms_simple_status,
            icms_rate=RATES[row.icms_rate],
            icms_amount=cents[row.icms_amount],
            service_amount=cents[row.service_amount],
            pis_status=row.pis_status,
            pis_base=cents[row.pis_base],
            pis_rate=_percent(row.pis_rate),
            pis_amount=cents[row.pis_amount],
            cofins_status=row.cofins_status,
            cofins_base=cents[row.cofins_base],
            cofins_rate=_percent(row.cofins_rate),
            cofins_amount=cents[row.cofins_amount],
            pis_substitution_amount=cents[row.pis_substitution],
            cofins_substitution_amount=cents[row.cofins_substitution],
        ),
    )  # fmt: skip


def _percent(fraction: str) -> Decimal | None:
    """Raises ``AmountError``."""
    rate = RATES[fraction]
    return None if rate is None else rate * _PERCENT


def _bad_amount(rows: list[SatItemRow]) -> Problem:
    """The first amount of an item that is none."""
    for place, row in enumerate(rows, 1):
        for column, text in zip(SAT_ITEM.of, row, strict=True):
            missing = column == "gross" and not text
            if missing or not is_amount(SAT_ITEM.of[column].rpartition("/")[2], text):
                return reject("amount_invalid", field=f"det {place} {SAT_ITEM.titles[column]}", found=shown(text))
    return reject("amount_invalid", field="det", found="")


def _payments(row: SatRow, limits: Limits, problems: list[Problem]) -> tuple[Payment, ...] | None:
    if not row.payments:
        problems.append(reject("payments_missing"))
        return None
    if len(row.payments) > limits.max_payments:
        problems.append(reject("too_many_payments", found=len(row.payments), limit=limits.max_payments))
        return None
    if not check_methods([payment.method for payment in row.payments], "cMP", problems):
        return None
    try:
        return tuple([_payment(payment) for payment in row.payments])
    except AmountError:
        wrong = next(payment.amount for payment in row.payments if not _is_amount(payment.amount))
        problems.append(reject("amount_invalid", field="MP vMP", found=shown(wrong)))
        return None


def _payment(row: SatPaymentRow) -> Payment:
    """Raises ``AmountError``."""
    if not row.amount:
        raise AmountError
    return Payment(row.method, CENTS[row.amount], authorisation=row.authorisation)


def _is_amount(text: str) -> bool:
    try:
        return bool(text) and CENTS[text] >= 0
    except AmountError:
        return False


def _change(row: SatRow, problems: list[Problem]) -> int | None:
    try:
        return CENTS[row.change.change]
    except AmountError:
        problems.append(reject("amount_invalid", field="pgto vTroco", found=shown(row.change.change)))
        return None


def _totals(row: SatRow, problems: list[Problem]) -> Totals | None:
    totals, cents = row.totals, CENTS
    if not totals.total:
        problems.append(reject("total_missing"))
        return None
    wrong = [column for column, text in zip(SAT_TOTALS.of, totals, strict=True) if text and not _is_amount(text)]
    if wrong:
        found = shown(getattr(totals, wrong[0]))
        problems.append(reject("amount_invalid", field=f"total {SAT_TOTALS.titles[wrong[0]]}", found=found))
        return None
    return Totals(
        cents[totals.products], cents[totals.discount], 0, 0, cents[totals.other], cents[totals.icms], 0, 0,
        cents[totals.pis], cents[totals.cofins], cents[totals.services], 0, 0, cents[totals.total],
    )  # fmt: skip


def _spread(row: SatRow) -> int:
    """The discount on the whole of a CF-e less what was added to it, where it isn't spread over the items."""
    return _cents(row.totals.discount_on_whole) - _cents(row.totals.addition_on_whole)


def _cents(text: str) -> int:
    # What can't be read has been told already, or shows as a wrong sum.
    try:
        return CENTS[text]
    except AmountError:
        return 0


def _disagreeing(sale: Sale, head: SatHeadRow) -> list[Problem]:
    """What the key and the body say differently."""
    parts = split(sale.access_key)
    pairs = (
        ("cUF", parts.state, head.state),
        ("AAMM", parts.year_month, f"{sale.issued_at:%y%m}"),
        ("CNPJ", parts.issuer, sale.issuer),
        ("mod", parts.model, head.model),
        ("nserieSAT", f"{parts.series:09}", f"{head.serial:0>9}"),
        ("nCFe", f"{parts.number:06}", f"{head.number:0>6}"),
        ("cNF", parts.code, f"{head.code:0>6}"),
        ("cDV", parts.digit, head.digit),
    )
    # A field the body leaves out contradicts nothing.
    wrong = [f"{name} {key} ≠ {named(own)}" for name, key, own in pairs if own.strip("0") and own != key]
    return [reject("key_disagrees", fields=", ".join(wrong))] if wrong else []


def _partial(row: SatRow, key: str, issued_at: datetime | None, environment: int | None) -> Summary:
    return replace(
        named_by_key("sale", key),
        model=SAT_MODEL,
        issuer=_issuer(row.head, key) or None,
        issued_at=issued_at.isoformat() if issued_at else None,
        environment=environment,
        emission=1,
        authorised=is_well_formed(key),
        items=len(row.items),
        payments=len(row.payments),
    )
