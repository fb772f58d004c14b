"""Painel: how the sales flow, as plots and as the figures behind them."""

from collections.abc import Mapping
from typing import Any

from litestar import Response, get

from malote.console.console_services import ConsoleServices
from malote.console.history_plots import MOST_STORES, levels, plots
from malote.console.rendering import answer_shared
from malote.console.visits import ConsoleRequest, parameters, services_of
from malote.findings.kinds import LIGHT_NAMES, USUAL_SECONDS
from malote.findings.lights import TillsQuery
from malote.register.flow_history import SPANS, Span


def context(services: ConsoleServices, given: Mapping[str, str]) -> dict[str, Any]:
    span: Span = next((one for one in SPANS if one == given.get("span")), "1h")
    history = services.dashboard.history(span)
    marks = services.dashboard.marks(history.points[0].at)
    page = services.tills.page(TillsQuery(size=1))
    return {
        "section": "dashboard",
        "span": span,
        "spans": SPANS,
        "history": history,
        "drawn": plots(history, marks, USUAL_SECONDS, services.zone()),
        "levels": levels,
        "stores": history.stores if given.get("stores") == "all" else history.stores[:MOST_STORES],
        "target": USUAL_SECONDS,
        "nothing": not any(one.received or one.booked or one.rejects for one in history.points),
        "rejected": services.dashboard.rejected(),
        "waiting": services.dashboard.waiting(),
        "lights": page.lights,
        "light_names": LIGHT_NAMES,
    }


@get("/dashboard", sync_to_thread=True)
def show(request: ConsoleRequest) -> Response[str] | Response[bytes]:
    return answer_shared(request, "dashboard", lambda: context(services_of(request), parameters(request)))


HANDLERS: list[Any] = [show]
