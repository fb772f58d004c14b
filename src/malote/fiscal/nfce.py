"""NFC-e (65) and NF-e (55): from rows of text to a sale, with all that is wrong with it."""

from datetime import datetime
from typing import NamedTuple

import msgspec

from malote.fiscal import answers, checks
from malote.fiscal.access_key import is_well_formed
from malote.fiscal.amounts import CENTS, DECIMALS, RATES, AmountError, is_amount, money, printable, shown, whole_number
from malote.fiscal.cnpj import is_cnpj, is_cpf
from malote.fiscal.documents import Item, Payment, Protocol, Sale, Taxes, Totals
from malote.fiscal.findings import ambiguous, is_another_digest, named, oddly_numbered, oddly_timed
from malote.fiscal.gtin import number_of
from malote.fiscal.moments import read_moment
from malote.fiscal.norms import norm_on
from malote.fiscal.paths import Paths, Row
from malote.fiscal.payments import check_methods
from malote.fiscal.problems import Problem, reject, warning
from malote.fiscal.readings import Limits, Reading, Summary, named_by_key, unreadable
from malote.fiscal.rows import (
    ANSWER,
    CHANGE,
    HEAD,
    ITEM,
    PAYMENT,
    SELDOM,
    SIGNATURE,
    TOTALS,
    HeadRow,
    ItemRow,
    NoteRow,
    PaymentRow,
    TotalsRow,
)
from malote.fiscal.sums import NO_PAYMENT, counted_total, tolerated

MODELS = ("65", "55")
_LAYOUTS = ("4.00", "3.10", "3.00", "2.00")
_CASH = "01"  # tPag
_ITEM_NUMBERS = {str(number): number for number in range(1, 991)}
_WITH_ALERTS = 120
_MOST_ALERTS = 20
_SELDOM_SAID = [""] * SELDOM
_NO_AMOUNTS = (0,) * SELDOM
_MOST_FINDINGS = 5  # of invalid amounts: a broken file would fill pages


class _Identity(NamedTuple):
    """What names a note."""

    key: str
    model: str
    issuer: str
    series: int
    number: int
    issued_at: datetime
    environment: int
    emission: int
    purpose: int
    direction: int


def has_another_digest(row: NoteRow) -> bool:
    """Whether the protocol is over another digest than the signature."""
    return row.answer is not None and is_another_digest(row.answer.digest, row.signature.digest)


def read_note(row: NoteRow, limits: Limits, *, resigned: bool = False) -> Reading:
    """The sale that a note's rows say. Never raises.

    ``resigned``: where the protocol has another digest, whether the signature's is truly that of the note.
    """
    row = _cleaned(row)
    problems: list[Problem] = []
    if row.twice:
        return unreadable([ambiguous(row.twice)], _partial(row))
    identity = _identify(row.head, problems)
    items = _items(row.items, limits, problems)
    payments = _payments(row, limits, problems)
    totals = _totals(row.totals, problems)
    change = _amount("vTroco", row.change.change, problems)
    protocol = _protocol(row, problems, resigned)
    contingency_at = _contingency(row.head, problems)
    if identity is None or items is None or payments is None or totals is None or change is None:
        return unreadable(problems, _partial(row))
    norm = norm_on(limits.on or identity.issued_at.date())
    total = counted_total(totals, norm)
    change = _change(row, payments, change, total, problems)
    sale = Sale(
        identity.key,
        identity.model,
        row.head.layout,
        identity.issuer,
        identity.series,
        identity.number,
        identity.issued_at,
        identity.environment,
        identity.emission,
        row.head.consumer,
        items,
        payments,
        change,
        totals,
        contingency_at,
        row.head.contingency_reason,
        protocol,
        identity.purpose,
        identity.direction,
        tuple(row.references),
        row.head.operation,
        norm.version,
    )
    checks.check_note(sale, row, norm, tolerated(len(items), limits.tolerance), problems)
    return Reading(sale, "sale", problems)


def _cleaned(row: NoteRow) -> NoteRow:
    """Without the white space around texts, which is no part of them, and the control characters within.

    Of items, ``_item`` takes it off their codes; everywhere, the tables of amounts take it off amounts.
    """
    return NoteRow(
        _clean(row.head, HEAD),
        row.items,
        [_clean(payment, PAYMENT) for payment in row.payments],
        row.totals,
        _clean(row.change, CHANGE),
        None if row.answer is None else _clean(row.answer, ANSWER),
        _clean(row.signature, SIGNATURE),
        row.references,
        row.alerts,
        row.twice,
    )


