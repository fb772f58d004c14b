"""What tills say of rejected files: that they hold the content themselves. It is what makes a deletion safe."""

from collections.abc import Collection, Iterable, Sequence

import msgspec
from sqlalchemy import Connection, Engine, delete, select, text

from malote.database.chunks import chunks
from malote.database.engine import reading, writing
from malote.database.quarantine_tables import custody
from malote.database.tables import document as documents

AGAIN_SECONDS = 30.0  # a confirmation is not written anew within so long: tills ask often


class HeldDocument(msgspec.Struct, frozen=True):
    """What is known of one document's custody. Times are seconds since the epoch."""

    confirmed_at: float | None
    rejected_at: float | None


def note(engine: Engine, till_id: int, asked: Sequence[bytes], holding: Collection[bytes], now: float) -> None:
    """Remembers which of the files the till asked about it holds, and forgets the others. Raises ``StoreError``.

    Only files with a rejected or discarded document count: a till can't fill the table with what it never sent.
    """
    with reading(engine) as connection:
        known = _confirmed(connection, till_id, asked)
        aside = _aside(connection, till_id, [one for one in asked if one in holding])
    stale = [sha256 for sha256 in known if sha256 not in holding]
    fresh = [sha256 for sha256 in aside if not now - AGAIN_SECONDS < known.get(sha256, float("-inf")) <= now]
    if not stale and not fresh:
        return
    with writing(engine) as connection:
        for chunk in chunks(stale):
            connection.execute(delete(custody).where(custody.c.till_id == till_id, custody.c.file_sha256.in_(chunk)))
        if fresh:
            rows = [{"till_id": till_id, "sha256": sha256, "at": now} for sha256 in sorted(fresh)]
            connection.execute(_CONFIRM, rows)


def of_documents(connection: Connection, document_ids: Iterable[int]) -> dict[int, HeldDocument]:
    """What is known of each; documents that don't exist are left out."""
    found: dict[int, HeldDocument] = {}
    same = (custody.c.till_id == documents.c.till_id) & (custody.c.file_sha256 == documents.c.file_sha256)
    for chunk in chunks(sorted(set(document_ids))):
        query = (
            select(documents.c.id, documents.c.settled_at, custody.c.confirmed_at)
            .select_from(documents.outerjoin(custody, same))
            .where(documents.c.id.in_(chunk))
        )
        for row in connection.execute(query):
            found[row.id] = HeldDocument(row.confirmed_at, row.settled_at)
    return found


_CONFIRM = text(
    "INSERT INTO custody (till_id, file_sha256, confirmed_at) VALUES (:till_id, :sha256, :at)"
    " ON CONFLICT (till_id, file_sha256) DO UPDATE SET confirmed_at = excluded.confirmed_at"
)


def _confirmed(connection: Connection, till_id: int, hashes: Sequence[bytes]) -> dict[bytes, float]:
    found: dict[bytes, float] = {}
    for chunk in chunks(hashes):
        query = select(custody.c.file_sha256, custody.c.confirmed_at)
        rows = connection.execute(query.where(custody.c.till_id == till_id, custody.c.file_sha256.in_(chunk)))
        found |= {bytes(row.file_sha256): row.confirmed_at for row in rows}
    return found


def _aside(connection: Connection, till_id: int, hashes: Sequence[bytes]) -> set[bytes]:
    found: set[bytes] = set()
    for chunk in chunks(hashes):
        query = select(documents.c.file_sha256).where(
            documents.c.till_id == till_id,
            documents.c.file_sha256.in_(chunk),
            documents.c.state.in_(("rejected", "discarded")),
        )
        found |= {bytes(sha256) for sha256 in connection.execute(query).scalars()}
    return found
