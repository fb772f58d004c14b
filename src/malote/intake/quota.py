"""How many rejected documents a till may bring in a minute. Beyond it that till alone is slowed, and somebody is told.

A rejected document costs far more than a sale: its file, its explanation, a person's look. A till that brings them by
the thousand has a fault of its own, and the others must not wait for it.
"""

import threading
import time
from collections.abc import Callable

from malote import log as logs

TELL_AGAIN_SECONDS = 600.0  # a till that goes on is told again, but not with each of its pouches

log = logs.get_logger("malote.intake")


class SlowedError(Exception):
    """The till has to wait before it may send more."""

    def __init__(self, retry_after: float) -> None:
        super().__init__(f"again in {retry_after:.0f} s")
        self.retry_after = retry_after  # seconds


class Quota:
    """Counts by till. Safe for threads. ``per_minute`` 0: no limit. ``tell`` hears of each till that begins to wait."""

    def __init__(
        self,
        per_minute: int,
        tell: Callable[[int], None] = lambda till_id: None,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.per_minute = per_minute
        self._tell = tell
        self._clock = clock
        self._lock = threading.Lock()
        self._used: dict[int, tuple[float, float]] = {}  # by till: how many, and when that was so
        self._told: dict[int, float] = {}  # by till: when it was told last

    def check(self, till_id: int) -> None:
        """Raises ``SlowedError`` while the till is over its quota."""
        if not self.per_minute:
            return
        with self._lock:
            used = self._now_used(till_id)
            over = used - self.per_minute
            if over < 0:
                return
            now = self._clock()
            first = now - self._told.get(till_id, float("-inf")) >= TELL_AGAIN_SECONDS
            if first:
                self._told[till_id] = now
        if first:
            log.warning("till_slowed", till=till_id, per_minute=self.per_minute)
            self._tell(till_id)
        # Until a tenth of the quota is free again, so that the next pouch isn't refused at once.
        raise SlowedError((over + self.per_minute / 10) * 60 / self.per_minute)

    def note(self, till_id: int, rejected: int) -> None:
        """Counts rejected documents that were new."""
        if rejected and self.per_minute:
            with self._lock:
                self._used[till_id] = (self._now_used(till_id) + rejected, self._clock())

    def _now_used(self, till_id: int) -> float:
        """What is left of what was counted: a minute's quota is forgotten in each minute."""
        used, since = self._used.get(till_id, (0.0, 0.0))
        left = used - (self._clock() - since) * self.per_minute / 60
        if left <= 0:
            self._used.pop(till_id, None)
            return 0.0
        return left
