"""When to try again, as a value: (code, attempts, now) in, a moment out."""

import random

from malote import rejection
from malote.backoff import Dice, pause
from malote.config import PostingSettings

PROBE_LONGEST_SECONDS = 5.0  # once the ERP is back, everything flows within seconds
LOCK_LONGEST_SECONDS = 2.0  # a lock may be let go at any moment, and looking costs little

# Trying is only for what comes into the ERP another way.
_WOKEN_FACTOR = 15


def retry_at(code: str, attempts: int, now: float, settings: PostingSettings, dice: Dice = random.random) -> float:
    """When a document that waits for ``code`` is tried again; ``attempts`` came before the one that just failed."""
    longest = settings.retry_longest_seconds
    match rejection.entry(code).retry:
        case "erp" | "lock":
            longest = min(longest, longest_probe(code))
        case "woken":
            longest *= _WOKEN_FACTOR
    return now + pause(attempts, settings.retry_first_seconds, longest, dice)


def longest_probe(code: str) -> float:
    """How long a poster rests at most before it tries again, in seconds."""
    return LOCK_LONGEST_SECONDS if rejection.entry(code).retry == "lock" else PROBE_LONGEST_SECONDS
