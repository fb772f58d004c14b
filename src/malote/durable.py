"""Files that survive a power cut: written aside, synced, renamed, and the folder synced too."""

import os
import threading
from pathlib import Path


def write(path: Path, content: bytes) -> None:
    """Puts ``content`` at ``path``, whole or not at all, and returns only when it is on the disk.

    The folder must exist. Raises ``OSError`` (disk full, no permission); the old content is then untouched.
    """
    # Threads and processes may write the same path at once: the last one wins, and none of them fails.
    aside = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}.tmp")
    try:
        with aside.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        aside.replace(path)
    except OSError:
        aside.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def move(source: Path, target: Path) -> None:
    """Renames within one file system and syncs both folders."""
    source.replace(target)
    sync_folder(target.parent)
    sync_folder(source.parent)


def remove(path: Path) -> None:
    path.unlink(missing_ok=True)
    sync_folder(path.parent)


def make_folder(path: Path) -> Path:
    """Creates the folder with its parents, each of them synced into its own parent."""
    missing = [folder for folder in (path, *path.parents) if not folder.exists()]
    for folder in reversed(missing):
        folder.mkdir(exist_ok=True)
        sync_folder(folder.parent)
    return path


def sync_folder(folder: Path) -> None:
    # Windows has no handle of a folder to sync; NTFS journals the rename itself.
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
