"""What to type for a step, for whoever has no screen. Names are quoted where a shell asks for it."""

import shlex

from malote.runbook.next_step import RunbookStep
from malote.runbook.observations import Situation
from malote.runbook.rejected_groups import CURE_SENTENCES


def command(step: RunbookStep, seen: Situation) -> str:
    """The command line that does, or shows, what the step asks for; "" where only hands at the store can."""
    till = f" --till {shlex.quote(seen.scope)}" if seen.scope else ""
    match step.said:
        case "rejected_replay":
            return f"malote rejected replay{till} --code {step.code}"
        case "rejected_delete":
            return f"malote rejected delete{till} --code {step.code}"
        case said if said == "rejected_handed" or said in CURE_SENTENCES:
            return f"malote rejected show {step.groups[0].example}"
        case "synchronise_now":
            return f"malote sync {shlex.quote(seen.scope) if seen.scope else '--all'} --wait"
        case "structures_behind":
            scope = step.facts.get("scope", "")
            return _roll_out(seen) if scope == "till" else f"malote structures apply {scope}"
        case "structures_failed":
            return "malote structures rollout status"
        case "structures_conflict" | "structures_gone":
            return f"malote structures drift {step.facts.get('scope', '')}"
        case "locks_now":
            return f"malote locks kill {step.facts['session']} --user SYSTEM --reason …"
        case "locks_prepared":
            return f"ROLLBACK PREPARED '{step.facts['gid']}';"
        case _:
            return _of_look(step)


def _roll_out(seen: Situation) -> str:
    chosen = f"--tills {shlex.quote(seen.scope)}" if seen.scope else "--all"
    return f"malote structures rollout start {chosen}"


def _of_look(step: RunbookStep) -> str:
    if step.press is None or step.name != "look":
        return ""
    if step.press.marks == ("rebook",):
        return "malote books rebook"
    return "malote trash missing" if step.code == "deleted_unbooked" else ""
