"""Which of a document's problems is said first: the one that explains the others."""

from collections.abc import Iterable

from malote.fiscal.problems import Problem

# Groups, the most fundamental first. A code that isn't here is about amounts, and comes last.
_NO_SALE = (
    "denied",
    "event_refused",
    "void_refused",
    "cfop_malformed",
    "operations_split",
    "operation_paid",
    "sale_refers_to_receipt",
    "sat_request",
    "model_unknown",
    "layout_unknown",
)
_NOT_THIS_STORE = ("test_environment", "issuer_unknown")
_WHICH_SALE = (
    "key_missing",
    "key_malformed",
    "key_check_digit",
    "key_disagrees",
    "protocol_key_disagrees",
    "void_answer_disagrees",
    "issuer_missing",
    "issuer_malformed",
    "issuer_check_digit",
    "number_invalid",
    "issue_time_invalid",
    "event_time_invalid",
    "environment_missing",
)
_INCOMPLETE = ("items_missing", "payments_missing", "total_missing", "amount_invalid")

_RANKS = {code: rank for rank, code in enumerate((*_NO_SALE, *_NOT_THIS_STORE, *_WHICH_SALE, *_INCOMPLETE))}


def most_telling(problems: Iterable[Problem]) -> Problem | None:
    """The most fundamental problem that rejects, the earliest found of equal ones; where none does, the one for which
    it is kept and not booked, if there is one."""
    found = list(problems)
    rejecting = [problem for problem in found if problem.severity == "reject"]
    if not rejecting:
        return next((problem for problem in found if problem.severity == "keep"), None)
    return min(rejecting, key=lambda problem: _RANKS.get(problem.code, len(_RANKS)), default=None)
