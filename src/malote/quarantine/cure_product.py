"""Products that the ERP calls otherwise: mapped by a person, and booked so; the document stays as it is."""

from sqlalchemy import text

from malote.accounts import audit
from malote.accounts.audit import Actor
from malote.database.engine import writing
from malote.fiscal.documents import Sale
from malote.quarantine.deleting import typed_or_empty
from malote.quarantine.dependencies import QuarantineParts
from malote.quarantine.quarantine_reports import CureOption, CureReport, QuarantineError, Selection
from malote.quarantine.replaying import replay
from malote.register import contents, till_documents
from malote.register.documents import StoredDocument
from malote.spool import history
from malote.spool.history import HistoryLine
from malote.spool.state_changes import lock_ids

# Where a product that the ERP calls otherwise may be behind it.
MOST_PRODUCTS = 50  # of one document, proposed for mapping
LONGEST_PRODUCT = 60  # characters of a product's code, as the official layout has it


def map_product(
    parts: QuarantineParts, document_id: int, old_code: str, new_code: str, actor: Actor, *, reason: str = ""
) -> CureReport:
    stored = _rejected(parts, document_id)
    products = _products(parts, stored)
    if stored.issuer is None or old_code not in products:
        raise QuarantineError("cure_unfit", cure="map_product")
    if not new_code.isprintable() or not 0 < len(new_code.strip()) <= LONGEST_PRODUCT or new_code == old_code:
        raise QuarantineError("product_code_invalid", longest=str(LONGEST_PRODUCT))
    now = parts.clock()
    facts = {"old_code": old_code, "new_code": new_code.strip()}
    mapping = {"issuer": stored.issuer, "at": now, "who": actor.name, **facts}
    with writing(parts.engine) as connection:
        lock_ids(connection, [document_id])
        before = connection.execute(_MAPPED, mapping).scalar()
        connection.execute(_MAP, mapping)
        history.record(connection, [HistoryLine(document_id, "product_mapped", facts)], actor.name, now)
        audit.record(
            connection,
            actor,
            "product_mapped",
            f"document:{document_id}",
            before={"new_code": before},
            after={"issuer": stored.issuer, **facts},
            reason=typed_or_empty(reason),
            now=now,
        )
    return CureReport([document_id], [], replay(parts, Selection((document_id,)), actor))


_MAPPED = text("SELECT new_code FROM product_map WHERE issuer = :issuer AND old_code = :old_code")
_MAP = text(
    "INSERT INTO product_map (issuer, old_code, new_code, at, who) VALUES (:issuer, :old_code, :new_code, :at, :who)"
    " ON CONFLICT (issuer, old_code) DO UPDATE SET new_code = excluded.new_code, at = excluded.at, who = excluded.who"
)


def _products(parts: QuarantineParts, stored: StoredDocument) -> list[str]:
    readings = parts.read(contents.content(parts.engine, stored.id))
    document = readings[stored.position].document if stored.position < len(readings) else None
    return list(dict.fromkeys(item.product_code for item in document.items)) if isinstance(document, Sale) else []


def option(parts: QuarantineParts, stored: StoredDocument) -> list[CureOption]:
    products = _products(parts, stored)[:MOST_PRODUCTS]
    if not products or stored.issuer is None:
        return []
    return [CureOption("map_product", {"issuer": stored.issuer, "products": ", ".join(products)})]


def _rejected(parts: QuarantineParts, document_id: int) -> StoredDocument:
    stored = till_documents.document(parts.engine, document_id)
    if stored.state != "rejected":
        raise QuarantineError("document_moved_on")
    return stored
