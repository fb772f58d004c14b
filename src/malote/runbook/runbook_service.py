"""The procedure as the faces use it: look, go on by itself as far as nobody need be asked, remember.

Every method raises ``StoreError``, and ``TillError`` for a till that there isn't. What it does goes through the
services that the pages use, with their checks and their audit trail; whether the actor may do it is for the face to
ask (``accounts.roles``), which hands in the permissions.
"""

from collections.abc import Collection

import msgspec

from malote.accounts.audit import Actor
from malote.accounts.roles import Permission, Role, permissions
from malote.accounts.users import listed
from malote.database.engine import reading
from malote.quarantine.job_reports import AT_ONCE
from malote.quarantine.jobs import Jobs
from malote.quarantine.quarantine_reports import Selection
from malote.runbook import case_store, document_counts
from malote.runbook.case_store import Case, CaseProof
from malote.runbook.ended import with_ticks
from malote.runbook.next_step import Procedure, decide
from malote.runbook.observations import Cause, Situation
from malote.runbook.survey import SurveyParts, are_sales_gone, see
from malote.tills import till as tills
from malote.tills.till import Till

PRESSED_SECONDS = 15.0  # a synchronisation asked for so shortly before a cure is noticed counts as after it
NEWS_SECONDS = 900.0  # that the end of a procedure is shown
MOST_ACTORS = 4  # named, of those who may do a step


class View(msgspec.Struct, frozen=True):
    """``case`` None: nothing was begun. ``ended``: how the last procedure of this scope ended, while that is news."""

    seen: Situation
    procedure: Procedure
    case: Case | None
    ended: CaseProof | None


class Runbook:
    """Safe for threads."""

    def __init__(self, parts: SurveyParts, jobs: Jobs) -> None:
        self.parts = parts
        self._jobs = jobs

    def view(self, scope: str, actor: Actor, may: Collection[str] | None = None) -> View:
        """As it is now. What is wrong begins a procedure, what is right again ends it; nothing else is changed."""
        engine, till = self.parts.engine, self._till(scope)
        name = till.name if till else ""
        case = case_store.open_case(engine, name)
        seen = see(self.parts, till, case.marks if case else None)
        if case is None:
            procedure = decide(seen, None, may)
            if procedure.verdict == "resolved":
                return self._as_it_ended(View(seen, procedure, None, None))
            if procedure.is_listening:
                return View(seen, procedure, None, None)
            case = case_store.begin(engine, seen, actor.name, self._orders(seen.at))
            return View(seen, decide(seen, case.marks, may), case, None)
        marks = case_store.marked(case.marks, seen, self._orders(seen.at - PRESSED_SECONDS))
        if marks != case.marks:
            case = case_store.note(engine, case, marks)
            seen = see(self.parts, till, marks)
        # Whether it is over is the same for whoever looks.
        procedure = decide(seen, marks)
        if procedure.verdict == "resolved":
            ended = case_store.proof_of(seen, marks, len(procedure.beside))
            return View(seen, procedure, case_store.close(engine, case, ended), ended)
        return View(seen, decide(seen, marks, may), case, None)

    def unheard(self) -> Cause | None:
        """The tills that gave no sign for a minute; their lights say so later, after a courier's longest pause."""
        with reading(self.parts.engine) as connection:
            quiet = document_counts.quiet(connection, None, self.parts.clock())
        named = [name for one in quiet for name in one.named]
        since = min((one.since for one in quiet if one.since is not None), default=None)
        tills = sum(one.tills for one in quiet)
        return msgspec.structs.replace(quiet[0], tills=tills, named=named, since=since) if quiet else None

    def are_sales_gone(self) -> bool:
        """Whether the ERP lacks a table that held sales of this server: a backup comes before an update."""
        return are_sales_gone(self.parts)

    def go_on(self, scope: str, actor: Actor, may: Collection[str] | None = None) -> View:
        """Does the next step where it is one that nobody need be asked for, and looks again."""
        view = self.view(scope, actor, may)
        step = view.procedure.current
        if view.procedure.verdict != "go" or step is None:
            return view
        self.synchronise(view.seen, actor)
        return self.view(scope, actor, may)

    def synchronise(self, seen: Situation, actor: Actor) -> None:
        """The till, or every one; by a job where that is many."""
        chosen = [seen.scope] if seen.scope else None
        if self.parts.synchronisation.size(chosen) <= AT_ONCE:
            self.parts.synchronisation.order(chosen, actor)
            return
        self._jobs.start(self._jobs.freeze_tills(chosen, actor).id, actor)

    def replay(self, seen: Situation, code: str, actor: Actor) -> int:
        """Puts the rejected documents of a cause back; how many. By a job, and 0, where they are many."""
        selection = Selection(till=seen.scope or None, code=code, until=self.parts.clock())
        gauge = self._jobs.gauge("replay", selection)
        if gauge.ids is not None:
            return len(self.parts.quarantine.replay(selection, actor).replayed)
        self._jobs.start(self._jobs.freeze("replay", selection, actor).id, actor)
        return 0

    def delete(self, seen: Situation, code: str, actor: Actor) -> tuple[int, int]:
        """Into the trash what is provably elsewhere: how many went, and how many stayed."""
        report = self.parts.quarantine.delete(Selection(till=seen.scope or None, code=code), actor)
        return len(report.deleted), len(report.refused)

    def update(self, seen: Situation, actor: Actor) -> None:
        """Begins the update of the first structure that is behind. Raises ``StructureError``."""
        first = next(one for one in seen.structures if one.state in ("behind", "failed"))
        if first.scope != "till":
            self.parts.structures.start(first.scope, actor)
        elif first.state == "failed" and (rollout := self.parts.structures.rollout()) is not None:
            self.parts.structures.resume(rollout.id, actor)
        else:
            self.parts.structures.roll_out([seen.scope] if seen.scope else None, actor)

    def who_may(self, permission: str) -> list[str]:
        """The names of some people who may do it, those who need the least right for it first."""
        wanted, order = Permission(permission), list(Role)
        able = [one for one in listed(self.parts.engine) if not one.disabled and wanted in permissions(one.role)]
        able.sort(key=lambda one: (order.index(one.role), one.name))
        return [one.display_name or one.name for one in able[:MOST_ACTORS]]

    def _till(self, scope: str) -> Till | None:
        return tills.find_till(self.parts.engine, scope) if scope else None

    def _orders(self, before: float) -> int:
        with reading(self.parts.engine) as connection:
            return document_counts.newest_order(connection, before)

    def _as_it_ended(self, view: View) -> View:
        """With what the last procedure of this scope put right, and its proof, while that is news."""
        last = case_store.last_closed(self.parts.engine, view.seen.scope)
        if last is None or last.closed_at is None or view.seen.at - last.closed_at >= NEWS_SECONDS:
            return view
        procedure = with_ticks(view.procedure, last.marks)
        return msgspec.structs.replace(view, procedure=procedure, ended=last.proof)
