"""The table of legal transitions, every pair of it."""

import itertools

import pytest

from malote.spool.states import OPEN, STATES, TRANSITIONS, IllegalTransitionError, State, check

LEGAL = {
    ("accepted", "posting"),
    ("posting", "posted"),
    ("posting", "waiting"),
    ("posting", "rejected"),
    ("posting", "accepted"),
    ("waiting", "posting"),
    ("rejected", "accepted"),
    ("rejected", "discarded"),
    ("discarded", "rejected"),
    ("accepted", "kept"),
    ("posting", "kept"),
    ("waiting", "kept"),
    ("waiting", "rejected"),
    ("rejected", "kept"),
    ("kept", "accepted"),
    ("posted", "accepted"),
    ("posted", "kept"),
}


@pytest.mark.parametrize(("before", "after"), list(itertools.product(STATES, STATES)))
def test_every_pair(before: State, after: State) -> None:
    if (before, after) in LEGAL:
        check(before, after)
    else:
        with pytest.raises(IllegalTransitionError, match=f"{before} -> {after}"):
            check(before, after)


def test_every_state_has_its_row() -> None:
    assert set(TRANSITIONS) == set(STATES)


def test_what_is_posted_is_settled_until_a_person_looks_at_it() -> None:
    assert "posted" not in OPEN
    assert TRANSITIONS["posted"] == frozenset({"accepted", "kept"})


def test_what_is_kept_is_settled_until_a_person_books_it() -> None:
    assert "kept" not in OPEN
    assert TRANSITIONS["kept"] == frozenset({"accepted"})


def test_open_states_are_those_that_can_still_end_as_posted_by_themselves() -> None:
    assert set(OPEN) == {"accepted", "posting", "waiting"}
