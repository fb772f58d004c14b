"""Files that survive a power cut: written aside, synced, renamed, and the folder synced too.

Each takes the disk that it works on; what is not said is this machine's.
"""

import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from malote.disk import DISK, Disk

SYNCED_AT_ONCE = 16
_group = threading.local()


def write(path: Path, content: bytes, *, disk: Disk = DISK) -> None:
    """Puts ``content`` at ``path``, whole or not at all, and returns only when it is on the disk.

    It is its owner's alone to read. The folder must exist. Raises ``OSError`` (disk full, no permission); the old
    content is then untouched.
    """
    with replacing(path, disk=disk) as file:
        file.write(content)


@contextmanager
def replacing(path: Path, *, disk: Disk = DISK) -> Iterator[IO[bytes]]:
    """A new file that takes the place of ``path`` at the end of the block, on the disk and whole; nothing if it raises.

    For what is too large to be held in memory. Raises ``OSError``; the old content is then untouched.
    """
    aside = _aside(path)
    try:
        with disk.new_file(aside) as file:
            yield file
            disk.sync(file)
        disk.rename(aside, path)
    except BaseException:
        disk.remove(aside)
        raise
    sync_folder(path.parent, disk=disk)


def write_all(files: Mapping[Path, bytes], *, disk: Disk = DISK) -> None:
    """``write`` for many files: returns when all of them are on the disk; in their order, they take their names.

    The disk is waited for once for many of them, and once for each folder. Raises ``OSError``; each file is then whole,
    old or new.
    """
    aside = {path: _aside(path) for path in files}
    try:
        for path, content in files.items():
            with disk.new_file(aside[path]) as file:
                file.write(content)
        _sync_files(list(aside.values()), disk)
        for path in files:
            disk.rename(aside[path], path)
    except OSError:
        for path in aside.values():
            disk.remove(path)
        raise
    for folder in dict.fromkeys(path.parent for path in files):
        sync_folder(folder, disk=disk)


def _aside(path: Path) -> Path:
    """Threads and processes may write the same path at once: the last one wins, and none of them fails."""
    return path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}.tmp")


def new_file(path: Path, *, disk: Disk = DISK) -> IO[bytes]:
    """Opens for reading and writing a file that wasn't there, its owner's alone to read. Raises ``OSError``."""
    return disk.new_file(path)


def _sync_files(paths: Sequence[Path], disk: Disk) -> None:
    """Many at once: a journal writes all that come together in one go, where one by one they would each wait for it."""
    if len(paths) < 2:
        for path in paths:
            sync_file(path, disk=disk)
        return
    with ThreadPoolExecutor(min(SYNCED_AT_ONCE, len(paths))) as pool:
        list(pool.map(lambda path: sync_file(path, disk=disk), paths))


def sync_file(path: Path, *, disk: Disk = DISK) -> None:
    """Returns once what somebody else wrote to it is on the disk. Raises ``OSError``."""
    with disk.file(path) as file:
        disk.sync(file)


def move(source: Path, target: Path, *, disk: Disk = DISK) -> None:
    """Renames within one file system and syncs both folders."""
    disk.rename(source, target)
    sync_folder(target.parent, disk=disk)
    sync_folder(source.parent, disk=disk)


def remove(path: Path, *, disk: Disk = DISK) -> None:
    disk.remove(path)
    sync_folder(path.parent, disk=disk)


@contextmanager
def grouped() -> Iterator[None]:
    """Within the block, folders are synced once each, at its end: what was done in it is durable after it, not before.

    For one thread; blocks are not nested. On this machine's disk.
    """
    waiting: set[Path] = set()
    _group.folders = waiting
    try:
        yield
    finally:
        _group.folders = None
    for folder in sorted(waiting):
        sync_folder(folder)


def make_folder(path: Path, *, mode: int = 0o777, disk: Disk = DISK) -> Path:
    """Creates the folder with its parents, each of them synced into its own parent. ``mode``: of those it creates."""
    missing = [folder for folder in (path, *path.parents) if not folder.exists()]
    for folder in reversed(missing):
        disk.make_folder(folder, mode)
        sync_folder(folder.parent, disk=disk)
    return path


def sync_folder(folder: Path, *, disk: Disk = DISK) -> None:
    waiting: set[Path] | None = getattr(_group, "folders", None)
    if waiting is not None:
        waiting.add(folder)
        return
    disk.sync_folder(folder)
