"""What was paid for a note, and the change that was given."""

from malote.fiscal.amounts import CENTS, AmountError, money, shown
from malote.fiscal.documents import Payment
from malote.fiscal.note_fields import PaymentRow
from malote.fiscal.note_rows import NoteRow
from malote.fiscal.payment_methods import CASH, NO_PAYMENT, check_methods
from malote.fiscal.problems import Problem, reject, warning
from malote.fiscal.reading_limits import Limits


def read_payments(row: NoteRow, limits: Limits, problems: list[Problem]) -> tuple[Payment, ...] | None:
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


def change_given(row: NoteRow, payments: tuple[Payment, ...], stated: int, total: int, problems: list[Problem]) -> int:
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
    if all(payment.method != CASH for payment in payments):
        return stated
    problems.append(warning("change_implied", change=money(over)))
    return over
