"""A damaged outbox: set aside, never deleted, and what can still be read of it carried into a new one.

What can't be read is in the POS's folder still, and is captured from there again; the server drops what it had. What is
in neither is named (``lost_sales``). The new one is whole before the damaged one is put aside: whenever the machine
dies, one of them is in its place, or both are still there.
"""

import hashlib
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from malote import durable, frames
from malote.disk import DISK, Disk
from malote.till import capture_journal, lost_sales, storage
from malote.till.file_summary import describe
from malote.till.lost_sales import LostFile
from malote.till.outbox import Outbox
from malote.till.outbox_records import CapturedFile, DocumentLine, FileMark
from malote.till.storage import OutboxError

Kind = TypeVar("Kind")

_GROUP = 200
_LONGEST_NAME = 1000
_SUFFIX = ".rebuilding"


class Salvaged(msgspec.Struct, frozen=True):
    """Where the damaged one is now, how many files were carried over, and those that could not be."""

    aside: Path
    carried: int
    lost: list[LostFile]


def rebuild(path: Path, at: float, backup: Path | None = None, disk: Disk = DISK) -> Salvaged:
    """Makes a new outbox of what was not proven and can still be read, and sets the one at ``path`` aside.

    A sound ``backup`` becomes the new one (it is moved), and what was captured since is added to it. Raises
    ``OutboxError`` when it can't be renamed or the new one can't be written; then it may be tried again.
    """
    new = path.with_name(path.name + _SUFFIX)
    try:
        _begin(new, backup, disk)
        carried, missing = _carry_over(path, new, at, disk)
        aside = storage.set_aside(path, at, disk)
        durable.move(new, path, disk=disk)
    except OSError as error:
        raise storage.failed(path, error, disk) from error
    return Salvaged(aside, carried, missing)


def finish(path: Path, disk: Disk = DISK) -> bool:
    """Puts the new outbox into its place where the machine died just before; whether there is one. Raises
    ``OSError``."""
    new = path.with_name(path.name + _SUFFIX)
    if new.exists() and not path.exists():
        durable.move(new, path, disk=disk)
    return path.exists()


def recall(path: Path, disk: Disk = DISK) -> list[LostFile]:
    """Names what was captured and not proven in an outbox that is gone, in the new one that took its place.

    Raises ``OutboxError``.
    """
    with Outbox(path, disk=disk) as outbox:
        missing = _completed(path, [], outbox)
        if missing:
            lost_sales.note(outbox, missing)
    return missing


def _begin(new: Path, backup: Path | None, disk: Disk) -> None:
    """What is there already is of a salvage that was broken off: a sound one is gone on with."""
    if new.exists() and not _is_sound(new):
        for suffix in ("-wal", "-shm", ""):
            new.with_name(new.name + suffix).unlink(missing_ok=True)
    if not new.exists() and backup is not None and _is_sound(backup):
        durable.move(backup, new, disk=disk)


def _carry_over(path: Path, new: Path, at: float, disk: Disk) -> tuple[int, list[LostFile]]:
    carried, missing = 0, []
    with Outbox(new, disk=disk) as outbox:
        group: list[CapturedFile] = []
        for found in _unproven(path, at):
            if isinstance(found, LostFile):
                missing.append(found)
                continue
            group.append(found)
            if len(group) == _GROUP:
                carried += outbox.capture(group, at)
                group = []
        carried += outbox.capture(group, at)
        missing = _completed(path, missing, outbox)
        if missing:
            lost_sales.note(outbox, missing)
    return carried, missing


def _completed(path: Path, missing: list[LostFile], new: Outbox) -> list[LostFile]:
    """With what the journal of captures says of them, and of those that not even a row tells of any more.

    A whole journal names all that was here and not proven: what had no name without it is among them.
    """
    try:
        journal = capture_journal.read(path)
    except OSError:
        return missing
    settled = _settled(path, new, list(journal.sales))
    found = {one.sha256: one for one in missing if one.sha256}
    for sha256, one in journal.sales.items():
        if sha256 not in settled and (sha256 not in found or found[sha256].number is None):
            found[sha256] = one
    nameless = [] if journal.whole else [one for one in missing if not one.sha256]
    return [*found.values(), *nameless]


