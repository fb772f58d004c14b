"""The laboratory's table: each trouble planted in a running demo, found by name, and ended by pressing only what the
Assistente highlights; or handed to whom it belongs to, and over once they did their part.
"""

import time
from collections.abc import Callable, Iterable
from typing import TypeVar

import httpx
import msgspec

from malote.demo.bench import Bench
from malote.demo.presser import Drawer, Presser

Answer = TypeVar("Answer")
Doctor = Callable[[str], tuple[str, int]]  # of a till, or of all: the verdict and the exit status of ``malote doctor``

STATUSES = {"resolved": 0, "go": 1, "person": 1, "going": 4, "handed": 5, "support": 5}
_DOCTORS = 3  # times that the command line is asked, before it says otherwise than the drawer

MOST_SECONDS = 120.0  # from planting to the end, and again from recovery to 👍
_LOOK_SECONDS = 0.7  # a person's pause
_STILL = 4  # looks without anything to press, before it is the end


class ExpectedNaming(msgspec.Struct, frozen=True):
    """``codes``: any of them names it; a step's name where that says it. ``ends``: how it ends by pressing alone."""

    codes: tuple[str, ...]
    ends: tuple[str, ...] = ("resolved",)
    scope: str = ""  # the till that is looked at; "": all


_STRUCTURES = ("structures", "structures_2")  # the step: the second where a lock had to go first
TABLE: dict[str, ExpectedNaming] = {
    "reject": ExpectedNaming(("erp_constraint",)),
    "payment-unknown": ExpectedNaming(("erp_constraint",)),
    "fragment": ExpectedNaming(("file_damaged",), ("handed",)),
    "wrong-sum": ExpectedNaming(("items_sum", "header_disagrees", "payments_sum"), ("handed",)),
    "divergent-key": ExpectedNaming(("divergent_content",), ("resolved", "handed")),
    "structure-erp": ExpectedNaming(_STRUCTURES),
    "structure-store": ExpectedNaming(_STRUCTURES),
    "structure-till": ExpectedNaming(_STRUCTURES),
    "lock-idle": ExpectedNaming(("erp_locked",)),
    "lock-active": ExpectedNaming(("erp_locked",)),
    "lock-chain": ExpectedNaming(("erp_locked",)),
    "lock-prepared": ExpectedNaming(("session_prepared",), ("handed",)),
    "erp-restored": ExpectedNaming(("outside_erp", "erp_ledger_short")),
    "erp-away": ExpectedNaming(("erp_away",), ("handed",)),
    "password-changed": ExpectedNaming(("erp_refused_login",), ("handed",)),
    "partition-missing": ExpectedNaming(("erp_refuses_all", "erp_constraint"), ("handed", "person")),
    "till-offline": ExpectedNaming(("till_unheard", "till_cut_off"), ("handed",)),
    "agent-killed": ExpectedNaming(("till_unheard", "till_cut_off"), ("handed",)),
    "wrong-folder": ExpectedNaming(("folder_missing", "files_refused"), ("handed",)),
    "token-revoked": ExpectedNaming(("till_token_renewed",), ("handed",)),
    "disk-full-till": ExpectedNaming(("till_disk_full",), ("handed",)),
    # By a clock that is ahead alone, and not the files' too, a file is old before it is captured.
    "clock-wrong": ExpectedNaming(("clock_skewed",), ("resolved", "handed")),
    "till-disabled": ExpectedNaming(("till_disabled",), ("resolved",), "caixa3"),
    "poster-killed": ExpectedNaming(("poster_absent", "booking_behind"), ("handed",)),
    "gap": ExpectedNaming(("numbers_missing",)),
    "void-conflict": ExpectedNaming(("void_of_authorised", "void_of_booked"), ("resolved", "person", "handed")),
    "unauthorised-offline": ExpectedNaming(("protocol_overdue",)),
    "series-of-two": ExpectedNaming(("series_owner_awaited", "series_of_another_till"), ("handed", "resolved")),
}
PAIRS: tuple[tuple[str, str], ...] = (
    ("wrong-folder", "reject"),
    ("structure-erp", "reject"),
    ("erp-away", "fragment"),
    ("lock-idle", "structure-store"),
    ("token-revoked", "erp-restored"),
)


class LaboratoryRow(msgspec.Struct, frozen=True):
    """One trouble, or two at once. ``found``: the codes that named each; ``cure``: what was pressed, then who did the
    rest. Seconds since it was planted."""

    fault: str
    found: list[str]
    found_seconds: float
    ended: str
    seconds: float
    pressed: list[str]
    recovered: bool  # what others had to do was done, and then it was over
    passed: bool
    doctor: str = ""  # what ``malote doctor`` said where the drawer had come to its end


class Sought:
    """Which of the troubles were named so far, by the code that did, and when the last of these was."""

    def __init__(self, wanted: Iterable[ExpectedNaming]) -> None:
        self._left = list(wanted)
        self.found: list[str] = []
        self.at = time.monotonic()

    def note(self, named: set[str]) -> None:
        for one in list(self._left):
            hit = next((code for code in one.codes if code in named), "")
            if hit:
                self.found.append(hit)
                self._left.remove(one)
                self.at = time.monotonic()

    @property
    def is_over(self) -> bool:
        return not self._left


