"""A file that is kept in the place of its damaged copy: alone in a pouch of its own, with what is read from it now."""

from collections.abc import Sequence

from sqlalchemy import Connection, insert, select, update

from malote.database.tables import document as documents
from malote.database.tables import pouch as pouches
from malote.fiscal.documents import Document
from malote.spool import extracted


def put(
    connection: Connection,
    ids: Sequence[int],
    till_id: int,
    body: bytes,
    readings: Sequence[Document | None],
    now: float,
) -> None:
    """Within the transaction. ``ids`` are documents of this one file, ``body`` its pouch, ``readings`` by position.

    What could not be read when it came stays as it is: a replay reads it anew.
    """
    blob, digests = extracted.packed(list(readings))
    values = {"till_id": till_id, "received_at": now, "body": body, "extracted": blob, "extracted_digests": digests}
    pouch_id = connection.execute(insert(pouches).values(values).returning(pouches.c.id)).scalar_one()
    query = select(documents.c.id, documents.c.position, documents.c.extracted_index).where(documents.c.id.in_(ids))
    for row in connection.execute(query).all():
        known = row.extracted_index is not None and row.position < len(readings) and readings[row.position] is not None
        place = {"pouch_id": pouch_id, "pouch_index": 0, "extracted_index": row.position if known else None}
        connection.execute(update(documents).where(documents.c.id == row.id).values(place))
