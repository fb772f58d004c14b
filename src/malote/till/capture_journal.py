"""What was captured and is not proven, by number and value, in a file beside the outbox: its second witness.

A line is on the disk before its file counts as captured, so that an outbox that can't be read any more still names
every sale that it held. Lines of what was proven since go when the file is written anew: at the first capture of a
process, and when it has grown to twice its size. Nothing of a sale's content, and of no consumer, stands in it.
"""

import os
import zlib
from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec

from malote import durable
from malote.till import lost_sales
from malote.till.lost_sales import LostFile
from malote.till.outbox import Outbox
from malote.till.outbox_records import CapturedFile
from malote.till.storage import failed

SMALLEST_REWRITTEN = 262_144  # bytes
LARGEST_READ = 64_000_000
_HEAD = b"malote captured/1\n"
_SUFFIX = ".captured"
_UNPROVEN = """
    SELECT sha256, name, access_key, series, number, issued_at, total, captured_at
    FROM file LEFT JOIN document ON file_id = file.id AND position = 0
    WHERE state IN ('captured', 'held', 'accepted', 'rejected', 'discarded') ORDER BY file.id
"""


class JournalledFiles(msgspec.Struct, frozen=True):
    """By hash in hex, the newest line of each. ``whole``: nothing that was captured and not proven is left out."""

    sales: dict[str, LostFile]
    whole: bool


class CaptureJournal:
    """Belongs to the thread that captures."""

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox
        self._path, self._disk = path_of(outbox.path), outbox.disk
        self._rewrite_at = 0  # bytes; nothing was written by this process yet

    def add(self, files: Sequence[CapturedFile], at: float) -> None:
        """On the disk when it returns; before they are captured. Raises ``OutboxError``."""
        lines = [lost_sales.lost(one.sha256, one.name, one.documents, at) for one in files]
        try:
            if self._size() >= self._rewrite_at:
                self._write_anew(lines)
            else:
                self._append(lines)
        except OSError as error:
            raise failed(self._path, error, self._disk) from error

    def _size(self) -> int:
        return self._path.stat().st_size if self._path.exists() else self._rewrite_at

    def _write_anew(self, lines: Iterable[LostFile]) -> None:
        with durable.replacing(self._path, disk=self._disk) as file:
            file.write(_HEAD)
            for one in lost_sales.left_behind(self._outbox):
                file.write(_line(one))
            for row in self._outbox.rows(_UNPROVEN):
                file.write(_line(lost_sales.of_row(*row)))
            file.writelines(_line(one) for one in lines)
            self._rewrite_at = max(2 * file.tell(), SMALLEST_REWRITTEN)

    def _append(self, lines: Sequence[LostFile]) -> None:
        with self._disk.file(self._path) as file:
            # What was torn by a power cut ends here, and spoils no other line.
            file.seek(-1, os.SEEK_END)
            torn = file.read(1) != b"\n"
            file.write(b"".join([b"\n" if torn else b"", *map(_line, lines)]))
            self._disk.sync(file)


def path_of(outbox: Path) -> Path:
    return outbox.with_name(outbox.name + _SUFFIX)


def read(outbox: Path) -> JournalledFiles:
    """Of an outbox that may be damaged; a torn last line is what was never captured. Raises ``OSError``."""
    try:
        with path_of(outbox).open("rb") as stream:
            content = stream.read(LARGEST_READ + 1)
    except FileNotFoundError:
        return JournalledFiles({}, whole=False)
    lines = content.removeprefix(_HEAD).split(b"\n")
    whole = content.startswith(_HEAD) and len(content) <= LARGEST_READ
    sales: dict[str, LostFile] = {}
    for line in lines[:-1]:
        one = _read(line)
        if one is not None:
            sales[one.sha256] = one
        elif line:
            whole = False
    return JournalledFiles(sales, whole)


def _line(one: LostFile) -> bytes:
    told = msgspec.json.encode(one)
    return b"%08x %s\n" % (zlib.crc32(told), told)


def _read(line: bytes) -> LostFile | None:
    check, _, told = line.partition(b" ")
    if check != b"%08x" % zlib.crc32(told):
        return None
    try:
        return msgspec.json.decode(told, type=LostFile)
    except msgspec.DecodeError:
        return None
