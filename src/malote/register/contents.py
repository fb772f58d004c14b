"""Back to the bytes: the file a document came in, out of its pouch."""

from collections.abc import Iterable, Iterator
from itertools import groupby

from sqlalchemy import Connection, Engine, select

from malote.database.chunks import chunks
from malote.database.engine import reading
from malote.database.tables import document as documents
from malote.database.tables import pouch as pouches
from malote.explained_error import ExplainedError
from malote.sealing import unseal

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


def content(engine: Engine, document_id: int) -> bytes:
    with reading(engine) as connection:
        return _read(connection, document_id)


def _read(connection: Connection, document_id: int) -> bytes:
    query = (
        select(documents.c.pouch_index, pouches.c.body)
        .join_from(documents, pouches, documents.c.pouch_id == pouches.c.id)
        .where(documents.c.id == document_id)
    )
    row = connection.execute(query).one_or_none()
    if row is None:
        raise DocumentNotFoundError(document_id)
    if row.body is None:
        raise ContentPrunedError(document_id)
    content: bytes = files_of(row.body)[row.pouch_index]
    return content


def of_documents(engine: Engine, document_ids: Iterable[int]) -> Iterator[tuple[int, int, bytes]]:
    """Each document's id, its position in its file, and the file; each pouch is opened once. Pruned ones are left out.

    Raises ``StoreError``, and whatever a damaged pouch makes its opening raise.
    """
    for chunk in chunks(sorted(set(document_ids))):
        query = select(documents.c.id, documents.c.position, documents.c.pouch_id, documents.c.pouch_index)
        with reading(engine) as connection:
            rows = connection.execute(query.where(documents.c.id.in_(chunk)).order_by(documents.c.pouch_id)).all()
        for pouch_id, some in groupby(rows, key=lambda row: row.pouch_id):
            with reading(engine) as connection:
                body = connection.execute(select(pouches.c.body).where(pouches.c.id == pouch_id)).scalar_one()
            if body is None:
                continue
            files = files_of(body)
            for row in some:
                yield row.id, row.position, files[row.pouch_index]


def files_of(body: bytes) -> list[bytes]:
    """The contents of a pouch that was kept, in its order."""
    return [file.content for file in unseal(body, None, max_size=_LARGEST_POUCH).files]
