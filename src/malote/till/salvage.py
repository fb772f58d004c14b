"""A damaged outbox: set aside, never deleted, and what can still be read of it carried into a new one.

What can't be read is in the POS's folder still, and is captured from there again; the server drops what it had.
"""

import hashlib
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from malote import durable, frames
from malote.till import storage
from malote.till.files import CapturedFile, Mark
from malote.till.outbox import Outbox
from malote.till.reading import describe
from malote.till.storage import OutboxError

_GROUP = 200


def rebuild(path: Path, at: float, backup: Path | None = None) -> tuple[Path, int]:
    """Sets the outbox at ``path`` aside and makes a new one of what was not proven and can still be read.

    A sound ``backup`` becomes the new one (it is moved), and what was captured since is added to it. Returns where the
    damaged one is now, and how many files were carried over. Raises ``OutboxError`` when it can't be renamed or the new
    one can't be written.
    """
    try:
        aside = storage.set_aside(path, at)
        if backup is not None and _is_sound(backup):
            durable.move(backup, path)
    except OSError as error:
        raise OutboxError("outbox_away", path=str(path), detail=error.strerror or str(error)) from error
    carried = 0
    with Outbox(path) as outbox:
        group: list[CapturedFile] = []
        for file in _unproven(aside):
            group.append(file)
            if len(group) == _GROUP:
                carried += outbox.capture(group, at)
                group = []
        carried += outbox.capture(group, at)
    return aside, carried


def _is_sound(backup: Path) -> bool:
    if not backup.exists():
        return False
    try:
        storage.check(backup)
    except OutboxError:
        return False
    return True


def _unproven(path: Path) -> Iterator[CapturedFile]:
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as connection:
            (last,) = connection.execute("SELECT max(id) FROM file").fetchone()
            for file_id in range(1, (last or 0) + 1):
                file = _one(connection, file_id)
                if file is not None:
                    yield file
    except sqlite3.DatabaseError:
        return  # Not even its tables can be found.


def _one(connection: sqlite3.Connection, file_id: int) -> CapturedFile | None:
    """One file, if its content is whole. Row by row, since a damaged page spoils only the rows on it."""
    try:
        row = connection.execute(
            "SELECT name, size, mtime_ns, sha256, content FROM file"
            " WHERE id = ? AND state <> 'posted' AND content IS NOT NULL",
            (file_id,),
        ).fetchone()
        if row is None:
            return None
        name, size, mtime_ns, sha256, packed = row
        if frames.claimed_size(packed) != size:
            return None
        content = frames.unpack(packed, size)
    except (sqlite3.DatabaseError, frames.FrameError, TypeError, ValueError):
        return None
    if hashlib.sha256(content).digest() != sha256:
        return None
    return CapturedFile("", str(name), Mark(size, mtime_ns, 0), sha256, content, describe(content))
