"""What happened to a till's documents, the newest first: for the till's Histórico."""

import msgspec
from sqlalchemy import Engine, select

from malote.database.engine import reading
from malote.database.quarantine_tables import document_event as events
from malote.database.tables import document as documents
from malote.database.tables import till as tills
from malote.register import till_documents
from malote.register.documents import StoredDocument
from malote.spool import history
from malote.spool.history import StoredLine

LARGEST_WALK = 20_000  # lines looked at, the newest of all tills


class Happening(msgspec.Struct, frozen=True):
    line: StoredLine
    document: StoredDocument


def of_till(engine: Engine, till: str, *, limit: int = 100) -> list[Happening]:
    """Raises ``StoreError``. Nothing of a till that doesn't exist."""
    with reading(engine) as connection:
        till_id = connection.execute(select(tills.c.id).where(tills.c.name_key == till.lower())).scalar()
        newest = select(events.c.id).order_by(events.c.id.desc()).limit(LARGEST_WALK).subquery()
        wanted = (
            select(events)
            .join_from(newest, events, newest.c.id == events.c.id)
            .join(documents, documents.c.id == events.c.document_id)
            .where(documents.c.till_id == till_id)
            .order_by(events.c.id.desc())
            .limit(limit)
        )
        lines = connection.execute(wanted).all()
        ids = {line.document_id for line in lines}
        rows = connection.execute(till_documents.listed().where(documents.c.id.in_(ids))).all()
    found = {row.id: till_documents.stored(row) for row in rows}
    return [Happening(history.stored(line), found[line.document_id]) for line in lines]
