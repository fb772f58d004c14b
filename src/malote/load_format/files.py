"""The files of a load: zstd of JSON Lines, one entity each, named by the SHA-256 of their bytes; they never change.

The first line is a ``Header``; each other one a row, as an array in the order of its columns, or ``{"gone": [key]}``.
A file of ``whole`` rows is all there is; one of ``changes`` turns what its entity was at ``after`` into ``version``.
"""

import hashlib
from collections.abc import Iterable, Iterator
from typing import IO, Literal

import msgspec

from malote.explained_error import ExplainedError
from malote.frames import zstd
from malote.load_format.entity import Entity, Row, Value

FileMode = Literal["whole", "changes", "items"]
LARGEST_LINE = 64_000  # bytes
LARGEST_FILE = 512 * 1024 * 1024  # bytes as they travel
MOST_ROWS = 5 * 1_000_000
_LEVEL = 3
_PIECE = 1 << 16
_LARGEST_WINDOW = 23  # power of two of the bytes that a file may make its reader keep: 8 MiB


class Header(msgspec.Struct, frozen=True):
    """``rows``: lines that follow. ``items``: some rows of ``version``, whatever the others are at."""

    entity: Entity
    mode: FileMode
    version: int
    after: int  # 0 for a file of whole rows
    rows: int


class Gone(msgspec.Struct, frozen=True):
    """The row with this key is no more."""

    gone: tuple[Value, ...]


class LoadFileError(ExplainedError):
    """The file isn't what its name, its header or its entity says; facts: reason."""


class FileWritten(msgspec.Struct, frozen=True):
    sha256: str  # hex, of the bytes that were written
    bytes: int


_encoder = msgspec.json.Encoder()


def write(file: IO[bytes], header: Header, lines: Iterable[Row | Gone]) -> FileWritten:
    """Writes them as they come; the caller names the file by what it gets back. Raises ``OSError``.

    ``lines`` are as many as the header says; ``ValueError`` otherwise.
    """
    digest, size, count = hashlib.sha256(), 0, 0
    packer = zstd.ZstdCompressor(level=_LEVEL)
    piece = bytearray(_encoder.encode(header) + b"\n")

    def put(content: bytes) -> None:
        nonlocal size
        digest.update(content)
        size += len(content)
        file.write(content)

    for line in lines:
        piece += _encoder.encode(line) + b"\n"
        count += 1
        if len(piece) >= _PIECE:
            put(packer.compress(bytes(piece)))
            piece.clear()
    if count != header.rows:
        raise ValueError(f"{count} lines, and its header says {header.rows}")
    put(packer.compress(bytes(piece), packer.FLUSH_FRAME))
    return FileWritten(digest.hexdigest(), size)


def read(file: IO[bytes]) -> tuple[Header, Iterator[Row | Gone]]:
    """The header, and the lines as they are asked for, each of the shape of the header's entity.

    Memory stays that of a line. That a value has its one spelling is for the digest to prove. Raises
    ``LoadFileError`` for what isn't such a file, also while lines are read.
    """
    lines = _lines(file)
    first = next(lines, b"")
    try:
        header = msgspec.json.decode(first, type=Header)
    except (msgspec.MsgspecError, ValueError) as error:
        raise LoadFileError("load_file_unreadable", reason=str(error)) from error
    return header, _rows(header, lines)


def _rows(header: Header, lines: Iterator[bytes]) -> Iterator[Row | Gone]:
    decoder: msgspec.json.Decoder[Row | Gone] = msgspec.json.Decoder(Gone | header.entity.row_type)
    count = 0
    for line in lines:
        count += 1
        if count > header.rows:
            break
        try:
            yield decoder.decode(line)
        except (msgspec.MsgspecError, ValueError) as error:
            raise LoadFileError("load_file_unreadable", reason=f"line {count + 1}: {error}") from error
    if count != header.rows:
        raise LoadFileError("load_file_unreadable", reason=f"{count} / {header.rows} lines")


def _lines(file: IO[bytes]) -> Iterator[bytes]:
    opener = zstd.ZstdDecompressor(options={zstd.DecompressionParameter.window_log_max: _LARGEST_WINDOW})
    held = b""
    try:
        while not opener.eof:
            packed = file.read(_PIECE) if opener.needs_input else b""
            if opener.needs_input and not packed:
                raise LoadFileError("load_file_unreadable", reason="no end")
            held += opener.decompress(packed, _PIECE)
            *lines, held = held.split(b"\n")
            yield from lines
            if len(held) > LARGEST_LINE:
                raise LoadFileError("load_file_unreadable", reason="long line")
    except zstd.ZstdError as error:
        raise LoadFileError("load_file_unreadable", reason=str(error)) from error
    if held or opener.unused_data or file.read(1):
        raise LoadFileError("load_file_unreadable", reason="something follows its end")
