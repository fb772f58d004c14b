"""When is somebody told? Pure: what is found now, what was told already, and the time → what to tell now.

One alert stands for a cause in the whole store, however many tills have it. It is told when the cause has lasted for
the grace time, to who is told at once; to others when it has lasted longer; and once more on each business day that it
lasts. When it is gone for the grace time, who was told hears that it is over. In quiet hours only the heaviest are
told; the others wait for their end.
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Literal

import msgspec

from malote.findings.kinds import Finding
from malote.quiet_hours import is_quiet

MOST_TILLS = 10  # named in a message

Kind = Literal["begun", "over"]


class Policy(msgspec.Struct, frozen=True):
    """``steps``: after how many seconds beyond the grace time each group of targets is told, ascending, the first 0."""

    grace: float
    least_weight: int
    least_cents: int
    steps: tuple[float, ...]
    quiet_hours: str = ""  # as in the settings
    quiet_weight: int = 101


class AlertCause(msgspec.Struct, frozen=True):
    """One code in the whole store. ``value`` in cents; ``tills`` by name, none where it is the store's own."""

    code: str
    weight: int
    tills: tuple[str, ...]
    count: int
    value: int
    since: float | None
    facts: dict[str, str] = {}


class CauseState(msgspec.Struct, frozen=True):
    """What is known of one cause. Times are seconds since the epoch; ``day`` is that on which it was told last, and
    ``told`` how many steps were told on it."""

    code: str
    seen_at: float
    gone_at: float | None = None
    day: str = ""
    told: int = 0
    silenced_until: float = 0.0


class AlertNotice(msgspec.Struct, frozen=True):
    """To be told now to the targets of a step."""

    code: str
    kind: Kind
    step: int
    cause: AlertCause | None


def causes(findings: Sequence[Finding]) -> dict[str, AlertCause]:
    """The findings by code, whatever the till."""
    found: dict[str, AlertCause] = {}
    for one in findings:
        known = found.get(one.code)
        tills = (*(known.tills if known else ()), *([one.till] if one.till else []))
        ages = [age for age in (known.since if known else None, one.since) if age is not None]
        found[one.code] = AlertCause(
            one.code,
            max(one.weight, known.weight if known else 0),
            tills,
            one.count + (known.count if known else 0),
            one.value + (known.value if known else 0),
            min(ages, default=None),
            known.facts if known else one.facts,
        )
    return found


def decide(
    policy: Policy,
    found: Mapping[str, AlertCause],
    known: Mapping[str, CauseState],
    now: float,
    here: datetime,
    today: date,
) -> tuple[list[AlertNotice], dict[str, CauseState | None]]:
    """What to tell, and the states that changed; None where one is to be forgotten.

    ``here`` is now by the store's clock, ``today`` its business day.
    """
    notices: list[AlertNotice] = []
    changed: dict[str, CauseState | None] = {}
    wanted = {code: cause for code, cause in found.items() if _matters(policy, cause)}
    for code, cause in wanted.items():
        before = known.get(code)
        state = before or CauseState(code, now)
        if state.gone_at is not None:
            # Once it was told that it is over, it begins anew.
            state = msgspec.structs.replace(state, gone_at=None, seen_at=now if state.told < 0 else state.seen_at)
        told, state = _begun(policy, cause, state, now, here, today.isoformat())
        notices += told
        if state != before:
            changed[code] = state
    for code, before in known.items():
        if code not in wanted:
            told, after = _gone(policy, before, now, today.isoformat())
            notices += told
            if after != before:
                changed[code] = after
    return notices, changed


def _matters(policy: Policy, cause: AlertCause) -> bool:
    """Of what has a value in money, only from ``least_cents`` on."""
    return cause.weight >= policy.least_weight and (not cause.value or cause.value >= policy.least_cents)


def _is_put_off(policy: Policy, cause: AlertCause, here: datetime) -> bool:
    return cause.weight < policy.quiet_weight and is_quiet(policy.quiet_hours, f"{here:%H:%M}")


def _begun(
    policy: Policy, cause: AlertCause, state: CauseState, now: float, here: datetime, today: str
) -> tuple[list[AlertNotice], CauseState]:
    if now < state.silenced_until or _is_put_off(policy, cause, here):
        return [], state
    lasted = now - state.seen_at - policy.grace
    due = sum(lasted >= step for step in policy.steps) if lasted >= 0 else 0
    told = abs(state.told) if state.day == today else 0
    if due <= told:
        return [], state
    notices = [AlertNotice(cause.code, "begun", step, cause) for step in range(told, due)]
    return notices, msgspec.structs.replace(state, day=today, told=due)


def _gone(policy: Policy, state: CauseState, now: float, today: str) -> tuple[list[AlertNotice], CauseState | None]:
    """It may come back within the grace time, as if it had never been away. What was told today is remembered, so that
    the same cause isn't told again on one day."""
    if state.gone_at is None:
        return [], msgspec.structs.replace(state, gone_at=now)
    if now - state.gone_at < policy.grace:
        return [], state
    if state.told > 0:
        over = [AlertNotice(state.code, "over", step, None) for step in range(state.told)]
        return over, msgspec.structs.replace(state, told=-state.told)
    if state.day == today or now < state.silenced_until:
        return [], state
    return [], None
