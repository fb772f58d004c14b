"""Lançar de novo: what the ERP lost, by one button that says how many and how much; and what a person answers for."""

from collections.abc import Callable
from typing import Any

from litestar import Response, post
from litestar.params import FromPath

from malote.accounts.audit import Actor
from malote.accounts.roles import Permission
from malote.books.accepting import LONGEST_REASON, SHORTEST_REASON, WantedGaps
from malote.books.rules.rule_findings import WantedFindings as WantedRule
from malote.console.pages import management, reconciliation, till
from malote.console.rendering import answer, told
from malote.console.visits import ConsoleRequest, PageRefusedError, Visit, needs, services_of, visit_of, whole
from malote.erp.protocol import ErpError


@post("/books/rebook", status_code=200, sync_to_thread=True, opt=needs(Permission.REPLAY))
def rebook(request: ConsoleRequest) -> Response[Any]:
    """Exactly what the button counted; where that is another number by now, nothing is done and the page says so."""
    visit, services = visit_of(request), services_of(request)
    words = _ordered(visit, services.books.rebook)
    context = management.context(services, {}) | {"told": words}
    return answer(request, "tills", context, events=told(words))


@post("/reconciliation/rebook", status_code=200, sync_to_thread=True, opt=needs(Permission.REPLAY))
def rebook_at_reconciliation(request: ConsoleRequest) -> Response[Any]:
    return _reconciliation_again(request, services_of(request).books.rebook)


@post("/reconciliation/guard", status_code=200, sync_to_thread=True, opt=needs(Permission.REPLAY))
def guard(request: ConsoleRequest) -> Response[Any]:
    """Of booked documents whose number the ERP's ledger lost, as many as were counted."""
    return _reconciliation_again(request, services_of(request).books.guard)


@post("/tills/{name:str}/gaps", status_code=200, sync_to_thread=True, opt=needs(Permission.CURE))
def accept_gaps(request: ConsoleRequest, name: FromPath[str]) -> Response[Any]:
    """A person answers for the numbers of one gap."""
    visit, services = visit_of(request), services_of(request)
    reason = _reason(visit)
    first, last = (whole(visit.text(end), -1, least=0) for end in ("first", "last"))
    wanted = WantedGaps(name, whole(visit.text("series"), -1, least=0), (first, last))
    count = services.books.accept_gaps(visit.actor, wanted, reason)
    words = visit.say_many("%(num)s número aceito.", "%(num)s números aceitos.", count)
    return _till_again(request, name, "numbering", words)


@post("/tills/{name:str}/days", status_code=200, sync_to_thread=True, opt=needs(Permission.CURE))
def accept_day(request: ConsoleRequest, name: FromPath[str]) -> Response[Any]:
    """A person answers for what till and server have otherwise of a day."""
    visit, services = visit_of(request), services_of(request)
    reason, day = _reason(visit), reconciliation.day_of(visit.text("day"))
    if day is None:
        raise PageRefusedError("page_unknown", 404)
    count = services.books.accept_day(visit.actor, name, day, reason)
    words = visit.say_many("%(num)s diferença aceita.", "%(num)s diferenças aceitas.", count)
    return _till_again(request, name, "reconciliation", words, day=day.isoformat())


@post("/tills/{name:str}/lost", status_code=200, sync_to_thread=True, opt=needs(Permission.CURE))
def accept_lost(request: ConsoleRequest, name: FromPath[str]) -> Response[Any]:
    """A person answers for the sales that the till lost."""
    visit, services = visit_of(request), services_of(request)
    count = services.books.accept_lost(visit.actor, name, _reason(visit))
    words = visit.say_many("%(num)s venda perdida aceita.", "%(num)s vendas perdidas aceitas.", count)
    return _till_again(request, name, "pending", words)


@post("/tills/{name:str}/closings", status_code=200, sync_to_thread=True, opt=needs(Permission.CURE))
def accept_closing(request: ConsoleRequest, name: FromPath[str]) -> Response[Any]:
    """A person answers for a closing of the POS that differs from what was booked."""
    visit, services = visit_of(request), services_of(request)
    reason, day = _reason(visit), reconciliation.day_of(visit.text("day"))
    if day is None:
        raise PageRefusedError("page_unknown", 404)
    cents = services.books.accept_closing(visit.actor, name, day, reason)
    words = visit.say("Fechamento aceito.") if cents else visit.say("O fechamento não difere.")
    return _till_again(request, name, "reconciliation", words, day=day.isoformat())


@post("/tills/{name:str}/rules", status_code=200, sync_to_thread=True, opt=needs(Permission.CURE))
def accept_rule(request: ConsoleRequest, name: FromPath[str]) -> Response[Any]:
    """A person answers for what a rule of the retailer's own found on a day."""
    visit, services = visit_of(request), services_of(request)
    reason, day = _reason(visit), reconciliation.day_of(visit.text("day"))
    if day is None:
        raise PageRefusedError("page_unknown", 404)
    number = whole(visit.text("number"), -1, least=0)
    wanted = WantedRule(visit.text("rule")[:40], name, day, number if number >= 0 else None)
    count = services.books.accept_rule(visit.actor, wanted, reason)
    words = visit.say_many("%(num)s achado de regra aceito.", "%(num)s achados de regras aceitos.", count)
    return _till_again(request, name, "reconciliation", words, day=day.isoformat())


def _till_again(request: ConsoleRequest, name: str, tab: till.Tab, words: str, **given: str) -> Response[Any]:
    """The till's page as it stands now, with what was done."""
    return answer(
        request, "till", till.context(services_of(request), name, tab, given) | {"told": words}, events=told(words)
    )


def _reason(visit: Visit) -> str:
    """Raises ``PageRefusedError`` where there is none."""
    found = visit.text("reason").strip()[:LONGEST_REASON]
    if len(found) < SHORTEST_REASON:
        raise PageRefusedError("reason_needed", 400, least=str(SHORTEST_REASON))
    return found


def _reconciliation_again(request: ConsoleRequest, act: Callable[[Actor, int], int | None]) -> Response[Any]:
    visit, services = visit_of(request), services_of(request)
    words = _ordered(visit, act)
    context = reconciliation.context(services, {}) | {"told": words}
    return answer(request, "reconciliation", context, events=told(words))


def _ordered(visit: Visit, act: Callable[[Actor, int], int | None]) -> str:
    try:
        ordered = act(visit.actor, whole(visit.text("count"), 0, least=0))
    except ErpError as error:
        raise PageRefusedError(error.code, 503, **error.facts) from error
    if ordered is None:
        return visit.say("O que falta no ERP mudou enquanto isso: confira e confirme de novo.")
    return visit.say_many("%(num)s documento voltou à fila.", "%(num)s documentos voltaram à fila.", ordered)


HANDLERS: list[Any] = [
    rebook,
    rebook_at_reconciliation,
    guard,
    accept_gaps,
    accept_day,
    accept_lost,
    accept_closing,
    accept_rule,
]
