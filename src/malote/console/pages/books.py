"""Lançar de novo: what the ERP lost, by one button that says how many and how much."""

from typing import Any

from litestar import Response, post

from malote.accounts.roles import Permission
from malote.console.pages import management
from malote.console.rendering import answer, told
from malote.console.visits import ConsoleRequest, RefusedError, needs, services_of, visit_of, whole
from malote.erp.protocol import ErpError


@post("/books/rebook", status_code=200, sync_to_thread=True, opt=needs(Permission.REPLAY))
def rebook(request: ConsoleRequest) -> Response[Any]:
    """Exactly what the button counted; where that is another number by now, nothing is done and the page says so."""
    visit, services = visit_of(request), services_of(request)
    try:
        ordered = services.books.rebook(visit.actor, whole(visit.text("count"), 0, least=0))
    except ErpError as error:
        raise RefusedError(error.code, 503, **error.facts) from error
    if ordered is None:
        words = visit.say("O que falta no ERP mudou enquanto isso: confira e confirme de novo.")
    else:
        words = visit.say_many("%(num)s documento voltou à fila.", "%(num)s documentos voltaram à fila.", ordered)
    context = management.context(services, {}) | {"told": words}
    return answer(request, "tills", context, events=told(words))
