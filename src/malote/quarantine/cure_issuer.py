"""The issuer of a document becomes one of the store's: what was refused for it is judged again."""

from malote import rejection
from malote.accounts import audit
from malote.accounts.audit import Actor
from malote.database.engine import writing
from malote.quarantine.deleting import typed
from malote.quarantine.dependencies import QuarantineParts
from malote.quarantine.quarantine_reports import CureOption, CureReport, QuarantineError, Selection
from malote.quarantine.replaying import replay
from malote.register import till_documents
from malote.register.documents import StoredDocument
from malote.spool import history
from malote.spool.history import HistoryLine
from malote.spool.state_changes import lock_ids
from malote.tills import issuers


def accept_issuer(parts: QuarantineParts, document_id: int, actor: Actor, *, reason: str) -> CureReport:
    """``reason`` is asked for: of another company's file the sales would be booked as this one's."""
    stored = till_documents.document(parts.engine, document_id)
    if stored.state != "rejected":
        raise QuarantineError("document_moved_on")
    if not option(stored) or stored.issuer is None:
        raise QuarantineError("cure_unfit", cure="accept_issuer")
    why = typed(reason)
    now = parts.clock()
    facts = {"issuer": stored.issuer}
    with writing(parts.engine) as connection:
        lock_ids(connection, [document_id])
        issuers.accept(connection, stored.issuer, actor.name, now)
        history.record(connection, [HistoryLine(document_id, "issuer_accepted", facts)], actor.name, now)
        audit.record(connection, actor, "issuer_accepted", f"document:{document_id}", after=facts, reason=why, now=now)
    return CureReport([document_id], [], replay(parts, Selection((document_id,)), actor))


def option(stored: StoredDocument) -> list[CureOption]:
    fits = stored.reason is not None and stored.reason.code in rejection.with_action("accept_issuer")
    return [CureOption("accept_issuer", {"issuer": stored.issuer})] if fits and stored.issuer else []
