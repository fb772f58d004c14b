"""Which documents belong together: of one key, or naming one another. Seen the same from either end."""

from typing import Any, Literal

import msgspec
from sqlalchemy import Engine, Select, or_, select

from malote.database.engine import reading
from malote.database.tables import document as documents
from malote.database.tables import document_reference as references
from malote.register import till_documents
from malote.register.documents import StoredDocument

MOST = 100  # on one page: a station's monthly note names hundreds of receipts

Relation = Literal[
    "same",  # of the same key: its events, answers, cancellations, other versions
    "named",  # this document names it
    "names",  # it names this document
]


class Related(msgspec.Struct, frozen=True):
    relation: Relation
    document: StoredDocument


def beside(engine: Engine, document_id: int, most: int = MOST) -> list[Related]:
    """The documents that belong to this one, in order of arrival; none of a document that doesn't exist.

    At most ``most`` of them. Raises ``StoreError``.
    """
    with reading(engine) as connection:
        key = connection.execute(select(documents.c.access_key).where(documents.c.id == document_id)).scalar()
        named = set(
            connection.execute(
                select(references.c.access_key).where(references.c.document_id == document_id).limit(most)
            ).scalars()
        )
        rows = connection.execute(_found(document_id, key, named, most)).all()
    return [Related(_relation(row, key, named), till_documents.stored(row)) for row in rows]


def _found(document_id: int, key: str | None, named: set[str], most: int) -> Select[Any]:
    keys = named | ({key} if key else set())
    naming = select(references.c.document_id).where(references.c.access_key == (key or ""))
    return (
        till_documents.listed()
        .where(documents.c.id != document_id)
        .where(or_(documents.c.access_key.in_(sorted(keys)), documents.c.id.in_(naming)))
        .order_by(documents.c.id)
        .limit(most)
    )


def _relation(row: Any, key: str | None, named: set[str]) -> Relation:
    if key is not None and row.access_key == key:
        return "same"
    return "named" if row.access_key in named else "names"
