"""De-para: what people mapped or accepted while they cured a rejected document, and its end."""

from typing import Any

from litestar import Response, get, post

from malote.accounts.roles import Permission
from malote.console.console_services import ConsoleServices
from malote.console.rendering import answer, told
from malote.console.visits import ConsoleRequest, PageRefusedError, needs, services_of, visit_of
from malote.quarantine.mappings import KINDS
from malote.quarantine.quarantine_reports import QuarantineError

MOST_SHOWN = 300
LONGEST = 120
LONGEST_REASON = 500


def context(services: ConsoleServices) -> dict[str, Any]:
    every = services.quarantine.mappings()
    return {"section": "mappings", "mappings": every[:MOST_SHOWN], "total": len(every)}


@get("/mappings", sync_to_thread=True)
def show(request: ConsoleRequest) -> Response[str]:
    return answer(request, "mappings", context(services_of(request)))


@post("/mappings/end", status_code=200, sync_to_thread=True, opt=needs(Permission.CURE))
def end(request: ConsoleRequest) -> Response[Any]:
    """As it was shown: one that is another by now stays."""
    visit, services = visit_of(request), services_of(request)
    kind = next((one for one in KINDS if one == visit.text("kind")), None)
    if kind is None:
        raise PageRefusedError("mapping_gone", 422)
    issuer, code, target = (visit.text(name)[:LONGEST] for name in ("issuer", "code", "target"))
    reason = visit.text("reason").strip()[:LONGEST_REASON]
    try:
        services.quarantine.end_mapping(kind, issuer, code, target, visit.actor, reason=reason)
    except QuarantineError as error:
        raise PageRefusedError(error.code, 422, **error.facts) from error
    text = visit.say("Desfeito para o que vier. O que foi lançado assim fica lançado.")
    return answer(request, "mappings", context(services) | {"told": text}, events=told(text))


HANDLERS: list[Any] = [show, end]