class LaboratoryRun:
    """Over a demo that runs: ``bench`` asks it for the troubles, ``presser`` is the person."""

    def __init__(self, bench: Bench, presser: Presser, doctor: Doctor | None = None) -> None:
        self._bench = bench
        self._presser = presser
        self._doctor = doctor

    def settle(self) -> bool:
        """What a newcomer finds in the demo is mended first; whether it was."""
        return self._press_until("", ("resolved",), time.monotonic() + MOST_SECONDS) == "resolved"

    def try_out(self, names: tuple[str, ...]) -> LaboratoryRow:
        """Plants them, looks, presses, and has others do their part."""
        wanted = [TABLE[name] for name in names]
        scope = next((one.scope for one in wanted if one.scope), "")
        self._presser.pressed.clear()
        self._presser.shown.clear()
        began = time.monotonic()
        for name in names:
            self._bench.ask(name)
        sought, until = Sought(wanted), began + MOST_SECONDS
        while not sought.found and time.monotonic() < until:
            self._named(scope, sought)
        ends = worst_ends(wanted)
        # Of two, one may hide the other until it is over: what is shown is pressed, and the other looked for meanwhile.
        ended = self._press_until(scope, ends, until, sought)
        while not sought.is_over and time.monotonic() < until:
            self._named(scope, sought)
            ended = self._press_until(scope, ends, until, sought)
        seconds, pressed = time.monotonic() - began, list(dict.fromkeys(self._presser.pressed))
        doctor, agreed = self._asked_too(scope, ended)
        for name in names:
            self._bench.ask(name, plant=False)
        over = self._over(wanted, scope)
        passed = sought.is_over and ended in ends and seconds <= MOST_SECONDS and over and agreed
        found_seconds = sought.at - began if sought.is_over else seconds
        return LaboratoryRow(
            " + ".join(names), sought.found, found_seconds, ended, seconds, pressed, over, passed, doctor
        )

    def _asked_too(self, scope: str, ended: str) -> tuple[str, bool]:
        """What the command line says of the same, and whether that is what the drawer says: before, or right after,
        since a store that sells doesn't stand still."""
        if self._doctor is None:
            return "", True
        said = ""
        for _ in range(_DOCTORS):
            said, status = self._doctor(scope)
            now = self._look(scope, lambda drawer: drawer.verdict, "")
            if said in (ended, now) and status == STATUSES.get(said):
                return said, True
        return said, False

    def _named(self, scope: str, sought: Sought) -> None:
        """One look, and a pause where it did not tell all."""
        sought.note(self._look(scope, lambda drawer: drawer.named, set[str]()))
        if not sought.is_over:
            time.sleep(_LOOK_SECONDS)

    def _press_until(self, scope: str, ends: tuple[str, ...], until: float, sought: Sought | None = None) -> str:
        """Presses until nothing is left to press: how it ended. ``sought``: what is looked for meanwhile."""
        still, verdict = 0, ""
        while still < _STILL and time.monotonic() < until:
            try:
                done = self._presser.press(scope)
            except httpx.HTTPError:
                done = ""
            verdict, named = self._look(scope, lambda drawer: (drawer.verdict, drawer.named), ("", set[str]()))
            if sought is not None:
                sought.note(named | self._presser.shown)
            still = 0 if done or verdict in ("going", "go", "") else still + 1
            if verdict == "person" and "person" not in ends:
                still = min(still, _STILL - 2)  # its button may come with the next look
            time.sleep(_LOOK_SECONDS)
        return verdict

    def _over(self, wanted: Iterable[ExpectedNaming], scope: str) -> bool:
        """Once the others did their part, the same presser ends it, as far as that can be ended at all."""
        until = time.monotonic() + MOST_SECONDS
        while time.monotonic() < until:
            if self._press_until(scope, ("resolved",), min(until, time.monotonic() + 10)) == "resolved":
                return True
        return False

    def _look(self, scope: str, take: Callable[[Drawer], Answer], otherwise: Answer) -> Answer:
        try:
            return take(self._presser.drawer(scope))
        except httpx.HTTPError:
            return otherwise


def worst_ends(wanted: Iterable[ExpectedNaming]) -> tuple[str, ...]:
    """Of two at once, what is left is what others must do, if anything is."""
    every = [one.ends for one in wanted]
    if len(every) == 1:
        return every[0]
    return tuple({end for ends in every for end in ends if end != "resolved"}) or ("resolved",)


def markdown(rows: Iterable[LaboratoryRow]) -> str:
    """For the documentation."""
    lines = ["| fault | cause found | cure | ended | found after | over after |", "|---|---|---|---|---:|---:|"]
    for one in rows:
        pressed = ", ".join(one.pressed) or "–"
        cure = pressed if one.ended == "resolved" else f"{pressed}; then whoever it belongs to"
        found = ", ".join(f"`{code}`" for code in one.found) or "**not found**"
        times = f"{one.found_seconds:.0f} s | {one.seconds:.0f} s"
        lines.append(f"| {one.fault} | {found} | {cure} | {'' if one.passed else '**no:** '}{one.ended} | {times} |")
    return "\n".join(lines)
