"""From what is seen to what is next: the procedure of the support page. Pure.

Each step is judged by what is seen now, so that whoever presses a button, on whatever page, ticks it. What plainly
isn't the cause is skipped, and why is said. A lock comes before all but what stops the whole server: while it lasts
nothing that is done elsewhere can be proven. What another must do holds back none of the steps after it.
"""

from collections.abc import Collection, Iterator, Sequence
from typing import Literal

import msgspec

from malote import rejection
from malote.rejection import Cure
from malote.runbook.observations import Cause, Marks, ObservedLock, ObservedStructure, RejectedGroup, Situation, at_rest
from malote.runbook.rejected_groups import count_of, ease, is_foreign, own_groups, said_of
from malote.runbook.treatments import Press, Treatment, filled, press_of, treatment
from malote.schema.definition import Scope

StepName = Literal[
    "look", "rejected", "synchronise", "structures", "synchronise_2", "locks", "structures_2", "synchronise_3"
]
# done     it was wrong, and is right now; or it was looked at
# skipped  it is plainly not the cause: ``said`` why
# now      somebody, or the program itself, must do it
# going    it is being done
# handed   only another can do it: ``who``
# later    something else comes first
StepState = Literal["done", "skipped", "now", "going", "handed", "later"]

# resolved  sales went up
# go        the program can go on by itself
# person    a person must press something
# going     something is under way: look again
# handed    what is left is others' to do
# support   sales don't go up, and no step of the page says why
Verdict = Literal["resolved", "go", "person", "going", "handed", "support"]

# Each synchronisation, and the changes that it follows.
SYNCHRONISING: dict[StepName, tuple[str, ...]] = {
    "synchronise": ("", "look", "rejected"),
    "synchronise_2": ("structures",),
    "synchronise_3": ("locks",),
}
_LISTENING = "look_listening"
YOUNG_SECONDS = 60.0  # that a sale may be on its way before that counts as standing still


class RunbookStep(msgspec.Struct, frozen=True):
    """``said`` names the sentence (``step_texts``), whose facts stand beside it; ``code`` is the catalogue's, where
    one says more. ``unattended``: nothing is deleted, altered or ended by it, so that nobody need be asked."""

    name: StepName
    state: StepState
    said: str
    facts: dict[str, str] = {}
    code: str = ""
    who: Cure = "support"
    press: Press | None = None
    unattended: bool = False
    causes: list[Cause] = []
    groups: list[RejectedGroup] = []


class Procedure(msgspec.Struct, frozen=True):
    """``beside``: what is wrong and keeps no sale from going up."""

    verdict: Verdict
    steps: list[RunbookStep]
    beside: list[Cause]

    @property
    def is_listening(self) -> bool:
        """Whether nothing is wrong by what is known, and a till must be heard before that can be said."""
        return self.verdict == "going" and self.steps[0].said == _LISTENING

    @property
    def current(self) -> RunbookStep | None:
        """What to do next, or what is under way."""
        return next((one for one in self.steps if one.state == "now"), None) or next(
            (one for one in self.steps if one.state == "going"), None
        )


def decide(seen: Situation, marks: Marks | None = None, may: Collection[str] | None = None) -> Procedure:
    """``marks`` None: nothing was begun. ``may``: the permissions of whoever looks; None: all of them."""
    past = marks or Marks(seen.at, "")
    steps = _one_at_a_time([_permitted(one, may) for one in _Judge(seen, past).steps()])
    beside = [one for one in seen.causes if not treatment(one).holds]
    verdict = _verdict(seen, steps)
    if verdict == "resolved" and seen.listening:
        listening = RunbookStep("look", "going", _LISTENING, {"named": ", ".join(seen.listening)})
        return Procedure("going", [listening, *steps[1:]], beside)
    return Procedure(verdict, steps, beside)


def _permitted(step: RunbookStep, may: Collection[str] | None) -> RunbookStep:
    if step.state != "now" or step.press is None or may is None or step.press.permission in may:
        return step
    return msgspec.structs.replace(step, state="handed")


def _one_at_a_time(steps: Sequence[RunbookStep]) -> list[RunbookStep]:
    """Of several that somebody must do, the first: a person has one next button."""
    first = next((one for one in steps if one.state == "now"), None)
    return [
        msgspec.structs.replace(one, state="later") if one.state == "now" and one is not first else one for one in steps
    ]


def _verdict(seen: Situation, steps: Sequence[RunbookStep]) -> Verdict:
    current = next((one for one in steps if one.state == "now"), None)
    if current is not None:
        return "go" if current.unattended else "person"
    if any(one.state == "going" for one in steps):
        return "going"
    if any(one.state in ("handed", "later") for one in steps):
        return "handed"
    return "support" if is_standing_still(seen) else "resolved"


def is_standing_still(seen: Situation) -> bool:
    """Whether sales are on their way for too long, whatever the reason."""
    return seen.oldest is not None and seen.at - seen.oldest > YOUNG_SECONDS


