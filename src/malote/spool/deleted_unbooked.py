"""What was deleted and the ERP may lack: told until it is booked after all, or a person says why it needn't be.

Deleting a rejected sale is no answer to what became of it. The trash remembers of each whether that is still open, so
that a look costs as much as there is open, and a booked sale closes what was open of its key in the same transaction.
"""

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import Connection, Engine, Subquery, func, select, text, update

from malote.database.chunks import chunks
from malote.database.engine import reading
from malote.database.quarantine_tables import trash
from malote.database.tables import document as documents
from malote.database.tables import till as tills
from malote.spool.state_changes import LockedDocument

# What can be a sale or take one back. What could not even be read may have been one.
_MATTERS = frozenset({"sale", "cancellation", None})

_OPEN = text("trash.unbooked = true")  # written as the partial index is, so that it is used


def open_of(connection: Connection, standings: Sequence[LockedDocument], in_erp: Collection[int]) -> set[int]:
    """Which of these documents, about to be deleted, the ERP may lack. ``in_erp``: those that it was asked for."""
    asked = [one for one in standings if one.kind in _MATTERS and one.id not in in_erp]
    booked: set[tuple[str | None, str]] = set()
    for chunk in chunks(sorted({one.access_key for one in asked if one.access_key})):
        there = (documents.c.state == "posted") & documents.c.access_key.in_(chunk)
        rows = connection.execute(select(documents.c.kind, documents.c.access_key).where(there))
        booked |= {(row.kind, row.access_key) for row in rows}
    return {one.id for one in asked if (one.kind, one.access_key) not in booked}


def booked(connection: Connection, keys: Collection[str]) -> None:
    """Sales or cancellations of these keys were booked just now: what was deleted of them is not missing any more."""
    if not keys or connection.execute(select(trash.c.document_id).where(_OPEN).limit(1)).first() is None:
        return
    for chunk in chunks(sorted(keys)):
        of_keys = select(documents.c.id).where(documents.c.access_key.in_(chunk), documents.c.state == "discarded")
        connection.execute(update(trash).where(_OPEN, trash.c.document_id.in_(of_keys)).values(unbooked=False))


def accept(connection: Connection, till: str | None, ids: Collection[int] | None) -> list[Any]:
    """A person says why these need not be booked: those that were open, each with till and cents.

    ``ids`` None: all of the till; ``till`` None: of every till.
    """
    chosen = (
        select(trash.c.document_id, trash.c.total, tills.c.name.label("till"))
        .join(tills, tills.c.id == trash.c.till_id)
        .where(_OPEN)
        .order_by(trash.c.document_id)
    )
    if till is not None:
        chosen = chosen.where(tills.c.name_key == till.lower())
    rows = connection.execute(chosen.with_for_update(of=trash)).all()
    found = [row for row in rows if ids is None or row.document_id in ids]
    for chunk in chunks([row.document_id for row in found]):
        connection.execute(update(trash).where(trash.c.document_id.in_(chunk)).values(unbooked=False))
    return found


def listed(engine: Engine, till: str | None) -> list[int]:
    """The documents that are open, in order of arrival. Raises ``StoreError``."""
    query = select(trash.c.document_id).where(_OPEN).order_by(trash.c.document_id)
    if till is not None:
        query = query.join(tills, tills.c.id == trash.c.till_id).where(tills.c.name_key == till.lower())
    with reading(engine) as connection:
        return list(connection.scalars(query))


def by_till() -> Subquery:
    """A row per till that has any: ``till_id``, ``deleted``, ``deleted_total`` in cents, ``deleted_since``."""
    return (
        select(
            trash.c.till_id,
            func.count().label("deleted"),
            func.sum(trash.c.total).label("deleted_total"),
            func.min(trash.c.deleted_at).label("deleted_since"),
        )
        .where(_OPEN)
        .group_by(trash.c.till_id)
        .subquery("deleted")
    )
