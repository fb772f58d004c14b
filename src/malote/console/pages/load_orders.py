"""Geral and Parcial: which tills get what, shown before it is ordered, and then ordered while the page looks on."""

import re
from collections.abc import Callable
from datetime import datetime, tzinfo
from typing import Any

from litestar import Response, post

from malote.accounts.roles import Permission
from malote.console.console_services import ConsoleServices
from malote.console.pages import load_manager, till_loads
from malote.console.rendering import answer
from malote.console.visits import (
    ROOT,
    ConsoleRequest,
    PageRefusedError,
    Visit,
    needs,
    redirect,
    services_of,
    visit_of,
    whole,
)
from malote.fiscal import typed_input
from malote.fiscal.typed_input import TypedError
from malote.load_format.wire import MOST_ITEMS
from malote.loads.asked_load import AskedLoad
from malote.loads.planning import Wanted
from malote.loads.versions import LoadError
from malote.tills.till import TillError

_LONGEST_ITEM = 200  # characters
_LATEST = 4_000_000_000.0  # in the year 2096
_BETWEEN_ITEMS = re.compile(r"[\s;]+")


@post("/load-manager/loads/check", status_code=200, sync_to_thread=True, opt=needs(Permission.LOAD))
def check(request: ConsoleRequest) -> Response[Any]:
    """Says which tills, and how heavy it is, before anything is ordered."""
    visit, services = visit_of(request), services_of(request)
    names = load_manager.ticked(services, visit)
    found = till_loads.obstacle(services)
    if found is not None:
        raise PageRefusedError(found.code, 422, **found.facts)
    status = _status(services, names)
    shown = load_manager.shown_tills(visit, names) | {
        "section": "load-manager",
        "whole": visit.text("kind") == "whole",
        "back": visit.text("back"),
        "rows_to_send": sum(one.rows for one in status.entities),
        "entities": list(services.loads.entities()),
        "unable": sum(one.state == "unable" for one in status.tills),
        "peak": services.load_views.settings.quiet_hours if till_loads.is_peak(services) else "",
    }
    return answer(request, "load_order", shown, events={"openDialog": "confirm"})


@post("/load-manager/loads/order", status_code=200, sync_to_thread=True, opt=needs(Permission.LOAD))
def order(request: ConsoleRequest) -> Response[Any]:
    visit, services = visit_of(request), services_of(request)
    names = load_manager.confirmed(services, visit)
    _status(services, names)
    anew = visit.text("kind") == "whole"
    if anew and till_loads.is_peak(services) and visit.text("peak") != "1":
        raise PageRefusedError("load_at_peak", 422, hours=services.load_views.settings.quiet_hours)
    every = {one.till for one in services.structures.tills()}
    chosen = [] if set(names) == every else names
    asked = _asked(services, visit, Wanted(chosen, _entities(services, visit), anew))
    begin(services, visit, asked)
    if visit.text("back") == "till":
        return redirect(request, f"{ROOT}/tills/{names[0]}/loads")
    text = visit.say_many("Carga pedida para %(num)s caixa.", "Carga pedida para %(num)s caixas.", len(names))
    return load_manager.tills_again(request, text)


@post("/load-manager/loads/approve", status_code=200, sync_to_thread=True, opt=needs(Permission.CONFIRM_LOAD))
def approve(request: ConsoleRequest) -> Response[Any]:
    visit, rollouts = visit_of(request), services_of(request).loads.rollouts
    _of_rollout(visit, lambda number: rollouts.approve(number, visit.actor))
    return load_manager.tills_again(request, visit.say("Liberado: a próxima onda recebe a carga."))


@post("/load-manager/loads/cancel", status_code=200, sync_to_thread=True, opt=needs(Permission.LOAD))
def cancel(request: ConsoleRequest) -> Response[Any]:
    visit, rollouts = visit_of(request), services_of(request).loads.rollouts
    _of_rollout(visit, lambda number: rollouts.cancel(number, visit.actor))
    done = visit.say("Cancelado: o que já foi feito fica, e nenhum outro caixa recebe a ordem.")
    return load_manager.tills_again(request, done)


