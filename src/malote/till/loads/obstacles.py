"""What stands in the place of a file of the loads, and is none that the agent could use: put aside, so that its own is
made anew. Never deleted: it is somebody's.

A link to nowhere isn't one: it may lead to a disk that isn't there yet.
"""

import os
import stat
from collections.abc import Sequence
from pathlib import Path

from malote import durable
from malote.disk import DISK, Disk
from malote.till import storage

_ASIDE = ".not-a-file-"


def is_obstacle(path: Path) -> bool:
    """Whether there is a folder, something special, or a file that this user may not read and write."""
    try:
        mode = path.stat().st_mode
    except OSError:
        return False
    return not stat.S_ISREG(mode) or not os.access(path, os.R_OK | os.W_OK)


def first_of(path: Path, suffixes: Sequence[str]) -> Path | None:
    """The first that stands in the place of ``path`` with one of the suffixes behind its name."""
    parts = (path.with_name(path.name + suffix) for suffix in suffixes)
    return next((part for part in parts if is_obstacle(part)), None)


def was_put_aside(path: Path) -> bool:
    """Whether it has such a name already."""
    return _ASIDE in path.name


def put_aside(path: Path, at: float, disk: Disk = DISK) -> None:
    """``at``: seconds since the epoch. Raises ``OSError``, as where something is mounted there."""
    durable.move(path, path.with_name(f"{path.name}{_ASIDE}{storage.stamp(at)}"), disk=disk)
