"""Which till when, as plain values."""

import pytest

from malote.schema.structure_reports import TillState
from malote.structures.waves import TillInWave, is_over, open_wave, waves


@pytest.mark.parametrize(
    ("tills", "canaries", "percent", "expected"),
    [
        (1, 1, 10.0, {1: 1}),
        (2, 1, 10.0, {1: 1, 2: 1}),
        (30, 1, 10.0, {1: 1, 2: 3, 3: 26}),
        (30, 3, 10.0, {1: 3, 2: 3, 3: 24}),
        (5, 0, 0.0, {1: 1, 3: 4}),
        (5, 9, 10.0, {1: 5}),
        (3, 1, 100.0, {1: 1, 2: 2}),
    ],
)
def test_sizes(tills: int, canaries: int, percent: float, expected: dict[int, int]) -> None:
    found = waves(range(tills), canaries, percent)
    assert len(found) == tills
    assert {wave: list(found.values()).count(wave) for wave in set(found.values())} == expected
    assert list(found.values()) == sorted(found.values()), "in the order given"


def one(wave: int, state: TillState, reachable: bool = True) -> TillInWave:
    return TillInWave(wave, state, reachable)


@pytest.mark.parametrize(
    ("standings", "wave", "expected"),
    [
        ([one(1, "pending"), one(2, "pending")], 1, 1),
        ([one(1, "offered"), one(2, "pending")], 1, 1),
        ([one(1, "done"), one(2, "pending"), one(3, "pending")], 1, 2),
        ([one(1, "done"), one(3, "pending")], 1, 3),
        ([one(1, "done"), one(2, "pending", reachable=False), one(3, "pending")], 1, 3),
        # A canary that is away says nothing: nobody else is put at risk.
        ([one(1, "pending", reachable=False), one(2, "pending")], 1, 1),
        ([one(1, "failed"), one(2, "pending")], 1, 1),
        ([one(1, "done"), one(2, "offered"), one(3, "pending")], 2, 2),
        ([one(1, "done"), one(2, "done"), one(3, "pending")], 2, 3),
    ],
)
def test_the_next_wave_opens_once_somebody_succeeded_and_nobody_is_under_way(
    standings: list[TillInWave], wave: int, expected: int
) -> None:
    assert open_wave(standings, wave) == expected


def test_the_end() -> None:
    assert is_over([one(1, "done"), one(2, "failed"), one(3, "cancelled")])
    assert not is_over([one(1, "done"), one(3, "pending", reachable=False)]), "an offline till catches up one day"
