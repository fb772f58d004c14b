"""How long to wait before trying again: doubling, bounded, and not at the same moment as the other tills."""

import random
from collections.abc import Callable

LONGEST_PATIENCE_SECONDS = 600.0


class Backoff:
    """``first`` and ``longest`` in seconds. ``dice`` gives a number from 0 up to 1."""

    def __init__(self, first: float, longest: float, dice: Callable[[], float] = random.random) -> None:
        self._first = first
        self._longest = longest
        self._dice = dice
        self.attempts = 0

    def next(self, asked_for: float | None = None) -> float:
        """Seconds to wait after one more failure; at least what the server asked for, within reason."""
        # The exponent is bounded, since a till may be offline for months.
        whole = min(self._longest, self._first * 2.0 ** min(self.attempts, 30))
        self.attempts += 1
        wait = whole / 2 + whole / 2 * self._dice()
        return max(wait, min(asked_for or 0.0, LONGEST_PATIENCE_SECONDS))

    def slow(self) -> float:
        """Seconds to wait where trying sooner can't help."""
        self.attempts += 1
        return self._longest / 2 + self._longest / 2 * self._dice()

    def reset(self) -> None:
        self.attempts = 0
