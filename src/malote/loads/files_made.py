"""The files that tills fetch: each is made once, stands under its hash in ``cargas/``, and never changes.

A file is whole on the disk before its row says so; what a killed server leaves has no name that anybody asks for, and
goes with the next sweep. A row without its file (another server of the same store made it) is made again here.
"""

import hashlib
import secrets
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import msgspec
from sqlalchemy import ColumnElement, Engine, and_, delete, insert, select, update

from malote import durable, private
from malote.batches import batches
from malote.database.engine import reading, writing
from malote.database.load_tables import load_file
from malote.load_format import files
from malote.load_format.entity import Row
from malote.load_format.files import FileMode, Gone, Header
from malote.load_format.wire import ManifestFile
from malote.loads import entity_rows, published_rows
from malote.remembered import Remembered

_SUFFIX = ".jsonl.zst"
_USED_SECONDS = 3600.0  # between two notes that a file is used
_LOCKS = 64


class WantedFile(msgspec.Struct, frozen=True):
    """``after`` 0: whole rows. ``keys``: of chosen items, in order."""

    entity_id: int
    mode: FileMode
    version: int
    after: int = 0
    keys: tuple[bytes, ...] = ()

    @property
    def items(self) -> str:
        return hashlib.sha256(b"\n".join(self.keys)).hexdigest() if self.keys else ""


class PublishedFile(msgspec.Struct, frozen=True):
    """``is_personal``: whether it holds what is a person's, and no shared cache may keep it."""

    path: Path
    bytes: int
    is_personal: bool


class FilesMade:
    """Safe for threads. Raises ``StoreError``, and ``OSError`` where a file can't be written."""

    def __init__(self, engine: Engine, folder: Path, clock: Callable[[], float] = time.time) -> None:
        self._engine = engine
        self._folder = folder
        self._clock = clock
        # Tills that need the same file at once wait for the one that makes it.
        self._locks = [threading.Lock() for _ in range(_LOCKS)]
        self._personal = Remembered[str, bool](self._is_personal, _USED_SECONDS)  # by hash, under which nothing changes

    def get(self, wanted: WantedFile) -> ManifestFile:
        """As a manifest names it; made now if nobody has."""
        with self._locks[hash(wanted) % _LOCKS]:
            return self._known(wanted) or self._made(wanted)

    def find(self, sha256: str) -> PublishedFile | None:
        """A file by the hash as a till asked for it; None where there is none."""
        if len(sha256) != 64 or not set(sha256) <= set("0123456789abcdef"):
            return None
        path = self._path(sha256)
        try:
            size = path.stat().st_size
        except FileNotFoundError:  # once, since it may be swept between two looks
            return None
        return PublishedFile(path, size, self._personal(sha256))

    def _is_personal(self, sha256: str) -> bool:
        with reading(self._engine) as connection:
            found = connection.execute(select(load_file.c.entity_id).where(load_file.c.sha256 == sha256)).first()
            if found is None:
                return True
            return any(column.personal for column in entity_rows.entity_of(connection, found.entity_id).columns)

    def sweep(self, before: float) -> int:
        """Drops what no till has asked for since; and what no row names. How many files."""
        with writing(self._engine) as connection:
            old = load_file.c.used_at < before
            gone = connection.scalars(delete(load_file).where(old).returning(load_file.c.sha256)).all()
            kept = set(connection.scalars(select(load_file.c.sha256)))
        dropped = 0
        for path in self._folder.iterdir() if self._folder.is_dir() else ():
            sha256 = path.name.removesuffix(_SUFFIX)
            # A file that was just written has no row yet.
            if sha256 in kept or (sha256 not in gone and path.stat().st_mtime >= before):
                continue
            with suppress(OSError):
                path.unlink()
                dropped += 1
        return dropped

    # ---- making ----

    def _known(self, wanted: WantedFile) -> ManifestFile | None:
        mine = _is(wanted)
        with reading(self._engine) as connection:
            row = connection.execute(select(load_file).where(mine)).one_or_none()
            if row is None or not self._path(row.sha256).is_file():
                return None
            name = entity_rows.entity_of(connection, wanted.entity_id).name
        now = self._clock()
        if row.used_at < now - _USED_SECONDS:
            with writing(self._engine) as connection:
                connection.execute(update(load_file).where(mine).values(used_at=now))
        return ManifestFile(row.sha256, row.bytes, name, wanted.mode, row.rows, wanted.version, wanted.after)

    def _made(self, wanted: WantedFile) -> ManifestFile:
        with reading(self._engine) as connection:
            entity = entity_rows.entity_of(connection, wanted.entity_id)
        durable.make_folder(self._folder, mode=private.FOLDER)
        count = sum(1 for _ in self._lines(wanted)) if wanted.mode == "changes" else self._count(wanted)
        header = Header(entity, wanted.mode, wanted.version, wanted.after, count)
        # By its own name only once it is whole; the name is what comes out of the writing.
        aside = self._folder / f"{secrets.token_hex(16)}.new"
        with durable.replacing(aside) as file:
            written = files.write(file, header, self._lines(wanted))
        durable.move(aside, self._path(written.sha256))
        self._note(wanted, written, count)
        return ManifestFile(
            written.sha256, written.bytes, entity.name, wanted.mode, count, wanted.version, wanted.after
        )

    def _note(self, wanted: WantedFile, written: files.FileWritten, rows: int) -> None:
        values = {
            "sha256": written.sha256,
            "bytes": written.bytes,
            "rows": rows,
            "used_at": self._clock(),
        }
        with writing(self._engine) as connection:
            if not connection.execute(update(load_file).where(_is(wanted)).values(values)).rowcount:
                place: dict[str, int | str] = {
                    "entity_id": wanted.entity_id,
                    "mode": wanted.mode,
                    "version": wanted.version,
                    "after": wanted.after,
                    "item_keys": wanted.items,
                }
                connection.execute(insert(load_file).values(place | values))

    def _count(self, wanted: WantedFile) -> int:
        if wanted.mode == "items":
            return len(wanted.keys)
        with reading(self._engine) as connection:
            return entity_rows.rows_at(connection, wanted.entity_id, wanted.version)

    def _lines(self, wanted: WantedFile) -> Iterator[Row | Gone]:
        if wanted.mode == "whole":
            for _, content in published_rows.whole(self._engine, wanted.entity_id, wanted.version):
                yield published_rows.decoded(content)
            return
        keys: Iterator[bytes] | Sequence[bytes] = wanted.keys
        if wanted.mode == "changes":
            keys = published_rows.changed_keys(self._engine, wanted.entity_id, wanted.after, wanted.version)
        yield from self._by_key(wanted, iter(keys))

    def _by_key(self, wanted: WantedFile, keys: Iterator[bytes]) -> Iterator[Row | Gone]:
        for some in batches(keys, published_rows.PAGE):
            with reading(self._engine) as connection:
                found = published_rows.there(connection, wanted.entity_id, wanted.version, some)
            for key in some:
                row = found.get(key)
                yield published_rows.decoded(row.content) if row else Gone(tuple(msgspec.json.decode(key)))

    def _path(self, sha256: str) -> Path:
        return self._folder / f"{sha256}{_SUFFIX}"


def _is(wanted: WantedFile) -> ColumnElement[bool]:
    return and_(
        load_file.c.entity_id == wanted.entity_id,
        load_file.c.mode == wanted.mode,
        load_file.c.version == wanted.version,
        load_file.c.after == wanted.after,
        load_file.c.item_keys == wanted.items,
    )
