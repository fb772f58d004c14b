"""The disk as durable steps are given it: a test gives one that is full, fails to sync, or is where the power goes.

What isn't about being durable (looking, reading) asks the system itself.
"""

import os
import shutil
import sqlite3
from pathlib import Path
from typing import IO, Any

from malote import private

_NEW = os.O_RDWR | os.O_CREAT | os.O_TRUNC | getattr(os, "O_BINARY", 0)


class Disk:
    """This machine's. Every method may raise ``OSError``, and ``database`` what SQLite raises."""

    def new_file(self, path: Path) -> IO[bytes]:
        """Opens for reading and writing a file that wasn't there, its owner's alone to read."""
        return os.fdopen(os.open(path, _NEW, private.FILE), "w+b")

    def file(self, path: Path) -> IO[bytes]:
        """Opens for reading and writing one that is there, at its beginning."""
        # Windows syncs only what is open for writing.
        return path.open("r+b")

    def sync(self, file: IO[bytes]) -> None:
        """Returns once all that was written to it is on the disk."""
        file.flush()
        os.fsync(file.fileno())

    def rename(self, source: Path, target: Path) -> None:
        """In place of what is there, in one go."""
        source.replace(target)

    def remove(self, path: Path) -> None:
        path.unlink(missing_ok=True)

    def make_folder(self, path: Path, mode: int) -> None:
        path.mkdir(mode, exist_ok=True)

    def sync_folder(self, folder: Path) -> None:
        """Returns once the names in it are on the disk."""
        # Windows has no handle of a folder to sync; NTFS journals the rename itself.
        if os.name == "nt":
            return
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def free_bytes(self, folder: Path) -> int:
        return shutil.disk_usage(folder).free

    def database(self, path: Path | str, **how: Any) -> sqlite3.Connection:
        """An SQLite file; ``how`` as ``sqlite3.connect`` takes it."""
        opened: sqlite3.Connection = sqlite3.connect(path, **how)
        return opened


DISK = Disk()
