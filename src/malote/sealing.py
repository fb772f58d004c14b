"""Sealing a pouch and opening it: ``zstd(msgpack(Pouch))``, with every hash in it proven."""

import hashlib
from collections.abc import Sequence
from datetime import datetime

import msgspec

from malote import frames
from malote.explained_error import ExplainedError
from malote.wire import PROTOCOL_VERSION, Pouch, PouchFile


class PouchUnreadableError(ExplainedError):
    """The bytes are no pouch, or a hash in it is wrong. Nothing of it was kept."""

    def __init__(self, code: str, detail: str = "", **facts: str) -> None:
        super().__init__(code, detail=detail, **facts)


class _Head(msgspec.Struct, array_like=True, frozen=True):
    """A pouch whose files are left as they are: what they would cost is known before it is paid."""

    version: int
    sealed_at: datetime
    files: msgspec.Raw


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Pouch)
_head_decoder = msgspec.msgpack.Decoder(_Head)

# What a frame may make its reader keep to refer back to: every level of zstd's up to 19, then what is allowed.
_SMALLEST_WINDOW = 2**22  # bytes
_LARGEST_WINDOW = 27  # a power of two


def seal(files: Sequence[PouchFile], sealed_at: datetime) -> tuple[bytes, str]:
    """A pouch ready to be sent, and the hash that goes into POUCH_HASH_HEADER."""
    payload = _encoder.encode(Pouch(PROTOCOL_VERSION, sealed_at, list(files)))
    return frames.pack(payload), hashlib.sha256(payload).hexdigest()


def unseal(body: bytes, expected_sha256: str | None, *, max_size: int, max_files: int | None = None) -> Pouch:
    """Opens a pouch and proves every hash in it.

    ``max_size`` bounds the uncompressed size in bytes, whatever the frame claims, and ``max_files`` how many files
    there may be, before a single one is looked at. One frame is a pouch: nothing may follow it. ``expected_sha256`` is
    None only for pouches that this server sealed itself. Raises ``PouchUnreadableError``.
    """
    payload = _decompress(body, max_size)
    try:
        if max_files is not None:
            _count(_head_decoder.decode(payload).files, max_files)
        if expected_sha256 is not None and hashlib.sha256(payload).hexdigest() != expected_sha256.lower():
            raise PouchUnreadableError("pouch_hash_mismatch", "the pouch changed on its way")
        pouch = _decoder.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise PouchUnreadableError("pouch_unreadable", str(error)) from error
    for position, file in enumerate(pouch.files):
        if hashlib.sha256(file.content).digest() != file.sha256:
            raise PouchUnreadableError("document_hash_mismatch", f"file {position} of the pouch")
    return pouch


def _count(files: msgspec.Raw, most: int) -> None:
    """Reads how many files a list claims to have from its first bytes."""
    start = bytes(memoryview(files)[:5])
    match start[:1]:
        case b"\xdc":
            found = int.from_bytes(start[1:3], "big")
        case b"\xdd":
            found = int.from_bytes(start[1:5], "big")
        case _:
            found = start[0] & 0x0F  # a short list; what is no list at all is refused by the decoder
    if found > most:
        raise PouchUnreadableError("too_many_documents", found=str(found), limit=str(most))


def _decompress(body: bytes, max_size: int) -> bytes:
    """The content of the one frame; no frame gets more memory than is allowed."""
    window = min(_LARGEST_WINDOW, max(max_size, _SMALLEST_WINDOW).bit_length())
    try:
        return frames.unpack(body, max_size, window=window)
    except frames.FrameTooLargeError as error:
        raise PouchUnreadableError("pouch_too_large", str(error)) from error
    except frames.FrameError as error:
        raise PouchUnreadableError("pouch_unreadable", str(error)) from error
