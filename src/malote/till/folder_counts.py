"""What the agent sees in the POS's folder, counted before it captures; in memory, since a full disk takes no notes.

Its threads share one: the capture looks, the courier tells.
"""

import threading
from collections.abc import Iterable

import msgspec

from malote.till.outbox_records import FileMark


class SeenFolder(msgspec.Struct, frozen=True):
    """``oldest``: when the oldest uncaptured file was put there, seconds since the epoch by this machine's clock."""

    seen: int
    captured: int  # or passed over, since it doesn't count
    uncaptured: int
    oldest: float | None = None

    def oldest_seconds(self, now: float) -> float:
        """For how long the oldest has lain there; 0 where a clock was set back."""
        return 0.0 if self.oldest is None else max(0.0, now - self.oldest)


class FolderSight:
    """Safe for threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._count: SeenFolder | None = None

    @property
    def count(self) -> SeenFolder | None:
        """None while the folder can't be looked at, or wasn't yet."""
        with self._lock:
            return self._count

    def saw(self, count: SeenFolder | None) -> None:
        with self._lock:
            self._count = count


def counted(seen: int, uncaptured: Iterable[FileMark]) -> SeenFolder:
    marks = list(uncaptured)
    oldest = min((put_at(mark) for mark in marks), default=None)
    return SeenFolder(max(seen, len(marks)), max(seen - len(marks), 0), len(marks), oldest)


def put_at(mark: FileMark) -> float:
    """When a file came to where it lies: a copy may bring an old time of change with it."""
    return max(mark.mtime_ns, mark.ctime_ns) / 1e9
