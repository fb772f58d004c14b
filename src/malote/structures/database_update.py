"""Runs a plan to its end, one operator at a time, and keeps in the store database how far it got."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import msgspec
from sqlalchemy import Engine

from malote.accounts import audit
from malote.accounts.audit import Actor
from malote.database.engine import writing
from malote.database.errors import StoreError
from malote.erp.altering import AlteringSession, AlteringTarget, Declared
from malote.schema.definition import StructureError
from malote.schema.drift import differences
from malote.schema.plan import plan
from malote.schema.structure_reports import RunReport, StepReport, StructureDifference, StructurePlan
from malote.structures import runs

BEAT_SECONDS = 5.0
_TOLD_SECONDS = 1.0  # between two records of the same step that waits

_NOTHING_WRONG: dict[str, object] = {"code": "", "facts": {}}

Progress = Callable[[RunReport], None]


def look(
    target: AlteringTarget, session: AlteringSession, wanted: Declared
) -> tuple[list[StructureDifference], StructurePlan]:
    """What differs now, and what would mend it."""
    structure = wanted.structure
    found = session.look(wanted)
    lines = differences(
        structure,
        found,
        target.dialect,
        session.probe,
        whole=structure.scope != "erp",
        creates=wanted.creates,
        foreign=wanted.foreign,
    )
    return lines, plan(structure, found, lines, target.dialect)


class Application:
    """One run. ``run`` never raises what a database refuses: the report says it."""

    def __init__(
        self,
        engine: Engine,
        target: AlteringTarget,
        wanted: Declared,
        actor: Actor,
        progress: Progress,
        clock: Callable[[], float] = time.time,
        alive: Callable[[], None] = lambda: None,
    ) -> None:
        """Begins it. ``alive`` is called every few seconds while it lasts, in a thread. Raises ``StoreError``."""
        self._alive = alive
        self._engine = engine
        self._target = target
        self._wanted = wanted
        self._actor = actor
        self._progress = progress
        self._clock = clock
        self._told_at = float("-inf")
        # The steps are in one transaction with nothing in between, or the records are in that very database.
        self._silent = target.atomic
        now = clock()
        with writing(engine) as connection:
            scope, version = wanted.structure.scope, wanted.structure.version
            self.id = runs.begin(connection, scope, version, actor.name, now)
            after = {"run": self.id, "version": version}
            audit.record(connection, actor, "structure_update_begun", f"structure:{scope}", after=after, now=now)
        self._report = RunReport(self.id, scope, actor.name, now, None, "running", [], [])

    def run(self, finally_: Callable[[RunReport], int] = lambda _: 0) -> RunReport:
        """``finally_`` follows a success, and says how many documents it replayed. Raises ``StoreError``."""
        try:
            with self._beating(), self._target.alone(self._waits_for_others) as session:
                self._carry_out(session)
        except StructureError as error:
            self._failed(error)
        else:
            self._change(state="incomplete" if self._report.refused else "done")
        if self._report.state != "failed":
            self._change(replayed=finally_(self._report))
        return self._finish()

    def _carry_out(self, session: AlteringSession) -> None:
        # Looked at only now: whoever was at it before may have left nothing to do.
        _, wanted = look(self._target, session, self._wanted)
        reports = [StepReport(step, "pending") for step in wanted.steps]
        self._change(steps=reports, refused=wanted.refused)
        if not self._silent:
            runs.planned(self._engine, self._report)
        for number in range(len(reports)):
            self._step(number, session)

    def _step(self, number: int, session: AlteringSession) -> None:
        self._set(number, state="running", started_at=self._clock())
        try:
            attempts = session.carry_out(
                self._report.steps[number].step, lambda holder: self._step_waits(number, holder)
            )
        except StructureError as error:
            self._set(number, state="failed", finished_at=self._clock(), code=error.code, facts=error.facts)
            raise
        self._set(number, state="done", holder="", attempts=attempts, finished_at=self._clock())

    def _step_waits(self, number: int, holder: str) -> None:
        now = self._clock()
        one = self._report.steps[number]
        if one.holder == holder and one.state == "waiting" and now - self._told_at < _TOLD_SECONDS:
            return
        self._told_at = now
        self._set(number, state="waiting", holder=holder)

    def _waits_for_others(self, holder: str) -> None:
        self._change(code="structure_being_updated", facts={"holder": holder})

    def _failed(self, error: StructureError) -> None:
        if self._silent:
            # One transaction: nothing of it was kept.
            undone = [
                one if one.state == "failed" else msgspec.structs.replace(one, state="pending", finished_at=None)
                for one in self._report.steps
            ]
            self._change(steps=undone)
        self._change(state="failed", code=error.code, facts=error.facts)

    def _finish(self) -> RunReport:
        now = self._clock()
        self._change(finished_at=now)
        if self._report.state != "failed":
            self._change(**_NOTHING_WRONG)
        if self._silent:
            runs.planned(self._engine, self._report)
        with writing(self._engine) as connection:
            runs.finish(connection, self._report)
            after = {"run": self.id, "state": self._report.state, "steps": self._report.done}
            on = f"structure:{self._report.scope}"
            audit.record(connection, self._actor, "structure_updated", on, after=after, now=now)
        return self._report

    def _set(self, number: int, **changes: object) -> None:
        steps: list[StepReport] = list(self._report.steps)
        steps[number] = msgspec.structs.replace(steps[number], **changes)
        self._change(steps=steps, **_NOTHING_WRONG)
        if not self._silent:
            self._keep([steps[number]])

    def _keep(self, changed: Sequence[StepReport]) -> None:
        runs.stepped(self._engine, self.id, changed, self._clock())

    def _change(self, **changes: object) -> None:
        self._report = msgspec.structs.replace(self._report, **changes)
        self._progress(self._report)

    @contextmanager
    def _beating(self) -> Iterator[None]:
        """Signs of life while a step takes long."""
        over = threading.Event()

        def beat() -> None:
            while not over.wait(BEAT_SECONDS):
                self._alive()
                try:
                    runs.beat(self._engine, self.id, self._clock())
                except StoreError:
                    continue  # the next one may come through, and so may the run

        thread = threading.Thread(target=beat, name="structure run", daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()
