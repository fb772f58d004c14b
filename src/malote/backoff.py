"""How long to wait before trying again what failed."""

import random
from collections.abc import Callable

Dice = Callable[[], float]  # from 0 to 1


def certain() -> float:
    """Dice for who is told how long to wait: chance takes nothing."""
    return 0.0


def pause(failures: int, first: float, longest: float, dice: Dice = random.random) -> float:
    """Seconds: doubling from ``first`` to ``longest``, of which chance takes up to a half, so that many don't come back
    all at once."""
    # The exponent is bounded, since attempts aren't: a document may wait for years.
    whole = min(first * 2.0 ** min(failures, 30), longest)
    return whole * (1 - dice() / 2)


LONGEST_PATIENCE_SECONDS = 600.0  # with a server that asks for more


class Backoff:
    """``first`` and ``longest`` in seconds. ``dice`` gives a number from 0 up to 1."""

    def __init__(self, first: float, longest: float, dice: Dice = random.random) -> None:
        self._first = first
        self._longest = longest
        self._dice = dice
        self.attempts = 0

    def next(self, asked_for: float | None = None) -> float:
        """Seconds to wait after one more failure; at least what the server asked for, within reason."""
        wait = pause(self.attempts, self._first, self._longest, self._dice)
        self.attempts += 1
        return max(wait, min(asked_for or 0.0, LONGEST_PATIENCE_SECONDS))

    def slow(self) -> float:
        """Seconds to wait where trying sooner can't help."""
        self.attempts += 1
        return pause(0, self._longest, self._longest, self._dice)

    def reset(self) -> None:
        self.attempts = 0
