"""The rows as the index of the folder of rejected files."""

import secrets
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Connection, Engine, Select, select, text

from malote import durable
from malote.database.engine import reading, writing
from malote.database.quarantine_tables import document_event, folder_mark, trash
from malote.database.tables import document as documents
from malote.quarantine.rejected_files import DocumentPlace, stem
from malote.register import rejected_handover
from malote.spool.states import State

_NAME = "rejeitados"
PAGE = 1000  # rows in memory at a time


class IndexRow(msgspec.Struct, frozen=True):
    """A document that a file may belong to."""

    id: int
    state: State
    sha256: bytes
    position: int
    kept: bool
    access_key: str | None = None

    @property
    def stem(self) -> str:
        """The name that its file has."""
        return stem(self.access_key, self.sha256, self.position)


def rejected(engine: Engine, till_id: int) -> Iterator[IndexRow]:
    """All rejected documents of a till by id, read a page at a time: one that comes meanwhile may be among them."""
    chosen = (documents.c.till_id == till_id) & (documents.c.state == "rejected")
    return _paged(engine, select(*_ROW).where(chosen))


def tills_kept(engine: Engine) -> set[int]:
    """The ids of the tills that have rejected documents whose files were written."""
    query = select(documents.c.till_id).where(documents.c.state == "rejected", documents.c.kept.is_(True)).distinct()
    with reading(engine) as connection:
        return set(connection.execute(query).scalars())


def newest_event(engine: Engine) -> int:
    newest = select(document_event.c.id).order_by(document_event.c.id.desc()).limit(1)
    with reading(engine) as connection:
        return connection.execute(newest).scalar() or 0


def tills_moved_on(engine: Engine, after: int, until: int) -> set[int]:
    """The ids of the tills of which something may have left the rejected ones, by the events beyond ``after``: another
    document settled it, or brought what it lacked."""
    query = (
        select(documents.c.till_id)
        .join_from(document_event, documents, document_event.c.document_id == documents.c.id)
        .where(
            document_event.c.id > after, document_event.c.id <= until, document_event.c.what.in_(("kept", "replayed"))
        )
        .distinct()
    )
    with reading(engine) as connection:
        return set(connection.execute(query).scalars())


def tills_in_trash(engine: Engine) -> set[int]:
    """The ids of the tills whose files lie in the trash's folder."""
    query = select(trash.c.till_id).where(trash.c.moved.is_(True), trash.c.purged_at.is_(None)).distinct()
    with reading(engine) as connection:
        return set(connection.execute(query).scalars())


def at(connection: Connection, till_id: int, place: DocumentPlace) -> IndexRow | None:
    """The till's document that a file's name speaks of."""
    start = place.sha256_start
    query = select(*_ROW).where(
        documents.c.till_id == till_id,
        documents.c.file_sha256.between(start + b"\0" * 16, start + b"\xff" * 16),
        documents.c.position == place.position,
    )
    row = connection.execute(query).first()
    return _row(row) if row else None


def by_id(connection: Connection, document_id: int) -> IndexRow:
    return _row(connection.execute(select(*_ROW).where(documents.c.id == document_id)).one())


def of_file(connection: Connection, till_id: int, sha256: bytes) -> list[IndexRow]:
    """The documents of one file."""
    query = select(*_ROW).where(documents.c.till_id == till_id, documents.c.file_sha256 == sha256)
    return [_row(row) for row in connection.execute(query.order_by(documents.c.position))]


def write_again(engine: Engine, document_ids: Iterable[int]) -> None:
    """Has the files of rejected documents written anew."""
    ids = sorted(document_ids)
    if not ids:
        return
    with writing(engine) as connection:
        unkeep(connection, ids)


def unkeep(connection: Connection, document_ids: Iterable[int]) -> None:
    """The same within a transaction of the caller's."""
    rejected_handover.mark(connection, document_ids, kept=False)


def adopt(engine: Engine, path: Path) -> None:
    """From now on the rows are the index of the folder with this mark; all that is rejected is written into it.

    Makes the mark where there is none. Raises ``OSError``; nothing is changed then.
    """
    with writing(engine) as connection:
        made = secrets.token_hex(16)
        # First of all: of two processes that come at once, the second waits here, and then finds the other's mark.
        connection.execute(_MARK, {"name": _NAME, "mark": made})
        if path.exists():
            connection.execute(_MARK, {"name": _NAME, "mark": _said(path)})
        else:
            durable.write(path, made.encode())
        rejected_handover.mark_all(connection)


def is_of(engine: Engine, path: Path) -> bool:
    """Whether the rows are the index of the folder with this mark. A database without one takes the first it sees."""
    with reading(engine) as connection:
        known = connection.execute(select(folder_mark.c.mark).where(folder_mark.c.name == _NAME)).scalar()
    if known is None:
        adopt(engine, path)
        return True
    return bool(known == _said(path))


def _said(path: Path) -> str:
    return path.read_bytes()[:100].decode("utf-8", "replace").strip()


def in_trash(engine: Engine, till_id: int) -> Iterator[IndexRow]:
    """The same of all documents of a till whose files lie in the trash's folder; ``kept``: they were moved there."""
    query = (
        select(*_SAYING, trash.c.moved, documents.c.access_key)
        .join_from(trash, documents, trash.c.document_id == documents.c.id)
        .where(trash.c.till_id == till_id, trash.c.purged_at.is_(None))
    )
    return _paged(engine, query, trash.c.document_id)


def _paged(engine: Engine, query: Select[Any], by: ColumnElement[int] = documents.c.id) -> Iterator[IndexRow]:
    after = 0
    while True:
        with reading(engine) as connection:
            rows = connection.execute(query.where(by > after).order_by(by).limit(PAGE)).all()
        yield from map(_row, rows)
        if len(rows) < PAGE:
            return
        after = rows[-1][0]


_SAYING = (documents.c.id, documents.c.state, documents.c.file_sha256, documents.c.position)
_ROW = (*_SAYING, documents.c.kept, documents.c.access_key)

_MARK = text(
    "INSERT INTO folder_mark (name, mark) VALUES (:name, :mark) ON CONFLICT (name) DO UPDATE SET mark = excluded.mark"
)


def _row(row: Any) -> IndexRow:
    document_id, state, sha256, position, kept, access_key = row
    return IndexRow(document_id, state, bytes(sha256), position, bool(kept), access_key)
