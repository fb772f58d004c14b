"""What has the same cause as a document that was cured: replayed with it, or come in meanwhile."""

from malote.quarantine.dependencies import QuarantineParts
from malote.quarantine.quarantine_reports import Selection
from malote.register import listing
from malote.register.documents import StoredDocument
from malote.register.listing import DocumentsQuery


def others(cured: StoredDocument, until: float) -> Selection | None:
    """Those of its till that were rejected for the same reason before ``until``, seconds since the epoch. ``cured``: as
    it was before its cure."""
    return None if cured.reason is None else Selection(till=cured.till, code=cured.reason.code, until=until)


def fell_in(parts: QuarantineParts, cured: StoredDocument, since: float) -> int:
    """How many came into its cause after ``since`` and are there still, of the newest page: nobody has cured them."""
    if cured.reason is None:
        return 0
    left = listing.page(parts.engine, cured.till, DocumentsQuery(("rejected",), code=cured.reason.code))
    return sum(one.accepted_at > since for one in left.documents)
