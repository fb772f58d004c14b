"""Draining: what lies at the till is captured, sent and proven, and then it is over; or it is said why it isn't."""

from collections.abc import Callable
from threading import Event
from typing import Literal

import msgspec

from malote.clock import Clock
from malote.till.capture import Capture
from malote.till.courier import Courier
from malote.till.outbox import Outbox
from malote.till.outbox_records import OutboxCounts
from malote.till.server_client import ServerError

# How long a drain without a set time goes on without the server.
PATIENCE_SECONDS = 10.0
# How long a drain waits for files that are still being written.
SETTLE_SECONDS = 60.0
_TICK_SECONDS = 0.2

Ending = Literal["proven", "open", "server_away"]


class Drained(msgspec.Struct, frozen=True):
    """How a drain ended. ``open``: something is rejected, refused, held, or not proven in time."""

    ending: Ending
    counts: OutboxCounts
    refused: int
    error: ServerError | None = None


class Drain:
    """Belongs to its outbox's thread."""

    def __init__(
        self,
        outbox: Outbox,
        capture: Capture,
        courier: Courier,
        *,
        rescan: Event,
        clock: Clock,
        deadline: float | None,
    ) -> None:
        """``rescan`` is set where everything must be looked at again; ``deadline`` by the monotonic clock, if any."""
        self._outbox = outbox
        self._capture = capture
        self._courier = courier
        self._rescan = rescan
        self._clock = clock
        self._deadline = deadline
        self._began = clock.monotonic()
        capture.rescan()

    def goes_on(self, progress: Callable[[Outbox], None]) -> bool:
        """One round of it, with the wait behind it; False at its end. Raises ``OutboxError``."""
        for _ in self._capture.capture_due():
            progress(self._outbox)
        wait = self._courier.step()
        progress(self._outbox)
        if self._rescan.is_set():
            self._rescan.clear()
            self._capture.reload()
            self._capture.rescan()
            return True
        settled = self._capture.settled or self._clock.monotonic() - self._began > SETTLE_SECONDS
        if (settled and self._nothing_open()) or self._gives_up():
            return False
        due = None if settled else self._capture.next_due()
        self._clock.sleep(min(_TICK_SECONDS, wait if due is None else min(wait, due)))
        return True

    def ended(self) -> Drained:
        """How it ended, and the server is told how the till stands now. Raises ``OutboxError``."""
        ended = self._ending()
        self._courier.part()
        return ended

    def _ending(self) -> Drained:
        counts, refused = self._outbox.counts(), len(self._outbox.refusals())
        if self._courier.error is not None:
            return Drained("server_away", counts, refused, self._courier.error)
        # What a person discarded on the server was decided by that person.
        unproven = counts.captured + counts.held + counts.accepted + counts.rejected
        return Drained("proven" if self._capture.settled and not unproven + refused else "open", counts, refused)

    def _nothing_open(self) -> bool:
        counts, courier = self._outbox.unproven(), self._courier
        is_heard = courier.error is None and courier.last_answer is not None
        return is_heard and not counts.captured and not counts.accepted and not courier.orders.busy

    def _gives_up(self) -> bool:
        now, error = self._clock.monotonic(), self._courier.error
        if self._deadline is not None and now >= self._deadline:
            return True
        if error is None:
            return False
        if error.kind == "shut":
            return True
        return self._deadline is None and now - max(self._began, self._courier.last_answer or 0.0) > PATIENCE_SECONDS