def troubles(seen: Situation) -> set[str]:
    """The steps that have something to do now, as they are marked."""
    found: set[str] = set()
    if any(treatment(one).step == "look" and treatment(one).holds for one in seen.causes):
        found.add("look")
    if own_groups(seen.groups):
        found.add("rejected")
    if any(one.state not in ("current", "unknown") for one in seen.structures):
        found.add("structures")
    if seen.lock is not None:
        found.add("locks")
    return found


class _Judge:
    def __init__(self, seen: Situation, marks: Marks) -> None:
        self._seen = seen
        self._marks = marks
        holding = [(one, treatment(one)) for one in seen.causes if not self._is_disproven(one)]
        self._holding = [(one, how) for one, how in holding if how.holds and how.step == "look"]
        self._stopping = next(
            (one for one in self._holding if one[1].stops_all and not self._is_behind_a_lock(one)), None
        )

    def steps(self) -> Iterator[RunbookStep]:
        after_locks = "locks" in self._marks.gone and self._seen.lock is None
        structures = self._structures()
        yield self._look()
        yield self._rejected()
        yield self._synchronise("synchronise")
        yield self._waits("structures") if after_locks and structures.state in ("now", "going") else structures
        yield self._synchronise("synchronise_2")
        yield self._locks()
        yield self._again(structures, after_locks=after_locks)
        yield self._synchronise("synchronise_3")

    def _is_disproven(self, one: Cause) -> bool:
        """Where the ERP itself shows who holds it, it is there: what waited for its return is tried again later."""
        lock = self._seen.lock
        return lock is not None and lock.witnessed and one.code == "erp_away"

    def _is_behind_a_lock(self, one: tuple[Cause, Treatment]) -> bool:
        """Nobody posts fast enough while a table is held: that is no fault of the poster."""
        return self._seen.lock is not None and one[0].name == "behind"

    def _waits(self, name: StepName) -> RunbookStep:
        return RunbookStep(name, "skipped", "structures_after_locks")

    # ---- 1 ----

    def _look(self) -> RunbookStep:
        some = sorted((one for one, _ in self._holding), key=lambda one: treatment(one).follows)
        if not some:
            said = "look_clean" if not self._seen.causes else "look_seen"
            return RunbookStep("look", "done", said, facts=self._totals(), causes=list(self._seen.causes))
        first = self._stopping[0] if self._stopping else some[0]
        how = treatment(first)
        who = rejection.entry(first.code).cure
        press = press_of(first, how.press) if how.press else None
        state: StepState = "now" if press else "handed"
        facts = self._totals() | first.facts
        said = "look_found" if facts["pending"] == "0" else "look_found_pending"
        return RunbookStep("look", state, said, facts, first.code, who, press, causes=some)

    def _totals(self) -> dict[str, str]:
        seen = self._seen
        return {"tills": str(seen.tills), "pending": str(seen.at_till + seen.pending + seen.waiting)}

    # ---- 2 ----

    def _rejected(self) -> RunbookStep:
        groups = own_groups(self._seen.groups)
        if not groups:
            if self._seen.rejected:
                return RunbookStep("rejected", "skipped", "rejected_by_structure", {"count": str(self._seen.rejected)})
            return self._cured("rejected", "rejected_none")
        if (why := self._before_booking()) is not None:
            return RunbookStep("rejected", "later", why, {"count": count_of(groups)}, groups=groups)
        groups = sorted(groups, key=ease)
        first = groups[0]
        press = filled(_PRESS_OF_ADVICE[first.advice], first.till, first.code)
        if first.advice == "cure":
            press = Press(f"documents/{first.example}", press.marks, press.permission)
        who: Cure = rejection.entry(first.code).cure if first.advice == "cure" else "support"
        facts = first.facts | {"count": count_of(groups), "first": str(first.count)}
        if is_foreign(first):
            return RunbookStep("rejected", "handed", "rejected_handed", facts, first.code, who, press, groups=groups)
        return RunbookStep("rejected", "now", said_of(first), facts, first.code, who, press, groups=groups)

    def _first_comes(self) -> str | None:
        if self._stopping is not None:
            return "first_look"
        return "first_locks" if self._seen.lock is not None else None

    def _before_booking(self) -> str | None:
        gone = any(one.state == "gone" for one in self._seen.structures)
        return self._first_comes() or ("first_backup" if gone else None)

    # ---- 3, 5, 8 ----

    def _synchronise(self, name: StepName) -> RunbookStep:
        """Of changes that it doesn't follow it is another step's turn."""
        change, after = self._marks.last_change, SYNCHRONISING[name]
        if change not in after:
            passed = any(one in self._marks.gone for one in after if one)
            return (
                RunbookStep(name, "done", "synchronised")
                if passed
                else RunbookStep(name, "skipped", "synchronise_not_yet")
            )
        if (why := self._before_booking()) is not None:
            return RunbookStep(name, "later", why)
        seen = self._seen
        order = seen.order
        if order is None:
            if not self._to_send():
                young = seen.at_till + seen.pending
                said, count = ("synchronise_young", young) if young else at_rest(seen)
                return RunbookStep(name, "done" if change else "skipped", said, {"count": str(count)})
            facts = {"count": str(seen.at_till + seen.pending + seen.waiting)}
            press = Press(f"tills/{seen.scope}" if seen.scope else "tills", _SYNCHRONISE, "synchronise")
            return RunbookStep(name, "now", "synchronise_now", facts, press=press, unattended=True)
        facts = {"tills": str(order.tills), "open": str(order.open), "sent": str(order.sent)}
        if order.open > len(order.silent):
            return RunbookStep(name, "going", "synchronise_going", facts)
        if order.silent:
            named = {"named": ", ".join(order.silent[:5])}
            return RunbookStep(name, "handed", "synchronise_silent", facts | named, "till_unheard", "operator")
        return RunbookStep(name, "done", "synchronised", facts)

    def _to_send(self) -> bool:
        seen = self._seen
        holding = any(treatment(one).step == "synchronise" for one in seen.causes)
        return holding or is_standing_still(seen) or (bool(self._marks.gone) and seen.at_till + seen.pending > 0)

    # ---- 4, 7 ----

    def _structures(self) -> RunbookStep:
        wrong = [one for one in self._seen.structures if one.state not in ("current", "unknown")]
        if not wrong:
            unknown = next((one for one in self._seen.structures if one.state == "unknown"), None)
            if unknown is not None:
                return RunbookStep("structures", "skipped", "structures_unknown", unknown.facts, unknown.code)
            return self._cured("structures", "structures_current")
        first = wrong[0]
        if (why := self._first_comes()) is not None:
            return RunbookStep("structures", "later", why, {"named": ", ".join(first.named)})
        facts = {"count": str(first.count), "named": ", ".join(first.named), "scope": first.scope} | first.facts
        said = f"structures_{first.state}"
        if first.state == "running":
            return RunbookStep("structures", "going", said, facts)
        who: Cure = rejection.entry(first.code).cure if first.code else "support"
        if first.state == "conflict":
            return RunbookStep("structures", "handed", said, facts, first.code, who)
        if first.state == "gone":
            second_way = Press(_PAGE_OF_SCOPE[first.scope], (), "apply_structures")  # never pointed out
            return RunbookStep("structures", "handed", said, facts, first.code, who, second_way)
        return RunbookStep("structures", "now", said, facts, first.code, who, _press_of_structure(first))

    def _again(self, structures: RunbookStep, *, after_locks: bool) -> RunbookStep:
        if "locks" not in self._marks.seen:
            return RunbookStep("structures_2", "skipped", "only_after_locks")
        if not after_locks:
            return RunbookStep("structures_2", "later", "first_locks")
        return msgspec.structs.replace(structures, name="structures_2")

    # ---- 6 ----

    def _locks(self) -> RunbookStep:
        lock = self._seen.lock
        if lock is None:
            away = any(one.scope == "erp" and one.state == "unknown" for one in self._seen.structures)
            return self._cured("locks", "locks_unknown" if away else "locks_none")
        if self._stopping is not None:
            return RunbookStep("locks", "later", "first_look", lock_facts(lock))
        if lock.session.startswith(_PREPARED):
            # Nobody's session: no button ends it.
            name = lock.session.removeprefix(_PREPARED)
            facts = lock_facts(lock) | {"session": name, "gid": name}
            return RunbookStep("locks", "handed", "locks_prepared", facts, "session_prepared", "dba")
        press = Press("locks", _LOCKS, "kill_session")
        return RunbookStep("locks", "now", "locks_now", lock_facts(lock), "erp_locked", "dba", press)

    def _cured(self, name: Literal["rejected", "structures", "locks"], said: str) -> RunbookStep:
        return (
            RunbookStep(name, "done", f"{name}_cured")
            if name in self._marks.gone
            else RunbookStep(name, "skipped", said)
        )


_SYNCHRONISE = ("confirm-synchronise", "synchronise", "select-all")
_LOCKS = ("kill-reason", "confirm-kill", "kill", "lock-row", "dba-user", "dba-password", "dba-enter")
_PREPARED = "prepared:"
_UPDATE = ("confirm-update", "resume", "update", "select-all")
_PRESS_OF_ADVICE = {
    "replay": Press("tills/{till}/rejected", ("replay {code}", "replay"), "replay"),
    "delete": Press("tills/{till}/rejected?code={code}", ("confirm-delete", "delete", "select-all"), "delete_rejected"),
    "cure": Press("documents", ("cure",), "cure"),
}
_PAGE_OF_SCOPE: dict[Scope, str] = {"till": "load-manager", "store": "load-manager/store", "erp": "load-manager/erp"}


def _press_of_structure(one: ObservedStructure) -> Press:
    return Press(_PAGE_OF_SCOPE[one.scope], _UPDATE, "apply_structures")


def lock_facts(lock: ObservedLock) -> dict[str, str]:
    """For the words."""
    texts = {name: getattr(lock, name) or "–" for name in ("session", "user", "program", "object")}
    return texts | {name: str(getattr(lock, name)) for name in ("others", "tills", "sales")}
