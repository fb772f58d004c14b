"""Laboratório: in a demo only, troubles to plant, for whoever wants to see the Assistente at work."""

from typing import Any

from litestar import Response, get, post

from malote.accounts.roles import Permission
from malote.console.console_services import ConsoleLaboratory
from malote.console.rendering import answer
from malote.console.visits import ROOT, ConsoleRequest, PageRefusedError, Visit, needs, redirect, services_of, visit_of


@get("/laboratory", sync_to_thread=True, opt=needs(Permission.MANAGE_TILLS))
def show(request: ConsoleRequest) -> Response[str]:
    return answer(request, "laboratory", _context(_of(request), visit_of(request)))


@post("/laboratory/ask", status_code=200, sync_to_thread=True, opt=needs(Permission.MANAGE_TILLS))
def ask(request: ConsoleRequest) -> Response[Any]:
    """Plants one, or puts it right as the store or the DBA would."""
    visit, laboratory = visit_of(request), _of(request)
    try:
        laboratory.ask(visit.text("fault"), visit.text("recover") != "1")
    except KeyError as error:
        raise PageRefusedError("nothing_selected", 422) from error
    return redirect(request, f"{ROOT}/laboratory")


def _of(request: ConsoleRequest) -> ConsoleLaboratory:
    """Raises ``PageRefusedError`` in anything but a demo."""
    laboratory = services_of(request).laboratory
    if laboratory is None:
        raise PageRefusedError("page_unknown", 404)
    return laboratory


def _context(laboratory: ConsoleLaboratory, visit: Visit) -> dict[str, Any]:
    return {"section": "laboratory", "faults": laboratory.listed(visit.language)}


HANDLERS: list[Any] = [show, ask]
