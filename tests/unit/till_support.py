"""What the till's tests share: files, settings, clocks, and ears for what the agent says."""

import hashlib
import os
from pathlib import Path
from typing import Any

from malote.config import TillSettings
from malote.plain import readable
from malote.till.outbox_records import CapturedFile, DocumentLine, FileMark, mark_of
from malote.till.trouble_notices import TroubleNotice, Voice


class Clock:
    """Seconds that pass only when told to."""

    def __init__(self, at: float = 1_000.0) -> None:
        self.at = at

    def __call__(self) -> float:
        return self.at

    def pass_by(self, seconds: float) -> None:
        self.at += seconds


class Ears:
    """Remembers every notice."""

    def __init__(self) -> None:
        self.heard: list[TroubleNotice] = []
        self.voice = Voice(self.heard.append)

    def codes(self, about: str | None = None) -> list[str]:
        return [notice.problem.code for notice in self.heard if about in (None, notice.about)]


def till_settings(folder: Path, **others: Any) -> TillSettings:
    """Settings that lose no time."""
    quick: dict[str, Any] = {
        "folder": str(folder),
        "token": "token",
        "quiet_seconds": 0.0,
        "rescan_seconds": 0.2,
        "poll_seconds": 0.05,
        "retry_first_seconds": 0.01,
        "retry_longest_seconds": 0.05,
    }
    return TillSettings(**(quick | others))


def captured(content: bytes, path: str = "", *lines: DocumentLine) -> CapturedFile:
    """A file as the capture hands it over."""
    mark = FileMark(len(content), 1, 1)
    name = readable(Path(path).name) or "note.xml"
    return CapturedFile(path, name, mark, digest(content), content, list(lines) or [DocumentLine()])


def digest(content: bytes) -> bytes:
    return hashlib.sha256(content).digest()


def sale_line(number: int, total: int | None = 1000, day: str = "2026-03-01", **others: Any) -> DocumentLine:
    """What is known of one sale."""
    known: dict[str, Any] = {
        "kind": "sale",
        "access_key": f"{number:044d}",
        "issuer": "11222333000181",
        "model": "65",
        "series": 1,
        "number": number,
        "last_number": number,
        "issued_at": f"{day}T10:00:00-03:00",
        "total": total,
    }
    return DocumentLine(**(known | others))


def put(folder: Path, name: str, content: bytes) -> Path:
    """A file as the POS writes it."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def age(path: Path, seconds: float) -> None:
    """Makes a file look as if it had last been written that long ago."""
    status = path.stat()
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns - int(seconds * 1e9)))


def mark(path: Path) -> FileMark:
    return mark_of(path.lstat())
