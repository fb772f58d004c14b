"""A disk that fails when it is told to, and one where the power goes: given to the code, nothing is patched."""

import errno
import os
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

from malote.disk import Disk

FULL = OSError(errno.ENOSPC, "No space left on device")
Fails = Callable[[str, str], BaseException | None]  # step and name -> what is raised instead


class PowerCut(BaseException):
    """The machine is off from here on."""


class FaultyDisk(Disk):
    """Every durable step is counted, with the name it is about; ``fails`` says which of them fail, and how.

    Where the power goes, what was written to a file and not synced is gone.
    """

    def __init__(self, fails: Fails = lambda _step, _name: None) -> None:
        self.fails = fails
        self.steps: list[tuple[str, str]] = []
        self._unsynced: dict[int, tuple[Path, int]] = {}  # by inode: folder, and bytes that are safe
        self._is_off = False
        self._one_at_a_time = threading.RLock()  # many files are synced at once

    def off_at(self, number: int) -> "FaultyDisk":
        """The power goes before this step, counted from 0."""
        self.fails = lambda _step, _name: PowerCut() if len(self.steps) > number else None
        return self

    def step(self, what: str, name: str) -> None:
        """Counts a step, and fails where it is to."""
        with self._one_at_a_time:
            if self._is_off:
                raise PowerCut
            self.steps.append((what, name))
            error = self.fails(what, name)
            if isinstance(error, PowerCut):
                self._is_off = True
                for inode, (folder, size) in self._unsynced.items():
                    _cut(inode, folder, size)
            if error is not None:
                raise error

    def new_file(self, path: Path) -> IO[bytes]:
        with self._one_at_a_time:
            self.step("new_file", path.name)
            file = super().new_file(path)
            self._unsynced[os.fstat(file.fileno()).st_ino] = (path.parent, 0)
        return file

    def file(self, path: Path) -> IO[bytes]:
        with self._one_at_a_time:
            self.step("file", path.name)
            file = super().file(path)
            self._unsynced.setdefault(os.fstat(file.fileno()).st_ino, (path.parent, path.stat().st_size))
        return file

    def sync(self, file: IO[bytes]) -> None:
        with self._one_at_a_time:
            self.step("sync", "")
            super().sync(file)
            self._unsynced.pop(os.fstat(file.fileno()).st_ino, None)

    def rename(self, source: Path, target: Path) -> None:
        self.step("rename", target.name)
        super().rename(source, target)

    def remove(self, path: Path) -> None:
        self.step("remove", path.name)
        super().remove(path)

    def make_folder(self, path: Path, mode: int) -> None:
        self.step("make_folder", path.name)
        super().make_folder(path, mode)

    def sync_folder(self, folder: Path) -> None:
        self.step("sync_folder", folder.name)
        super().sync_folder(folder)

    def database(self, path: Path | str, **how: Any) -> sqlite3.Connection:
        disk = self

        class Watched(sqlite3.Connection):
            def execute(self, sql: str, *parameters: Any) -> sqlite3.Cursor:
                for word in sql.split()[:1]:
                    if word not in ("PRAGMA", "SELECT", "ROLLBACK"):
                        disk.step(word, Path(path).name)
                return super().execute(sql, *parameters)

        return super().database(path, factory=Watched, **how)


def sqlite_error(code: int) -> sqlite3.OperationalError:
    """As the engine would raise it."""
    error = sqlite3.OperationalError(f"error {code}")
    error.sqlite_errorcode = code
    return error


def _cut(inode: int, folder: Path, size: int) -> None:
    for path in folder.iterdir():
        if path.stat().st_ino == inode:
            os.truncate(path, size)
