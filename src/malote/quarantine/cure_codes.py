"""What the ERP calls otherwise: a product or a method of payment, mapped by a person, and booked so; the document stays
as it is."""

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Literal

import msgspec
from sqlalchemy import Table, select, text

from malote.accounts import audit
from malote.accounts.audit import Actor
from malote.database.engine import writing
from malote.database.quarantine_tables import payment_map, product_map
from malote.fiscal.documents import Sale
from malote.fiscal.payment_methods import is_method
from malote.quarantine.deleting import typed_or_empty
from malote.quarantine.dependencies import Lacks, QuarantineParts
from malote.quarantine.mappings import MappingKind, remember
from malote.quarantine.quarantine_reports import (
    CureOption,
    CureReport,
    ProposedProduct,
    QuarantineError,
    Selection,
)
from malote.quarantine.replaying import replay
from malote.register import contents, till_documents
from malote.register.documents import StoredDocument
from malote.spool import history
from malote.spool.documents import Reason
from malote.spool.history import HistoryLine, What
from malote.spool.state_changes import lock_ids

MOST_CODES = 50  # of one document, proposed for mapping
LONGEST_PRODUCT = 60  # characters of a product's code, as the official layout has it

CodeCure = Literal["map_product", "map_payment"]


class JustMapped(msgspec.Struct, frozen=True):
    """What was mapped: the code as the documents have it."""

    kind: CodeCure
    code: str


class CodeKind(msgspec.Struct, frozen=True):
    """``named_in``: the fact of a reason that names those which the ERP refused, and of an option those that there are;
    ``check`` raises ``QuarantineError`` for what is none, ``lacks`` finds what the loads lack, which is ``lacking``."""

    table: Table
    named_in: str
    codes: Callable[[Sale], Iterable[str]]
    check: Callable[[str], None]
    lacks: Callable[[QuarantineParts], Lacks]
    lacking: str
    what: What
    map_kind: MappingKind


def map_code(
    parts: QuarantineParts,
    kind: CodeCure,
    document_id: int,
    old_code: str,
    new_code: str,
    actor: Actor,
    *,
    reason: str = "",
    anyway: bool = False,
) -> CureReport:
    """``anyway``: also under a code that the loads in force lack. Raises ``QuarantineError``."""
    stored = till_documents.document(parts.engine, document_id)
    if stored.state != "rejected":
        raise QuarantineError("document_moved_on")
    cure, new, sale = KINDS[kind], new_code.strip(), sale_of(parts, stored)
    if sale is None or old_code not in cure.codes(sale):
        raise QuarantineError("cure_unfit", cure=kind)
    cure.check("" if new == old_code else new)
    version = None if anyway else cure.lacks(parts)(new)
    if version is not None:
        raise QuarantineError(cure.lacking, wanted=new, version=str(version))
    now = parts.clock()
    facts = {"old_code": old_code, "new_code": new}
    with writing(parts.engine) as connection:
        lock_ids(connection, [document_id])
        own = (cure.table.c.issuer == sale.issuer, cure.table.c.old_code == old_code)
        before = connection.execute(select(cure.table.c.new_code).where(*own)).scalar()
        if before is not None and before != new:
            remember(connection, cure.map_kind, sale.issuer, old_code, before, now)
        mapping = {"issuer": sale.issuer, "at": now, "who": actor.name, **facts}
        connection.execute(text(_MAP.format(table=cure.table.name)), mapping)
        history.record(connection, [HistoryLine(document_id, cure.what, facts)], actor.name, now)
        audit.record(
            connection,
            actor,
            cure.what,
            f"document:{document_id}",
            before={"new_code": before},
            after={"issuer": sale.issuer, **facts},
            reason=typed_or_empty(reason),
            now=now,
        )
    return CureReport([document_id], [], replay(parts, Selection((document_id,)), actor))


_MAP = (
    "INSERT INTO {table} (issuer, old_code, new_code, at, who) VALUES (:issuer, :old_code, :new_code, :at, :who)"
    " ON CONFLICT (issuer, old_code) DO UPDATE SET new_code = excluded.new_code, at = excluded.at, who = excluded.who"
)


def options(parts: QuarantineParts, stored: StoredDocument, reason: Reason, actions: Sequence[str]) -> list[CureOption]:
    """Of the kinds that the reason allows those that it names; all of them where it names none, unless it tells that
    something else is lacking, such as a store."""
    allowed = {kind: cure for kind, cure in KINDS.items() if kind in actions}
    named = {kind: cure for kind, cure in allowed.items() if cure.named_in in reason.facts}
    if "lacking" in reason.facts:
        allowed = named
    found: list[CureOption] = []
    sale = sale_of(parts, stored) if allowed else None
    if sale is None:
        return found
    for kind, cure in (named or allowed).items():
        codes = list(dict.fromkeys(cure.codes(sale)))[:MOST_CODES]
        about = {"refused": refused_code(reason, kind, codes), "named": _named(reason, kind, codes)}
        facts = {"issuer": sale.issuer, cure.named_in: ", ".join(codes), **about}
        proposed = _proposed(parts, sale, about["refused"]) if kind == "map_product" else None
        found += [CureOption(kind, facts, proposed)] if codes else []
    return found


def _proposed(parts: QuarantineParts, sale: Sale, refused: str) -> list[ProposedProduct] | None:
    line = next((item for item in sale.items if item.product_code == refused), None)
    found = parts.proposes(line.product_code, line.gtin, line.description) if line is not None else None
    return None if found is None else [ProposedProduct(*one) for one in found]


def refused_code(reason: Reason, kind: CodeCure, codes: Sequence[str]) -> str:
    """Which of a document's codes a form is about: the first that the reason names, the only one there is, or ""."""
    return _named(reason, kind, codes) or (codes[0] if len(codes) == 1 else "")


def _named(reason: Reason, kind: CodeCure, codes: Sequence[str]) -> str:
    said = reason.facts.get(KINDS[kind].named_in) or " ".join(reason.facts.values())
    named = set(re.findall(r"[\w.-]+", said))
    return next((one for one in codes if one in named), "")


def sale_of(parts: QuarantineParts, stored: StoredDocument) -> Sale | None:
    readings = parts.read(contents.content(parts.engine, stored.id))
    document = readings[stored.position].document if stored.position < len(readings) else None
    return document if isinstance(document, Sale) and document.issuer else None


def _check_product(code: str) -> None:
    if not code.isprintable() or not 0 < len(code) <= LONGEST_PRODUCT:
        raise QuarantineError("product_code_invalid", longest=str(LONGEST_PRODUCT))


def _check_payment(code: str) -> None:
    if not is_method(code):
        raise QuarantineError("payment_code_invalid")


KINDS: dict[CodeCure, CodeKind] = {
    "map_product": CodeKind(
        product_map,
        "products",
        lambda sale: (item.product_code for item in sale.items),
        _check_product,
        lambda parts: parts.lacks_product,
        "product_not_loaded",
        "product_mapped",
        "product",
    ),
    "map_payment": CodeKind(
        payment_map,
        "payments",
        lambda sale: (payment.method for payment in sale.payments),
        _check_payment,
        lambda parts: parts.lacks_payment,
        "payment_not_loaded",
        "payment_mapped",
        "payment",
    ),
}
