"""A person accepts a small difference, or a finding that is known to the last field: it is a warning from then on."""

import hashlib
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Protocol

import msgspec
from sqlalchemy import Connection, Engine, select

from malote import rejection
from malote.accounts import audit
from malote.accounts.audit import Actor
from malote.database.chunks import chunks
from malote.database.engine import reading, writing
from malote.database.quarantine_tables import accepted_problem
from malote.database.tables import document as documents
from malote.database.tables import till as tills
from malote.fiscal.amounts import money
from malote.quarantine import candidates
from malote.quarantine.deleting import not_there, typed
from malote.quarantine.dependencies import QuarantineParts
from malote.quarantine.quarantine_reports import CureOption, CureReport, Refused, Selection
from malote.quarantine.replaying import replay
from malote.register.replaying import Judge
from malote.spool import confirming, history
from malote.spool.documents import IncomingFile, Reason
from malote.spool.history import HistoryLine
from malote.spool.state_changes import decode_reason, lock_ids

# Accepted with a reason, whatever the sums.
_WITHOUT_SUMS = frozenset({"digest_disagrees", "sale_refers_to_receipt"})


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


def accept_difference(parts: QuarantineParts, selection: Selection, actor: Actor, *, reason: str) -> CureReport:
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
    confirming.accept(connection, document_id, differences, by.actor.name, by.reason, by.now)
    facts = {code: money(cents) for code, cents in sorted(differences.items())}
    history.record(connection, [HistoryLine(document_id, "difference_accepted", facts)], by.actor.name, by.now)
    audit.record(
        connection,
        by.actor,
        "difference_accepted",
        f"document:{document_id}",
        after=facts,
        reason=by.reason,
        now=by.now,
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
    if not rejecting or not set(rejecting) <= rejection.with_action("accept_difference"):
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


def option(parts: QuarantineParts, reason: Reason) -> list[CureOption]:
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
