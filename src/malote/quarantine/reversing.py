"""Estornar e lançar: a person lets a document take the place of what is booked in its way. And what was seen.

The order is written with its audit entry in one transaction, and the document goes back into the queue with it; a
poster carries it out, whenever the ERP can be reached.
"""

from sqlalchemy import Connection, select

from malote.accounts import audit
from malote.accounts.audit import Actor
from malote.database.engine import writing
from malote.database.tables import document as documents
from malote.quarantine.deleting import typed
from malote.quarantine.parts import Parts
from malote.quarantine.replaying import follow
from malote.quarantine.reports import CureOption, CureReport, QuarantineError, ReplayReport
from malote.spool import confirming, history
from malote.spool.documents import Reason, StoredDocument
from malote.spool.history import Line
from malote.spool.moving import Move, Standing, decode_reason, explain, lock_ids, move

# What is rejected for these, a person may let take the place of what is booked, if it is authorised.
REJECTED = frozenset({"number_supersedes", "corrected_sale", "authorised_after_reversal", "sale_of_void_number"})
# What is booked and flagged for these, a person may mark as seen; the first asks for the reversal besides.
FLAGGED = frozenset({"void_of_booked", "void_of_authorised", "number_twice"})
# What was put aside for these says nothing that isn't booked already, once a person says so.
NEEDLESS = frozenset({"number_taken"})
# What was put aside for these is no sale, or is booked by another note, once a person says so.
NO_SALE = frozenset({"operations_split", "operation_paid", "sale_refers_to_receipt", "number_of_another_key"})
_SHOWN: tuple[str, ...] = ("other", "others", "number", "numbers", "series", "fields", "cfop", "refers")


def options(stored: StoredDocument) -> list[CureOption]:
    """Of a document with a reason."""
    if stored.reason is None:
        return []
    code, facts = stored.reason.code, stored.reason.facts
    told: dict[str, str] = {name: facts[name] for name in _SHOWN if name in facts}
    found: list[CureOption] = []
    if _reversible(stored):
        found.append(CureOption("reverse_booked", told))
    if stored.state == "posted" and code in FLAGGED:
        found.append(CureOption("mark_seen", told))
    if stored.state == "rejected" and code in NEEDLESS | NO_SALE:
        found.append(CureOption("keep_unbooked", told))
    return found


def reverse_booked(parts: Parts, document_id: int, actor: Actor, *, reason: str) -> CureReport:
    """Orders that what is booked in this document's way be taken back, and the document booked."""
    said = typed(reason)
    if not _reversible(parts.spool.document(document_id)):
        raise QuarantineError("cure_unfit", cure="reverse_booked")
    now = parts.clock()
    with writing(parts.engine) as connection:
        standing = _still(connection, document_id, REJECTED | FLAGGED)
        told = _facts(connection, standing)
        confirming.give(connection, document_id, actor.name, said, now)
        move(connection, [Move(standing, "accepted")])
        _audit(connection, actor, "reversal_ordered", standing, told, said, now)
    follow(parts, [document_id])
    return CureReport([document_id], [], ReplayReport([document_id], []))


def mark_seen(parts: Parts, document_id: int, actor: Actor, *, reason: str) -> CureReport:
    """A person has looked at a flagged document, and it stands as it is."""
    said = typed(reason)
    now = parts.clock()
    with writing(parts.engine) as connection:
        standing = _still(connection, document_id, FLAGGED)
        if standing.state != "posted":
            raise QuarantineError("cure_unfit", cure="mark_seen")
        told = _facts(connection, standing)
        history.record(connection, [Line(document_id, "seen", {"reason": said})], actor.name, now)
        explain(connection, [(standing, None)])
        _audit(connection, actor, "flag_seen", standing, told, said, now)
    return CureReport([document_id], [], ReplayReport([], []))


def keep_unbooked(parts: Parts, document_id: int, actor: Actor, *, reason: str) -> CureReport:
    """A person says that there is nothing to be booked: the sale is booked by another note, or is none. The document is
    kept, and nobody asked again."""
    said = typed(reason)
    now = parts.clock()
    with writing(parts.engine) as connection:
        standing = _still(connection, document_id, NEEDLESS | NO_SALE)
        code = "kept_by_person" if standing.reason_code in NO_SALE else "number_settled"
        told = _facts(connection, standing)
        history.record(connection, [Line(document_id, "seen", {"reason": said})], actor.name, now)
        move(connection, [Move(standing, "kept", Reason(code, told), settled_at=now)])
        _audit(connection, actor, "kept_unbooked", standing, told, said, now)
    follow(parts, [document_id])
    return CureReport([document_id], [], ReplayReport([], []))


def _reversible(stored: StoredDocument) -> bool:
    code = stored.reason.code if stored.reason else ""
    if stored.state == "posted":
        return code == "void_of_booked"
    return stored.state == "rejected" and code in REJECTED and stored.authorised is not False


def _still(connection: Connection, document_id: int, codes: frozenset[str]) -> Standing:
    standings = lock_ids(connection, [document_id])
    if not standings or standings[0].state not in ("rejected", "posted") or standings[0].reason_code not in codes:
        raise QuarantineError("document_moved_on")
    return standings[0]


def _facts(connection: Connection, standing: Standing) -> dict[str, str]:
    stored = connection.execute(select(documents.c.reason).where(documents.c.id == standing.id)).scalar()
    reason = decode_reason(stored)
    return reason.facts if reason else {}


def _audit(
    connection: Connection,
    actor: Actor,
    action: str,
    standing: Standing,
    told: dict[str, str],
    reason: str,
    now: float,
) -> None:
    before = {"state": standing.state, "reason": standing.reason_code or ""}
    on = f"document:{standing.id}"
    audit.record(connection, actor, action, on, before=before, after=told, reason=reason, now=now)
