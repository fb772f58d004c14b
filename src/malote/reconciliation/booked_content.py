"""The extracted documents of what was posted, as they were handed to the ERP, as far as the server still has them."""

from collections import defaultdict
from collections.abc import Iterator, Sequence

import msgspec
from sqlalchemy import Connection, select

from malote.database.chunks import chunks
from malote.database.tables import document as documents
from malote.database.tables import pouch as pouches
from malote.database.tables import till as tills
from malote.fiscal.documents import Document
from malote.spool.extracted import DamagedError, Extracted, by_its_own_clock

_POUCHES_AT_ONCE = 20  # in memory while their documents are decoded


class Content(msgspec.Struct, frozen=True, gc=False):
    """``duplicate``: another document of its key was booked; of this one nothing was written."""

    document_id: int
    kind: str
    access_key: str
    till: str
    duplicate: bool
    document: Document


def contents(connection: Connection, ids: Sequence[int], keys: Sequence[str]) -> Iterator[Content]:
    """Of these documents, and of all posted sales of these keys; what was pruned is left out."""
    by_pouch: dict[int, dict[int, tuple[int, str, str, str, bool, str | None]]] = defaultdict(dict)
    for condition in (
        *(documents.c.id.in_(some) for some in chunks(sorted(set(ids)))),
        *(
            documents.c.access_key.in_(some) & (documents.c.kind == "sale") & (documents.c.state == "posted")
            for some in chunks(sorted(set(keys)))
        ),
    ):
        query = select(*_COLUMNS).join_from(documents, tills).where(condition, documents.c.extracted_index.is_not(None))
        for pouch_id, document_id, *others in connection.execute(query):
            by_pouch[pouch_id][document_id] = tuple(others)
    ordered = sorted(by_pouch)
    for start in range(0, len(ordered), _POUCHES_AT_ONCE):
        some = ordered[start : start + _POUCHES_AT_ONCE]
        opened = select(pouches.c.id, pouches.c.extracted, pouches.c.extracted_digests).where(pouches.c.id.in_(some))
        for pouch_id, blob, digests in connection.execute(opened.where(pouches.c.extracted.is_not(None))):
            yield from _of_pouch(blob, digests, by_pouch[pouch_id])


_COLUMNS = (
    documents.c.pouch_id,
    documents.c.id,
    documents.c.extracted_index,
    documents.c.kind,
    documents.c.access_key,
    tills.c.name,
    documents.c.duplicate,
    documents.c.issued_at,
)


def _of_pouch(
    blob: bytes, digests: bytes | None, wanted: dict[int, tuple[int, str, str, str, bool, str | None]]
) -> Iterator[Content]:
    try:
        extracted = Extracted(blob, digests)
    except DamagedError:
        return
    for document_id, (index, kind, access_key, till, duplicate, issued_at) in sorted(wanted.items()):
        try:
            document = extracted.document(index)
        except DamagedError:
            continue
        document = by_its_own_clock(document, issued_at)
        yield Content(document_id, kind, access_key or "", till, duplicate, document)
