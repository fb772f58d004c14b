"""What screens show of the loads at tills: how far each is, and which load it gets next."""

from collections.abc import Sequence
from typing import Any, Literal

import msgspec

from malote.console.console_services import ConsoleServices
from malote.erp.profiles.errors import ProfileError
from malote.loads.background_loads import BackgroundLoad
from malote.loads.load_reports import TillLoad
from malote.loads.planning import Plan
from malote.loads.versions import LoadError
from malote.orders.rollout_reports import Rollout
from malote.quiet_hours import is_quiet

NEWS_SECONDS = 900.0  # how long the result of a load that was asked for is news

# A till's load on the page. Beside what is asked of it: whether a person must look at it, whether it lacks something.
Standing = Literal["trouble", "behind", "well"]


class NextLoad(msgspec.Struct, frozen=True):
    """Which load a till gets next.

    going: it is at one; contact: what it lacks, with its next contact; retry: what failed, again; wave: once that wave
    of the roll-out opens; plan: one at a time of its own; compare: what the comparison of all rows finds; nothing: none
    by itself.
    """

    what: Literal["going", "contact", "retry", "wave", "plan", "compare", "nothing"]
    at: float | None = None
    wave: int = 0


class ShownWaves(msgspec.Struct, frozen=True):
    """``waits``: whether its next wave could open, and nobody has let it through."""

    rollout: Rollout
    waits: bool


def standing(load: TillLoad) -> Standing:
    stalls = load.going is not None and load.going.stalled_since is not None
    if load.state == "failed" or load.differing or stalls:
        return "trouble"
    return "behind" if load.state in ("behind", "loading", "back", "none") else "well"


def coming(services: ConsoleServices, loads: Sequence[TillLoad], plans: Sequence[Plan]) -> dict[str, NextLoad]:
    """Which load each of these tills gets next, by its name."""
    waves = services.loads.rollouts.waiting()
    compared_next, now = compare_at(services), services.now()
    found = {}
    for one in loads:
        found[one.till] = _next(services, one, plans, compared_next, now)
        if one.going is None and one.till in waves and standing(one) == "behind":
            found[one.till] = NextLoad("wave", wave=waves[one.till])
    return found


def compare_at(services: ConsoleServices) -> float | None:
    """When all rows are compared next; None: never by itself, also where the settings' time is none."""
    try:
        return services.loads.compare_at()
    except LoadError:
        return None


def waves(services: ConsoleServices, found: Rollout | None) -> ShownWaves | None:
    """The newest load that goes out wave by wave, while it does and while its end is news."""
    if found is None or (found.finished_at is not None and services.now() - found.finished_at > NEWS_SECONDS):
        return None
    waits = found.state == "running" and services.loads.rollouts.waits_for_approval()
    return ShownWaves(found, waits)


def _next(
    services: ConsoleServices, load: TillLoad, plans: Sequence[Plan], compare_at: float | None, now: float
) -> NextLoad:
    settings = services.load_views.settings
    if load.state == "unable":
        return NextLoad("nothing")
    if load.going is not None:
        return NextLoad("going" if load.going.state == "begun" else "contact")
    if load.state == "failed" and load.failed_at is not None and settings.automatic:
        return NextLoad("retry", load.failed_at + settings.retry_minutes * 60)
    if load.back is not None:
        return NextLoad("contact" if load.missing else "nothing")
    lacks = load.state in ("behind", "none") or bool(load.differing)
    if lacks and (settings.automatic or load.state == "none"):
        return NextLoad("contact")
    mine = [one.next_at for one in plans if one.next_at and (not one.wanted.tills or load.till in one.wanted.tills)]
    coming = [NextLoad("plan", min(mine))] if mine else []
    if compare_at is not None and settings.automatic:
        coming.append(NextLoad("compare", compare_at))
    return min(coming, key=lambda one: one.at or now, default=NextLoad("nothing"))


def is_peak(services: ConsoleServices) -> bool:
    """Whether no till gets whole rows by itself now."""
    return is_quiet(services.load_views.settings.quiet_hours, services.loads.store_clock(services.now()))


def asked(services: ConsoleServices) -> BackgroundLoad | None:
    """The load that a person asked for, while it goes on and while it is news."""
    last = services.asked_loads.last()
    if last is None or (last.ended_at is not None and services.now() - last.ended_at > NEWS_SECONDS):
        return None
    return last


def asked_of(services: ConsoleServices, name: str) -> BackgroundLoad | None:
    """The same for a page of one till: how it stands there says all that went well."""
    last = asked(services)
    if last is None or last.state == "done" or not last.orders:
        return None
    return last if name in (last.asked.wanted.tills or [name]) else None


class Obstacle(msgspec.Struct, frozen=True):
    """Why nothing can be ordered now, whoever asks; as the catalogue says it."""

    code: str
    facts: dict[str, str] = {}


def obstacle(services: ConsoleServices) -> Obstacle | None:
    try:
        if not services.loads.entities():
            return Obstacle("load_no_sources")
    except ProfileError as error:
        return Obstacle(error.code, error.facts)
    last = services.asked_loads.last()
    if last is not None and last.state == "reading":
        return Obstacle("load_running", {"who": last.asked_by})
    return None


def of_till(services: ConsoleServices, name: str) -> dict[str, Any]:
    """For the tab Cargas of a till's Detalhamento."""
    status = services.loads.status([name])
    return {
        "status": status,
        "load": next((one for one in status.tills if one.till == name), None),
        "coming": coming(services, status.tills, services.loads.plans()).get(name),
        "load_entities": services.loads.till_entities(name),
        "asked": asked_of(services, name),
        "obstacle": obstacle(services),
        "sold": services.loads.sales(name, 10),
    }
