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
)
from malote.loads.going_back import Released, StepBack
from malote.loads.versions import LoadError
from malote.tills.till import TillError

Answer = TypeVar("Answer")


@post("/load-manager/back/check", status_code=200, sync_to_thread=True, opt=needs(Permission.LOAD))
def check(request: ConsoleRequest) -> Response[Any]:
    """Says what would be, before anything is ordered."""
    visit, services = visit_of(request), services_of(request)
    released = _released(services, visit) if visit.text("what") == "release" else None
    step = _step(services, visit) if released is None else None
    shown = {
        "section": "load-manager",
        "till_name": visit.text("till"),
        "shown_as": _shown(released or step),
        "released": released,
        "step": step,
    }
    return answer(request, "load_back", shown, events={"openDialog": "confirm"})


@post("/load-manager/back/order", status_code=200, sync_to_thread=True, opt=needs(Permission.LOAD))
def order(request: ConsoleRequest) -> Response[Any]:
    visit, services = visit_of(request), services_of(request)
    reason, until = _reason(visit), load_orders.moment_of(services, visit.text("until"))
    _expect(visit, _step(services, visit))
    _asked(lambda: services.loads.back.order([visit.text("till")], visit.actor, reason=reason, until=until))
    return redirect(request, f"{ROOT}/tills/{visit.text('till')}/loads")


@post("/load-manager/back/release", status_code=200, sync_to_thread=True, opt=needs(Permission.LOAD))
def release(request: ConsoleRequest) -> Response[Any]:
    visit, services = visit_of(request), services_of(request)
    reason = _reason(visit)
    _expect(visit, _released(services, visit))
    _asked(lambda: services.loads.back.release([visit.text("till")], visit.actor, reason=reason))
    return redirect(request, f"{ROOT}/tills/{visit.text('till')}/loads")


def _step(services: ConsoleServices, visit: Visit) -> StepBack:
    return _asked(lambda: services.loads.back.order([visit.text("till")], visit.actor, dry_run=True))[0]


def _released(services: ConsoleServices, visit: Visit) -> Released:
    return _asked(lambda: services.loads.back.release([visit.text("till")], visit.actor, dry_run=True))[0]


def _asked(ask: Callable[[], Answer]) -> Answer:
    """Raises ``PageRefusedError``."""
    try:
        return ask()
    except (LoadError, TillError) as error:
        raise PageRefusedError(error.code, 422, **error.facts) from error


def _shown(found: StepBack | Released | None) -> str:
    """Stands for what the dialog showed."""
    if found is None:
        return ""
    one = found.back if isinstance(found, Released) else found
    return f"{one.back_from} {one.version}"


def _expect(visit: Visit, found: StepBack | Released) -> None:
    if visit.text("shown") != _shown(found):
        raise PageRefusedError("selection_outdated", 422)


def _reason(visit: Visit) -> str:
    reason = visit.text("reason").strip()[:LONGEST_REASON]
    if len(reason) < LEAST_REASON:
        raise PageRefusedError("reason_needed", 422, least=str(LEAST_REASON))
    return reason


HANDLERS: list[Any] = [check, order, release]
