"""Answers that are asked for again and again, each asked for anew after a while. Safe for threads."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

MOST_REMEMBERED = 256

Key = TypeVar("Key", bound=Hashable)
Answer = TypeVar("Answer")


class Remembered(Generic[Key, Answer]):
    """One thread asks, the others wait for it. Of several keys only the newest ``most`` answers are kept."""

    def __init__(
        self,
        ask: Callable[[Key], Answer],
        seconds: float,
        clock: Callable[[], float] = time.monotonic,
        *,
        most: int = MOST_REMEMBERED,
    ) -> None:
        self._ask = ask
        self._seconds = seconds
        self._most = most
        self._clock = clock
        self._lock = threading.Lock()
        self._known: OrderedDict[Key, tuple[float, Answer]] = OrderedDict()

    def __call__(self, key: Key) -> Answer:
        with self._lock:
            known = self._known.get(key)
            if known is None or self._clock() - known[0] > self._seconds:
                known = self._known[key] = (self._clock(), self._ask(key))
                self._known.move_to_end(key)
                while len(self._known) > self._most:
                    self._known.popitem(last=False)
            return known[1]

    def forget(self) -> None:
        """Something changed that answers depend on."""
        with self._lock:
            self._known.clear()
