"""Rejected documents on their way to the quarantine: what a crash left out is found here and kept later."""

from collections.abc import Callable, Iterable, Sequence
from itertools import groupby
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, TextClause, select, text, update

from malote.database.chunks import chunks
from malote.database.engine import reading, writing
from malote.database.tables import document as documents
from malote.database.tables import pouch as pouches
from malote.database.tables import till as tills
from malote.register import contents, till_documents
from malote.register.contents import files_of
from malote.spool.documents import Reason, RejectedDocument
from malote.spool.state_changes import decode_reason, lock_ids

# Puts a document on disk durably. Raises ``OSError``.
Write = Callable[[RejectedDocument], object]

_BYTES_AT_ONCE = 16_000_000  # of contents in memory, and those of the pouch that exceeds it


# A document to be written, with its file, or with what went wrong when its file was to be brought.
Waiting = tuple[int, RejectedDocument | Exception]


def unkept(engine: Engine, limit: int = 100, after: int = 0) -> list[Waiting]:
    """Rejected documents that aren't on the disk, beyond the id ``after``, each with its file."""
    # Written as the partial index is, so that it is used.
    return with_files(engine, text("document.state = 'rejected' AND document.kept = false"), limit, after)


def with_files(engine: Engine, chosen: ColumnElement[bool] | TextClause, limit: int, after: int = 0) -> list[Waiting]:
    """Rejected or discarded documents beyond the id ``after``, each with its file, by id.

    Fewer than there are, so that memory stays bounded. A pouch that can't be opened holds back no other.
    """
    query = (
        select(*_COLUMNS)
        .join_from(documents, tills, documents.c.till_id == tills.c.id)
        .where(chosen, documents.c.id > after)
        .order_by(documents.c.id)
        .limit(limit)
    )
    found: list[Waiting] = []
    held = 0
    with reading(engine) as connection:
        rows = connection.execute(query).all()
        for pouch_id, of_pouch in groupby(rows, key=lambda row: row.pouch_id):
            body = connection.execute(select(pouches.c.body).where(pouches.c.id == pouch_id)).scalar_one()
            opened = _opened(list(of_pouch), body)
            found += opened
            held += sum(len(one.content) for _, one in opened if isinstance(one, RejectedDocument))
            if held > _BYTES_AT_ONCE:
                break
    return found


def _opened(rows: Sequence[Any], body: bytes) -> list[Waiting]:
    """The documents of one pouch."""
    try:
        files = files_of(body)
        return [(row.id, _rejected(row, files[row.pouch_index])) for row in rows]
    except Exception as error:  # noqa: BLE001 - one pouch must not hold back the others; whoever asked tells it
        return [(row.id, error) for row in rows]


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


def about_to_be(engine: Engine, document_id: int, reason: Reason, rejected_at: float) -> RejectedDocument:
    """What the quarantine keeps of a document that is to be rejected. Raises ``StoreError``, ``LookupError``."""
    stored = till_documents.document(engine, document_id)
    return RejectedDocument(
        till=stored.till,
        file_name=stored.file_name,
        file_sha256=bytes.fromhex(stored.file_sha256),
        position=stored.position,
        content=contents.content(engine, document_id),
        reason=reason,
        access_key=stored.access_key,
        kind=stored.kind,
        rejected_at=rejected_at,
    )


def mark_kept(engine: Engine, document_ids: Sequence[int]) -> None:
    """Says that the quarantine has them durably."""
    with writing(engine) as connection:
        mark(connection, document_ids, kept=True)


def mark(connection: Connection, document_ids: Iterable[int], *, kept: bool) -> None:
    """Says of rejected documents that the quarantine has them durably, or that their files are to be written anew."""
    for chunk in chunks(sorted(document_ids)):
        # One that was replayed meanwhile is no longer rejected, and will be kept anew if it is once more.
        still = documents.c.id.in_(chunk) & (documents.c.state == "rejected")
        connection.execute(update(documents).where(still).values(kept=kept))


def mark_all(connection: Connection) -> None:
    """All files of rejected documents are to be written anew."""
    connection.execute(update(documents).where(documents.c.state == "rejected").values(kept=False))


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
