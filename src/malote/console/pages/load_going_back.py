"""One step back of a till's load, and its end: shown before it is ordered, and then ordered."""

from collections.abc import Callable
from typing import Any, TypeVar

from litestar import Response, post

from malote.accounts.roles import Permission
from malote.console.console_services import ConsoleServices
from malote.console.pages import load_orders
from malote.console.pages.load_holds import LEAST_REASON, LONGEST_REASON
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
from malote.loads.going_back import Released
from malote.loads.versions import LoadError
from malote.tills.till import TillError

Answer = TypeVar("Answer")
MOST_CHOICES = 12  # loads that a till had
_NO_LOAD = 2**53  # what isn't a number is none, and not the one before


@post("/load-manager/back/check", status_code=200, sync_to_thread=True, opt=needs(Permission.LOAD))
def check(request: ConsoleRequest) -> Response[Any]:
    """Says what would be, before anything is ordered."""
    visit, services = visit_of(request), services_of(request)
    name, releases = visit.text("till"), visit.text("what") == "release"
    released = _released(services, visit) if releases else None
    step = None if releases else _asked(lambda: services.loads.back.order([name], visit.actor, dry_run=True))[0]
    shown = {
        "section": "load-manager",
        "till_name": name,
        "shown_as": _shown(released) if released is not None else "",
        "released": released,
        "step": step,
        "earlier": [] if releases else services.loads.back.earlier(name)[:MOST_CHOICES],
    }
    return answer(request, "load_back", shown, events={"openDialog": "confirm"})


@post("/load-manager/back/order", status_code=200, sync_to_thread=True, opt=needs(Permission.LOAD))
def order(request: ConsoleRequest) -> Response[Any]:
    visit, services = visit_of(request), services_of(request)
    reason, until = _reason(visit), load_orders.end_of(services, visit.text("until"))
    chosen = visit.text("to")
    to = whole(chosen, _NO_LOAD) if chosen else 0
    _asked(lambda: services.loads.back.order([visit.text("till")], visit.actor, reason=reason, to=to, until=until))
    return redirect(request, f"{ROOT}/tills/{visit.text('till')}/loads")


@post("/load-manager/back/release", status_code=200, sync_to_thread=True, opt=needs(Permission.LOAD))
def release(request: ConsoleRequest) -> Response[Any]:
    visit, services = visit_of(request), services_of(request)
    reason = _reason(visit)
    if visit.text("shown") != _shown(_released(services, visit)):
        raise PageRefusedError("selection_outdated", 422)
    _asked(lambda: services.loads.back.release([visit.text("till")], visit.actor, reason=reason))
    return redirect(request, f"{ROOT}/tills/{visit.text('till')}/loads")


def _released(services: ConsoleServices, visit: Visit) -> Released:
    return _asked(lambda: services.loads.back.release([visit.text("till")], visit.actor, dry_run=True))[0]


def _asked(ask: Callable[[], Answer]) -> Answer:
    """Raises ``PageRefusedError``."""
    try:
        return ask()
    except (LoadError, TillError) as error:
        raise PageRefusedError(error.code, 422, **error.facts) from error


def _shown(found: Released) -> str:
    """Stands for what the dialog showed."""
    return f"{found.back.back_from} {found.back.version}"


def _reason(visit: Visit) -> str:
    reason = visit.text("reason").strip()[:LONGEST_REASON]
    if len(reason) < LEAST_REASON:
        raise PageRefusedError("reason_needed", 422, least=str(LEAST_REASON))
    return reason


HANDLERS: list[Any] = [check, order, release]
