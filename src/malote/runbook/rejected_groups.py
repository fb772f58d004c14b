"""Which group of rejected documents is turned to first, and what is said of it: pure, as the steps are."""

from collections.abc import Sequence

from malote import rejection
from malote.runbook.observations import RejectedGroup

_ADVICE_ORDER = ("replay", "delete", "cure", "structures")
# What is decided once for many; every other action of a document is its own.
_OF_THE_TILL = frozenset({"assign_series", "accept_issuer"})
_OF_A_CODE = frozenset({"map_product", "map_payment"})
# Each says which others a cure takes along, as ``said_of`` chooses.
CURE_SENTENCES = frozenset(
    {"rejected_cure_one", "rejected_cure", "rejected_cure_code", "rejected_cure_each", "rejected_cure_outside"}
)


def own_groups(groups: Sequence[RejectedGroup]) -> list[RejectedGroup]:
    """Without those that an outdated structure alone refused."""
    return [one for one in groups if one.advice != "structures"]


def is_foreign(one: RejectedGroup) -> bool:
    """Whether nobody at this screen cures it: the store, the POS's supplier or the accountant does."""
    return one.advice == "cure" and rejection.entry(one.code).cure in ("operator", "integrator", "accountant")


def ease(one: RejectedGroup) -> tuple[bool, int]:
    """What can be done here comes before what can't."""
    return is_foreign(one), _ADVICE_ORDER.index(one.advice)


def count_of(groups: Sequence[RejectedGroup]) -> str:
    return str(sum(one.count for one in groups))


def said_of(first: RejectedGroup) -> str:
    """The sentence: which others a cure takes along differs by what is decided."""
    if first.advice != "cure":
        return f"rejected_{first.advice}"
    if first.count == 1:
        return "rejected_cure_one"
    actions = set(rejection.entry(first.code).actions)
    if actions & _OF_THE_TILL:
        return "rejected_cure"
    if actions & _OF_A_CODE:
        return "rejected_cure_code"
    return "rejected_cure_each" if actions else "rejected_cure_outside"
