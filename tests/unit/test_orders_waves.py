"""Which till when, as plain values."""

import pytest

from malote.orders.rollout_reports import TillState
from malote.orders.waves import TillInWave, fails_much, is_over, open_wave, waves


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


def test_a_share_of_success_opens_the_next_wave_and_a_share_of_errors_stops() -> None:
    wave = [one(1, "done"), *[one(2, "done")] * 8, one(2, "failed"), one(2, "offered")]
    assert [open_wave(wave, 2, percent) for percent in (81.0, 82.0)] == [3, 2], "9 of 11"
    assert open_wave([*wave[:-1], one(2, "offered", reachable=False)], 2, 90.0) == 3, "who is away isn't counted"
    assert [fails_much(wave, 2, percent) for percent in (0.0, 9.0, 10.0)] == [True, True, False], "1 of 10"
    assert not fails_much(wave, 1, 0.0), "of the open wave alone"


def test_the_end() -> None:
    assert is_over([one(1, "done"), one(2, "failed"), one(3, "cancelled")])
    assert not is_over([one(1, "done"), one(3, "pending", reachable=False)]), "an offline till catches up one day"