def _clean(row: Row, paths: Paths[Row]) -> Row:
    whole = "".join(row)
    if not whole.isprintable():
        return paths.made(map(printable, row))
    # The only white space that is printable.
    return paths.made(map(str.strip, row)) if " " in whole else row


def _cleaned_item(row: ItemRow) -> ItemRow:
    return ItemRow._make(map(printable, row))


def _identify(head: HeadRow, problems: list[Problem]) -> _Identity | None:
    key = _key(head.identity, problems)
    model = _model(head, problems)
    issuer = _issuer(head.issuer, problems)
    series = _number("serie", head.series, 0, 999, problems)
    number = _number("nNF", head.number, 1, 999_999_999, problems)
    issued_at = _issued(head, problems)
    environment = _environment(head.environment, problems)
    if key is None or model is None or issuer is None or series is None or number is None:
        return None
    # What can't be told from a sale by them is none of the sales: a garbled code never stands for a normal note.
    purpose = _number("finNFe", head.purpose or "1", 1, 9, problems)
    direction = _number("tpNF", head.direction or "1", 0, 1, problems)
    if issued_at is None or environment is None or purpose is None or direction is None:
        return None
    emission = _emission(head.emission, key)
    return _Identity(key, model, issuer, series, number, issued_at, environment, emission, purpose, direction)


def _partial(row: NoteRow) -> Summary:
    """What can be told of a note that can't be read whole. Its problems have been noted already."""
    head, unsaid = row.head, list[Problem]()
    key = _bare_key(head.identity)
    if not is_well_formed(key) and row.answer is not None:
        key = row.answer.key or key  # the answer may name what the note doesn't
    issued_at = _issued(head, unsaid)
    by_key = named_by_key("sale", key)
    return msgspec.structs.replace(
        by_key,
        model=_model(head, unsaid) or by_key.model,
        issuer=_issuer(head.issuer, unsaid) or by_key.issuer,
        series=by_key.series if (series := whole_number(head.series)) is None else series,
        number=whole_number(head.number) or by_key.number,
        issued_at=issued_at.isoformat() if issued_at else None,
        environment=_environment(head.environment, unsaid),
        emission=_emission(head.emission, key if is_well_formed(key) else "") or None,
        authorised=_protocol(row, unsaid, resigned=False) is not None,
        total=_amount("vNF", row.totals.total, unsaid) if row.totals.total else None,
        items=len(row.items),
        payments=len(row.payments),
        change=_amount("vTroco", row.change.change, unsaid),
    )


def _bare_key(identity: str) -> str:
    return identity.strip().removeprefix("NFe")


def _key(identity: str, problems: list[Problem]) -> str | None:
    key = _bare_key(identity)
    if is_well_formed(key):
        return key
    problems.append(reject("key_malformed", found=named(key)) if key else reject("key_missing"))
    return None


def _model(head: HeadRow, problems: list[Problem]) -> str | None:
    if head.layout and head.layout not in _LAYOUTS:
        problems.append(reject("layout_unknown", found=named(head.layout)))
    model = head.model.strip() or _bare_key(head.identity)[20:22]
    if model in MODELS:
        return model
    problems.append(reject("model_unknown", found=named(model)))
    return None


def _issuer(issuer: str, problems: list[Problem]) -> str | None:
    if is_cnpj(issuer) or is_cpf(issuer):
        return issuer
    problems.append(reject("issuer_malformed", found=named(issuer)) if issuer else reject("issuer_missing"))
    return None


def _number(field: str, text: str, least: int, most: int, problems: list[Problem]) -> int | None:
    number = whole_number(text)
    if number is not None and least <= number <= most:
        return number
    problems.append(reject("number_invalid", field=field, found=named(text)))
    return None


def _issued(head: HeadRow, problems: list[Problem]) -> datetime | None:
    moment = read_moment(head.issued, head.state)
    if moment is None:
        problems.append(reject("issue_time_invalid", found=named(head.issued)))
        return None
    if moment.assumed:
        problems.append(oddly_timed("dhEmi", head.issued, moment))
    return moment.at


def _environment(text: str, problems: list[Problem]) -> int | None:
    if text in ("1", "2"):
        return int(text)
    problems.append(reject("environment_missing", found=named(text)))
    return None


