"""How much a poster takes at a time, and how long it rests: full batches while all is well, a probe after a failure."""

import random

import msgspec

from malote.backoff import Dice, pause
from malote.config import PostingSettings
from malote.posting.retry import longest_probe

PROBE = 10  # documents: enough to tell, few enough to wait for
_GROWTH = 4  # from a probe to a full batch in four steps


class Pace(msgspec.Struct, frozen=True):
    """A value: each outcome gives the next one. ``rest`` is in seconds, before the next batch."""

    settings: PostingSettings
    limit: int
    rest: float = 0.0
    failures: int = 0

    @classmethod
    def full(cls, settings: PostingSettings) -> "Pace":
        return cls(settings, settings.batch)

    def after_success(self) -> "Pace":
        return Pace(self.settings, min(self.limit * _GROWTH, self.settings.batch))

    def after_failure(self, *, code: str = "", probe: int = PROBE, dice: Dice = random.random) -> "Pace":
        """``code`` is the error's; ``probe`` is 1 where a single document may be at fault and nobody knows which."""
        longest = min(self.settings.retry_longest_seconds, longest_probe(code))
        rest = pause(self.failures, self.settings.retry_first_seconds, longest, dice)
        return Pace(self.settings, min(probe, self.settings.batch), rest, self.failures + 1)
