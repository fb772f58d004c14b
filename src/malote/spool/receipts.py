"""What became of a till's files, as the till is told."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, Engine, select

from malote import rejection
from malote.database.chunks import chunks
from malote.database.engine import reading
from malote.database.tables import document as documents
from malote.fiscal.problems import Problem
from malote.rejection import Language
from malote.spool.documents import IncomingDocument, Reason
from malote.spool.state_changes import decode_reason
from malote.spool.states import OPEN, State
from malote.wire import DocumentReceipt, FileReceipt, FileState

Receipts = dict[bytes, FileReceipt]


def known(engine: Engine, till_id: int, hashes: Sequence[bytes], language: Language) -> Receipts:
    with reading(engine) as connection:
        return read(connection, till_id, hashes, language)


def receipts(engine: Engine, till_id: int, hashes: Sequence[bytes], language: Language) -> list[FileReceipt]:
    found = known(engine, till_id, hashes, language)
    return [found.get(sha256) or unknown(sha256) for sha256 in hashes]


def file_of(engine: Engine, till_id: int, access_key: str) -> bytes | None:
    """The hash of the last file with this key that the till sent, a sale's before what is about it."""
    query = (
        select(documents.c.file_sha256)
        .where(documents.c.access_key == access_key, documents.c.till_id == till_id)
        .order_by(documents.c.kind != "sale", documents.c.id.desc())
        .limit(1)
    )
    with reading(engine) as connection:
        found = connection.execute(query).scalar()
    return bytes(found) if found is not None else None


def unknown(sha256: bytes) -> FileReceipt:
    return FileReceipt(sha256.hex(), "unknown")


def read(connection: Connection, till_id: int, hashes: Sequence[bytes], language: Language) -> Receipts:
    """Receipts of the till's own files among ``hashes``, all of them marked as known already."""
    by_file: dict[bytes, list[DocumentReceipt]] = defaultdict(list)
    for chunk in chunks(hashes):
        query = (
            select(*_COLUMNS)
            .where(documents.c.till_id == till_id, documents.c.file_sha256.in_(chunk))
            .order_by(documents.c.file_sha256, documents.c.position)
        )
        for row in connection.execute(query):
            by_file[bytes(row.file_sha256)].append(_document(row, language))
    return {sha256: FileReceipt(sha256.hex(), together(found), found, True) for sha256, found in by_file.items()}


def of_new(arrived: Iterable[tuple[bytes, IncomingDocument]], language: Language) -> Receipts:
    """Receipts of files that this transaction has just kept, by what was kept of their documents."""
    by_file: dict[bytes, list[DocumentReceipt]] = defaultdict(list)
    for sha256, one in arrived:
        by_file[sha256].append(_receipt(one.state, one.kind, one.access_key, one.reason, language))
    return {sha256: FileReceipt(sha256.hex(), together(found), found) for sha256, found in by_file.items()}


def together(found: Sequence[DocumentReceipt]) -> FileState:
    """The state of a file from those of its documents: as long as one is under way, so is the file."""
    states = {one.state for one in found}
    if states & OPEN:
        return "accepted"
    if "rejected" in states:
        return "rejected"
    return "discarded" if "discarded" in states else "posted"


_COLUMNS = (
    documents.c.file_sha256,
    documents.c.state,
    documents.c.kind,
    documents.c.access_key,
    documents.c.reason,
    documents.c.duplicate,
)


def _document(row: Any, language: Language) -> DocumentReceipt:
    reason = decode_reason(row.reason)
    return _receipt(row.state, row.kind, row.access_key, reason, language, duplicate=row.duplicate)


def _receipt(
    state: State,
    kind: str | None,
    key: str | None,
    reason: Reason | None,
    language: Language,
    *,
    duplicate: bool = False,
) -> DocumentReceipt:
    message = rejection.message(Problem(reason.code, "reject", reason.facts), language) if reason else None
    return DocumentReceipt(state, kind, key, reason.code if reason else None, message, duplicate)
