"""When to try again, as a value: (code, attempts, now) in, a moment out."""

import random

from malote.backing_off import Dice, pause
from malote.config import PostingSettings
from malote.erp.protocol import LOCKED

# The whole ERP is concerned, so that a single probe tells for all documents: these don't wait longer one by one.
ERP_WIDE = frozenset(
    {
        "erp_away",
        "erp_slow",
        "erp_full",
        "erp_damaged",
        "erp_refused_login",
        "erp_privilege",
        "erp_refuses_all",
        "erp_ledger_short",
    }
)
PROBE_LONGEST_SECONDS = 5.0  # once the ERP is back, everything flows within seconds
LOCK_LONGEST_SECONDS = 2.0  # a lock may be let go at any moment, and looking costs little

# These are woken by what they wait for, or by nothing here; trying is for what comes into the ERP another way.
_WOKEN = frozenset({"not_authorised_yet", "sale_not_here", "note_not_here", "shadow_missing", "shadow_not_cancelled"})
_WOKEN_FACTOR = 15


def retry_at(code: str, attempts: int, now: float, settings: PostingSettings, dice: Dice = random.random) -> float:
    """When a document that waits for ``code`` is tried again; ``attempts`` came before the one that just failed."""
    longest = settings.retry_longest_seconds
    if code in ERP_WIDE or code == LOCKED:
        longest = min(longest, longest_probe(code))
    elif code in _WOKEN:
        longest *= _WOKEN_FACTOR
    return now + pause(attempts, settings.retry_first_seconds, longest, dice)


def longest_probe(code: str) -> float:
    """How long a poster rests at most before it tries again, in seconds."""
    return LOCK_LONGEST_SECONDS if code == LOCKED else PROBE_LONGEST_SECONDS
