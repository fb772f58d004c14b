"""Reprocessar: rejected documents back in the queue, in order of arrival, each read and judged again."""

from collections.abc import Sequence

from sqlalchemy import Connection

from malote import log as logs
from malote.accounts import audit
from malote.accounts.audit import Actor
from malote.database.engine import reading
from malote.database.errors import StoreError
from malote.quarantine import candidates, groups, trash_files
from malote.quarantine.deleting import by_till, not_there
from malote.quarantine.dependencies import QuarantineParts
from malote.quarantine.job_reports import Settled
from malote.quarantine.quarantine_reports import Refused, ReplayReport, Selection
from malote.register import replaying
from malote.register.replaying import Replayed, Told
from malote.spool.state_changes import LockedDocument
from malote.tills.till import TillError

log = logs.get_logger("malote.quarantine")


def replay(parts: QuarantineParts, selection: Selection, actor: Actor, *, dry_run: bool = False) -> ReplayReport:
    with reading(parts.engine) as connection:
        found = candidates.find(connection, selection, "rejected")
    report = ReplayReport([], not_there(found))
    judge = parts.foreseeing()
    done = replaying.foresee(parts.engine, found.ids, judge) if dry_run else _replay(parts, found.ids, actor)
    report.replayed.extend(done.ids)
    report.refused.extend(Refused(one, reason.code, reason.facts) for one, reason in sorted(done.unfit.items()))
    settled = {*done.ids, *done.unfit}
    report.refused.extend(Refused(one, "document_moved_on") for one in found.ids if one not in settled)
    if not dry_run:
        follow(parts, done.ids)
    return report


def replay_listed(parts: QuarantineParts, ids: Sequence[int], actor: Actor, settled: Settled) -> None:
    """Replays these, at most ``database.chunks.CHUNK``, as far as they are rejected still; ``settled`` hears of each in
    the transaction that does it."""

    def told(connection: Connection, done: Replayed) -> None:
        decided = {*done.ids, *done.unfit}
        refused = [Refused(one, reason.code, reason.facts) for one, reason in sorted(done.unfit.items())]
        refused += [Refused(one, "document_moved_on") for one in ids if one not in decided]
        settled(connection, done.ids, refused)

    follow(parts, _replay(parts, ids, actor, told).ids)


def _replay(parts: QuarantineParts, ids: Sequence[int], actor: Actor, told: Told | None = None) -> Replayed:
    now = parts.clock()

    def note(connection: Connection, standings: Sequence[LockedDocument]) -> None:
        for till, some in by_till(connection, standings).items():
            audit.record(
                connection,
                actor,
                "rejected_replayed",
                f"till:{till}",
                before={"state": "rejected"},
                after={"state": "accepted", "documents": [str(one.id) for one in some]},
                now=now,
            )

    return replaying.replay(parts.engine, ids, parts.judge, who=actor.name, now=now, note=note, told=told)


def follow(parts: QuarantineParts, ids: Sequence[int]) -> None:
    """Their files leave the folder of rejected ones; what can't be done now is done by whoever looks there next."""
    try:
        groups.drop(parts, ids)
    except (StoreError, TillError, OSError) as error:
        log.warning("files_follow_later", reason=type(error).__name__)
    trash_files.follow(parts)
