"""The authorised version of a note that came without its protocol, attached by a person."""

import hashlib

from malote.accounts import audit
from malote.accounts.audit import Actor
from malote.database.engine import writing
from malote.fiscal.documents import Sale
from malote.quarantine.dependencies import QuarantineParts
from malote.quarantine.quarantine_reports import CureReport, QuarantineError, Selection
from malote.quarantine.replaying import replay
from malote.register import till_documents
from malote.spool import history
from malote.spool.history import HistoryLine
from malote.spool.state_changes import lock_ids
from malote.tills.till import find_till
from malote.wire import PouchFile


def attach_protocol(parts: QuarantineParts, document_id: int, name: str, content: bytes, actor: Actor) -> CureReport:
    stored = till_documents.document(parts.engine, document_id)
    if stored.state not in ("rejected", "waiting"):
        raise QuarantineError("cure_unfit", cure="attach_protocol")
    if len(content) > parts.max_file_bytes:
        raise QuarantineError("file_too_large", size=str(len(content)), limit=str(parts.max_file_bytes))
    if not _authorises(parts, content, stored.access_key):
        raise QuarantineError("protocol_of_another", key=stored.access_key or "?")
    sha256 = hashlib.sha256(content).digest()
    # First: what is not durable must not be said to be there.
    parts.take(find_till(parts.engine, stored.till), [PouchFile(name, sha256, content)])
    now = parts.clock()
    facts = {"sha256": sha256.hex()}
    with writing(parts.engine) as connection:
        lock_ids(connection, [document_id])
        history.record(connection, [HistoryLine(document_id, "protocol_attached", facts)], actor.name, now)
        audit.record(connection, actor, "protocol_attached", f"document:{document_id}", after=facts, now=now)
    ids = (document_id,) if stored.state == "rejected" else ()
    return CureReport([document_id], [], replay(parts, Selection(ids), actor))


def _authorises(parts: QuarantineParts, content: bytes, access_key: str | None) -> bool:
    if access_key is None:
        return False
    sales = [one.document for one in parts.read(content) if isinstance(one.document, Sale) and not one.rejected]
    return any(sale.access_key == access_key and sale.authorised for sale in sales)