def _emission(text: str, key: str) -> int:
    """tpEmis; the key's where the body has none; 0 when neither says it."""
    digit = text if len(text) == 1 and text in "123456789" else key[34:35]
    return int(digit or "0")


def _items(rows: list[ItemRow], limits: Limits, problems: list[Problem]) -> tuple[Item, ...] | None:
    if not rows:
        problems.append(reject("items_missing"))
        return None
    if len(rows) > limits.max_items:
        problems.append(reject("too_many_items", found=len(rows), limit=limits.max_items))
        return None
    try:
        items = tuple([_item(row) for row in rows])
    except AmountError:
        problems.extend(_bad_amounts(rows))
        return None
    numbers = {item.number for item in items}
    if len(numbers) != len(items) or 0 in numbers:
        problems.append(warning("item_numbers"))
        items = tuple([_item(row._replace(number=str(place))) for place, row in enumerate(rows, 1)])
    return items


def _item(row: ItemRow, *, clean: bool = False) -> Item:
    """Raises ``AmountError``. Positional throughout: this runs for every line of every sale."""
    (
        number, code, gtin, description, ncm, cfop, unit, quantity, price, gross, freight, insurance, discount, other,
        in_total, origin, status, simple_status, base, rate, amount, service_list, service,
        pis_status, pis_base, pis_rate, pis, _, cofins_status, cofins_base, cofins_rate, cofins, _,
        reform_status, reform_class, reform_base, ibs_uf_rate, ibs_uf, ibs_mun_rate, ibs_mun, cbs_rate, cbs, *seldom,
    ) = row  # fmt: skip
    if not gross or gross.isspace():
        raise AmountError
    # Nearly always codes are letters and digits and nothing else, and need no cleaning.
    codes = f"{number}{code}{ncm}{cfop}{unit}{in_total}{origin}{status}{simple_status}{service_list}{pis_status}"
    if not (clean or (f"{codes}{cofins_status}{reform_status}{reform_class}".isalnum() and description.isprintable())):
        return _item(_cleaned_item(row), clean=True)
    cents = CENTS
    rates = RATES
    (
        st_base, st_amount, single, single_withheld, single_before, fund, fund_st, fund_withheld, ipi,
        pis_st, cofins_st, selective, ibs_single, cbs_single, *_,
    ) = _NO_AMOUNTS if seldom == _SELDOM_SAID else [cents[text] for text in seldom]  # fmt: skip
    return Item(
        _ITEM_NUMBERS.get(number, 0), code, number_of(gtin), description.strip(), ncm,
        cfop, unit, DECIMALS[quantity], DECIMALS[price],
        cents[gross], cents[discount], cents[freight], cents[insurance], cents[other],
        in_total != "0" or service_list != "" or service != "",
        Taxes(
            origin, status or simple_status, cents[base], rates[rate], cents[amount],
            st_base, st_amount, fund + fund_st + fund_withheld, ipi, cents[service],
            pis_status, cents[pis_base], rates[pis_rate], cents[pis],
            cofins_status, cents[cofins_base], rates[cofins_rate], cents[cofins],
            reform_status, reform_class, cents[reform_base], rates[ibs_uf_rate], cents[ibs_uf],
            rates[ibs_mun_rate], cents[ibs_mun], rates[cbs_rate], cents[cbs],
            single + single_withheld + single_before, pis_st, cofins_st, selective, ibs_single, cbs_single,
        ),
    )  # fmt: skip


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


def _payments(row: NoteRow, limits: Limits, problems: list[Problem]) -> tuple[Payment, ...] | None:
    if not row.payments:
        # Before 4.00 an NF-e had no payments at all, and some programs left them out of an NFC-e too.
        if row.head.layout != "4.00":
            problems.append(warning("payments_missing"))
            return ()
        problems.append(reject("payments_missing"))
        return None
    if len(row.payments) > limits.max_payments:
        problems.append(reject("too_many_payments", found=len(row.payments), limit=limits.max_payments))
        return None
    if not check_methods([payment.method for payment in row.payments], "tPag", problems):
        return None
    try:
        return tuple([_payment(payment) for payment in row.payments])
    except AmountError:
        found = [amount for method, amount, *_ in row.payments if not _is_paid(method, amount)]
        problems.append(reject("amount_invalid", field="vPag", found=shown(found[0])))
        return None


