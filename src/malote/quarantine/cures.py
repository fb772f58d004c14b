"""Corrigir e reenviar: cures that falsify no fiscal document. It is never edited itself, and every cure is recorded."""

import hashlib
import math
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any, Protocol

import msgspec
import structlog
from sqlalchemy import Connection, Engine, select, text

from malote.accounts import audit
from malote.accounts.audit import Actor
from malote.database.chunks import chunks
from malote.database.engine import reading, writing
from malote.database.quarantine_tables import accepted_problem
from malote.database.tables import document as documents
from malote.database.tables import till as tills
from malote.fiscal.amounts import money
from malote.fiscal.documents import Sale
from malote.quarantine import candidates, judging, reversing
from malote.quarantine.deleting import not_there, typed
from malote.quarantine.parts import Parts
from malote.quarantine.replaying import replay
from malote.quarantine.reports import CureOption, CureReport, QuarantineError, Refused, Selection
from malote.register import contents, reports
from malote.register.documents import StoredDocument
from malote.register.replaying import Judge
from malote.spool import held, history
from malote.spool.documents import IncomingFile, Reason
from malote.spool.history import Line
from malote.spool.moving import decode_reason, lock_ids
from malote.tills import series
from malote.tills.series import SeriesKey
from malote.tills.till import find_till
from malote.wire import PouchFile

# What intake takes for a warning once a person accepted it.
_WITHOUT_SUMS = frozenset({"digest_disagrees", "sale_refers_to_receipt"})  # accepted with a reason, whatever the sums
DIFFERENCES = frozenset({"items_sum", "payments_sum"}) | _WITHOUT_SUMS
SERIES_CODES = ("series_unassigned", "series_of_another_till", *held.HELD)
# Where a product that the ERP calls otherwise may be behind it.
PRODUCT_CODES = frozenset({"erp_constraint", "erp_refused"})
PROTOCOL_CODES = frozenset({"never_authorised"})
MOST_PRODUCTS = 50  # of one document, proposed for mapping
LONGEST_PRODUCT = 60  # characters of a product's code, as the official layout has it

log = structlog.get_logger("malote.quarantine")


class AcceptingJudge(Protocol):
    """Judges a file, taking for warnings what of its documents (by position) a person accepted."""

    def __call__(
        self, till_name: str, file_name: str, content: bytes, accepted: Mapping[int, Collection[str]], /
    ) -> IncomingFile: ...


def mindful(engine: Engine, judge: AcceptingJudge) -> Judge:
    """A judge that knows what people have accepted of each document."""

    def judged(till: str, name: str, content: bytes) -> IncomingFile:
        with reading(engine) as connection:
            accepted = _accepted(connection, till, hashlib.sha256(content).digest())
        return judge(till, name, content, accepted)

    return judged


def options(parts: Parts, document_id: int) -> list[CureOption]:
    stored = reports.document(parts.engine, document_id)
    found = reversing.options(parts, stored)
    if stored.state in ("rejected", "waiting") and stored.reason is not None:
        found += _of_waiting(parts, stored, stored.reason)
    return found + judging.options(parts, stored)


def _of_waiting(parts: Parts, stored: StoredDocument, reason: Reason) -> list[CureOption]:
    """Of what is still to be booked, once its cause is cured."""
    found: list[CureOption] = []
    code = reason.code
    if code in SERIES_CODES:
        found += _series_option(parts, stored)
    if stored.state == "rejected" and code in DIFFERENCES:
        found += _difference_option(parts, reason)
    if stored.state == "rejected" and code in PRODUCT_CODES:
        found += _product_option(parts, stored)
    if (code in PROTOCOL_CODES or code == "not_authorised_yet") and stored.access_key:
        found.append(CureOption("attach_protocol", {"access_key": stored.access_key}))
    return found


# ---- assign the series ----


def assign_series(parts: Parts, document_id: int, actor: Actor, *, reason: str = "") -> CureReport:
    stored = reports.document(parts.engine, document_id)
    if stored.state not in ("rejected", "waiting"):
        raise QuarantineError("document_moved_on")
    key = _series_of(stored)
    if key is None or stored.reason is None or stored.reason.code not in SERIES_CODES:
        raise QuarantineError("cure_unfit", cure="assign_series")
    till = find_till(parts.engine, stored.till)
    now = parts.clock()
    facts = {"issuer": key[0], "model": key[1], "series": str(key[2]), "till": till.name}
    with writing(parts.engine) as connection:
        owner = series.owner(connection, key) or ""
        lock_ids(connection, [document_id])
        history.record(connection, [Line(document_id, "series_assigned", facts | {"owner": owner})], actor.name, now)
        series.assign_in(connection, till.id, key)
        audit.record(
            connection,
            actor,
            "series_assigned",
            f"till:{till.name}",
            before={"owner": owner or None},
            after=facts,
            reason=_said(reason),
            now=now,
        )
    with reading(parts.engine) as connection:
        rejected = _of_series(connection, till.id, key)
    # What waited for it goes on as well, at this till and at those that no longer own the series.
    held.look(parts.engine, patience=math.inf, now=now)
    return CureReport([document_id], [], replay(parts, Selection(tuple(rejected)), actor))


