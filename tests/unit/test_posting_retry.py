"""When to try again."""

import pytest

from malote.backoff import pause
from malote.config import PostingSettings
from malote.posting.pace import PROBE, Pace
from malote.posting.retry import retry_at

SETTINGS = PostingSettings(batch=1000, retry_first_seconds=1, retry_longest_seconds=60)


def never() -> float:
    """The dice that shorten nothing."""
    return 0.0


@pytest.mark.parametrize(
    ("code", "attempts", "seconds"),
    [
        ("erp_conflict", 0, 1),
        ("erp_conflict", 1, 2),
        ("erp_conflict", 5, 32),
        ("erp_conflict", 6, 60),
        ("erp_conflict", 10_000, 60),
        # A lock may be let go at any moment.
        ("erp_locked", 0, 1),
        ("erp_locked", 99, 2),
        # The whole ERP: nobody waits long once it is back.
        ("erp_away", 0, 1),
        ("erp_away", 99, 5),
        ("erp_full", 99, 5),
        ("erp_slow", 99, 5),
        # Woken by what they wait for.
        ("sale_not_here", 0, 1),
        ("sale_not_here", 99, 900),
        ("not_authorised_yet", 99, 900),
    ],
)
def test_the_pause_doubles_up_to_its_longest(code: str, attempts: int, seconds: float) -> None:
    assert retry_at(code, attempts, 5000.0, SETTINGS, never) == 5000.0 + seconds


@pytest.mark.parametrize(("dice", "seconds"), [(0.0, 8.0), (0.5, 6.0), (0.999, 4.004)])
def test_chance_takes_up_to_a_half(dice: float, seconds: float) -> None:
    assert pause(3, 1, 60, lambda: dice) == pytest.approx(seconds)


def test_without_given_dice_it_stays_within_bounds() -> None:
    pauses = {pause(3, 1, 60) for _ in range(200)}
    assert len(pauses) > 100
    assert all(4 <= one <= 8 for one in pauses)


def test_after_a_failure_only_a_probe_goes_and_then_quickly_more() -> None:
    pace = Pace.full(SETTINGS).after_failure(dice=never)
    assert (pace.limit, pace.rest) == (PROBE, 1)
    limits = []
    for _ in range(5):
        pace = pace.after_success()
        assert pace.rest == 0
        limits.append(pace.limit)
    assert limits == [40, 160, 640, 1000, 1000]


def test_failures_in_a_row_rest_longer_but_never_long() -> None:
    pace = Pace.full(SETTINGS)
    rests = []
    for _ in range(6):
        pace = pace.after_failure(dice=never)
        rests.append(pace.rest)
    assert rests == [1, 2, 4, 5, 5, 5]
    assert pace.after_success().after_failure(dice=never).rest == 1


def test_at_a_lock_it_looks_again_within_two_seconds() -> None:
    pace = Pace.full(SETTINGS)
    for _ in range(4):
        pace = pace.after_failure(code="erp_locked", dice=never)
    assert (pace.limit, pace.rest) == (PROBE, 2)


def test_a_fault_of_the_program_is_narrowed_down_to_one_document() -> None:
    assert Pace.full(SETTINGS).after_failure(probe=1).limit == 1


def test_a_small_batch_is_never_exceeded() -> None:
    small = PostingSettings(batch=3)
    assert Pace.full(small).after_failure().limit == 3
    assert Pace.full(small).after_success().limit == 3