def _payment(row: PaymentRow) -> Payment:
    """Raises ``AmountError``."""
    method, amount, description, acquirer, brand, authorisation = row
    if not amount and method != NO_PAYMENT:
        raise AmountError
    return Payment(method, CENTS[amount], acquirer, brand, authorisation, description)


def _is_paid(method: str, amount: str) -> bool:
    try:
        return bool(amount or method == NO_PAYMENT) and CENTS[amount] >= 0
    except AmountError:
        return False


def _change(row: NoteRow, payments: tuple[Payment, ...], stated: int, total: int, problems: list[Problem]) -> int:
    """The change, so that payments less change is what was paid, told where it isn't as the document says."""
    paid = sum([payment.amount for payment in payments])
    if stated and paid == total:
        # The payments are what was kept of them: taken at their word, nothing went back.
        problems.append(warning("payments_net_of_change", change=money(stated)))
        return 0
    over = paid - total
    # Layouts before 4.00 had no field for it: it is what was paid in cash beyond the total.
    if row.change.change or row.head.layout == "4.00" or over <= 0:
        return stated
    if all(payment.method != _CASH for payment in payments):
        return stated
    problems.append(warning("change_implied", change=money(over)))
    return over


def _totals(row: TotalsRow, problems: list[Problem]) -> Totals | None:
    if not row.total:
        problems.append(reject("total_missing"))
        return None
    cents = CENTS
    try:
        return Totals(
            cents[row.products], cents[row.discount], cents[row.freight], cents[row.insurance], cents[row.other],
            cents[row.icms], cents[row.icms_substitution], cents[row.ipi], cents[row.pis], cents[row.cofins],
            cents[row.services], cents[row.ibs], cents[row.cbs], cents[row.total],
            cents[row.icms_single_phase] + cents[row.icms_single_phase_withheld] + cents[row.icms_single_phase_before],
            cents[row.selective], cents[row.ibs_single_phase], cents[row.cbs_single_phase],
            cents[row.total_with_reform],
        )  # fmt: skip
    except AmountError:
        for column, title in TOTALS.titles.items():
            _amount(f"total {title}", getattr(row, column), problems)
        return None


def _amount(field: str, text: str, problems: list[Problem]) -> int | None:
    try:
        return CENTS[text]
    except AmountError:
        problems.append(reject("amount_invalid", field=field, found=shown(text)))
        return None


def _protocol(row: NoteRow, problems: list[Problem], resigned: bool) -> Protocol | None:
    """The authorisation, when the answer is one and is this note's."""
    answer = row.answer
    if answer is None:
        return None
    status = whole_number(answer.status)
    if status is None or not answer.key:
        problems.append(warning("protocol_empty"))
        return None
    own_key = _bare_key(row.head.identity)
    if not is_well_formed(own_key):
        return None  # there is nothing that it could be the protocol of
    if answer.key != own_key:
        problems.append(reject("protocol_key_disagrees", found=named(answer.key)))
        return None
    if answers.meaning(status) == "authorised" and answer.number:
        moment = read_moment(answer.at, row.head.state)
        if has_another_digest(row):
            # A signature that isn't over this content either (shortened, redacted, written anew) proves nothing.
            problems.append(
                (reject if resigned else warning)("digest_disagrees" if resigned else "digest_unproven", key=own_key)
            )
        alerts = _alerts(row)
        if alerts or status == _WITH_ALERTS:
            # The codes alone: a message may quote the note.
            problems.append(warning("authorised_with_alerts", alerts=", ".join(named(code) for code, _ in alerts)))
        problems += oddly_numbered(answer.number)
        return Protocol(answer.number, status, moment.at if moment else None, alerts)
    problems.append(answers.refusal(status, answer.text))
    return None


def _alerts(row: NoteRow) -> tuple[tuple[str, str], ...]:
    """What the authority wants mended (at most five alerts by the norm), told and kept with the protocol."""
    return tuple((printable(code), printable(message)) for code, message in row.alerts[:_MOST_ALERTS])


def _contingency(head: HeadRow, problems: list[Problem]) -> datetime | None:
    if not head.contingency_at:
        return None
    moment = read_moment(head.contingency_at, head.state)
    if moment is None:
        problems.append(warning("contingency_time_invalid", found=named(head.contingency_at)))
        return None
    if moment.assumed:
        problems.append(oddly_timed("dhCont", head.contingency_at, moment))
    return moment.at
