"""What stands still: looked at again and again, and the same for as long as it takes to be let alone."""

import os
import time
from collections.abc import Callable, Hashable
from typing import NamedTuple


class FileSignature(NamedTuple):
    """Changes whenever the file is written to or replaced."""

    size: int
    modified: int  # nanoseconds
    inode: int


def signature_of(status: os.stat_result) -> FileSignature:
    return FileSignature(status.st_size, status.st_mtime_ns, status.st_ino)


class StandStill:
    """Over rounds of looks. What a round doesn't look at is forgotten. For one thread."""

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._clock = clock
        self._before: dict[Hashable, tuple[object, float]] = {}
        self._now: dict[Hashable, tuple[object, float]] = {}

    def begin(self) -> None:
        """A new round."""
        self._before, self._now = self._now, {}

    def stands(self, what: Hashable, look: object = None) -> bool:
        """Whether ``what`` has looked so for long enough; how long, counts from the round that saw it so first."""
        now = self._clock()
        known = self._before.get(what)
        since = known[1] if known is not None and known[0] == look else now
        self._now[what] = (look, since)
        return now - since >= self._seconds
