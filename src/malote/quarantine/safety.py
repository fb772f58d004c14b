"""Whether a rejected document may be the last copy of a sale. The only place that decides it.

It isn't, where the till said after the rejection and not long ago that it holds the file, or where the ERP has the same
document: same identity, same fiscal content. Everything else may be: a file that came by a raw POST or through the drop
folder has no agent that could speak for it, and its copy in ``recebidos/`` is on this server's own disk.
"""

from collections.abc import Iterable, Sequence

import msgspec
from sqlalchemy import Connection

from malote import log as logs
from malote.database.engine import reading
from malote.erp.protocol import ErpError
from malote.fiscal.documents import Document
from malote.quarantine.dependencies import QuarantineParts
from malote.quarantine.quarantine_reports import Custody, Grounds
from malote.register import contents
from malote.tills import custody
from malote.tills.custody import HeldDocument

log = logs.get_logger("malote.quarantine")


def grounds(parts: QuarantineParts, document_ids: Sequence[int]) -> dict[int, Grounds]:
    """Of each document that somebody else provably has, who that is. Raises ``StoreError``."""
    with reading(parts.engine) as connection:
        found: dict[int, Grounds] = dict.fromkeys(held_by_till(connection, parts, document_ids), "till")
    for document_id in held_by_erp(parts, [one for one in document_ids if one not in found]):
        found[document_id] = "erp"
    return found


def held_by_till(connection: Connection, parts: QuarantineParts, document_ids: Iterable[int]) -> set[int]:
    """Those of which the till's word counts now."""
    now = parts.clock()
    known = custody.of_documents(connection, document_ids)
    return {one for one, held in known.items() if _counts(held, parts, now)}


def custody_of(parts: QuarantineParts, document_id: int) -> Custody:
    with reading(parts.engine) as connection:
        held = custody.of_documents(connection, [document_id]).get(document_id)
    return Custody(grounds(parts, [document_id]).get(document_id), held.confirmed_at if held else None)


def held_by_erp(parts: QuarantineParts, document_ids: Sequence[int]) -> set[int]:
    """Those that the ERP has. While it can't be asked, none."""
    documents = _documents(parts, document_ids)
    if not documents:
        return set()
    try:
        answers = parts.booked(list(documents.values()))
    except ErpError as error:
        log.warning("erp_not_asked", code=error.code, detail=error.detail)
        return set()
    return {one for one, booked in zip(documents, answers, strict=True) if booked}


def _counts(held: HeldDocument, parts: QuarantineParts, now: float) -> bool:
    if held.confirmed_at is None or held.rejected_at is None:
        return False
    oldest = max(held.rejected_at, now - parts.settings.custody_minutes * 60)
    # A time ahead was noted by a clock that has been put back since: nobody knows how long ago that was.
    return oldest <= held.confirmed_at <= now


def _documents(parts: QuarantineParts, document_ids: Sequence[int]) -> dict[int, Document]:
    """What can be read of them now; those that can't be are left out: nothing can be compared."""
    found: dict[int, Document] = {}
    for document_id, position, content in contents.of_documents(parts.engine, document_ids):
        readings = parts.read(content)
        document = readings[position].document if position < len(readings) else None
        if document is not None:
            found[document_id] = document
    return found


class Proofs(msgspec.Struct, frozen=True):
    """Grounds found before a transaction, to be looked at once more within it."""

    grounds: dict[int, Grounds]

    def still(self, connection: Connection, parts: QuarantineParts, document_ids: Sequence[int]) -> dict[int, Grounds]:
        """Those that hold at this moment: what the ERP has it has for ever, but a till may say no more."""
        by_till = [one for one in document_ids if self.grounds.get(one) == "till"]
        held = held_by_till(connection, parts, by_till)
        return {
            one: self.grounds[one]
            for one in document_ids
            if one in self.grounds and (self.grounds[one] != "till" or one in held)
        }
