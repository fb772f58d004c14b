"""A published file that rotted on this disk: found when a till says that it came damaged, and made anew from the store.

A file that is whole here was damaged on its way: it stays as it is.
"""

import hashlib
import threading
import time
from collections.abc import Callable

from malote import log as logs
from malote.loads.files_made import PublishedFile

REST_SECONDS = 60.0  # between two looks at one file, however many tills tell of it
_MOST = 10_000  # files and orders remembered

log = logs.get_logger("malote.loads")


class DamagedFiles:
    """Safe for threads. ``find``: a file by its hash."""

    def __init__(self, find: Callable[[str], PublishedFile | None], clock: Callable[[], float] = time.time) -> None:
        self._find = find
        self._clock = clock
        self._lock = threading.Lock()
        self._minded: set[tuple[int, int]] = set()
        self._looked_at: dict[str, float] = {}
        self._removed_at: dict[str, float] = {}

    def reported(self, sha256: str, order: tuple[int, int]) -> None:
        """A till got another content under this hash for its ``order`` (the till, the number), which is minded once.
        Whoever needs the file next has it made, where it is gone."""
        if not self._is_due(sha256, order) or (found := self._find(sha256)) is None:
            return
        try:
            with found.path.open("rb") as file:
                is_whole = hashlib.file_digest(file, "sha256").hexdigest() == sha256
            if not is_whole:
                found.path.unlink()
        except OSError as error:  # a disk that can't be read; or somebody has it open, on Windows
            log.warning("load_file_not_read", sha256=sha256, error=str(error))
            return
        if not is_whole:
            log.warning("load_file_made_anew", sha256=sha256)
            with self._lock:
                self._removed_at[sha256] = self._clock()

    def was_removed_since(self, sha256: str, at: float) -> bool:
        """Whether what was fetched from that time on may have been the damaged one, which is gone now."""
        with self._lock:
            return self._removed_at.get(sha256, 0.0) >= at

    def _is_due(self, sha256: str, order: tuple[int, int]) -> bool:
        now = self._clock()
        with self._lock:
            if order in self._minded:
                return False
            for some in (self._minded, self._looked_at, self._removed_at):
                if len(some) >= _MOST:
                    some.clear()
            self._minded.add(order)
            is_due = now - self._looked_at.get(sha256, 0.0) >= REST_SECONDS
            if is_due:
                self._looked_at[sha256] = now
            return is_due
