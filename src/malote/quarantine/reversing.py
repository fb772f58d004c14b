"""Estornar e lançar: a person lets a document take the place of what is booked in its way. And what was seen.

The order is written with its audit entry in one transaction, and the document goes back into the queue with it; a
poster carries it out, whenever the ERP can be reached.
"""

from sqlalchemy import Connection, select

from malote import rejection
from malote.accounts import audit
from malote.accounts.audit import Actor
from malote.database.engine import writing
from malote.database.tables import document as documents
from malote.fiscal.documents import Answer
from malote.fiscal.sefaz_answers import NO_SALE_REASON, NO_SALE_STATUS
from malote.quarantine.deleting import typed
from malote.quarantine.dependencies import QuarantineParts
from malote.quarantine.quarantine_reports import CureOption, CureReport, QuarantineError, ReplayReport
from malote.quarantine.replaying import follow
from malote.register import till_documents
from malote.register.documents import StoredDocument
from malote.register.replaying import give_document
from malote.spool import confirming, history, joining
from malote.spool.history import HistoryLine
from malote.spool.state_changes import LockedDocument, Move, decode_reason, explain, lock_ids, move

# A booked offline sale that the authority denied, by whatever file it was told, or whose authorised version is no sale:
# it may be taken back.
_NO_SALE = frozenset({"denied", NO_SALE_REASON})
_SHOWN: tuple[str, ...] = ("other", "others", "number", "numbers", "series", "fields", "cfop", "refers")


def options(parts: QuarantineParts, stored: StoredDocument) -> list[CureOption]:
    """Of a document with a reason."""
    if stored.reason is None:
        return []
    code, facts = stored.reason.code, stored.reason.facts
    told: dict[str, str] = {name: facts[name] for name in _SHOWN if name in facts}
    found: list[CureOption] = []
    if _reversible(parts, stored):
        found.append(CureOption("reverse_booked", told))
    if stored.state == "posted" and code in rejection.with_action("mark_seen"):
        found.append(CureOption("mark_seen", told))
    return found


def reverse_booked(parts: QuarantineParts, document_id: int, actor: Actor, *, reason: str) -> CureReport:
    """Orders that what is booked in this document's way be taken back, and the document booked."""
    said = typed(reason)
    stored = till_documents.document(parts.engine, document_id)
    if not _reversible(parts, stored):
        raise QuarantineError("cure_unfit", cure="reverse_booked")
    now = parts.clock()
    with writing(parts.engine) as connection:
        standing = _still(connection, document_id, _reversed() | _NO_SALE)
        told = _facts(connection, standing)
        if standing.reason_code in _NO_SALE and standing.kind == "sale":
            # Nothing of such a note is booked: what counts of its file is that it is no sale.
            give_document(connection, document_id, _answer(stored, told))
        confirming.give(connection, document_id, actor.name, said, now)
        move(connection, [Move(standing, "accepted")])
        _audit(connection, actor, "reversal_ordered", standing, told, said, now)
    follow(parts, [document_id])
    return CureReport([document_id], [], ReplayReport([document_id], []))


def mark_seen(parts: QuarantineParts, document_id: int, actor: Actor, *, reason: str) -> CureReport:
    """A person has looked at a flagged document, and it stands as it is."""
    said = typed(reason)
    now = parts.clock()
    with writing(parts.engine) as connection:
        standing = _still(connection, document_id, rejection.with_action("mark_seen"))
        if standing.state != "posted":
            raise QuarantineError("cure_unfit", cure="mark_seen")
        told = _facts(connection, standing)
        history.record(connection, [HistoryLine(document_id, "seen", {"reason": said})], actor.name, now)
        explain(connection, [(standing, None)])
        _audit(connection, actor, "flag_seen", standing, told, said, now)
    return CureReport([document_id], [], ReplayReport([], []))


def _reversible(parts: QuarantineParts, stored: StoredDocument) -> bool:
    code = stored.reason.code if stored.reason else ""
    if stored.state == "posted":
        return code == "void_of_booked"
    if code in _NO_SALE and stored.state == "rejected":
        key = stored.access_key or ""
        booked = "posted" in joining.notes(parts.engine, {key}).get(key, set())
        # What is authorised isn't taken back: its cancellation does that.
        return booked and (code != NO_SALE_REASON or bool(joining.unauthorised(parts.engine, key)))
    return (
        stored.state == "rejected"
        and code in rejection.with_action("reverse_booked")
        and _may_be_authorised(parts, stored)
    )


def _may_be_authorised(parts: QuarantineParts, stored: StoredDocument) -> bool:
    """Whether its own file has the protocol (of answers it isn't known), or an answer in another file brings it."""
    key = stored.access_key or ""
    return stored.authorised is not False or any(
        one.authorised for one in joining.answers(parts.engine, {key}).get(key, [])
    )


def _answer(stored: StoredDocument, told: dict[str, str]) -> Answer:
    return Answer(stored.access_key or "", int(told.get("status", NO_SALE_STATUS)), None, None, 1)


def _reversed() -> frozenset[str]:
    """What is rejected may take the place of what is booked; what is booked and flagged asks for it besides."""
    return rejection.with_action("reverse_booked") | rejection.with_action("mark_seen")


def _still(connection: Connection, document_id: int, codes: frozenset[str]) -> LockedDocument:
    standings = lock_ids(connection, [document_id])
    if not standings or standings[0].state not in ("rejected", "posted") or standings[0].reason_code not in codes:
        raise QuarantineError("document_moved_on")
    return standings[0]


def _facts(connection: Connection, standing: LockedDocument) -> dict[str, str]:
    stored = connection.execute(select(documents.c.reason).where(documents.c.id == standing.id)).scalar()
    reason = decode_reason(stored)
    return reason.facts if reason else {}


def _audit(
    connection: Connection,
    actor: Actor,
    action: str,
    standing: LockedDocument,
    told: dict[str, str],
    reason: str,
    now: float,
) -> None:
    before = {"state": standing.state, "reason": standing.reason_code or ""}
    on = f"document:{standing.id}"
    audit.record(connection, actor, action, on, before=before, after=told, reason=reason, now=now)
