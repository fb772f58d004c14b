"""Safe delete: into the trash, and out of it again. The rows first, the files after them; a crash leaves only work."""

from collections import defaultdict
from collections.abc import Sequence

import msgspec
from sqlalchemy import Connection, select

from malote.accounts import audit
from malote.accounts.audit import Actor
from malote.database.chunks import chunks
from malote.database.engine import reading, writing
from malote.database.tables import till as tills
from malote.quarantine import candidates, job_store, safety, trash_files
from malote.quarantine.dependencies import QuarantineParts
from malote.quarantine.job_reports import Settled
from malote.quarantine.quarantine_reports import (
    Deleted,
    DeleteReport,
    Grounds,
    QuarantineError,
    Refused,
    RestoreReport,
    Selection,
    WayOut,
)
from malote.quarantine.safety import Proofs
from malote.register import discarding
from malote.register.discarding import Discarding
from malote.spool import history
from malote.spool.history import HistoryLine
from malote.spool.state_changes import LockedDocument

LAST_COPY_WAYS: tuple[WayOut, ...] = ("download", "ask_till", "delete_last_copy")
LONGEST_REASON = 500  # characters of what a person types
SHORTEST_REASON = 5


class _Wish(msgspec.Struct, frozen=True):
    actor: Actor
    forced: str | None  # the reason for deleting what may be the last copy
    settled: Settled | None = None


def delete(
    parts: QuarantineParts,
    selection: Selection,
    actor: Actor,
    *,
    last_copy_reason: str | None = None,
    dry_run: bool = False,
) -> DeleteReport:
    wish = _Wish(actor, None if last_copy_reason is None else typed(last_copy_reason))
    with reading(parts.engine) as connection:
        found = candidates.find(connection, selection, "rejected")
    report = DeleteReport([], not_there(found))
    for chunk in chunks(found.ids):
        proofs = Proofs(safety.grounds(parts, chunk))
        if dry_run:
            _foresee(chunk, proofs.grounds, wish, report)
        else:
            _delete(parts, chunk, proofs, wish, report)
    return report


def delete_listed(
    parts: QuarantineParts, ids: Sequence[int], actor: Actor, settled: Settled, *, last_copy_reason: str | None
) -> None:
    """Deletes these, as far as they are rejected still; ``settled`` hears of each in the transaction that does it."""
    wish = _Wish(actor, last_copy_reason, settled)
    for chunk in chunks(ids):
        _delete(parts, chunk, Proofs(safety.grounds(parts, chunk)), wish, DeleteReport([], []))


def restore_listed(parts: QuarantineParts, ids: Sequence[int], actor: Actor, settled: Settled) -> None:
    """The same for taking out of the trash."""
    for chunk in chunks(ids):
        _restore(parts, chunk, actor, RestoreReport([], []), settled)


def restore(parts: QuarantineParts, selection: Selection, actor: Actor, *, dry_run: bool = False) -> RestoreReport:
    with reading(parts.engine) as connection:
        found = candidates.find(connection, selection, "discarded")
    report = RestoreReport([], not_there(found))
    if dry_run:
        report.restored.extend(found.ids)
        return report
    for chunk in chunks(found.ids):
        _restore(parts, chunk, actor, report)
    return report


def _restore(
    parts: QuarantineParts, ids: Sequence[int], actor: Actor, report: RestoreReport, settled: Settled | None = None
) -> None:
    now = parts.clock()
    with writing(parts.engine) as connection:
        standings = discarding.restore(connection, ids)
        history.record(connection, [HistoryLine(one.id, "restored") for one in standings], actor.name, now)
        restored = [one.id for one in standings]
        refused = [Refused(one, "document_purged") for one in ids if one not in set(restored)]
        if settled is not None:
            settled(connection, restored, refused)
        job_store.leave_alone(connection, restored)
        _audit(connection, actor, "rejected_restored", standings, now)
    report.restored.extend(restored)
    report.refused.extend(refused)
    trash_files.follow(parts)