def _series_option(parts: Parts, stored: StoredDocument) -> list[CureOption]:
    key = _series_of(stored)
    if key is None:
        return []
    with reading(parts.engine) as connection:
        owner = series.owner(connection, key) or ""
    facts = {"issuer": key[0], "model": key[1], "series": str(key[2]), "till": stored.till, "owner": owner}
    return [CureOption("assign_series", facts)]


def _series_of(stored: StoredDocument) -> SeriesKey | None:
    if not stored.issuer or not stored.model or stored.series is None:
        return None
    return stored.issuer, stored.model, stored.series


def _of_series(connection: Connection, till_id: int, key: SeriesKey) -> list[int]:
    query = select(documents.c.id).where(
        documents.c.till_id == till_id,
        documents.c.state == "rejected",
        documents.c.reason_code.in_(SERIES_CODES),
        documents.c.issuer == key[0],
        documents.c.model == key[1],
        documents.c.series == key[2],
    )
    return list(connection.execute(query).scalars())


# ---- accept a difference ----


def accept_difference(parts: Parts, selection: Selection, actor: Actor, *, reason: str) -> CureReport:
    said = typed(reason)
    with reading(parts.engine) as connection:
        found = candidates.find(connection, selection, "rejected")
    refused = not_there(found)
    cured: list[int] = []
    now = parts.clock()
    for chunk in chunks(found.ids):
        with writing(parts.engine) as connection:
            standing = {one.id: one for one in lock_ids(connection, chunk) if one.state == "rejected"}
            differing = _differing(connection, list(standing))
            for document_id in standing:
                differences = differing.get(document_id, {})
                problem = _beyond(differences, parts.settings.difference_cents)
                if problem is not None:
                    refused.append(Refused(document_id, problem.code, problem.facts))
                    continue
                _accept(connection, document_id, differences, _Accepting(actor, said, now))
                cured.append(document_id)
    return CureReport(cured, refused, replay(parts, Selection(tuple(cured)), actor))


class _Accepting(msgspec.Struct, frozen=True):
    actor: Actor
    reason: str
    now: float


def _accept(connection: Connection, document_id: int, differences: Mapping[str, int], by: _Accepting) -> None:
    rows = [
        {"document_id": document_id, "code": code, "at": by.now, "who": by.actor.name, "reason": by.reason}
        for code in sorted(differences)
    ]
    connection.execute(_ACCEPT, rows)
    facts = {code: money(cents) for code, cents in sorted(differences.items())}
    history.record(connection, [Line(document_id, "difference_accepted", facts)], by.actor.name, by.now)
    audit.record(
        connection,
        by.actor,
        "difference_accepted",
        f"document:{document_id}",
        after=facts,
        reason=by.reason,
        now=by.now,
    )


_ACCEPT = text(
    "INSERT INTO accepted_problem (document_id, code, at, who, reason) VALUES (:document_id, :code, :at, :who, :reason)"
    " ON CONFLICT (document_id, code) DO UPDATE SET at = excluded.at, who = excluded.who, reason = excluded.reason"
)


def _beyond(differences: Mapping[str, int], limit: int) -> Reason | None:
    """Why a person can't accept these differences, by their codes; None where one can."""
    if not differences:
        return Reason("cure_unfit", {"cure": "accept_difference"})
    largest = max(abs(cents) for cents in differences.values())
    if largest > limit:
        return Reason("difference_too_large", {"difference": money(largest), "limit": money(limit)})
    return None


def _differing(connection: Connection, ids: Sequence[int]) -> dict[int, dict[str, int]]:
    """The differences of sums of each document, in cents; nothing for one that has other faults besides."""
    query = select(documents.c.id, documents.c.reason).where(documents.c.id.in_(ids))
    found = {row.id: _differences(decode_reason(row.reason)) for row in connection.execute(query)}
    return {document_id: differences for document_id, differences in found.items() if differences}


