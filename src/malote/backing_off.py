"""How long to wait before trying again what failed."""

import random
from collections.abc import Callable

Dice = Callable[[], float]  # from 0 to 1


def pause(failures: int, first: float, longest: float, dice: Dice = random.random) -> float:
    """Seconds: doubling from ``first`` to ``longest``, of which chance takes up to a half, so that many don't come back
    all at once."""
    # The exponent is bounded, since attempts aren't: a document may wait for years.
    whole = min(first * 2.0 ** min(failures, 30), longest)
    return whole * (1 - dice() / 2)
