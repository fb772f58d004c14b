"""A published file that rotted on this disk: found when a till says that it came damaged, and made anew from the store.

A file that is whole here was damaged on its way: it stays as it is.
"""

import hashlib
import threading
import time
from collections.abc import Callable

from malote import log as logs
from malote.loads.files_made import PublishedFile

DAMAGED = "load_file_damaged"  # what a till says
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

    def reported(self, sha256: str, order: tuple[int, int]) -> bool:
        """A till got another content under this hash for its ``order`` (the till, the number): whether that is news.
        Whoever needs the file next has it made, where it is gone."""
        is_news, is_due = self._note(sha256, order)
        if is_due and self._is_gone(sha256):
            log.warning("load_file_made_anew", sha256=sha256)
            with self._lock:
                self._removed_at[sha256] = self._clock()
        return is_news

    def _is_gone(self, sha256: str) -> bool:
        """Also one that is not there: a server that was killed here had removed it."""
        found = self._find(sha256)
        if found is None:
            return True
        try:
            with found.path.open("rb") as file:
                is_whole = hashlib.file_digest(file, "sha256").hexdigest() == sha256
            if not is_whole:
                found.path.unlink()
        except OSError as error:  # a disk that can't be read; or somebody has it open, on Windows
            log.warning("load_file_not_read", sha256=sha256, error=str(error))
            return False
        return not is_whole

    def was_removed_since(self, sha256: str, at: float) -> bool:
        """Whether what was fetched from that time on may have been the damaged one, which is gone now."""
        with self._lock:
            return self._removed_at.get(sha256, 0.0) >= at

    def _note(self, sha256: str, order: tuple[int, int]) -> tuple[bool, bool]:
        """Whether nobody told of this order before, and whether the file is to be looked at."""
        now = self._clock()
        with self._lock:
            if order in self._minded:
                return False, False
            for some in (self._minded, self._looked_at, self._removed_at):
                if len(some) >= _MOST:
                    some.clear()
            self._minded.add(order)
            is_due = now - self._looked_at.get(sha256, 0.0) >= REST_SECONDS
            if is_due:
                self._looked_at[sha256] = now
            return True, is_due
