"""Cancellations of notes of which nothing is booked: every version of them that is here is kept, for whatever reason.

Such a cancellation is kept. Should a sale of its key be booked after all, of another version say, it is looked at again
in the transaction that records the booking: the ERP must not hold revenue of a cancelled note.
"""

from collections.abc import Collection, Mapping, Sequence

from sqlalchemy import Connection, Engine, select

from malote.database.chunks import chunks
from malote.database.engine import reading
from malote.database.tables import document as documents
from malote.spool.documents import Settlement
from malote.spool.state_changes import LockedDocument, lock

CANCELS_NO_SALE = "cancels_no_sale"


def no_sales(engine: Engine, access_keys: Collection[str]) -> set[str]:
    """Those of the keys whose notes are here and all kept: nothing of them is booked. Raises ``StoreError``."""
    with reading(engine) as connection:
        return _no_sales(connection, access_keys)


def cancelled(engine: Engine, access_keys: Collection[str]) -> set[str]:
    """Those of the keys whose registered cancellation is here. Raises ``StoreError``."""
    found: set[str] = set()
    with reading(engine) as connection:
        for chunk in chunks(sorted(set(access_keys))):
            query = select(documents.c.access_key).where(
                documents.c.access_key.in_(chunk), documents.c.kind == "cancellation", documents.c.authorised.is_(True)
            )
            found |= set(connection.execute(query.where(documents.c.state.not_in(("rejected", "discarded")))).scalars())
    return found


def doubtful(connection: Connection, held: Sequence[LockedDocument], by_id: Mapping[int, Settlement]) -> set[int]:
    """Locked documents that are to be kept as cancellations of no sale, and whose note is more than that by now."""
    kept = {one.id: one.access_key or "" for one in held if _code(by_id[one.id]) == CANCELS_NO_SALE}
    still = _no_sales(connection, kept.values()) if kept else set()
    return {one for one, key in kept.items() if key not in still}


def cancelled_after_all(connection: Connection, booked_keys: Collection[str]) -> list[LockedDocument]:
    """Kept cancellations of sales that are booked now, locked."""
    found: list[LockedDocument] = []
    for chunk in chunks(sorted(set(booked_keys))):
        # Whatever its state: one that is being kept at this moment is waited for, and seen as it is then.
        of_sales = documents.c.access_key.in_(chunk) & (documents.c.kind == "cancellation")
        found += lock(connection, of_sales)
    return [one for one in found if (one.state, one.reason_code) == ("kept", CANCELS_NO_SALE)]


def _no_sales(connection: Connection, access_keys: Collection[str]) -> set[str]:
    kept: set[str] = set()
    other: set[str] = set()
    for chunk in chunks(sorted(set(access_keys))):
        versions = select(documents.c.access_key, documents.c.state).where(
            documents.c.access_key.in_(chunk), documents.c.kind == "sale", documents.c.state != "discarded"
        )
        for row in connection.execute(versions):
            (kept if row.state == "kept" else other).add(row.access_key)
    return kept - other


def _code(settlement: Settlement) -> str | None:
    return settlement.reason.code if settlement.state == "kept" and settlement.reason else None
