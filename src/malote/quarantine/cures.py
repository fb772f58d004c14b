"""Corrigir e reenviar: cures that falsify no fiscal document. It is never edited itself, and every cure is recorded.

Each has a file of its own, ``cure_….py``; here stands which of them a document may have.
"""

from malote import rejection
from malote.quarantine import (
    cure_codes,
    cure_difference,
    cure_issuer,
    cure_series,
    reversing,
    sale_decision,
)
from malote.quarantine.dependencies import QuarantineParts
from malote.quarantine.quarantine_reports import CureOption
from malote.register import till_documents
from malote.register.documents import StoredDocument
from malote.spool.documents import Reason


def options(parts: QuarantineParts, document_id: int) -> list[CureOption]:
    stored = till_documents.document(parts.engine, document_id)
    found = reversing.options(parts, stored)
    if stored.state in ("rejected", "waiting") and stored.reason is not None:
        found += _of_waiting(parts, stored, stored.reason)
    return found + sale_decision.options(parts, stored)


def _of_waiting(parts: QuarantineParts, stored: StoredDocument, reason: Reason) -> list[CureOption]:
    """Of what is still to be booked, once its cause is cured."""
    found: list[CureOption] = []
    actions = rejection.entry(reason.code).actions
    if "assign_series" in actions:
        found += cure_series.option(parts, stored)
    if stored.state == "rejected":
        if "accept_difference" in actions:
            found += cure_difference.option(parts, reason)
        found += cure_codes.options(parts, stored, reason, actions)
        found += cure_issuer.option(stored)
    if "attach_protocol" in actions and stored.access_key:
        found.append(CureOption("attach_protocol", {"access_key": stored.access_key}))
    return found