def typed(reason: str) -> str:
    """What a person gave as a reason, fit to be kept. Raises ``QuarantineError``."""
    said = "".join(character if character.isprintable() else " " for character in reason).strip()
    if len(said) < SHORTEST_REASON:
        raise QuarantineError("reason_needed", least=str(SHORTEST_REASON))
    return said[:LONGEST_REASON]


def not_there(found: candidates.FoundDocuments) -> list[Refused]:
    return [
        *(Refused(one, "document_unknown") for one in found.unknown),
        *(Refused(one, "document_moved_on") for one in found.moved_on),
    ]


def _foresee(ids: Sequence[int], grounds: dict[int, Grounds], wish: _Wish, report: DeleteReport) -> None:
    for one in ids:
        if one in grounds or wish.forced is not None:
            report.deleted.append(Deleted(one, grounds.get(one, "forced")))
        else:
            report.refused.append(_last_copy(one))


def _delete(parts: QuarantineParts, ids: Sequence[int], proofs: Proofs, wish: _Wish, report: DeleteReport) -> None:
    now = parts.clock()
    with writing(parts.engine) as connection:
        grounds = proofs.still(connection, parts, ids)
        going = [one for one in ids if one in grounds or wish.forced is not None]
        discardings = [
            Discarding(one, grounds.get(one, "forced"), "" if one in grounds else wish.forced or "") for one in going
        ]
        standings = discarding.discard(connection, discardings, wish.actor.name, now)
        lines = [HistoryLine(one.id, "deleted", {"grounds": grounds.get(one.id, "forced")}) for one in standings]
        history.record(connection, lines, wish.actor.name, now)
        gone = {one.id for one in standings}
        deleted = [Deleted(one, grounds.get(one, "forced")) for one in going if one in gone]
        refused = [Refused(one, "document_moved_on") for one in going if one not in gone]
        refused += [_last_copy(one) for one in ids if one not in set(going)]
        if wish.settled is not None:
            wish.settled(connection, sorted(gone), refused)
        # Last, since the audit trail is locked until the end of the transaction.
        safe = [one for one in standings if one.id in grounds]
        _audit(connection, wish.actor, "rejected_deleted", safe, now)
        _audit_forced(connection, wish, [one for one in standings if one.id not in grounds], now)
    report.deleted.extend(deleted)
    report.refused.extend(refused)
    trash_files.follow(parts)


def _last_copy(document_id: int) -> Refused:
    return Refused(document_id, "last_copy", {}, LAST_COPY_WAYS)


def _audit(connection: Connection, actor: Actor, action: str, standings: Sequence[LockedDocument], now: float) -> None:
    """One entry for each till, with its documents."""
    for till, some in by_till(connection, standings).items():
        before, after = ("rejected", "discarded") if action == "rejected_deleted" else ("discarded", "rejected")
        listed = [str(one.id) for one in some]
        audit.record(
            connection,
            actor,
            action,
            f"till:{till}",
            before={"state": before},
            after={"state": after, "documents": listed},
            now=now,
        )


def _audit_forced(connection: Connection, wish: _Wish, standings: Sequence[LockedDocument], now: float) -> None:
    """One entry for each document, since each may have been the last copy."""
    for one in standings:
        audit.record(
            connection,
            wish.actor,
            "last_copy_deleted",
            f"document:{one.id}",
            before={"state": "rejected", "code": one.reason_code},
            after={"state": "discarded"},
            reason=wish.forced or "",
            now=now,
        )


def by_till(connection: Connection, standings: Sequence[LockedDocument]) -> dict[str, list[LockedDocument]]:
    """The documents by their tills' names."""
    ids = {one.till_id for one in standings}
    names: dict[int, str] = {}
    for chunk in chunks(sorted(ids)):
        query = select(tills.c.id, tills.c.name).where(tills.c.id.in_(chunk))
        names |= {row.id: row.name for row in connection.execute(query)}
    found: dict[str, list[LockedDocument]] = defaultdict(list)
    for one in standings:
        found[names[one.till_id]].append(one)
    return found


def typed_or_empty(reason: str) -> str:
    return typed(reason) if reason.strip() else ""
