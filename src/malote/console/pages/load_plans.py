"""Agendar: loads at times of their own, by the store's clock."""

import re
from typing import Any

import msgspec
from litestar import Response, get, post
from litestar.params import FromPath

from malote.accounts.roles import Permission
from malote.console import load_words
from malote.console.console_services import ConsoleServices
from malote.console.pages import load_manager, till_loads
from malote.console.rendering import answer
from malote.console.visits import (
    ConsoleRequest,
    PageRefusedError,
    Visit,
    needs,
    redirect,
    services_of,
    visit_of,
)
from malote.loads import planning
from malote.loads.planning import Plan, Wanted
from malote.loads.versions import LoadError
from malote.quiet_hours import is_quiet
from malote.tills.till import TillError

PAGE = f"{load_manager.PAGE}/plans"
_SHOWN = 3  # coming times of each
_LONGEST_CRON = 100
_CLOCK = re.compile(r"([01]\d|2[0-3]):([0-5]\d)")


class ShownPlan(msgspec.Struct, frozen=True):
    """``times``: the coming ones. ``peak``: whether the next one is *Geral* in the quiet hours."""

    plan: Plan
    times: list[float]
    peak: bool


def context(services: ConsoleServices) -> dict[str, Any]:
    plans = services.loads.plans()
    return {
        "section": "load-manager",
        "plans": [_shown(services, plan) for plan in plans],
        "compare_at": till_loads.compare_at(services),
        "quiet_hours": services.load_views.settings.quiet_hours,
        "attention": load_manager.attention(services.load_views.entities(), plans),
    } | form(services)


def form(services: ConsoleServices) -> dict[str, Any]:
    """What the form for a new plan asks."""
    found = till_loads.obstacle(services)
    # While the ERP is read by somebody, a plan can be made all the same.
    blocked = found if found is not None and found.code != "load_running" else None
    return {
        "obstacle": blocked,
        "entities": [] if blocked else list(services.loads.entities()),
        "weekdays": load_words.WEEKDAYS,
    }


@get("/load-manager/plans", sync_to_thread=True)
def show(request: ConsoleRequest) -> Response[str]:
    return answer(request, "load_plans", context(services_of(request)))


@post("/load-manager/plans/check", status_code=200, sync_to_thread=True, opt=needs(Permission.LOAD))
def check(request: ConsoleRequest) -> Response[Any]:
    """Agendar of the chosen tills: asks when and what."""
    visit, services = visit_of(request), services_of(request)
    names = load_manager.ticked(services, visit)
    shown = load_manager.shown_tills(visit, names) | form(services) | {"section": "load-manager"}
    return answer(request, "load_plan", shown, events={"openDialog": "confirm"})


@post("/load-manager/plans", status_code=200, sync_to_thread=True, opt=needs(Permission.LOAD))
def create(request: ConsoleRequest) -> Response[Any]:
    """Of the tills that the dialog showed, or of all, those of the future too."""
    visit, services = visit_of(request), services_of(request)
    names = [] if visit.text("all") == "1" else load_manager.confirmed(services, visit)
    ticked = set(visit.texts("entity"))
    entities = [name for name in services.loads.entities() if name in ticked]
    wanted = Wanted(names, entities, visit.text("kind") == "whole")
    try:
        services.loads.plan(_cron(visit), wanted, visit.actor)
    except (LoadError, TillError) as error:
        raise PageRefusedError(error.code, 422, **error.facts) from error
    return redirect(request, PAGE)


@post("/load-manager/plans/{plan_id:int}/remove", status_code=200, sync_to_thread=True, opt=needs(Permission.LOAD))
def remove(request: ConsoleRequest, plan_id: FromPath[int]) -> Response[Any]:
    visit, services = visit_of(request), services_of(request)
    try:
        services.loads.unplan(plan_id, visit.actor)
    except LoadError as error:
        raise PageRefusedError(error.code, 422, **error.facts) from error
    return redirect(request, PAGE)


def _cron(visit: Visit) -> str:
    """From a time and days, or as it is written. Raises ``PageRefusedError``."""
    written = " ".join(visit.text("cron").split())[:_LONGEST_CRON]
    if written:
        return written
    clock = _CLOCK.fullmatch(visit.text("time"))
    if clock is None:
        raise PageRefusedError("moment_unreadable", 422, moment=visit.text("time")[:40])
    days = sorted({day for day in visit.texts("day") if day in load_words.WEEKDAYS})
    of_week = "*" if len(days) in (0, len(load_words.WEEKDAYS)) else ",".join(days)
    return f"{int(clock.group(2))} {int(clock.group(1))} * * {of_week}"


def _shown(services: ConsoleServices, plan: Plan) -> ShownPlan:
    times: list[float] = []
    coming = plan.next_at
    while coming is not None and len(times) < _SHOWN:
        times.append(coming)
        coming = planning.next_time(plan.cron, coming, services.loads.zone())
    hours = services.load_views.settings.quiet_hours
    peak = bool(times) and plan.wanted.anew and is_quiet(hours, services.loads.store_clock(times[0]))
    return ShownPlan(plan, times, peak)


HANDLERS: list[Any] = [show, check, create, remove]
