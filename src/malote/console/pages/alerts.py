"""Avisos: who is told of what is wrong, and what was told. Addresses are never shown."""

from typing import Any

from litestar import Response, get, post

from malote.accounts.roles import Permission
from malote.alerts.targets import AlertTarget, TargetsError
from malote.console.console_services import ConsoleServices
from malote.console.rendering import answer
from malote.console.visits import ConsoleRequest, needs, services_of, visit_of

SHOWN = 50  # of the newest messages


def context(services: ConsoleServices, tested: list[tuple[AlertTarget, bool]] | None = None) -> dict[str, Any]:
    now = services.now()
    try:
        targets, unusable = services.alerts.targets(), None
    except TargetsError as error:
        targets, unusable = [], error.line
    return {
        "section": "alerts",
        "targets": targets,
        "unusable": unusable,
        "tested": {target.id: taken for target, taken in tested or []},
        "silenced": [one for one in services.alerts.states() if one.silenced_until > now],
        "messages": services.alerts.told(SHOWN),
    }


@get("/alerts", sync_to_thread=True)
def show(request: ConsoleRequest) -> Response[str]:
    return answer(request, "alerts", context(services_of(request)))


@post("/alerts/test", status_code=200, sync_to_thread=True, opt=needs(Permission.CURE))
def test_targets(request: ConsoleRequest) -> Response[str]:
    services = services_of(request)
    try:
        tested = services.alerts.test(visit_of(request).actor)
    except TargetsError:
        tested = []
    return answer(request, "alerts", context(services, tested))


HANDLERS: list[Any] = [show, test_targets]
