"""Gerenciamento's one sentence: whether sales go up, why not, and the one thing to do about it."""

from collections.abc import Sequence
from typing import Literal

import msgspec

from malote import rejection
from malote.findings.kinds import Light
from malote.findings.till_groups import GroupedTills, TillGroup
from malote.locks.lock_reports import Stoppage

Way = Literal["locks", "structures", "rebook", "till", "group", "assistant", ""]

# Where the cure of a cause is found: a page of its own, or a tab of a till's.
_WAYS: dict[str, Way] = {
    "outside": "rebook",
    "erp_stopped": "locks",
    "structure": "structures",
    "rejected": "till",
    "slowed": "till",
    "deleted": "till",
    "numbers": "till",
    "days": "till",
    "differing": "till",
    "flagged": "till",
    "overdue": "till",
    "damaged": "till",
    "lost": "till",
    "closings": "till",
    "rules": "till",
    "unproven": "till",
}
_QUIET: frozenset[str] = frozenset({"ok", "disabled", "checking"})
PASSING_SECONDS = 60.0  # that what cures itself may take before the strip speaks of it


class Verdict(msgspec.Struct, frozen=True):
    """``light`` of the heaviest; ``tills`` that share it, ``sales`` and ``cents`` of them outside the ERP, ``since``
    the oldest in seconds since the epoch. ``first`` is the heaviest group, and ``way`` where its cure is.
    """

    light: Light | Literal["empty", "checking"]
    tills: int = 0
    every: bool = False  # whether that are all there are
    sales: int = 0
    cents: int = 0
    since: float | None = None
    first: TillGroup | None = None
    way: Way = ""
    more_causes: int = 0
    more_tills: int = 0
    under_way: int = 0  # sales of tills with which nothing is wrong
    held: bool = False  # a lock holds sales up, which no till's own light says yet


def verdict(grouped: GroupedTills, stoppage: Stoppage | None, now: float) -> Verdict:
    """Of the tills grouped by cause, whatever a page filters. ``now``: seconds since the epoch."""
    told = [one for one in grouped.groups if one.cause not in _QUIET and not _is_passing(one, now)]
    enabled = sum(count for light, count in grouped.lights.items() if light != "disabled")
    if stoppage is not None and (not told or told[0].light == "attention"):
        return _held(told, stoppage)
    if not told:
        return _calm(grouped, enabled)
    light = told[0].light
    same = [one for one in told if one.light == light]
    if light == "outside" and grouped.whole is not None:
        # What was booked is gone, and nothing is booked any more: the second says how it stands, the first what to do.
        light, same = "stopped", [one for one in told if one.light in ("outside", "stopped")]
    rest = [one for one in told if one is not told[0]]
    since = [one.since for one in same if one.since is not None]
    if stoppage is not None and light == "stopped":
        since.append(stoppage.since)
    tills = sum(one.count for one in same)
    return Verdict(
        light=light,
        tills=tills,
        every=tills == enabled,
        sales=sum(one.sales for one in same),
        cents=sum(one.cents for one in same),
        since=min(since, default=None),
        first=told[0],
        way="locks" if stoppage is not None and light == "stopped" else _WAYS.get(told[0].cause, "assistant"),
        more_causes=len(rest),
        more_tills=sum(one.count for one in rest),
    )


def _is_passing(group: TillGroup, now: float) -> bool:
    """A sale that waits for a moment, such as for its authorisation, is the usual way of a sale."""
    fresh = group.since is not None and now - group.since < PASSING_SECONDS
    return fresh and group.cause == "waiting" and bool(group.code) and rejection.entry(group.code).cure == "itself"


def _held(told: Sequence[TillGroup], stoppage: Stoppage) -> Verdict:
    """Seen before the first sale has given up: of the tills nothing is said that their lights don't say."""
    return Verdict(
        "stopped",
        sales=stoppage.sales,
        since=stoppage.since,
        way="locks",
        more_causes=len(told),
        more_tills=sum(one.count for one in told),
        held=True,
    )


def _calm(grouped: GroupedTills, enabled: int) -> Verdict:
    if not enabled:
        return Verdict("empty")
    light: Literal["checking", "ok"] = "checking" if any(one.cause == "checking" for one in grouped.groups) else "ok"
    under_way = sum(one.sales for one in grouped.groups if one.cause in ("ok", "waiting"))
    return Verdict(light, enabled, under_way=under_way)
