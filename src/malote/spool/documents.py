"""What goes into the spool and what comes out of it."""

import msgspec

from malote.fiscal.documents import Document
from malote.fiscal.problems import Problem
from malote.spool.states import State


class Reason(msgspec.Struct, frozen=True):
    """Why a document waits, was rejected, or is kept without a booking.

    ``code`` and the names of ``facts`` are the catalogue's.
    """

    code: str
    facts: dict[str, str] = {}
    problems: list[Problem] = []  # every finding, when it was rejected at reading


class IncomingDocument(msgspec.Struct, frozen=True):
    """One document of a file, read and judged. Position counts from 0 within the file.

    ``document`` is None where it could not be read; the document is then rejected. The identifying fields are what
    could be read of it, for people to find it by.
    """

    position: int
    document: Document | None
    state: State  # "accepted", "rejected" or "kept"
    reason: Reason | None  # for "rejected" and "kept"
    kind: str | None = None
    access_key: str | None = None
    model: str | None = None
    issuer: str | None = None
    series: int | None = None
    number: int | None = None
    issued_at: str | None = None  # ISO 8601 with zone
    total: int | None = None  # cents
    authorised: bool | None = None  # whether it brings its protocol
    last_number: int | None = None  # of voided numbers, of which ``number`` is the first


class IncomingFile(msgspec.Struct, frozen=True):
    name: str
    sha256: bytes
    documents: list[IncomingDocument]  # at least one, even when nothing could be read


class LeasedDocument(msgspec.Struct, frozen=True):
    """A document that one poster has for a while. Only the holder of ``lease`` may settle it."""

    id: int
    till: str
    lease: str
    document: Document
    accepted_at: float  # seconds since the epoch
    attempts: int  # earlier ones
    reason: Reason | None = None  # why it waited until now
    again: bool = False  # it was booked before, and ordered to be booked again


class Settlement(msgspec.Struct, frozen=True):
    """What became of a leased document."""

    document_id: int
    lease: str
    state: State  # "posted", "waiting", "rejected" or "kept"
    reason: Reason | None = None  # for "waiting", "rejected" and "kept"; for "posted", what its history tells
    retry_at: float | None = None  # for "waiting": seconds since the epoch, at most a day ahead; None: at once
    duplicate: bool = False  # for "posted": the ERP had it already
    flagged: bool = False  # for "posted": a person must look at it all the same, for this reason
    protocol_due: float | None = None  # for "posted": by when a sale without protocol must have it, since the epoch
    took_back: tuple[str, ...] = ()  # for "posted" and "kept": keys of sales that were taken back for it
    joined: int | None = None  # cStat of the answer by which the sale of this key is authorised now


class RejectedDocument(msgspec.Struct, frozen=True):
    """What the quarantine keeps on disk of a rejected document."""

    till: str
    file_name: str  # as the till called it; never part of a path
    file_sha256: bytes
    position: int
    content: bytes  # the whole file
    reason: Reason
    access_key: str | None
    kind: str | None
    rejected_at: float  # seconds since the epoch
