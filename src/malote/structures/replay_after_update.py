"""Sales and structure joined: what was rejected for want of a table or column goes back once that is there."""

from collections.abc import Collection, Sequence

import msgspec
from sqlalchemy import Connection, Engine, select

from malote import incidents
from malote.accounts import audit
from malote.accounts.audit import Actor
from malote.database.chunks import CHUNK
from malote.database.engine import reading
from malote.database.errors import StoreError
from malote.database.tables import document as documents
from malote.register import replaying
from malote.spool.documents import Reason
from malote.spool.state_changes import LockedDocument

OUTDATED = "structure_outdated"
_reason = msgspec.json.Decoder(Reason)


def waiting(engine: Engine) -> dict[int, frozenset[str]]:
    """The documents rejected for the ERP's structure, in order of arrival, each with the names it wants."""
    chosen = (documents.c.state == "rejected") & (documents.c.reason_code == OUTDATED)
    query = select(documents.c.id, documents.c.reason).where(chosen).order_by(documents.c.id)
    with reading(engine) as connection:
        rows = connection.execute(query).all()
    return {row.id: _named(row.reason) for row in rows}


def replay(
    engine: Engine, names: Collection[str], missing: Collection[str], actor: Actor, *, sure: bool, now: float
) -> int:
    """Puts those back in the queue, in order, that want nothing which is still missing. How many.

    ``names`` are all that the structure has. One whose reason names anything else goes back only if a person has just
    seen to the structure (``sure``): nothing tells whether its cause is cured, and trying for ever would help nobody.
    """
    known, still = set(names), set(missing)
    ready = [
        document_id
        for document_id, wants in waiting(engine).items()
        if not wants & still and (sure or (wants and wants <= known))
    ]
    count = 0
    for start in range(0, len(ready), CHUNK):
        count += _replayed(engine, ready[start : start + CHUNK], actor, now)
    return count


def _replayed(engine: Engine, ids: Sequence[int], actor: Actor, now: float) -> int:
    """All at once; by halves where one of them breaks the program, so that it holds back no other."""
    try:
        return len(replaying.replay(engine, ids, None, who=actor.name, now=now, note=_noted(actor, now)).ids)
    except StoreError:
        raise
    except Exception as error:  # noqa: BLE001 - told for the one that it is
        if len(ids) == 1:
            incidents.report("rejoining_failed", error, document=ids[0])
            return 0
    half = len(ids) // 2
    return _replayed(engine, ids[:half], actor, now) + _replayed(engine, ids[half:], actor, now)


def _noted(actor: Actor, now: float) -> replaying.Note:
    def note(connection: Connection, standings: Sequence[LockedDocument]) -> None:
        after: dict[str, str | int] = {"documents": len(standings), "because": OUTDATED}
        audit.record(connection, actor, "documents_replayed", "structure:erp", after=after, now=now)

    return note


def _named(reason: str | None) -> frozenset[str]:
    """The tables and columns that a reason names, such as ``sale_item.cbs_rate``."""
    try:
        detail = _reason.decode(reason).facts.get("detail", "") if reason else ""
    except msgspec.DecodeError:
        return frozenset()  # as one whose reason names nothing: it waits for a person
    return frozenset(name.strip() for name in detail.split(",") if name.strip())
