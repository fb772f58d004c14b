"""The structures as the faces use them: one object, wired by the composition root.

Every method raises ``StoreError``, and ``StructureError``, whose code is in the catalogue, where it says so. Whether
the actor may do it (``Permission.APPLY_STRUCTURES``) is for the face to ask before it calls.
"""

import threading
import time
from collections.abc import Callable, Sequence

from sqlalchemy import Engine

from malote import log as logs
from malote.accounts.audit import Actor
from malote.config import Settings
from malote.erp.altering import AlteringTarget, Declared
from malote.orders.rollout_reports import Rollout, RolloutTill
from malote.reconciliation import erp_memory
from malote.schema.definition import Scope, fingerprint
from malote.schema.structure_reports import Drift, ReportedStructure, RunReport, StepReport, StructurePlan
from malote.spool.presence import PosterPresence
from malote.structures import reason_names, replay_after_update, runs
from malote.structures.database_update import Application, Progress, look
from malote.structures.rollout import Rollouts
from malote.structures.structure_orders import StructureOrders
from malote.structures.target_databases import open_target
from malote.structures.wanted import declared
from malote.trust.signing_key import signing_key

log = logs.get_logger("malote.structures")


class Structures:
    """Safe for threads."""

    def __init__(
        self,
        engine: Engine,
        settings: Settings,
        *,
        declare: Callable[[Scope, Settings], Declared] = declared,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """``declare`` says what is wanted of a scope. Raises ``OSError`` for a key that can't be read."""
        self._engine = engine
        self._settings = settings
        self._declare = declare
        self._clock = clock
        key = signing_key(settings.home_path)
        self.orders = StructureOrders(engine, settings.structures, clock)
        self.rollouts = Rollouts(engine, settings.structures, key, lambda: declare("till", settings).structure, clock)

    def drift(self, scope: Scope) -> Drift:
        """How ``store`` or ``erp`` differs from what is wanted. Of ``till``: see ``tills``.

        Raises ``StructureError``: ``structure_scope_of_tills``, or what the database says (``erp_away``, …).
        """
        target, wanted = self._opened(scope)
        with target.looking() as session:
            lines, _ = look(target, session, wanted)
        name, structure = target.dialect.name, wanted.structure
        return Drift(scope, name, structure.version, fingerprint(structure), lines, self._clock())

    def plan(self, scope: Scope) -> StructurePlan:
        """The statements that ``apply`` would run now, in order. Raises as ``drift`` does."""
        target, wanted = self._opened(scope)
        with target.looking() as session:
            return look(target, session, wanted)[1]

    def apply(
        self, scope: Scope, actor: Actor, *, dry_run: bool = False, progress: Progress | None = None
    ) -> RunReport:
        """Runs the plan, and returns at its end; ``progress`` hears of every change. Raises as ``drift`` does.

        What goes wrong in a step is said in the report. Afterwards sales rejected for want of it are replayed.
        """
        if dry_run:
            return self._foreseen(self.plan(scope), actor)
        application = self._begin(scope, actor, progress or (lambda _: None))
        return application.run(lambda _: self._replay(scope, actor))

    def start(self, scope: Scope, actor: Actor) -> int:
        """``apply`` in the background: the run's id at once, for ``run`` to tell how far it got. Raises likewise."""
        application = self._begin(scope, actor, lambda _: None)
        work = threading.Thread(
            target=self._in_background, args=(application, scope, actor), name="structures", daemon=True
        )
        work.start()
        return application.id

    def run(self, run_id: int) -> RunReport | None:
        """How far a run got; None where there is none."""
        return runs.find(self._engine, run_id, self._clock())

    def last_run(self, scope: Scope) -> RunReport | None:
        """The scope's newest run: one that was interrupted says where."""
        return runs.newest(self._engine, scope, self._clock())

    def tills(self, names: Sequence[str] | None = None) -> list[ReportedStructure]:
        """Every enabled till by name, or those of ``names``, with what it last said of its structure."""
        return self.rollouts.structures_of_tills(names)

    def pulse_of_tills(self) -> str:
        """Changes whenever ``tills`` would answer otherwise, but for when a till said the same once more."""
        return self.rollouts.pulse_of_tills()

    def roll_out(self, tills: Sequence[str] | None, actor: Actor, *, dry_run: bool = False) -> Rollout:
        """Begins a roll-out to these tills, or to all where None. One that goes on is cancelled by it.

        Raises ``TillError``; ``StructureError`` ``rollout_no_tills``.
        """
        return self.rollouts.start(tills, actor, dry_run=dry_run)

    def rollout(self, rollout_id: int | None = None) -> Rollout | None:
        """A roll-out, the newest where None; None where there is none."""
        return self.rollouts.find(rollout_id)

    def rollout_tills(self, rollout_id: int, till: str | None = None) -> list[RolloutTill]:
        """Its tills, by wave and name, or the one named. A till that failed comes first."""
        return self.rollouts.tills_of(rollout_id, till)

    def cancel(self, rollout_id: int, actor: Actor, *, reason: str = "") -> Rollout:
        """No further till gets it; what is done stays. Raises ``StructureError`` (rollout_over, rollout_unknown)."""
        return self.rollouts.cancel(rollout_id, actor, reason)

    def resume(self, rollout_id: int, actor: Actor) -> Rollout:
        """A stopped or cancelled one goes on; tills that failed are tried again. Raises as ``cancel`` does."""
        return self.rollouts.resume(rollout_id, actor)

    def rejoin(self) -> int:
        """Replays what was rejected for want of a structure that is there by now, whoever brought it. How many.

        Raises ``StructureError``, ``StoreError``.
        """
        if not replay_after_update.waiting(self._engine):
            return 0
        return self._replay("erp", Actor("system"), sure=False)

    def _begin(self, scope: Scope, actor: Actor, progress: Progress) -> Application:
        presence = PosterPresence(self._engine, self._clock)
        target, wanted = self._opened(scope, presence)
        with target.looking():
            pass  # one that is away is said at once, and not by a run
        return Application(self._engine, target, wanted, actor, progress, self._clock, presence.renew)

    def _opened(self, scope: Scope, presence: PosterPresence | None = None) -> tuple[AlteringTarget, Declared]:
        wanted = self._declare(scope, self._settings)
        known = presence or PosterPresence(self._engine, self._clock)
        remembered = erp_memory.recall(self._engine).schema if scope == "erp" else ""
        return open_target(scope, self._settings, wanted.schema, known, remembered), wanted

    def _in_background(self, application: Application, scope: Scope, actor: Actor) -> None:
        """The outermost loop of its thread: what ends it is in the log, and the run shows as interrupted."""
        try:
            application.run(lambda _: self._replay(scope, actor))
        except Exception as error:  # noqa: BLE001 - the outermost loop
            log.error("structure_run_failed", run=application.id, error=type(error).__qualname__)

    def _replay(self, scope: Scope, actor: Actor, *, sure: bool = True) -> int:
        if scope != "erp":
            return 0
        missing = reason_names.missing(self.drift("erp").differences)
        known = reason_names.of(self._declare("erp", self._settings).structure)
        return replay_after_update.replay(self._engine, known, missing, actor, sure=sure, now=self._clock())

    def _foreseen(self, plan: StructurePlan, actor: Actor) -> RunReport:
        steps = [StepReport(step, "pending") for step in plan.steps]
        now = self._clock()
        return RunReport(0, plan.scope, actor.name, now, now, "done", steps, plan.refused)
