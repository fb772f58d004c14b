"""Writing the archive of one CNPJ and month, a document at a time: its contents are never in memory together.

It takes its name only when it is whole and on the disk: whoever is killed before has written nothing.
"""

import csv
import glob
import hashlib
import io
import shutil
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import datetime
from itertools import groupby
from pathlib import Path
from typing import IO, Any, cast

import msgspec
from sqlalchemy import Engine

from malote import durable
from malote.accounts import audit
from malote.accounts.audit import Actor
from malote.archive import index, selecting
from malote.archive.index import ArchiveRow
from malote.archive.selecting import ArchiveMonth
from malote.database.engine import writing
from malote.fiscal.access_key import is_well_formed
from malote.fiscal.amounts import money
from malote.register import contents

STALE_SECONDS = 3600.0  # without a byte written
_LEVEL = 6
_EARLIEST = 1980  # year, of the ZIP format

Progress = Callable[[int], None]  # told how many documents were written since it was last told


class ArchivePart(msgspec.Struct, frozen=True):
    """What is archived. ``after``: only documents beyond this id, where an earlier archive has the others.
    ``unauthorised``: with sales that have no protocol yet."""

    issuer: str
    month: ArchiveMonth
    after: int = 0
    unauthorised: bool = False


class ExportedMonth(msgspec.Struct, frozen=True):
    """``documents``: rows of the index; ``missing``: those of which the file has left the server; ``damaged``: the ids
    of those whose file isn't what came any more, and is not in it; ``waiting``: sales without protocol, which are left
    out."""

    file: str
    sha256: str
    issuer: str
    month: str
    documents: int
    missing: int
    damaged: list[int]
    waiting: int
    first_id: int
    last_id: int


def export(
    engine: Engine, part: ArchivePart, target: Path, told: Progress = lambda _: None, actor: Actor | None = None
) -> ExportedMonth:
    """Writes the archive at ``target``, whole or not at all. ``actor``: a person who asked for it; that is in the audit
    trail before there is a file.

    Raises ``StoreError``, ``OSError``.
    """
    if actor is not None:
        with writing(engine) as connection:
            asked = {"month": part.month.text, "issuer": part.issuer}
            audit.record(connection, actor, "archive_exported", "server", after=asked)
    _sweep(target)
    with durable.replacing(target) as file:
        written = _Archive(file)
        with written:
            for rows in selecting.pages(engine, part.month, part.issuer, part.after, unauthorised=part.unauthorised):
                for row, content in _with_contents(engine, rows, written.damaged):
                    written.add(row, content)
                    told(1)
        file.flush()
        digest = _digest(file)
    waiting = 0 if part.unauthorised else selecting.without_protocol(engine, part.month, part.issuer)
    return ExportedMonth(
        str(target), digest, part.issuer, part.month.text, written.documents, written.missing,
        sorted(written.damaged), waiting,
        written.first_id, written.last_id,
    )  # fmt: skip


def _sweep(target: Path) -> None:
    """Takes away what was left by who was killed while writing this archive, and not what somebody is still writing."""
    for left in target.parent.glob(f".{glob.escape(target.name)}.*.tmp"):
        if time.time() - left.stat().st_mtime > STALE_SECONDS:
            left.unlink(missing_ok=True)


