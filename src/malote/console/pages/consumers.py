"""Consumidores: who is told of sales beside the ERP, how each fares, and what one of them got."""

from collections.abc import Mapping
from typing import Any

from litestar import Response, get

from malote.accounts.roles import Permission
from malote.console.console_services import ConsoleServices
from malote.console.rendering import answer
from malote.console.visits import ConsoleRequest, needs, parameters, services_of


def context(services: ConsoleServices, given: Mapping[str, str]) -> dict[str, Any]:
    seen = services.consumers()
    chosen = next((one for one in seen if one.consumer.name == given.get("name")), None)
    return {
        "section": "consumers",
        "seen": seen,
        "chosen": chosen,
        "entries": services.consumer_log(chosen.consumer) if chosen else [],
    }


@get("/consumers", sync_to_thread=True, opt=needs(Permission.SEE_AUDIT))
def show(request: ConsoleRequest) -> Response[str]:
    return answer(request, "consumers", context(services_of(request), parameters(request)))


HANDLERS: list[Any] = [show]
