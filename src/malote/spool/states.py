"""The states of a document on the server and the legal ways between them. The only place that knows them.

``kept`` is settled without a booking: it is no sale (a transfer, say), or it says nothing that isn't booked already (an
event, an answer, an older version). It always has its reason, it is durable here, and nobody is asked to act.
"""

from typing import Literal, get_args

State = Literal["accepted", "posting", "posted", "waiting", "rejected", "discarded", "kept"]

STATES: tuple[State, ...] = get_args(State)

# What is still under way, and what a till must therefore keep asking about.
OPEN: frozenset[State] = frozenset({"accepted", "posting", "waiting"})

# What has come to its end, until a person or another document moves it on: told to consumers.
SETTLED: tuple[State, ...] = tuple(state for state in STATES if state not in OPEN)

TRANSITIONS: dict[State, frozenset[State]] = {
    # "kept" wherever another document settles what becomes of it.
    "accepted": frozenset({"posting", "kept"}),
    # "accepted" once more: a lease that ran out without a settlement.
    "posting": frozenset({"posted", "waiting", "rejected", "accepted", "kept"}),
    # "rejected" without a poster: another till's document was waited for, and never came.
    "waiting": frozenset({"posting", "kept", "rejected"}),
    # A replay after its cause was cured, a person's deletion, or another file that settled it.
    "rejected": frozenset({"accepted", "discarded", "kept"}),
    # Restored from the trash.
    "discarded": frozenset({"rejected"}),
    # "accepted" where the ERP lost it and a person lets it be booked again (rebooking.py), or looks at what it was
    # flagged for; "kept" where it was taken back there.
    "posted": frozenset({"accepted", "kept"}),
    # A person says that it is a sale after all.
    "kept": frozenset({"accepted"}),
}


class IllegalTransitionError(Exception):
    """A document was asked to go where no way leads; a fault of the program, never of the input."""


def check(before: State, after: State) -> None:
    """Raises ``IllegalTransitionError`` unless the way exists."""
    if after not in TRANSITIONS[before]:
        raise IllegalTransitionError(f"{before} -> {after}")
