"""The steps as they are told while the end of a procedure is news."""

import msgspec

from malote.runbook.next_step import SYNCHRONISING, Procedure, RunbookStep
from malote.runbook.observations import MARKED, Marks


def with_ticks(procedure: Procedure, past: Marks) -> Procedure:
    """What was put right in the procedure that ended just now stays ticked, though no look finds a trace of it."""
    return msgspec.structs.replace(procedure, steps=[_ticked(one, past) for one in procedure.steps])


def _ticked(step: RunbookStep, past: Marks) -> RunbookStep:
    if step.state != "skipped":
        return step
    if step.name in MARKED and step.name in past.gone:
        return RunbookStep(step.name, "done", f"{step.name}_cured")
    if any(change in past.gone for change in SYNCHRONISING.get(step.name, ())):
        return RunbookStep(step.name, "done", "synchronised")
    return step
