"""What this server has booked, against what the ERP's ledger still has: a witness and no sink (DESIGN §3, 9).

What is settled as posted here stood in the ledger, committed, before it was settled. So whatever of it the ledger lacks
was taken from it afterwards: an older copy was put in its place, another database is behind the address, or somebody
deleted entries.
"""

from collections.abc import Callable, Mapping, Sequence

import msgspec
from sqlalchemy import Connection, Engine, func, insert, select, update

from malote.database.engine import reading, writing
from malote.database.erp_tables import erp_memory
from malote.database.tables import document as documents
from malote.spool.moving import chunks

NEWEST = 2000  # documents: what a restored copy lacks are the newest

Ledger = Callable[[Sequence[str]], Mapping[str, bytes]]  # identities -> those that it has


class Missing(msgspec.Struct, frozen=True):
    """A document that this server saw booked and that the ledger doesn't have. ``total`` in cents."""

    document_id: int
    kind: str  # "sale", "cancellation"
    access_key: str
    total: int | None


class Trouble(msgspec.Struct, frozen=True):
    """``missing`` of the newest ``asked`` documents are not in the ledger; ``total`` in cents, ``since`` as ever."""

    missing: int
    asked: int
    total: int
    since: float


class Memory(msgspec.Struct, frozen=True):
    schema: str = ""
    trouble: Trouble | None = None
    accepted_up_to: int = 0


def recall(engine: Engine) -> Memory:
    """Raises ``StoreError``."""
    with reading(engine) as connection:
        row = connection.execute(select(erp_memory)).first()
    if row is None:
        return Memory()
    return Memory(row.schema, _trouble.decode(row.trouble) if row.trouble else None, row.accepted_up_to)


def missing_from_erp(
    engine: Engine, ledger: Ledger, *, newest: int = NEWEST, accepted: bool = False
) -> tuple[list[Missing], int]:
    """Those of the ``newest`` posted documents that the ledger lacks, the newest first, and how many were asked for.

    What a person accepted as gone is left out, unless ``accepted``: it may be gone, and still have to be booked again.
    Raises ``StoreError`` and what ``ledger`` raises.
    """
    after = 0 if accepted else recall(engine).accepted_up_to
    condition = (documents.c.state == "posted") & (documents.c.id > after)
    query = select(documents.c.id, documents.c.kind, documents.c.access_key, documents.c.total)
    with reading(engine) as connection:
        rows = connection.execute(query.where(condition).order_by(documents.c.id.desc()).limit(newest)).all()
    asked = {identity: row for row in rows if (identity := _identity(row.kind, row.access_key))}
    found: set[str] = set()
    for some in chunks(list(asked)):
        found |= set(ledger(some))
    lacking = [
        Missing(row.id, row.kind, row.access_key, row.total) for identity, row in asked.items() if identity not in found
    ]
    return lacking, len(asked)


def note(engine: Engine, schema: str, trouble: Trouble | None, now: float) -> None:
    """After a look. Raises ``StoreError``."""
    with writing(engine) as connection:
        values = {"schema": schema, "noted_at": now, "trouble": _encoded(trouble)}
        if not connection.execute(update(erp_memory).values(values)).rowcount:
            connection.execute(insert(erp_memory).values(id=1, accepted_up_to=0, **values))


def accept(engine: Engine, tell: Callable[[Connection, Trouble], None]) -> Trouble | None:
    """A person says why the ledger lacks what it lacks: from now on only what comes later is looked for.

    What was missing, where anything was; ``tell`` records it in the same transaction. Nothing is booked again by this.
    Raises ``StoreError``.
    """
    with writing(engine) as connection:
        row = connection.execute(select(erp_memory).with_for_update()).first()
        trouble = _trouble.decode(row.trouble) if row is not None and row.trouble else None
        if row is None or trouble is None:
            return None
        highest = connection.scalar(select(func.max(documents.c.id)).where(documents.c.state == "posted")) or 0
        connection.execute(update(erp_memory).values(trouble=None, accepted_up_to=highest))
        tell(connection, trouble)
    return trouble


def _identity(kind: str | None, access_key: str | None) -> str:
    """As ``fiscal.documents.identity``, of what a row knows; voids of numbers are left out."""
    match kind:
        case "sale":
            return access_key or ""
        case "cancellation":
            return f"cancel:{access_key}" if access_key else ""
    return ""


def _encoded(trouble: Trouble | None) -> str | None:
    return None if trouble is None else msgspec.json.encode(trouble).decode()


_trouble = msgspec.json.Decoder(Trouble)
