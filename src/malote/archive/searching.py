"""Looking into archives without Malote's database: by key, number, value or day; and whether each file is what it was.

What is read may come from anybody: it is streamed, a row at a time, and nothing of it is ever written to a path.
"""

import csv
import hashlib
import io
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Literal

import msgspec

from malote.archive import index
from malote.archive.index import ArchiveRow
from malote.explained_error import ExplainedError

LARGEST_FIELD = 10_000  # characters
_PIECE = 1 << 16


class ArchiveError(ExplainedError):
    """A file that is no archive, or a damaged one."""

    def __init__(self, path: Path, detail: str) -> None:
        super().__init__("archive_damaged", file=str(path), detail=detail)


class ArchiveQuery(msgspec.Struct, frozen=True):
    """What a row must be; "" is anything. ``key`` may be a part of one, ``total`` is written as in the index, and the
    time of issue begins with ``day``.
    """

    key: str = ""
    number: str = ""
    total: str = ""
    day: str = ""
    issuer: str = ""

    def fits(self, row: ArchiveRow) -> bool:
        return (
            self.key in row.access_key
            and (not self.number or _covers(row, self.number))
            and self.total in ("", row.total)
            and row.issued_at.startswith(self.day)
            and self.issuer in ("", row.issuer)
        )


class Hit(msgspec.Struct, frozen=True):
    archive: str
    row: ArchiveRow


class SearchFault(msgspec.Struct, frozen=True):
    path: str  # within the archive
    problem: Literal["altered", "missing", "unexpected"]


def archives_in(paths: Iterable[Path]) -> list[Path]:
    """These files, and the archives in these folders, with all that is below them."""
    found: list[Path] = []
    for path in paths:
        found += sorted(path.rglob("*.zip")) if path.is_dir() else [path]
    return found


def search(path: Path, query: ArchiveQuery) -> Iterator[Hit]:
    """The rows of an archive's index that fit. Raises ``ArchiveError``."""
    for row in rows(path):
        if query.fits(row):
            yield Hit(str(path), row)


def rows(path: Path) -> Iterator[ArchiveRow]:
    """The archive's index. Raises ``ArchiveError``."""
    csv.field_size_limit(LARGEST_FIELD)
    try:
        with zipfile.ZipFile(path) as archive, archive.open(index.CSV) as raw:
            for found in csv.DictReader(io.TextIOWrapper(raw, "utf-8", newline="")):
                yield index.row_of(found)
    except (OSError, KeyError, ValueError, csv.Error, zipfile.BadZipFile, zipfile.LargeZipFile) as error:
        raise ArchiveError(path, _said(error)) from error


def verify(path: Path) -> Iterator[SearchFault]:
    """Every file that isn't what the index says, and every one that it doesn't name. Raises ``ArchiveError``."""
    expected = {row.path: row.sha256 for row in rows(path) if row.path}
    try:
        with zipfile.ZipFile(path) as archive:
            there = set(archive.namelist()) - {index.CSV, index.JSON, index.SUMS}
            yield from (SearchFault(name, "unexpected") for name in sorted(there - set(expected)))
            for name, digest in expected.items():
                if name not in there:
                    yield SearchFault(name, "missing")
                elif _digest(archive, name) != digest:
                    yield SearchFault(name, "altered")
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise ArchiveError(path, _said(error)) from error


def _digest(archive: zipfile.ZipFile, name: str) -> str:
    digest = hashlib.sha256()
    try:
        with archive.open(name) as file:
            while piece := file.read(_PIECE):
                digest.update(piece)
    except (zipfile.BadZipFile, OSError, EOFError, ValueError):
        return ""  # its own check sum is wrong already
    return digest.hexdigest()


def _covers(row: ArchiveRow, number: str) -> bool:
    """A void covers all the numbers between its two."""
    if row.number == number:
        return True
    ends = (row.number, number, row.last_number)
    return all(one.isascii() and one.isdigit() for one in ends) and int(ends[0]) <= int(ends[1]) <= int(ends[2])


def _said(error: Exception) -> str:
    return error.strerror or "" if isinstance(error, OSError) and error.strerror else type(error).__name__
