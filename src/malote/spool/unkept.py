"""Rejected documents on their way to the quarantine: what a crash left out is found here and kept later."""

from collections.abc import Callable, Sequence
from itertools import groupby
from typing import Any

from sqlalchemy import ColumnElement, Engine, select, update

from malote.database.engine import reading, writing
from malote.database.tables import document as documents
from malote.database.tables import pouch as pouches
from malote.database.tables import till as tills
from malote.spool.contents import files_of
from malote.spool.documents import Reason, RejectedDocument
from malote.spool.moving import chunks, decode_reason, lock_ids

# Puts a document on disk durably. Raises ``OSError``.
Write = Callable[[RejectedDocument], object]

_BYTES_AT_ONCE = 16_000_000  # of contents in memory, and those of the pouch that exceeds it


def unkept(engine: Engine, limit: int) -> list[tuple[int, RejectedDocument]]:
    return with_files(engine, (documents.c.state == "rejected") & documents.c.kept.is_(False), limit)


def with_files(engine: Engine, chosen: ColumnElement[bool], limit: int) -> list[tuple[int, RejectedDocument]]:
    """Rejected or discarded documents, each with its file; fewer than there are, so that memory stays bounded."""
    query = (
        select(*_COLUMNS)
        .join_from(documents, tills, documents.c.till_id == tills.c.id)
        .where(chosen)
        .order_by(documents.c.id)
        .limit(limit)
    )
    found: list[tuple[int, RejectedDocument]] = []
    held = 0
    with reading(engine) as connection:
        rows = connection.execute(query).all()
        for pouch_id, of_pouch in groupby(rows, key=lambda row: row.pouch_id):
            body = connection.execute(select(pouches.c.body).where(pouches.c.id == pouch_id)).scalar_one()
            files = files_of(body)
            for row in of_pouch:
                content = files[row.pouch_index]
                found.append((row.id, _rejected(row, content)))
                held += len(content)
            if held > _BYTES_AT_ONCE:
                break
    return found


def keep(engine: Engine, document_id: int, rejected: RejectedDocument, write: Write) -> bool:
    """Lets ``write`` put it on disk while nobody can replay or delete it; whether it still was to be kept.

    Raises what ``write`` raises; it is then still to be kept.
    """
    with writing(engine) as connection:
        (standing,) = lock_ids(connection, [document_id])
        if standing.state != "rejected" or (standing.reason_code or "unknown_reason") != rejected.reason.code:
            return False
        write(rejected)
        connection.execute(update(documents).where(documents.c.id == document_id).values(kept=True))
    return True


def mark_kept(engine: Engine, document_ids: Sequence[int]) -> None:
    with writing(engine) as connection:
        for chunk in chunks(sorted(document_ids)):
            # One that was replayed meanwhile is no longer rejected, and will be kept anew if it is once more.
            still = documents.c.id.in_(chunk) & (documents.c.state == "rejected")
            connection.execute(update(documents).where(still).values(kept=True))


_COLUMNS = (
    documents.c.id,
    documents.c.pouch_id,
    documents.c.pouch_index,
    documents.c.file_name,
    documents.c.file_sha256,
    documents.c.position,
    documents.c.reason,
    documents.c.access_key,
    documents.c.kind,
    documents.c.settled_at,
    tills.c.name.label("till"),
)


def _rejected(row: Any, content: bytes) -> RejectedDocument:
    return RejectedDocument(
        till=row.till,
        file_name=row.file_name,
        file_sha256=bytes(row.file_sha256),
        position=row.position,
        content=content,
        reason=decode_reason(row.reason) or Reason("unknown_reason"),
        access_key=row.access_key,
        kind=row.kind,
        rejected_at=row.settled_at,
    )
