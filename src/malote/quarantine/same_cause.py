"""What has the same cause as a document that was cured: replayed with it, or come in meanwhile."""

from collections.abc import Iterator

from sqlalchemy import select

from malote.database.engine import reading
from malote.database.tables import document as documents
from malote.fiscal.documents import Sale
from malote.quarantine import candidates, cure_codes
from malote.quarantine.cure_codes import JustMapped
from malote.quarantine.dependencies import QuarantineParts
from malote.quarantine.quarantine_reports import Selection
from malote.register import listing
from malote.register.documents import StoredDocument
from malote.register.listing import DocumentsQuery
from malote.register.reopening import ExtractedPlace, reopened
from malote.spool.documents import Reason
from malote.spool.state_changes import decode_reason

MOST = 2000  # documents of a cause that are looked into; of more, all are tried


def others(
    parts: QuarantineParts, cured: StoredDocument, until: float, mapped: JustMapped | None = None
) -> Selection | None:
    """Those of its till that were rejected for the same reason before ``until``, seconds since the epoch. ``cured``: as
    it was before its cure. ``mapped``: only those that were refused for this code, as far as is known: the others would
    be refused again. Raises ``StoreError``."""
    if cured.reason is None:
        return None
    every = Selection(till=cured.till, code=cured.reason.code, until=until)
    return every if mapped is None else _of_code(parts, every, cured, mapped)


def _of_code(parts: QuarantineParts, every: Selection, cured: StoredDocument, mapped: JustMapped) -> Selection:
    its = documents.c
    columns = (its.id, its.pouch_id, its.extracted_index, its.reason)
    query = select(*columns).where(*candidates.conditions(every, "rejected")).order_by(its.id).limit(MOST + 1)
    with reading(parts.engine) as connection:
        rows = connection.execute(query).all()
    sale = cure_codes.sale_of(parts, cured)
    if len(rows) > MOST or sale is None:
        return every
    places = [ExtractedPlace(*row[:3]) for row in rows]
    reasons = {row.id: decode_reason(row.reason) for row in rows}
    return Selection(tuple(_helped(parts, places, reasons, sale.issuer, mapped)), cured.till)


def _helped(
    parts: QuarantineParts,
    places: list[ExtractedPlace],
    reasons: dict[int, Reason | None],
    issuer: str | None,
    mapped: JustMapped,
) -> Iterator[int]:
    for number, document in reopened(parts.engine, places):
        reason = reasons[number]
        if not isinstance(document, Sale) or document.issuer != issuer or reason is None:
            continue
        codes = list(cure_codes.KINDS[mapped.kind].codes(document))
        if mapped.code in codes and cure_codes.refused_code(reason, mapped.kind, codes) in ("", mapped.code):
            yield number


def fell_in(parts: QuarantineParts, cured: StoredDocument, since: float) -> int:
    """How many came into its cause after ``since`` and are there still, of the newest page: nobody has cured them."""
    if cured.reason is None:
        return 0
    left = listing.page(parts.engine, cured.till, DocumentsQuery(("rejected",), code=cured.reason.code))
    return sum(one.accepted_at > since for one in left.documents)
