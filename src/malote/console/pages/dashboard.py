"""Painel: how the sales flow, as plots and as the figures behind them."""

from typing import Any

from litestar import Response, get

from malote.console.console_services import ConsoleServices
from malote.console.rendering import answer_shared
from malote.console.visits import ConsoleRequest, services_of
from malote.findings.kinds import LIGHT_NAMES
from malote.findings.lights import TillsQuery


def context(services: ConsoleServices) -> dict[str, Any]:
    return {
        "section": "dashboard",
        "metrics": services.metrics(),
        "lights": services.tills.page(TillsQuery(size=1)).lights,
        "light_names": LIGHT_NAMES,
    }


@get("/dashboard", sync_to_thread=True)
def show(request: ConsoleRequest) -> Response[str] | Response[bytes]:
    return answer_shared(request, "dashboard", lambda: context(services_of(request)))


HANDLERS: list[Any] = [show]
