"""Which of many folders must be listed now: work follows the change, and not the number of folders.

A folder is listed where somebody said that something happened in it, where its time of change is another one than
before, while something in it is still to be done, and now and then all the same: some file systems forget to change
the time, or do it by whole seconds. One that took long to list rests in proportion before it is listed again.
"""

import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

ROUND_SECONDS = 900.0  # in which each folder is listed once, whatever its time says
RACY_SECONDS = 3.0  # a time so new may stand for a change that is still to come

REST_TIMES = 20.0  # the time that listing took, during which the folder rests
REST_FROM_SECONDS = 0.2  # of listing; what takes less needs no rest
LONGEST_REST_SECONDS = 30.0


class Rounds:
    """Over the folders of one root. For one thread."""

    def __init__(self, clock: Callable[[], float] = time.monotonic, wall: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._wall = wall
        self._known: dict[str, int] = {}  # time of change when it was listed last, and nothing was left to be done
        self._turn: list[str] = []  # still to be listed in this round
        self._owed = 0.0  # folders whose turn has come
        self._last: float | None = None
        self._rests: dict[str, float] = {}  # until when a folder rests that took long

    def due(self, folders: Mapping[str, Path], touched: Iterable[str] | None = None) -> dict[str, int]:
        """The folders to list now, each with its time of change, to be handed to ``done``.

        ``touched`` are those in which something happened; None looks at the times of all, and takes a round's share.
        """
        if touched is None:
            self._known = {name: at for name, at in self._known.items() if name in folders}
            chosen = set(self._share(folders))
            looked = {name: _changed_at(path) for name, path in folders.items()}
            due = {name: at for name, at in sorted(looked.items()) if name in chosen or self._known.get(name) != at}
        else:
            chosen = set(touched)
            listed = (name for name in folders if name in chosen or name not in self._known)
            due = {name: _changed_at(folders[name]) for name in listed}
        return {name: at for name, at in due.items() if not self._owes_rest(name)}

    def done(self, name: str, changed_at: int, *, quiet: bool, cost: float = 0.0) -> None:
        """The folder was listed, at a ``cost`` in seconds. Unless ``quiet``, something in it is still to be done, and
        it is due at once, or when it has rested."""
        if quiet and self._wall() - changed_at / 1e9 > RACY_SECONDS:
            self._known[name] = changed_at
        else:
            self._known.pop(name, None)
        if cost >= REST_FROM_SECONDS:
            self._rests[name] = self._clock() + min(cost * REST_TIMES, LONGEST_REST_SECONDS)

    def stir(self, name: str) -> None:
        """What its files are of has changed, though nothing happened in the folder: it is due."""
        self._known.pop(name, None)

    def _owes_rest(self, name: str) -> bool:
        """Whether the folder rests still. It is due afterwards, whatever its time says then."""
        if self._rests.get(name, 0.0) <= self._clock():
            self._rests.pop(name, None)
            return False
        self._known.pop(name, None)
        return True

    def _share(self, folders: Mapping[str, Path]) -> list[str]:
        """Those whose turn it is: as much of the round as time went by."""
        now = self._clock()
        elapsed, self._last = now - (self._last if self._last is not None else now), now
        if not self._turn:
            self._turn = sorted(folders, reverse=True)
        self._owed += len(folders) * elapsed / ROUND_SECONDS
        count = min(len(self._turn), int(self._owed))
        self._owed -= count
        return [self._turn.pop() for _ in range(count)]


def _changed_at(path: Path) -> int:
    """In nanoseconds; 0 for a folder that can't be looked at."""
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0
