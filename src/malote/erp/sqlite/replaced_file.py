"""Whether somebody put another file in the place of the one that is open: what is written then goes to nobody.

SQLite notices that of its own accord only on closing. The log of the file that is gone lies on under its name, and
would be read into the one that took its place: it goes first.
"""

from pathlib import Path

Identity = tuple[int, int]

_BESIDE = ("-wal", "-shm")


class OpenFile:
    """Of one engine, whose connections all go to one file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._opened: dict[str, Identity | None] = {}

    def note(self) -> None:
        """It was just opened."""
        self._opened = {suffix: self._identity(suffix) for suffix in ("", *_BESIDE)}

    def is_replaced(self) -> bool:
        """Another file is in its place, or none."""
        known = self._opened.get("")
        if known is None:
            return False
        if self._identity("") != known:
            return True
        self.note()  # its log may have been made anew
        return False

    def is_empty(self) -> bool:
        """It has not even a header, or isn't there."""
        try:
            return self._path.stat().st_size == 0
        except OSError:
            return True

    def forget(self) -> None:
        """Once no connection is open: takes away what was the old one's."""
        for suffix in _BESIDE:
            known = self._opened.get(suffix)
            if known is not None and self._identity(suffix) == known:
                self._path.with_name(self._path.name + suffix).unlink(missing_ok=True)
        self._opened = {}

    def _identity(self, suffix: str) -> Identity | None:
        try:
            stat = self._path.with_name(self._path.name + suffix).stat()
        except OSError:
            return None
        return stat.st_dev, stat.st_ino