def _differences(reason: Reason | None) -> dict[str, int]:
    if reason is None:
        return {}
    rejecting = {one.code: one.facts for one in reason.problems if one.severity == "reject"}
    if not rejecting or not set(rejecting) <= DIFFERENCES:
        return {}
    cents = {
        code: 0 if code in _WITHOUT_SUMS else _cents(facts.get("difference", "")) for code, facts in rejecting.items()
    }
    return {code: amount for code, amount in cents.items() if amount is not None} if None not in cents.values() else {}


def _cents(said: str) -> int | None:
    try:
        return int(Decimal(said) * 100)
    except (InvalidOperation, ValueError):
        return None


def _difference_option(parts: Parts, reason: Reason) -> list[CureOption]:
    differences = _differences(reason)
    limit = parts.settings.difference_cents
    if _beyond(differences, limit) is not None:
        return []
    largest = max(differences.values(), key=abs)
    return [CureOption("accept_difference", {"difference": money(largest), "limit": money(limit)})]


def _accepted(connection: Connection, till: str, sha256: bytes) -> dict[int, set[str]]:
    query = (
        select(documents.c.position, accepted_problem.c.code)
        .join_from(documents, accepted_problem, accepted_problem.c.document_id == documents.c.id)
        .join(tills, tills.c.id == documents.c.till_id)
        .where(tills.c.name_key == till.lower(), documents.c.file_sha256 == sha256)
    )
    found: dict[int, set[str]] = defaultdict(set)
    for position, code in connection.execute(query):
        found[position].add(code)
    return found


# ---- map a product ----


def map_product(
    parts: Parts, document_id: int, old_code: str, new_code: str, actor: Actor, *, reason: str = ""
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
        history.record(connection, [Line(document_id, "product_mapped", facts)], actor.name, now)
        audit.record(
            connection,
            actor,
            "product_mapped",
            f"document:{document_id}",
            before={"new_code": before},
            after={"issuer": stored.issuer, **facts},
            reason=_said(reason),
            now=now,
        )
    return CureReport([document_id], [], replay(parts, Selection((document_id,)), actor))


_MAPPED = text("SELECT new_code FROM product_map WHERE issuer = :issuer AND old_code = :old_code")
_MAP = text(
    "INSERT INTO product_map (issuer, old_code, new_code, at, who) VALUES (:issuer, :old_code, :new_code, :at, :who)"
    " ON CONFLICT (issuer, old_code) DO UPDATE SET new_code = excluded.new_code, at = excluded.at, who = excluded.who"
)


def _products(parts: Parts, stored: StoredDocument) -> list[str]:
    readings = parts.read(contents.content(parts.engine, stored.id))
    document = readings[stored.position].document if stored.position < len(readings) else None
    return list(dict.fromkeys(item.product_code for item in document.items)) if isinstance(document, Sale) else []


def _product_option(parts: Parts, stored: StoredDocument) -> list[CureOption]:
    products = _products(parts, stored)[:MOST_PRODUCTS]
    if not products or stored.issuer is None:
        return []
    return [CureOption("map_product", {"issuer": stored.issuer, "products": ", ".join(products)})]


# ---- attach a protocol ----


def attach_protocol(parts: Parts, document_id: int, name: str, content: bytes, actor: Actor) -> CureReport:
    stored = reports.document(parts.engine, document_id)
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
        history.record(connection, [Line(document_id, "protocol_attached", facts)], actor.name, now)
        audit.record(connection, actor, "protocol_attached", f"document:{document_id}", after=facts, now=now)
    ids = (document_id,) if stored.state == "rejected" else ()
    return CureReport([document_id], [], replay(parts, Selection(ids), actor))


def _authorises(parts: Parts, content: bytes, access_key: str | None) -> bool:
    if access_key is None:
        return False
    sales = [one.document for one in parts.read(content) if isinstance(one.document, Sale) and not one.rejected]
    return any(sale.access_key == access_key and sale.authorised for sale in sales)


# ---- shared ----


def _rejected(parts: Parts, document_id: int) -> StoredDocument:
    stored = reports.document(parts.engine, document_id)
    if stored.state != "rejected":
        raise QuarantineError("document_moved_on")
    return stored


def _said(reason: str) -> str:
    return typed(reason) if reason.strip() else ""


def product_map(engine: Engine) -> dict[tuple[str, str], str]:
    """Every mapping: (issuer, old code) -> new code. Raises ``StoreError``."""
    with reading(engine) as connection:
        rows: Any = connection.execute(text("SELECT issuer, old_code, new_code FROM product_map"))
        return {(row.issuer, row.old_code): row.new_code for row in rows}
