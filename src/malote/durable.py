"""Files that survive a power cut: written aside, synced, renamed, and the folder synced too."""

import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from malote import private

SYNCED_AT_ONCE = 16
_NEW = os.O_RDWR | os.O_CREAT | os.O_TRUNC | getattr(os, "O_BINARY", 0)
_group = threading.local()


def write(path: Path, content: bytes) -> None:
    """Puts ``content`` at ``path``, whole or not at all, and returns only when it is on the disk.

    It is its owner's alone to read. The folder must exist. Raises ``OSError`` (disk full, no permission); the old
    content is then untouched.
    """
    # Threads and processes may write the same path at once: the last one wins, and none of them fails.
    aside = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}.tmp")
    try:
        _write(aside, content)
        _sync_file(aside)
        aside.replace(path)
    except OSError:
        aside.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


@contextmanager
def replacing(path: Path) -> Iterator[IO[bytes]]:
    """A new file that takes the place of ``path`` at the end of the block, on the disk and whole; nothing if it raises.

    For what is too large to be held in memory. Raises ``OSError``; the old content is then untouched.
    """
    aside = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}.tmp")
    try:
        with new_file(aside) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        aside.replace(path)
    except BaseException:
        aside.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def write_all(files: Mapping[Path, bytes]) -> None:
    """``write`` for many files: returns when all of them are on the disk; in their order, they take their names.

    The disk is waited for once for many of them, and once for each folder. Raises ``OSError``; each file is then whole,
    old or new.
    """
    aside = {path: path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}.tmp") for path in files}
    try:
        for path, content in files.items():
            _write(aside[path], content)
        _sync_files(list(aside.values()))
        for path in files:
            aside[path].replace(path)
    except OSError:
        for path in aside.values():
            path.unlink(missing_ok=True)
        raise
    for folder in dict.fromkeys(path.parent for path in files):
        sync_folder(folder)


def _write(path: Path, content: bytes) -> None:
    """A new file that is its owner's alone to read."""
    with new_file(path) as file:
        file.write(content)


def new_file(path: Path) -> IO[bytes]:
    """Opens for reading and writing a file that wasn't there, its owner's alone to read. Raises ``OSError``."""
    return os.fdopen(os.open(path, _NEW, private.FILE), "w+b")


def _sync_files(paths: Sequence[Path]) -> None:
    """Many at once: a journal writes all that come together in one go, where one by one they would each wait for it."""
    if len(paths) < 2:
        for path in paths:
            _sync_file(path)
        return
    with ThreadPoolExecutor(min(SYNCED_AT_ONCE, len(paths))) as pool:
        list(pool.map(_sync_file, paths))


def _sync_file(path: Path) -> None:
    # Windows syncs only what is open for writing.
    with path.open("r+b") as file:
        os.fsync(file.fileno())


def move(source: Path, target: Path) -> None:
    """Renames within one file system and syncs both folders."""
    source.replace(target)
    sync_folder(target.parent)
    sync_folder(source.parent)


def remove(path: Path) -> None:
    path.unlink(missing_ok=True)
    sync_folder(path.parent)


@contextmanager
def grouped() -> Iterator[None]:
    """Within the block, folders are synced once each, at its end: what was done in it is durable after it, not before.

    For one thread; blocks are not nested.
    """
    waiting: set[Path] = set()
    _group.folders = waiting
    try:
        yield
    finally:
        _group.folders = None
    for folder in sorted(waiting):
        sync_folder(folder)


def make_folder(path: Path, *, mode: int = 0o777) -> Path:
    """Creates the folder with its parents, each of them synced into its own parent. ``mode``: of those it creates."""
    missing = [folder for folder in (path, *path.parents) if not folder.exists()]
    for folder in reversed(missing):
        folder.mkdir(mode, exist_ok=True)
        sync_folder(folder.parent)
    return path


def sync_folder(folder: Path) -> None:
    waiting: set[Path] | None = getattr(_group, "folders", None)
    if waiting is not None:
        waiting.add(folder)
        return
    # Windows has no handle of a folder to sync; NTFS journals the rename itself.
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