def _settled(path: Path, new: Outbox, hashes: list[str]) -> set[str]:
    """Those of them that are in the new outbox, or that the damaged one knows to be proven."""
    settled: set[str] = set()
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as connection:
            for sha256 in hashes:
                state = _row(connection, "SELECT state FROM file WHERE sha256 = ?", bytes.fromhex(sha256))
                if state == ("posted",) or _has(new, sha256):
                    settled.add(sha256)
    except sqlite3.DatabaseError:
        settled.update(one for one in hashes if _has(new, one))
    return settled


def _has(outbox: Outbox, sha256: str) -> bool:
    found = outbox.rows("SELECT 1 FROM file WHERE sha256 = ?", (bytes.fromhex(sha256),))
    return next(found, None) is not None


def _is_sound(copy: Path) -> bool:
    if not copy.exists():
        return False
    try:
        storage.check(copy)
    except OutboxError:
        return False
    return True


def _unproven(path: Path, at: float) -> Iterator[CapturedFile | LostFile]:
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as connection:
            last, before = _last(connection), _lost_before(connection)
            if last is None or before is None:
                yield _unknown(path, at)
            yield from before or ()
            for file_id in range(1, (last or 0) + 1):
                found = _one(connection, file_id, at)
                if found is not None:
                    yield found
    except sqlite3.DatabaseError:
        yield _unknown(path, at)


def _unknown(path: Path, at: float) -> LostFile:
    """Not even its tables can be found: nobody here knows what was in it, so that a person must look."""
    return lost_sales.lost(b"", path.name, (), at)


def _last(connection: sqlite3.Connection) -> int | None:
    for query in ("SELECT max(id) FROM file", "SELECT max(file_id) FROM document"):
        last = _row(connection, query)
        if last is not None:
            return int(last[0] or 0)
    return None


def _lost_before(connection: sqlite3.Connection) -> list[LostFile] | None:
    """What an earlier salvage had named, and nobody brought back; None where that can't be read any more."""
    found = _row(connection, "SELECT max(value) FROM fact WHERE name = 'lost'")
    if found is None:
        return None
    try:
        return msgspec.json.decode(found[0], type=list[LostFile]) if found[0] else []
    except (msgspec.DecodeError, TypeError):
        return None


def _one(connection: sqlite3.Connection, file_id: int, at: float) -> CapturedFile | LostFile | None:
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
        if frames.claimed_size(packed) == size:
            content = frames.unpack(packed, size)
            if hashlib.sha256(content).digest() == sha256:
                return CapturedFile("", str(name), FileMark(size, mtime_ns, 0), sha256, content, describe(content))
    except (sqlite3.DatabaseError, frames.FrameError, TypeError, ValueError):
        pass
    return _told(connection, file_id, at)


def _told(connection: sqlite3.Connection, file_id: int, at: float) -> LostFile | None:
    """What the rows still tell of a file without its content; None where it was proven."""
    facts = _row(connection, "SELECT sha256, name, state FROM file WHERE id = ?", file_id)
    sha256, name, state = facts or (b"", f"#{file_id}", None)
    if state == "posted":
        return None
    line = _row(
        connection,
        "SELECT access_key, issued_at, series, number, total FROM document WHERE file_id = ? AND position = 0",
        file_id,
    )
    key, issued_at, series, number, total = line or (None,) * 5
    document = DocumentLine(
        access_key=_as(key, str),
        issued_at=_as(issued_at, str),
        series=_as(series, int),
        number=_as(number, int),
        total=_as(total, int),
    )
    known = sha256 if isinstance(sha256, bytes) and len(sha256) == hashlib.sha256().digest_size else b""
    return lost_sales.lost(known, str(name)[:_LONGEST_NAME], [document], at)


def _row(connection: sqlite3.Connection, query: str, *parameters: int | bytes) -> tuple[Any, ...] | None:
    try:
        found: tuple[Any, ...] | None = connection.execute(query, parameters).fetchone()
    except sqlite3.DatabaseError:
        return None
    return found


def _as(value: object, kind: type[Kind]) -> Kind | None:
    """A damaged row may hold anything."""
    return value if isinstance(value, kind) else None
