"""Sincronizar as vendas: of one till, of the ticked ones, or of all that a filter matches."""

from typing import Any

from litestar import Response, post
from litestar.params import FromPath

from malote.accounts.roles import Permission
from malote.console.pages import jobs, management, till
from malote.console.rendering import answer, told
from malote.console.visits import ROOT, ConsoleRequest, PageRefusedError, needs, redirect, services_of, visit_of
from malote.quarantine.job_reports import AT_ONCE
from malote.quarantine.quarantine_reports import SyncOrder
from malote.tills.till import TillError

LARGEST = 20_000  # tills ticked one by one


@post("/synchronise", status_code=200, sync_to_thread=True, opt=needs(Permission.SYNCHRONISE))
def synchronise(request: ConsoleRequest) -> Response[Any]:
    """The ticked tills, or with ``everything`` all that the filter matches, on this page or not."""
    visit, services = visit_of(request), services_of(request)
    query = management.query_of({name: visit.text(name) for name in ("search", "light")})
    names = visit.texts("selected")[:LARGEST]
    if visit.text("everything") == "1":
        names = services.tills.matching(query)
    if not names:
        raise PageRefusedError("nothing_selected", 422)
    if _size(request, names) > AT_ONCE:
        return jobs.confirmation(request, services.jobs.freeze_tills(names, visit.actor))
    orders = _ordered(request, names)
    given = {name: visit.text(name) for name in management.PARAMETERS}
    context = management.context(services, given) | {"told": _words(request, orders)}
    return answer(request, "tills", context, events=told(context["told"]) | {"selectionDone": True})


@post("/tills/{name:str}/act/synchronise", status_code=200, sync_to_thread=True, opt=needs(Permission.SYNCHRONISE))
def synchronise_one(request: ConsoleRequest, name: FromPath[str]) -> Response[Any]:
    visit, services = visit_of(request), services_of(request)
    known = till.known(services, name)
    if _size(request, [known.name]) > AT_ONCE:
        draft = services.jobs.freeze_tills([known.name], visit.actor)
        services.jobs.start(draft.id, visit.actor)
        return redirect(request, f"{ROOT}/jobs/{draft.id}")
    orders = _ordered(request, [known.name])
    chosen = till.tab_of(visit.text("tab")) or "pending"
    context = till.context(services, name, chosen, {}) | {"told": _words(request, orders)}
    return answer(request, "till", context, events=told(context["told"]))


def _size(request: ConsoleRequest, names: list[str]) -> int:
    """Raises ``PageRefusedError`` for a till that there isn't."""
    try:
        return services_of(request).synchronisation.size(names)
    except TillError as error:
        raise PageRefusedError(error.code, 422, name=error.name) from error


def _ordered(request: ConsoleRequest, names: list[str]) -> list[SyncOrder]:
    """Raises ``PageRefusedError`` for a till that there isn't."""
    try:
        return services_of(request).synchronisation.order(names, visit_of(request).actor)
    except TillError as error:
        raise PageRefusedError(error.code, 422, name=error.name) from error


def _words(request: ConsoleRequest, orders: list[SyncOrder]) -> str:
    visit = visit_of(request)
    text = visit.say_many(
        "Sincronização pedida a %(num)s caixa.", "Sincronização pedida a %(num)s caixas.", len(orders)
    )
    again = sum(order.retried + order.replayed for order in orders)
    if again:
        text += " " + visit.say_many(
            "%(num)s documento do servidor é tentado de novo.",
            "%(num)s documentos do servidor são tentados de novo.",
            again,
        )
    return text


HANDLERS: list[Any] = [synchronise, synchronise_one]
