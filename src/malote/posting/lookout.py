"""Looks who holds the poster up, from a thread and a connection of its own, while the poster waits for a lock."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime

from malote import incidents
from malote.erp.protocol import ErpError, Posting
from malote.erp.sessions.errors import SessionsError
from malote.erp.sessions.watching import Holder, Watch
from malote.posting.locked_rows import HeldError

FIRST_LOOK_SECONDS = 0.15  # most batches are booked before that, and cost nothing here
NEXT_LOOK_SECONDS = 1.0
FORGET_SECONDS = 15.0  # after the last trouble: then the next one is a new one


class Lookout:
    """For one poster's thread. Without a watch it only knows how long a lock has lasted."""

    def __init__(self, watch: Watch | None, program: str = "", clock: Callable[[], float] = time.time) -> None:
        """``program`` is the name under which the poster's own connection shows; its leases carry it too."""
        self._watch = watch
        self.program = program
        self._clock = clock
        self._seen: Holder | None = None
        self._since: dict[str, tuple[float, float]] = {}  # by session: first and last met
        self._attempt = threading.Event()
        self._over = threading.Event()
        self._closing = False
        self._thread: threading.Thread | None = None

    @property
    def cautious(self) -> bool:
        """Whether a lock was met so lately that it may still be there."""
        return any(self._clock() - last < FORGET_SECONDS for _, last in self._since.values())

    @contextmanager
    def attempt(self) -> Iterator[None]:
        """Around one posting."""
        self._seen = None
        if self._watch is not None and self._thread is None:
            self._thread = threading.Thread(target=self._run, name="lookout", daemon=True)
            self._thread.start()
        self._over.clear()
        self._attempt.set()
        try:
            yield
        finally:
            self._over.set()

    def held(self, batch: Sequence[Posting]) -> Mapping[int, Holder]:
        """Which documents need rows that others hold; none where that can't be told."""
        if self._watch is None:
            return {}
        try:
            return self._watch.held(batch)
        except SessionsError:
            return {}

    def facts(self, error: ErpError, began: float) -> dict[str, str]:
        """What is known of a lock that was met: who holds it, what, and since when sales wait for it.

        ``began`` is when the attempt began, in seconds since the epoch.
        """
        holder = error.holder if isinstance(error, HeldError) else self._seen
        named = HeldError(holder) if holder else error
        session = holder.session if holder else ""
        now = self._clock()
        self._since = {key: seen for key, seen in self._since.items() if now - seen[1] < FORGET_SECONDS}
        first, _ = self._since.get(session, (began, began))
        self._since[session] = first, now
        facts = {"detail": named.detail, "since": datetime.fromtimestamp(first, UTC).isoformat(timespec="seconds")}
        if holder:
            facts |= {
                "session": holder.session,
                "user": holder.user,
                "program": holder.program,
                "object": holder.object,
            }
        return facts

    def close(self) -> None:
        """Ends thread and connection; the next attempt starts them again."""
        if self._thread is not None:
            self._closing = True
            self._over.set()
            self._attempt.set()
            self._thread.join()
            self._thread, self._closing = None, False
        if self._watch is not None:
            self._watch.close()

    def _run(self) -> None:
        while True:
            self._attempt.wait()
            if self._closing:
                return
            self._attempt.clear()
            pause = FIRST_LOOK_SECONDS
            while not self._over.wait(pause):
                self._look()
                pause = NEXT_LOOK_SECONDS

    def _look(self) -> None:
        assert self._watch is not None  # noqa: S101 the thread runs for its sake
        try:
            sight = self._watch.look()
        except SessionsError:
            return
        except Exception as error:  # noqa: BLE001 - outermost loop: a look that fails must not end the looking
            incidents.report("lookout_failed", error)
            return
        for wait in sight.waits:
            if wait.program == self.program and wait.holders:
                self._seen = wait.holders[0]
