"""The extracted documents of one pouch as one blob, so that a poster reads no XML."""

import hashlib
from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

import msgspec

from malote import frames
from malote.fiscal.documents import Document, Sale

_DIGEST = 16  # bytes of a SHA-256


class DamagedError(Exception):
    """The blob isn't what ``packed`` made, or a version that can't be read any more made it."""


class Packed(NamedTuple):
    """``digests``: of each form, by its index: one that somebody changed is told from the one that was read."""

    blob: bytes
    digests: bytes


def packed(extracted: list[Document | None]) -> Packed:
    entries = [msgspec.Raw(_encoder.encode(document)) for document in extracted]
    return Packed(frames.pack(_encoder.encode(entries), level=1), b"".join(map(_digest, entries)))


def extend(
    blob: bytes | None, digests: bytes | None, used: int, more: Sequence[Document]
) -> tuple[bytes, bytes | None, int]:
    """The blob and its digests with more documents at their end, and the index of the first of these.

    ``used``: how many indexes are in use. They keep their meaning, even when what they pointed at is lost. Digests are
    None where nobody took any of what was packed before.
    """
    entries = _entries(blob)
    entries += [_NOTHING] * (used - len(entries))
    added = [msgspec.Raw(_encoder.encode(document)) for document in more]
    if digests is not None:
        known = len(entries) * _DIGEST
        digests = digests[:known].ljust(known, b"\0") + b"".join(map(_digest, added))
    return frames.pack(_encoder.encode(entries + added), level=1), digests, len(entries)


def _digest(entry: bytes | msgspec.Raw) -> bytes:
    return hashlib.sha256(entry).digest()[:_DIGEST]


def _entries(blob: bytes | None) -> list[msgspec.Raw]:
    try:
        return _opened(blob) if blob is not None else []
    except DamagedError:
        return []


def _opened(blob: bytes) -> list[msgspec.Raw]:
    try:
        return _split.decode(frames.unpack(blob, _LARGEST))
    except (frames.FrameError, msgspec.DecodeError) as error:
        raise DamagedError(str(error)) from error


class Extracted:
    """An opened blob. Only the documents asked for are decoded: a waiting one may be alone among hundreds."""

    def __init__(self, blob: bytes, digests: bytes | None = None) -> None:
        """``digests`` as they were kept beside it; a form of which none was taken is believed. Raises
        ``DamagedError``."""
        self._entries = _opened(blob)
        self._digests = digests or b""

    def document(self, index: int) -> Document:
        """Raises ``DamagedError``."""
        try:
            entry = self._entries[index]
            kept = self._digests[index * _DIGEST : (index + 1) * _DIGEST]
            if kept.strip(b"\0") and kept != _digest(entry):
                raise DamagedError("another form than the one that was read")
            found = _one.decode(entry)
        except (msgspec.DecodeError, UnicodeDecodeError, IndexError) as error:
            raise DamagedError(str(error)) from error
        if found is None:
            raise DamagedError("nothing was extracted")
        return found


def opened_or_none(blob: bytes | None, digests: bytes | None) -> Extracted | None:
    """None where there is none, or it is damaged."""
    try:
        return None if blob is None else Extracted(blob, digests)
    except DamagedError:
        return None


def document_or_none(extracted: Extracted | None, index: int | None) -> Document | None:
    """Likewise of one of its documents; ``index`` None where it could not be read."""
    try:
        return None if extracted is None or index is None else extracted.document(index)
    except DamagedError:
        return None


def is_of(document: Document, access_key: str | None, total: int | None) -> bool:
    """Whether a form is that of the document whose line says this key and total (cents): one that somebody changed may
    still be read, and is another sale's, or one of another amount."""
    if not isinstance(document, Sale) or total is None:
        return True
    return (document.access_key, document.totals.total) == (access_key, total)


_LARGEST = 2**31  # bytes: what this server packed itself is bounded by the pouches it takes


def by_its_own_clock(document: Document, issued_at: str | None) -> Document:
    """The same moments, told by the clock that the document was written by: packed, they are all in UTC.

    ``issued_at`` is the time as the document wrote it, which its row keeps. What an ERP is given as day and hour is
    this clock's.
    """
    try:
        zone = datetime.fromisoformat(issued_at or "").tzinfo
    except ValueError:
        return document
    if zone is None:
        return document
    changed: dict[str, Any] = {
        name: at.astimezone(zone) for name in _TIMES if (at := getattr(document, name, None)) is not None
    }
    protocol = getattr(document, "protocol", None)
    if protocol is not None and protocol.at is not None:
        changed["protocol"] = msgspec.structs.replace(protocol, at=protocol.at.astimezone(zone))
    return msgspec.structs.replace(document, **changed)


_TIMES = ("issued_at", "at", "contingency_at")
_encoder = msgspec.msgpack.Encoder()
_split = msgspec.msgpack.Decoder(list[msgspec.Raw])
_one: msgspec.msgpack.Decoder[Document | None] = msgspec.msgpack.Decoder(Document | None)
_NOTHING = msgspec.Raw(_encoder.encode(None))
