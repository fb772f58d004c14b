"""Sales that no other test sends, and limits small enough to be met."""

from malote.app import Services
from malote.config import IntakeSettings
from malote.register import till_documents
from tests.unit.fiscal.notes import build_note

LIMITS = IntakeSettings(max_body_bytes=600_000, max_pouch_bytes=2_000_000, max_document_bytes=200_000, max_documents=20)
_numbers = iter(range(1, 10_000))


def note(**changes: object) -> bytes:
    """A sale that no other test sends."""
    return build_note(number=next(_numbers), **changes)  # type: ignore[arg-type]


def count(services: Services) -> int:
    status = [one for one in till_documents.status(services.engine, now=services.spool.clock()) if one.till == "caixa1"]
    return sum(one.pending + one.waiting + one.posted + one.rejected + one.discarded for one in status)