class _Archive:
    """The ZIP file while it is made. The indexes grow on the disk beside it, in files that have no name."""

    def __init__(self, file: IO[bytes]) -> None:
        self._open = ExitStack()
        self._zip = self._open.enter_context(zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=_LEVEL))
        self._csv: IO[bytes] = self._open.enter_context(tempfile.TemporaryFile())  # noqa: SIM115 - closed with the rest
        self._json: IO[bytes] = self._open.enter_context(tempfile.TemporaryFile())  # noqa: SIM115 - closed with the rest
        self._sums: IO[bytes] = self._open.enter_context(tempfile.TemporaryFile())  # noqa: SIM115 - closed with the rest
        text = self._open.enter_context(io.TextIOWrapper(self._csv, "utf-8", newline="", write_through=True))
        self._rows = csv.writer(text, lineterminator="\n")
        self._rows.writerow(index.FIELDS)
        self._paths: dict[bytes, str] = {}  # of the files that are in it, by their hashes
        self.documents = self.missing = self.first_id = self.last_id = 0
        self.damaged: set[int] = set()

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, *_: object) -> None:
        with self._open:
            if kind is None:
                self._finish()

    def add(self, row: Any, content: bytes | None) -> None:
        path, digest = "", row.file_sha256.hex()
        if content is None:
            self.missing += row.id not in self.damaged
        else:
            path = self._keep(row, content, digest)
        told = _row(row, path, digest)
        self._rows.writerow(index.values(told))
        self._json.write((b",\n" if self.documents else b"[\n") + msgspec.json.encode(told))
        self.documents += 1
        self.first_id = self.first_id or row.id
        self.last_id = row.id

    def _keep(self, row: Any, content: bytes, digest: str) -> str:
        """Where the file lies; one that holds several documents, or came twice, is in it once."""
        known = self._paths.get(row.file_sha256)
        if known is not None:
            return known
        path = f"{index.FOLDER}/{_name(row)}-{digest[:8]}.xml"
        info = zipfile.ZipInfo(path, _date(row.issued_at))
        info.compress_type = zipfile.ZIP_DEFLATED
        info.external_attr = 0o600 << 16
        self._zip.writestr(info, content, compresslevel=_LEVEL)
        self._sums.write(f"{digest}  {path}\n".encode())
        self._paths[row.file_sha256] = path
        return path

    def _finish(self) -> None:
        """The indexes come last, once they are whole."""
        self._json.write(b"\n]\n" if self.documents else b"[]\n")
        for name, made in ((index.CSV, self._csv), (index.JSON, self._json), (index.SUMS, self._sums)):
            made.seek(0)
            info = zipfile.ZipInfo(name, (_EARLIEST, 1, 1, 0, 0, 0))
            info.compress_type = zipfile.ZIP_DEFLATED
            info.external_attr = 0o600 << 16
            with self._zip.open(info, "w") as entry:
                shutil.copyfileobj(made, entry)


def _with_contents(engine: Engine, rows: list[Any], damaged: set[int]) -> Iterator[tuple[Any, bytes | None]]:
    """Each with the file it came in, in order; None where that was pruned, or isn't what came: ``damaged`` is told of
    these. One pouch at a time is open."""
    for _, some in groupby(rows, key=lambda row: row.pouch_id):
        of_pouch = list(some)
        kept = contents.of_documents(engine, [row.id for row in of_pouch], damaged)
        found = {one: content for one, _, content in kept}
        for row in of_pouch:
            yield row, found.get(row.id)


def _row(row: Any, path: str, digest: str) -> ArchiveRow:
    def text(value: object) -> str:
        return "" if value is None else str(value)

    return ArchiveRow(
        path=path,
        sha256=digest,
        kind=row.kind,
        access_key=text(row.access_key),
        issuer=text(row.of_issuer),
        model=text(row.model),
        series=text(row.series),
        number=text(row.number),
        last_number=text(row.last_number),
        issued_at=text(row.issued_at),
        total="" if row.total is None else money(row.total),
        state=row.state,
        authorised="" if row.authorised is None else str(row.authorised).lower(),
        till=row.till,
    )


def _name(row: Any) -> str:
    """Of letters and digits only, whatever the document says."""
    key = row.access_key or ""
    return f"{key}-{row.kind}" if is_well_formed(key) else str(row.kind)


def _date(issued_at: str) -> tuple[int, int, int, int, int, int]:
    """By the document's own clock: the archive of a month is the same bytes whenever it is made."""
    try:
        at = datetime.fromisoformat(issued_at)
    except ValueError:
        return (_EARLIEST, 1, 1, 0, 0, 0)
    return (max(at.year, _EARLIEST), at.month, at.day, at.hour, at.minute, at.second)


def _digest(file: IO[bytes]) -> str:
    file.seek(0)
    return hashlib.file_digest(cast(Any, file), "sha256").hexdigest()
