"""The states of a document on the server and the legal ways between them. The only place that knows them."""

from typing import Literal, get_args

State = Literal["accepted", "posting", "posted", "waiting", "rejected", "discarded"]

STATES: tuple[State, ...] = get_args(State)

# What is still under way, and what a till must therefore keep asking about.
OPEN: frozenset[State] = frozenset({"accepted", "posting", "waiting"})

TRANSITIONS: dict[State, frozenset[State]] = {
    "accepted": frozenset({"posting"}),
    # "accepted" once more: a lease that ran out without a settlement.
    "posting": frozenset({"posted", "waiting", "rejected", "accepted"}),
    "waiting": frozenset({"posting"}),
    # A replay after its cause was cured, or a person's deletion.
    "rejected": frozenset({"accepted", "discarded"}),
    # Restored from the trash.
    "discarded": frozenset({"rejected"}),
    "posted": frozenset(),
}


class IllegalTransitionError(Exception):
    """A document was asked to go where no way leads; a fault of the program, never of the input."""


def check(before: State, after: State) -> None:
    """Raises ``IllegalTransitionError`` unless the way exists."""
    if after not in TRANSITIONS[before]:
        raise IllegalTransitionError(f"{before} -> {after}")
