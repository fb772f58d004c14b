"""NFC-e (65) and NF-e (55): from rows of text to a sale, with all that is wrong with it."""

from itertools import chain

import msgspec

from malote.fiscal import checks
from malote.fiscal.access_key import is_well_formed
from malote.fiscal.amounts import CENTS, AmountError, printable, shown, whole_number
from malote.fiscal.documents import Sale, Totals
from malote.fiscal.findings import ambiguous
from malote.fiscal.items import read_items
from malote.fiscal.norms import norm_on
from malote.fiscal.note_fields import TOTALS, AnswerRow, ChangeRow, HeadRow, PaymentRow, SignatureRow, TotalsRow
from malote.fiscal.note_header import (
    bare_key,
    contingency_at,
    emission_of,
    environment_of,
    identify,
    issued_at,
    issuer_of,
    model_of,
)
from malote.fiscal.note_payments import change_given, read_payments
from malote.fiscal.note_protocol import read_protocol
from malote.fiscal.note_rows import NoteRow
from malote.fiscal.problems import Problem, reject
from malote.fiscal.reading_limits import Limits
from malote.fiscal.reading_result import Reading, Summary, named_by_key, unreadable
from malote.fiscal.sums import counted_total, paid_total, tolerated


def read_note(row: NoteRow, limits: Limits, *, resigned: bool = False) -> Reading:
    """The sale that a note's rows say. Never raises.

    ``resigned``: where the protocol has another digest, whether the signature's is truly that of the note.
    """
    row = _cleaned(row)
    problems: list[Problem] = []
    if row.twice:
        return unreadable([ambiguous(row.twice)], _partial(row))
    identity = identify(row.head, problems)
    items = read_items(row.items, limits, problems)
    payments = read_payments(row, limits, problems)
    totals = _totals(row.totals, problems)
    change = _amount("vTroco", row.change.change, problems)
    protocol = read_protocol(row, problems, resigned)
    contingency = contingency_at(row.head, problems)
    if identity is None or items is None or payments is None or totals is None or change is None:
        return unreadable(problems, _partial(row))
    norm = norm_on(limits.on or identity.issued_at.date())
    total = counted_total(totals, norm)
    change = change_given(row, payments, change, total, problems)
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
        contingency,
        row.head.contingency_reason,
        protocol,
        identity.purpose,
        identity.direction,
        tuple(row.references),
        row.head.operation,
        norm.version,
    )
    checks.check_note(sale, row, norm, tolerated(len(items), limits.tolerance), problems)
    if total != totals.total:
        booked = msgspec.structs.replace(totals, total=paid_total(sale, total))
        sale = msgspec.structs.replace(sale, totals=booked)
    return Reading(sale, "sale", problems)


def _cleaned(row: NoteRow) -> NoteRow:
    """Without the white space around texts, which is no part of them, and the control characters within.

    Of items, ``items`` takes it off their codes; everywhere, the tables of amounts take it off amounts.
    """
    answer = row.answer or ()
    # Nearly always there is nothing to take off: all are looked at at once. Of white space only spaces are printable.
    whole = f"|{'|'.join([*row.head, *row.change, *answer, *row.signature, *chain.from_iterable(row.payments)])}|"
    if whole.isprintable() and "| " not in whole and " |" not in whole:
        return row
    return row._replace(
        head=HeadRow._make(map(printable, row.head)),
        payments=[PaymentRow._make(map(printable, payment)) for payment in row.payments],
        change=ChangeRow._make(map(printable, row.change)),
        answer=None if row.answer is None else AnswerRow._make(map(printable, row.answer)),
        signature=SignatureRow._make(map(printable, row.signature)),
    )


def _partial(row: NoteRow) -> Summary:
    """What can be told of a note that can't be read whole. Its problems have been noted already."""
    head, unsaid = row.head, list[Problem]()
    key = bare_key(head.identity)
    if not is_well_formed(key) and row.answer is not None:
        key = row.answer.key or key  # the answer may name what the note doesn't
    issued = issued_at(head, unsaid)
    by_key = named_by_key("sale", key)
    return msgspec.structs.replace(
        by_key,
        model=model_of(head, unsaid) or by_key.model,
        issuer=issuer_of(head.issuer, unsaid) or by_key.issuer,
        series=by_key.series if (series := whole_number(head.series)) is None else series,
        number=whole_number(head.number) or by_key.number,
        issued_at=issued.isoformat() if issued else None,
        environment=environment_of(head.environment, unsaid),
        emission=emission_of(head.emission, key if is_well_formed(key) else "") or None,
        authorised=read_protocol(row, unsaid, resigned=False) is not None,
        total=_amount("vNF", row.totals.total, unsaid) if row.totals.total else None,
        items=len(row.items),
        payments=len(row.payments),
        change=_amount("vTroco", row.change.change, unsaid),
    )


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
