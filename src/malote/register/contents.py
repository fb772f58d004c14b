"""Back to the bytes: the file a document came in, out of its pouch."""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import Any

from sqlalchemy import Connection, Engine, select

from malote import log as logs
from malote.database.chunks import chunks
from malote.database.engine import reading
from malote.database.tables import document as documents
from malote.database.tables import pouch as pouches
from malote.explained_error import ExplainedError
from malote.sealing import unseal

log = logs.get_logger(__name__)

# The pouch was opened within the limit set when it came, which may have been larger than today's.
_LARGEST_POUCH = 2**31  # bytes


class DocumentNotFoundError(ExplainedError, LookupError):
    """No document has this id."""

    def __init__(self, document_id: int) -> None:
        super().__init__("document_unknown", id=str(document_id))


class ContentPrunedError(ExplainedError, LookupError):
    """The document was posted and its bytes were dropped after their retention."""

    def __init__(self, document_id: int) -> None:
        super().__init__("document_purged", id=str(document_id))


class ContentDamagedError(ExplainedError, LookupError):
    """The file that is kept isn't the one that came any more."""

    def __init__(self, document_id: int) -> None:
        super().__init__("kept_damaged", id=str(document_id))


def content(engine: Engine, document_id: int) -> bytes:
    """Raises ``DocumentNotFoundError``, ``ContentPrunedError``, ``ContentDamagedError``, ``StoreError``."""
    with reading(engine) as connection:
        return _read(connection, document_id)


def _read(connection: Connection, document_id: int) -> bytes:
    query = (
        select(documents.c.pouch_index, documents.c.file_sha256, pouches.c.body)
        .join_from(documents, pouches, documents.c.pouch_id == pouches.c.id)
        .where(documents.c.id == document_id)
    )
    row = connection.execute(query).one_or_none()
    if row is None:
        raise DocumentNotFoundError(document_id)
    if row.body is None:
        raise ContentPrunedError(document_id)
    content = _whole(_opened(document_id, row.body), row)
    if content is None:
        raise ContentDamagedError(document_id)
    return content


def of_documents(
    engine: Engine, document_ids: Iterable[int], damaged: set[int] | None = None
) -> Iterator[tuple[int, int, bytes]]:
    """Each document's id, its position in its file, and the file; each pouch is opened once. Left out are pruned ones,
    and those whose file isn't the one that came, which never leave as good: ``damaged`` is told of them.

    Raises ``StoreError``.
    """
    for chunk in chunks(sorted(set(document_ids))):
        names = ("id", "position", "pouch_id", "pouch_index", "file_sha256")
        query = select(*(documents.c[name] for name in names))
        with reading(engine) as connection:
            rows = connection.execute(query.where(documents.c.id.in_(chunk)).order_by(documents.c.pouch_id)).all()
        for pouch_id, some in groupby(rows, key=lambda row: row.pouch_id):
            with reading(engine) as connection:
                pouch = connection.execute(_POUCH.where(pouches.c.id == pouch_id)).first()
            if pouch is not None and pouch.pruned_at is not None:
                continue
            files = _opened(pouch_id, pouch.body if pouch is not None else None)
            for row in some:
                content = _whole(files, row)
                if content is not None:
                    yield row.id, row.position, content
                elif damaged is not None:
                    damaged.add(row.id)


_POUCH = select(pouches.c.body, pouches.c.pruned_at)


def _opened(pouch_id: int, body: bytes | None) -> list[bytes]:
    """No files of one that can't be opened, or vanished."""
    try:
        return files_of(body) if body is not None else []
    except Exception as error:  # noqa: BLE001 - whatever its bytes bring about; it holds back no other
        log.error("pouch_not_opened", pouch=pouch_id, error=type(error).__name__)
        return []


def _whole(files: Sequence[bytes], row: Any) -> bytes | None:
    content = files[row.pouch_index] if row.pouch_index < len(files) else None
    is_whole = content is not None and hashlib.sha256(content).digest() == bytes(row.file_sha256)
    return content if is_whole else None


def files_of(body: bytes) -> list[bytes]:
    """The contents of a pouch that was kept, in its order."""
    return [file.content for file in unseal(body, None, max_size=_LARGEST_POUCH).files]