@post("/load-manager/loads/resume", status_code=200, sync_to_thread=True, opt=needs(Permission.LOAD))
def resume(request: ConsoleRequest) -> Response[Any]:
    visit, rollouts = visit_of(request), services_of(request).loads.rollouts
    _of_rollout(visit, lambda number: rollouts.resume(number, visit.actor))
    return load_manager.tills_again(request, visit.say("Continua: os caixas que falharam são tentados de novo."))


def _of_rollout(visit: Visit, act: Callable[[int], object]) -> None:
    """Raises ``PageRefusedError`` for what can't be done with the roll-out that the form names."""
    try:
        act(whole(visit.text("rollout"), 0, least=0))
    except LoadError as error:
        raise PageRefusedError(error.code, 422, **error.facts) from error


def begin(services: ConsoleServices, visit: Visit, asked: AskedLoad, *, orders: bool = True) -> None:
    """Raises ``PageRefusedError`` while another is going on."""
    try:
        services.asked_loads.start(visit.actor, asked, orders=orders)
    except LoadError as error:
        raise PageRefusedError(error.code, 422, **error.facts) from error


def _status(services: ConsoleServices, names: list[str]) -> Any:
    """Raises ``PageRefusedError`` for a till that there isn't."""
    try:
        return services.loads.status(names)
    except TillError as error:
        raise PageRefusedError(error.code, 422, **error.facts) from error


def _entities(services: ConsoleServices, visit: Visit) -> list[str]:
    """Those that are ticked, as far as there are such."""
    ticked = set(visit.texts("entity"))
    return [name for name in services.loads.entities() if name in ticked]


def _asked(services: ConsoleServices, visit: Visit, wanted: Wanted) -> AskedLoad:
    """Raises ``PageRefusedError``."""
    emergency = visit.text("emergency") == "1"
    if wanted.anew:
        return AskedLoad(wanted, emergency=emergency)
    items = [one[:_LONGEST_ITEM] for one in _BETWEEN_ITEMS.split(visit.text("items")) if one]
    if len(items) > MOST_ITEMS:
        raise PageRefusedError("load_items_many", 422, most=str(MOST_ITEMS))
    if items:
        of = visit.text("items_of")
        if of not in services.loads.entities():
            raise PageRefusedError("load_entity_unknown", 422, entity=of[:40], known="")
        return AskedLoad(wanted, {of: items}, emergency=emergency)
    since, until = moment_of(services, visit.text("since")), end_of(services, visit.text("until"))
    if since is not None and since >= (services.now() if until is None else until):
        raise PageRefusedError("moments_reversed", 422)
    return AskedLoad(wanted, since=since, until=until, emergency=emergency)


def moment_of(services: ConsoleServices, text: str) -> float | None:
    """Seconds since the epoch of what a field for a day and a time says, by the store's clock; None of an empty one.

    Raises ``PageRefusedError``.
    """
    return _seconds(services, text, typed_input.moment)


def end_of(services: ConsoleServices, text: str) -> float | None:
    """The same of the end of a range, where a day is all of it (``typed_input.end``)."""
    return _seconds(services, text, typed_input.end)


def _seconds(services: ConsoleServices, text: str, read: Callable[[str, tzinfo | None], datetime]) -> float | None:
    if not text:
        return None
    try:
        moment = read(text, services.zone()).timestamp()
    except TypedError as error:
        raise PageRefusedError("moment_unreadable", 422, moment=text[:40]) from error
    if not 0 <= moment < _LATEST:
        raise PageRefusedError("moment_unreadable", 422, moment=text[:40])
    return moment


HANDLERS: list[Any] = [check, order, approve, cancel, resume]
