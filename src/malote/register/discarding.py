"""Rejected documents into the trash and out of it: their states, and what is remembered of who did it and why.

The pouch keeps the bytes all the while. The files on disk follow afterwards (``unmoved``), so that a crash in between
leaves nothing but work to be done.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Connection, Engine, Select, delete, func, insert, select, text, update

from malote.database.chunks import chunks
from malote.database.engine import reading
from malote.database.quarantine_tables import trash
from malote.database.tables import document as documents
from malote.database.tables import till as tills
from malote.register import rejected_handover, till_documents
from malote.register.documents import StoredDocument
from malote.spool import deleted_unbooked
from malote.spool.state_changes import LockedDocument, Move, decode_reason, lock_ids, move


class Discarding(msgspec.Struct, frozen=True):
    """One document to be discarded. ``reason`` is what the person typed, "" where nothing was asked."""

    document_id: int
    grounds: str
    reason: str = ""


class Discarded(msgspec.Struct, frozen=True):
    """A document in the trash, or purged from it. Times are seconds since the epoch."""

    document: StoredDocument
    deleted_at: float
    deleted_by: str
    grounds: str
    reason: str
    purged_at: float | None


def discard(connection: Connection, discardings: Sequence[Discarding], who: str, now: float) -> list[LockedDocument]:
    """Moves rejected documents to ``discarded``, with their reason; returns those that still were rejected."""
    chosen = {one.document_id: one for one in discardings}
    standings = [one for one in lock_ids(connection, chosen) if one.state == "rejected"]
    in_erp = {one.id for one in standings if chosen[one.id].grounds == "erp"}
    lacking = deleted_unbooked.open_of(connection, standings, in_erp)
    _move(connection, standings, "discarded")
    rows = [
        {
            "document_id": one.id,
            "till_id": one.till_id,
            "deleted_at": now,
            "deleted_by": who,
            "grounds": chosen[one.id].grounds,
            "reason": chosen[one.id].reason,
            "moved": False,
            "unbooked": one.id in lacking,
            "total": one.value,
        }
        for one in standings
    ]
    if rows:
        connection.execute(insert(trash), rows)
    return standings


def restore(connection: Connection, document_ids: Iterable[int]) -> list[LockedDocument]:
    """Moves discarded documents back to ``rejected``, for their old reason; returns those that could be.

    What was purged can't be.
    """
    locked = [one for one in lock_ids(connection, document_ids) if one.state == "discarded"]
    purged = _purged(connection, [one.id for one in locked])
    standings = [one for one in locked if one.id not in purged]
    for chunk in chunks([one.id for one in standings]):
        connection.execute(delete(trash).where(trash.c.document_id.in_(chunk)))
    _move(connection, standings, "rejected")
    return standings


def _move(connection: Connection, standings: Sequence[LockedDocument], after: Any) -> None:
    """Reason and time of the rejection stay what they are."""
    known: dict[int, Any] = {}
    for chunk in chunks([one.id for one in standings]):
        query = select(documents.c.id, documents.c.reason, documents.c.settled_at).where(documents.c.id.in_(chunk))
        known |= {row.id: row for row in connection.execute(query)}
    move(
        connection,
        [
            Move(one, after, decode_reason(known[one.id].reason), settled_at=known[one.id].settled_at)
            for one in standings
        ],
    )


def _purged(connection: Connection, ids: Sequence[int]) -> set[int]:
    found: set[int] = set()
    for chunk in chunks(ids):
        query = select(trash.c.document_id).where(trash.c.document_id.in_(chunk), trash.c.purged_at.is_not(None))
        found |= set(connection.execute(query).scalars())
    return found


# ---- the files on disk ----


def unmoved(engine: Engine, limit: int = 100, after: int = 0) -> list[rejected_handover.Waiting]:
    """Discarded documents whose files must still be brought to the trash's folder, by id and beyond ``after``."""
    # Written as the partial index is, so that it is used. What was purged counts as moved.
    waiting = documents.c.id.in_(select(trash.c.document_id).where(text("moved = false")))
    return rejected_handover.with_files(engine, waiting, limit, after)


def mark_moved(connection: Connection, document_ids: Iterable[int], *, moved: bool = True) -> None:
    """Says that their files lie in the trash's folder, or no longer do."""
    for chunk in chunks(sorted(set(document_ids))):
        kept = trash.c.document_id.in_(chunk) & trash.c.purged_at.is_(None)
        connection.execute(update(trash).where(kept).values(moved=moved))


def is_moved(connection: Connection, document_id: int) -> bool:
    """Whether the files of a discarded document were brought to the trash's folder."""
    query = select(trash.c.moved).where(trash.c.document_id == document_id)
    return bool(connection.execute(query).scalar())


# ---- the end of the retention ----


def is_purged(connection: Connection, document_id: int) -> bool:
    """Whether nothing of a discarded document is kept any more."""
    return bool(_purged(connection, [document_id]))


def ripe(engine: Engine, deleted_before: float, after_id: int, limit: int = 100) -> list[tuple[int, str]]:
    """Documents that were deleted before then and not purged, with their grounds, in order of their ids."""
    query = (
        select(trash.c.document_id, trash.c.grounds)
        .where(trash.c.purged_at.is_(None), trash.c.deleted_at < deleted_before, trash.c.document_id > after_id)
        .order_by(trash.c.document_id)
        .limit(limit)
    )
    with reading(engine) as connection:
        return [(row.document_id, row.grounds) for row in connection.execute(query)]


def purge(connection: Connection, document_ids: Iterable[int], now: float) -> list[LockedDocument]:
    """Says that nothing of them needs to be kept; returns those that still were in the trash."""
    standings = [one for one in lock_ids(connection, document_ids) if one.state == "discarded"]
    for chunk in chunks([one.id for one in standings]):
        connection.execute(update(trash).where(trash.c.document_id.in_(chunk)).values(purged_at=now, moved=True))
    return standings


# ---- what people see ----


def page(engine: Engine, till: str | None, before: int | None, size: int) -> list[Discarded]:
    """The newest documents in the trash, of a till or of all; purged ones are no longer in it."""
    with reading(engine) as connection:
        return [_discarded(row) for row in connection.execute(statement(till, before, size))]


def statement(till: str | None, before: int | None, size: int) -> Select[Any]:
    """Walks an index of the trash, which is small however long the history."""
    ids = select(trash.c.document_id).where(*_in_trash(till)).order_by(trash.c.document_id.desc()).limit(size)
    if before is not None:
        ids = ids.where(trash.c.document_id < before)
    columns = (trash.c.deleted_at, trash.c.deleted_by, trash.c.grounds, trash.c.purged_at)
    return (
        till_documents.listed()
        .add_columns(*columns, trash.c.reason.label("typed"))
        .join(trash, trash.c.document_id == documents.c.id)
        .where(documents.c.id.in_(ids.scalar_subquery()))
        .order_by(documents.c.id.desc())
    )


def total(engine: Engine, till: str | None) -> int:
    """How many documents are in the trash."""
    with reading(engine) as connection:
        return int(connection.execute(select(func.count()).select_from(trash).where(*_in_trash(till))).scalar_one())


def _in_trash(till: str | None) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = [trash.c.purged_at.is_(None)]
    if till is not None:
        of_till = select(tills.c.id).where(tills.c.name_key == till.lower()).scalar_subquery()
        conditions.append(trash.c.till_id == of_till)
    return conditions


def _discarded(row: Any) -> Discarded:
    return Discarded(till_documents.stored(row), row.deleted_at, row.deleted_by, row.grounds, row.typed, row.purged_at)
