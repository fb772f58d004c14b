"""The list of what a backup holds, with which anybody can see that it is whole."""

import hashlib
import os
import re
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import IO

import msgspec

from malote import durable
from malote.backup.errors import BackupError

NAME = "manifest.json"
FORMAT = 1
_PIECE = 1 << 20
_LARGEST_MANIFEST = 1 << 28  # bytes; a million files

# What may stand in a backup, so that nothing of it is ever written anywhere else.
_PLACES = re.compile(r"(store\.(sqlite3|dump)|.+\.toml|[^/]+\.key|(rejeitados|lixeira|entrada)/.+)", re.DOTALL)


class BackupFile(msgspec.Struct, frozen=True):
    """One file: where it stands in the home folder, its size in bytes, and the SHA-256 of its content in hex."""

    path: str
    size: int
    sha256: str


class BackupManifest(msgspec.Struct, frozen=True):
    """``made_at`` has a zone; ``version`` is the program's that made it."""

    format: int
    made_at: datetime
    version: str
    store: str
    parts: list[BackupFile]

    @property
    def size(self) -> int:
        return sum(part.size for part in self.parts)


def read(archive: zipfile.ZipFile) -> BackupManifest:
    """Raises ``BackupError`` for a file that is no backup, or one of a form that this version doesn't know."""
    try:
        if archive.getinfo(NAME).file_size > _LARGEST_MANIFEST:
            raise BackupError("backup_unreadable", detail=NAME)
        manifest = msgspec.json.decode(archive.read(NAME), type=BackupManifest)
    except (KeyError, msgspec.DecodeError, UnicodeDecodeError, zipfile.BadZipFile, zlib.error, RuntimeError) as error:
        raise BackupError("backup_unreadable", detail=str(error)) from error
    if manifest.format != FORMAT:
        raise BackupError("backup_unreadable", detail=f"format {manifest.format}")
    for part in manifest.parts:
        if not _PLACES.fullmatch(part.path) or {"..", ".", ""} & set(re.split(r"[/\\]", part.path)) or ":" in part.path:
            raise BackupError("backup_unreadable", detail=part.path)
    return manifest


def unpack(archive: zipfile.ZipFile, part: BackupFile, target: Path | None, told: Callable[[int], None]) -> None:
    """One part, proven on the way; with a ``target`` it is written there. ``told`` hears how many bytes are done.

    Raises ``BackupError`` where it isn't what the list says, ``OSError``.
    """
    digest, size = hashlib.sha256(), 0
    try:
        with archive.open(part.path) as source, _written(target) as out:
            while size <= part.size and (piece := source.read(_PIECE)):
                size += len(piece)
                digest.update(piece)
                out.write(piece)
                told(len(piece))
    except (KeyError, zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError) as error:
        raise BackupError("backup_damaged", file=part.path) from error
    if size != part.size or digest.hexdigest() != part.sha256:
        raise BackupError("backup_damaged", file=part.path)


@contextmanager
def _written(target: Path | None) -> Iterator[IO[bytes]]:
    """A new file, on the disk at the end of the block; without a ``target``, nowhere."""
    if target is None:
        with Path(os.devnull).open("wb") as out:
            yield out
        return
    with durable.new_file(target) as out:
        yield out
        out.flush()
        os.fsync(out.fileno())
