"""Posted documents back in the queue, in their old place, since the ERP lost them: the only way back from ``posted``.

The order is one transaction for a few hundred sales: the documents of each with all that was posted about it, the mark
that makes the poster look closely at what the ERP still has, and what the caller records. Whether the ERP lacks them is
proven before, and once more in the transaction that books them, by the key of its ledger.
"""

from collections.abc import Callable, Sequence

from sqlalchemy import ColumnElement, Connection, Engine, delete, insert, select

from malote.database.chunks import chunks
from malote.database.engine import reading, writing
from malote.database.erp_tables import rebooking
from malote.database.tables import document as documents
from malote.database.tables import pouch
from malote.spool import history
from malote.spool.state_changes import LockedDocument, Move, lock, move

# Told, within the transaction, which documents go back.
Note = Callable[[Connection, Sequence[LockedDocument]], None]

KINDS = ("sale", "cancellation", "answer")  # what can be posted about a key


def keys_without_content(engine: Engine, access_keys: Sequence[str]) -> set[str]:
    """Those of which some document's pouch was pruned: nothing can be booked again of them. Raises ``StoreError``."""
    found: set[str] = set()
    with reading(engine) as connection:
        for some in chunks(sorted(set(access_keys))):
            query = (
                select(documents.c.access_key)
                .join(pouch, pouch.c.id == documents.c.pouch_id)
                .where(_posted_about(some), pouch.c.pruned_at.is_not(None) | documents.c.extracted_index.is_(None))
            )
            found |= set(connection.scalars(query))
    return found


def order(
    engine: Engine, access_keys: Sequence[str], *, who: str, now: float, note: Note, kinds: Sequence[str] = KINDS
) -> list[int]:
    """Puts all of these kinds that was posted about these keys back, in order of arrival. Which documents.

    Whoever dies between two transactions has ordered whole keys, and may order the rest. Raises ``StoreError``.
    """
    conditions = [_posted_about(some, kinds) for some in chunks(sorted(set(access_keys)))]
    return _order(engine, conditions, who, now, note)


def order_voids(engine: Engine, ids: Sequence[int], *, who: str, now: float, note: Note) -> list[int]:
    """The same of these voids of numbers, which have no key."""
    own = (documents.c.kind == "number_void") & (documents.c.state == "posted")
    return _order(engine, [documents.c.id.in_(some) & own for some in chunks(sorted(set(ids)))], who, now, note)


def _order(engine: Engine, conditions: Sequence[ColumnElement[bool]], who: str, now: float, note: Note) -> list[int]:
    ordered: list[int] = []
    for condition in conditions:
        with writing(engine) as connection:
            standings = lock(connection, condition)
            move(connection, [Move(one, "accepted") for one in standings])
            _mark(connection, [one.id for one in standings], now)
            history.record(connection, [history.HistoryLine(one.id, "booked_again") for one in standings], who, now)
            if standings:
                # Last, since the audit trail is locked until the end of the transaction.
                note(connection, standings)
        ordered += [one.id for one in standings]
    return ordered


def ordered(connection: Connection, document_ids: Sequence[int]) -> set[int]:
    """Which of these documents were ever ordered to be booked again."""
    found: set[int] = set()
    for some in chunks(document_ids):
        found |= set(connection.scalars(select(rebooking.c.document_id).where(rebooking.c.document_id.in_(some))))
    return found


def _posted_about(access_keys: Sequence[str], kinds: Sequence[str] = KINDS) -> ColumnElement[bool]:
    return documents.c.access_key.in_(access_keys) & documents.c.kind.in_(kinds) & (documents.c.state == "posted")


def _mark(connection: Connection, ids: Sequence[int], now: float) -> None:
    for some in chunks(ids):
        connection.execute(delete(rebooking).where(rebooking.c.document_id.in_(some)))
        connection.execute(insert(rebooking), [{"document_id": one, "ordered_at": now} for one in some])
