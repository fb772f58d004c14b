"""Which documents belong into the legal archive, and which of them stand in it."""

from typing import Any

from sqlalchemy import ColumnElement, and_, exists, func

from malote.database.archive_tables import archive_part
from malote.database.tables import document as documents

KINDS = ("sale", "cancellation", "number_void", "event", "answer")

# Of what has no issuer of its own, that of the key it is about.
ISSUER: Any = func.coalesce(documents.c.issuer, func.substr(documents.c.access_key, 7, 14))
MONTH: Any = func.substr(documents.c.issued_at, 1, 7)


def is_legal() -> ColumnElement[bool]:
    """Whether a document belongs into an archive: a note, and all that was made of it."""
    return documents.c.kind.in_(KINDS)


def is_authorised() -> ColumnElement[bool]:
    """The same of what the authority has said yes to."""
    return and_(is_legal(), (documents.c.kind != "sale") | documents.c.authorised.is_(True))


def is_archived() -> ColumnElement[bool]:
    """Whether it stands in a part that was written before pruning."""
    return exists().where(
        archive_part.c.issuer == ISSUER, archive_part.c.month == MONTH, archive_part.c.last_id >= documents.c.id
    )
