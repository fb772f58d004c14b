"""How long failed sign-ins make the next one wait, and whose count it is."""

import itertools

import pytest

from malote.accounts import throttle
from malote.accounts.throttle import LIMITS, Kind


@pytest.mark.parametrize("kind", list(LIMITS))
def test_the_wait_grows_and_stays_below_its_longest(kind: Kind) -> None:
    waits = [throttle.delay(kind, failures) for failures in range(200)]
    assert waits[: LIMITS[kind].free + 1] == [0.0] * (LIMITS[kind].free + 1)
    assert waits[LIMITS[kind].free + 1 : LIMITS[kind].free + 4] == [1.0, 2.0, 4.0]
    assert all(earlier <= later for earlier, later in itertools.pairwise(waits))
    assert waits[-1] == LIMITS[kind].longest <= 60.0
    assert throttle.delay(kind, 10**9) == LIMITS[kind].longest


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("10.0.0.1", "10.0.0.2", False),
        ("10.0.0.1", "::ffff:10.0.0.1", True),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2:ffff::1", True),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
        ("fe80::1%eth0", "fe80::2", True),
        ("unix", "unix", True),
        ("", "not an address", False),
    ],
)
def test_what_counts_as_one_address(one: str, other: str, same: bool) -> None:
    assert (throttle.network(one) == throttle.network(other)) is same
