"""Documents whose file was damaged here (books/kept_files.py): what is told of them, and a person's word for them."""

from typing import Any

import msgspec
from sqlalchemy import Connection, Engine, func, select, update

from malote.accounts import audit
from malote.accounts.audit import Actor
from malote.books.kept_files import Damage
from malote.database.engine import reading, writing
from malote.database.kept_tables import damaged_file
from malote.database.tables import document as documents
from malote.database.tables import till as tills
from malote.findings.noted_findings import NotedStanding

MOST_LISTED = 1000


class DamagedFile(msgspec.Struct, frozen=True):
    """``total`` in cents; ``sha256`` of the file as it came, in hex; times in seconds since the epoch."""

    document_id: int
    till: str
    file_name: str
    sha256: str
    access_key: str | None
    series: int | None
    number: int | None
    total: int | None
    state: str
    what: Damage
    found_at: float
    accepted_at: float | None


def standing(connection: Connection) -> dict[int, NotedStanding]:
    """By till, how many documents that nobody answers for, their cents, and since when."""
    columns = (func.count(), func.coalesce(func.sum(documents.c.total), 0), func.min(damaged_file.c.found_at))
    query = select(damaged_file.c.till_id, *columns).join(documents, documents.c.id == damaged_file.c.document_id)
    rows = connection.execute(query.where(_OPEN).group_by(damaged_file.c.till_id))
    return {till_id: NotedStanding(int(count), int(total), since) for till_id, count, total, since in rows}


def listed(engine: Engine, till: str | None = None, *, accepted: bool = False) -> list[DamagedFile]:
    """By till and document, at most a thousand. Raises ``StoreError``."""
    answered = damaged_file.c.accepted_at.label("answered_at")  # a document has an ``accepted_at`` of its own
    query = select(documents, damaged_file.c.what, damaged_file.c.found_at, answered, tills.c.name)
    query = query.join(damaged_file, documents.c.id == damaged_file.c.document_id)
    query = query.join(tills, tills.c.id == damaged_file.c.till_id)
    if till is not None:
        query = query.where(tills.c.name_key == till.lower())
    if not accepted:
        query = query.where(_OPEN)
    with reading(engine) as connection:
        rows = connection.execute(query.order_by(tills.c.name_key, documents.c.id).limit(MOST_LISTED)).all()
    return [_listed(row) for row in rows]


def accept(engine: Engine, till: str, actor: Actor, reason: str, now: float) -> tuple[int, int]:
    """A person says why files of a till are damaged: how many documents, and their cents. Raises ``StoreError``."""
    till_id = select(tills.c.id).where(tills.c.name_key == till.lower()).scalar_subquery()
    own = (damaged_file.c.till_id == till_id, _OPEN)
    with writing(engine) as connection:
        totals = select(func.coalesce(func.sum(documents.c.total), 0)).join_from(damaged_file, documents).where(*own)
        total = int(connection.scalar(totals) or 0)
        count = connection.execute(update(damaged_file).where(*own).values(accepted_at=now)).rowcount
        if count:
            after: dict[str, Any] = {"count": count, "total_cents": total}
            audit.record(connection, actor, "damaged_accepted", f"till:{till}", after=after, reason=reason, now=now)
        return count, total


_OPEN = damaged_file.c.accepted_at.is_(None)


def _listed(row: Any) -> DamagedFile:
    names = ("file_name", "access_key", "series", "number", "total", "state", "what", "found_at")
    own = {name: getattr(row, name) for name in names}
    sha256 = bytes(row.file_sha256).hex()
    return DamagedFile(document_id=row.id, till=row.name, sha256=sha256, accepted_at=row.answered_at, **own)
