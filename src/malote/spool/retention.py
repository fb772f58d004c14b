"""Dropping bytes that nobody needs any more: those of pouches posted to the last document, after their retention.

What was purged from the trash needs them no more either.
"""

from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Connection, Engine, Select, exists, false, func, select, update

from malote.database.engine import reading, writing
from malote.database.quarantine_tables import trash
from malote.database.tables import document as documents
from malote.database.tables import pouch as pouches
from malote.spool import archived, feed

# Kept documents that say only what the ERP has from another file. Any other that is kept is nowhere but here.
TOLD_ELSEWHERE = ("answer_known", "answer_processing", "service_message", "superseded")

_AT_ONCE = 100  # pouches in one transaction: tills and posters must not wait long


class Hold(msgspec.Struct, frozen=True):
    """Content that is kept for others: of documents of which something lies beyond ``got``, in pouches received since
    ``since`` (seconds since the epoch)."""

    got: int
    since: float


def prune(engine: Engine, before: float, hold: Hold | None = None, *, now: float, only_archived: bool = False) -> int:
    """Drops the bytes of pouches received before then whose documents were all posted before then. How many.

    The documents' rows stay; nothing unresolved is touched, nor what is held for others, nor with ``only_archived``
    what isn't in the legal archive. Raises ``StoreError``.
    """
    kept = _held(hold) | _unarchived() if only_archived else _held(hold)
    pruned = 0
    after_id = 0
    while True:
        with reading(engine) as connection:
            ids = _ripe(connection, before, after_id, kept)
        if not ids:
            return pruned
        after_id = ids[-1]
        with writing(engine) as connection:
            # Asked again under the lock; "posted" is for ever, but two may be pruning.
            result = connection.execute(
                update(pouches)
                .where(pouches.c.id.in_(ids), pouches.c.pruned_at.is_(None), ~_needed(before), ~kept)
                .values(body=None, extracted=None, extracted_digests=None, pruned_at=now)
            )
        pruned += result.rowcount


def held_back(engine: Engine, before: float, hold: Hold, limit: int = 10_000) -> int:
    """How many pouches would be pruned but for the hold; counted up to ``limit``."""
    query = _ripe_pouches(before, 0).where(_held(hold)).limit(limit)
    with reading(engine) as connection:
        return int(connection.execute(select(func.count()).select_from(query.subquery())).scalar_one())


def _ripe(connection: Connection, before: float, after_id: int, kept: ColumnElement[bool]) -> list[int]:
    query = _ripe_pouches(before, after_id).where(~kept).order_by(pouches.c.id).limit(_AT_ONCE)
    return list(connection.execute(query).scalars())


def _ripe_pouches(before: float, after_id: int) -> Select[Any]:
    return (
        select(pouches.c.id)
        .where(pouches.c.id > after_id, pouches.c.pruned_at.is_(None), pouches.c.received_at < before)
        .where(~_needed(before))
    )


def _unarchived() -> ColumnElement[bool]:
    """Whether something of the pouch belongs into the legal archive and doesn't stand there yet."""
    return exists().where(documents.c.pouch_id == pouches.c.id, archived.is_legal(), ~archived.is_archived())


def _held(hold: Hold | None) -> ColumnElement[bool]:
    """Whether a consumer lacks something of the pouch, and it isn't too old to wait for that."""
    if hold is None:
        return false()
    lacking = exists().where(documents.c.pouch_id == pouches.c.id, feed.unread(hold.got))
    return (pouches.c.received_at >= hold.since) & lacking


def _needed(before: float) -> ColumnElement[bool]:
    """Whether a document of the pouch is not settled, was settled too recently, or may be the last copy of itself."""
    elsewhere = (documents.c.state == "kept") & documents.c.reason_code.in_(TOLD_ELSEWHERE)
    unproven = ~((documents.c.state == "posted") | elsewhere)
    unproven |= documents.c.settled_at.is_(None) | (documents.c.settled_at >= before)
    purged = exists().where(trash.c.document_id == documents.c.id, trash.c.purged_at < before)
    gone = (documents.c.state == "discarded") & purged
    return exists().where(documents.c.pouch_id == pouches.c.id, unproven, ~gone)
