"""Lançar e guardar: a person says whether a document is a sale, where its codes don't tell or tell otherwise.

What a person says is durable, in the audit trail and the document's history, before anything comes of it.
"""

from sqlalchemy import Connection, select

from malote.accounts import audit
from malote.accounts.audit import Actor
from malote.database.engine import reading, writing
from malote.database.quarantine_tables import accepted_problem
from malote.database.tables import document as documents
from malote.fiscal.cfops import ARGUABLE, IS_SALE
from malote.fiscal.sefaz_answers import NO_SALE_REASON
from malote.quarantine.deleting import typed
from malote.quarantine.dependencies import QuarantineParts
from malote.quarantine.quarantine_reports import CureOption, CureReport, QuarantineError, Refused, ReplayReport
from malote.quarantine.replaying import follow
from malote.register import replaying, till_documents
from malote.register.documents import StoredDocument
from malote.spool import confirming, history, joining
from malote.spool.documents import Reason
from malote.spool.history import HistoryLine
from malote.spool.state_changes import LockedDocument, Move, decode_reason, lock_ids, move
from malote.spool.states import State
from malote.spool.superseded import supersede

_BY_PERSON = "kept_by_person"
_BOOKABLE = ARGUABLE | {_BY_PERSON, NO_SALE_REASON}
# What was put aside for these says nothing that isn't booked already, once a person says so.
_NEEDLESS = frozenset({"number_taken", "divergent_content"})
# What was put aside for these is no sale, or is booked by another note, once a person says so.
_NO_SALE = frozenset({
    "operations_split", "operation_paid", "sale_refers_to_receipt", "number_of_another_key", "never_authorised",
})  # fmt: skip
# So are these, as long as nothing of them is booked: that must be taken back first.
_NO_SALE_ANY_MORE = frozenset({
    "denied", "note_cancelled", "number_void_at_authority", "sale_of_void_number", NO_SALE_REASON,
})  # fmt: skip
_STATES: tuple[State, ...] = ("kept", "rejected")
_SHOWN = ("other", "others", "number", "numbers", "series", "fields", "cfop", "refers")


def options(parts: QuarantineParts, stored: StoredDocument) -> list[CureOption]:
    """Of a document with a reason."""
    if stored.reason is None or stored.state not in _STATES:
        return []
    told = {name: stored.reason.facts[name] for name in _SHOWN if name in stored.reason.facts}
    found = [CureOption("book_sale", told)] if _may_be_sale(stored.kind, stored.reason) else []
    if stored.state == "rejected" and _may_be_none(parts, stored):
        found.append(CureOption("keep_unbooked", told))
    return found


def book_sale(parts: QuarantineParts, document_id: int, actor: Actor, *, reason: str) -> CureReport:
    """A person says that it is a sale: it is read and judged as any other, and booked if nothing else is against it."""
    said = typed(reason)
    now = parts.clock()
    with writing(parts.engine) as connection:
        standing = _standing(connection, document_id)
        told = _reason(connection, standing)
        if not _may_be_sale(standing.kind, told):
            raise QuarantineError("cure_unfit", cure="book_sale")
        confirming.accept(connection, document_id, [IS_SALE], actor.name, said, now)
        history.record(connection, [HistoryLine(document_id, "judged_sale", {"reason": said})], actor.name, now)
        _audit(connection, actor, "sale_judged", standing, told.facts, said, now)
    done = replaying.replay(parts.engine, [document_id], parts.judge, who=actor.name, now=now, states=_STATES)
    follow(parts, done.ids)
    refused = [Refused(one, why.code, why.facts) for one, why in done.unfit.items()]
    return CureReport([document_id], [], ReplayReport(done.ids, refused))


def keep_unbooked(parts: QuarantineParts, document_id: int, actor: Actor, *, reason: str) -> CureReport:
    """A person says that there is nothing to be booked: the sale is booked by another note, or is none. The document is
    kept, and nobody asked again."""
    said = typed(reason)
    now = parts.clock()
    stored = till_documents.document(parts.engine, document_id)
    if not _may_be_none(parts, stored):
        raise QuarantineError("document_moved_on")
    with writing(parts.engine) as connection:
        standing = _standing(connection, document_id)
        told = _reason(connection, standing)
        if standing.state != "rejected" or stored.reason is None or told.code != stored.reason.code:
            raise QuarantineError("document_moved_on")
        code = "number_settled" if told.code == "number_taken" else _BY_PERSON
        confirming.take_back(connection, document_id, IS_SALE)
        history.record(connection, [HistoryLine(document_id, "seen", {"reason": said})], actor.name, now)
        move(connection, [Move(standing, "kept", Reason(code, told.facts), settled_at=now)])
        _audit(connection, actor, "kept_unbooked", standing, told.facts, said, now)
        supersede(connection, [standing.access_key] if standing.access_key else [], [], now)
    follow(parts, [document_id])
    return CureReport([document_id], [], ReplayReport([], []))


def _may_be_sale(kind: str | None, reason: Reason) -> bool:
    comes_in = reason.facts.get("direction") == "0"
    return kind == "sale" and reason.code in _BOOKABLE and not comes_in


def _may_be_none(parts: QuarantineParts, stored: StoredDocument) -> bool:
    if stored.reason is None:
        return False
    if stored.reason.code in _NO_SALE_ANY_MORE:
        return "posted" not in joining.notes(parts.engine, {stored.access_key or ""}).get(
            stored.access_key or "", set()
        )
    if stored.reason.code in _NEEDLESS | _NO_SALE:
        return True
    said = select(accepted_problem.c.code).where(accepted_problem.c.document_id == stored.id)
    with reading(parts.engine) as connection:
        return IS_SALE in connection.execute(said).scalars().all()


def _standing(connection: Connection, document_id: int) -> LockedDocument:
    standings = lock_ids(connection, [document_id])
    if not standings or standings[0].state not in _STATES:
        raise QuarantineError("document_moved_on")
    return standings[0]


def _reason(connection: Connection, standing: LockedDocument) -> Reason:
    stored = connection.execute(select(documents.c.reason).where(documents.c.id == standing.id)).scalar()
    return decode_reason(stored) or Reason("unknown_reason")


def _audit(
    connection: Connection, actor: Actor, action: str, on: LockedDocument, told: dict[str, str], reason: str, now: float
) -> None:
    before = {"state": on.state, "reason": on.reason_code or ""}
    audit.record(connection, actor, action, f"document:{on.id}", before=before, after=told, reason=reason, now=now)
