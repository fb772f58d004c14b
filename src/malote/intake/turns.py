"""Fair turns: a few tills are worked for at once, and who waits has its turn before anybody has a second one.

A turn is one slice of a pouch, so that a large pouch, or one of rubbish, lets the others pass between its slices.
"""

import threading
from collections import OrderedDict, deque
from collections.abc import Iterator
from contextlib import contextmanager

AT_ONCE = 2


class Turns:
    """Safe for threads."""

    def __init__(self, at_once: int = AT_ONCE) -> None:
        self._free = at_once
        self._lock = threading.Lock()
        self._waiting: OrderedDict[int, deque[threading.Event]] = OrderedDict()

    @contextmanager
    def turn(self, till_id: int) -> Iterator[None]:
        """One slice's work for a till. Not to be asked for within a turn."""
        self._enter(till_id)
        try:
            yield
        finally:
            self._leave()

    def _enter(self, till_id: int) -> None:
        with self._lock:
            if self._free:
                self._free -= 1
                return
            called = threading.Event()
            self._waiting.setdefault(till_id, deque()).append(called)
        called.wait()

    def _leave(self) -> None:
        """Hands the turn to the next one itself: who has just had one could else be the quickest to take it again."""
        with self._lock:
            if not self._waiting:
                self._free += 1
                return
            till_id, called = self._waiting.popitem(last=False)
            called.popleft().set()
            if called:
                self._waiting[till_id] = called
