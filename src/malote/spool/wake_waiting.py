"""Waiting documents need not wait longer when what they wait for has come: a sale, or its authorised version."""

from collections.abc import Sequence

from sqlalchemy import Connection, select, update

from malote.database.chunks import chunks
from malote.database.tables import document as documents
from malote.spool.state_changes import lock


def retry(connection: Connection, till_id: int, now: float) -> int:
    """Makes everything that waits at a till due, but for what is held (``held``). How many documents that are."""
    waits = (documents.c.state == "waiting") & documents.c.retry_at.is_not(None)
    waiting = lock(connection, (documents.c.till_id == till_id) & waits)
    for chunk in chunks([one.id for one in waiting]):
        connection.execute(update(documents).where(documents.c.id.in_(chunk)).values(retry_at=now))
    return len(waiting)


def wake(connection: Connection, access_keys: Sequence[str], now: float) -> None:
    """Makes the waiting documents of these keys due. One that is being posted right now comes due by itself later."""
    anything = connection.execute(select(documents.c.id).where(documents.c.state == "waiting").limit(1)).first()
    if anything is None:
        return
    for chunk in chunks(sorted(set(access_keys))):
        waiting = lock(connection, documents.c.access_key.in_(chunk) & (documents.c.state == "waiting"))
        ids = [one.id for one in waiting]
        if ids:
            connection.execute(
                update(documents).where(documents.c.id.in_(ids), documents.c.retry_at > now).values(retry_at=now)
            )
