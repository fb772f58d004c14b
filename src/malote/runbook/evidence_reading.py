"""A received evidence: the same analysis once more. What comes from outside is bounded before it is opened."""

import hashlib
import lzma
import zipfile
import zlib
from pathlib import Path
from typing import Any

import msgspec

from malote.bilingual import Bilingual
from malote.explained_error import ExplainedError
from malote.runbook.evidence import FORMAT
from malote.runbook.next_step import Procedure, decide
from malote.runbook.observations import Marks, Situation

LARGEST_FILE = 64 << 20  # of the zip
LARGEST_PART = 32 << 20  # of one file in it, opened
MOST_PARTS = 64

_MANIFEST = "manifest.json"


# What went wrong in it, in words of this program: a library's own quote what the sender wrote.
_MISSING = Bilingual("falta uma parte", "a part is missing")
_DAMAGED = Bilingual("cortado ou danificado", "cut or damaged")
_ANOTHER = Bilingual("não é o que estas evidências guardam", "not what such evidence holds")
_BROKEN = (
    *(zipfile.BadZipFile, zlib.error, lzma.LZMAError, NotImplementedError, RuntimeError),
    *(KeyError, ValueError, EOFError, OverflowError, OSError),  # of the bytes in it: bz2 has no error of its own
)


class EvidenceError(ExplainedError):
    """It is none, or not whole."""

    def __init__(self, path: Path, detail: Bilingual[str]) -> None:
        super().__init__("evidence_unreadable", path=path.name, detail=detail.pt, detail_en=detail.en)


class Received(msgspec.Struct, frozen=True):
    """``procedure`` was decided here and now, by this version, from what the sender saw."""

    malote: str  # the sender's version
    seen: Situation
    marks: Marks | None
    procedure: Procedure


class _Manifest(msgspec.Struct, frozen=True):
    format: int
    malote: str
    files: dict[str, str]


def read(path: Path) -> Received:
    """Raises ``EvidenceError``, ``OSError``."""
    if path.stat().st_size > LARGEST_FILE:
        size = f"> {LARGEST_FILE >> 20} MB"
        raise EvidenceError(path, Bilingual(size, size))
    try:
        with zipfile.ZipFile(path) as archive:
            return _received(archive)
    except _BROKEN as error:
        raise EvidenceError(path, _named(error)) from error


def _named(error: Exception) -> Bilingual[str]:
    if isinstance(error, KeyError):
        return _MISSING
    return _ANOTHER if type(error) is ValueError or isinstance(error, msgspec.MsgspecError) else _DAMAGED


def _received(archive: zipfile.ZipFile) -> Received:
    if len(archive.infolist()) > MOST_PARTS:
        raise ValueError("too many files")
    manifest = msgspec.json.decode(_part(archive, _MANIFEST), type=_Manifest)
    if manifest.format > FORMAT:
        raise ValueError("a newer format")
    seen = msgspec.json.decode(_proven(archive, manifest, "situation.json"), type=Situation)
    marks = msgspec.json.decode(_proven(archive, manifest, "marks.json"), type=Marks | None)
    _check_whole(archive, manifest)
    return Received(manifest.malote, seen, marks, decide(seen, marks))


def _check_whole(archive: zipfile.ZipFile, manifest: _Manifest) -> None:
    """That everything, also what only people read, is as the sender's program wrote it."""
    left = LARGEST_FILE
    for name in manifest.files:
        left -= len(_proven(archive, manifest, name))
        if left < 0:
            raise ValueError("too large")


def _proven(archive: zipfile.ZipFile, manifest: _Manifest, name: str) -> bytes:
    content = _part(archive, name)
    if hashlib.sha256(content).hexdigest() != manifest.files.get(name):
        raise ValueError("altered")
    return content


def _part(archive: zipfile.ZipFile, name: str) -> bytes:
    """No more of it than the limit is ever opened, whatever its own head says."""
    with archive.open(name) as part:
        content: Any = part.read(LARGEST_PART + 1)
    if len(content) > LARGEST_PART:
        raise ValueError("too large")
    return bytes(content)
