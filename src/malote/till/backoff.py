"""How long a till waits before it tries again: never less than the server asks for, within reason."""

import random

from malote.backing_off import Dice, pause

LONGEST_PATIENCE_SECONDS = 600.0


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
