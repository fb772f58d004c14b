"""What the outbox keeps, as values."""

import os
from typing import Literal

import msgspec

# captured   here, and not yet with the server
# held       the server would not take its pouch, or the content was damaged here: tried alone, now and then
# accepted   durable on the server, not yet booked
# posted     proven: the ERP has it
# rejected   a person must act on the server
# discarded  a person deleted it on the server
State = Literal["captured", "held", "accepted", "posted", "rejected", "discarded"]


class FileMark(msgspec.Struct, frozen=True, gc=False):
    """What tells, without reading it, that a file is the one seen before. ``ctime_ns`` is the birth on Windows."""

    size: int
    mtime_ns: int
    ctime_ns: int


def mark_of(stat: os.stat_result) -> FileMark:
    return FileMark(stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns)


class DocumentLine(msgspec.Struct, frozen=True):
    """What could be read of one document of a file. Money in cents, times ISO 8601 with zone."""

    kind: str | None = None
    access_key: str | None = None
    issuer: str | None = None
    model: str | None = None
    series: int | None = None
    number: int | None = None
    last_number: int | None = None  # of voided numbers
    issued_at: str | None = None
    total: int | None = None


class CapturedFile(msgspec.Struct, frozen=True):
    """A file read from the POS's folder."""

    path: str
    name: str  # fit for people and JSON, whatever bytes the path has
    mark: FileMark
    sha256: bytes
    content: bytes
    documents: list[DocumentLine]


class StoredFile(msgspec.Struct, frozen=True):
    """A file to be sent; its content was checked against its hash."""

    id: int
    name: str
    sha256: bytes
    content: bytes


class CaptureRefusal(msgspec.Struct, frozen=True):
    """A file, or a folder, that could not be captured; it stays where the POS left it."""

    name: str
    size: int
    code: str
    facts: dict[str, str] = {}


class FileAnswer(msgspec.Struct, frozen=True):
    """What the server said of a file."""

    sha256: bytes
    state: Literal["accepted", "posted", "rejected", "discarded", "unknown"]
    code: str | None = None
    message: str | None = None


class OutboxCounts(msgspec.Struct, frozen=True):
    """How many files are in each state."""

    captured: int = 0
    held: int = 0
    accepted: int = 0
    posted: int = 0
    rejected: int = 0
    discarded: int = 0
    kept: int = 0  # settled without a booking: no sale, or nothing new
