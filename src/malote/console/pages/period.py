"""The documents behind a point of Painel: what came, was booked or was rejected within a while, of all tills."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from litestar import Response, get

from malote.console.console_services import ConsoleServices
from malote.console.rendering import answer
from malote.console.visits import ConsoleRequest, parameters, services_of, whole
from malote.register.period import BECAME, PeriodQuery

LONGEST_NAME = 120
_LATEST = 10**11  # seconds since the epoch: beyond it no clock of Python's goes


def query_of(given: Mapping[str, str], now: float) -> PeriodQuery:
    """What an address asks for; the last hour where it says no time."""
    return PeriodQuery(
        became=next((one for one in BECAME if one == given.get("what")), "received"),
        since=float(whole(given.get("since"), int(now) - 3600, least=0, most=_LATEST)),
        until=float(whole(given.get("until"), int(now) + 1, least=0, most=_LATEST)),
        store=given["store"][:LONGEST_NAME] if "store" in given else None,
        code=given.get("code", "")[:LONGEST_NAME],
        before=whole(given["before"], 2**53) if given.get("before") else None,
    )


def context(services: ConsoleServices, given: Mapping[str, str]) -> dict[str, Any]:
    query = query_of(given, services.now())
    page = services.dashboard.period(query)
    return {"section": "dashboard", "query": query, "page": page, "lag": _lag}


def _lag(at: float, issued_at: str | None) -> float | None:
    """Seconds from a sale's issue; None where its clock says that it is still to come, or nothing at all."""
    try:
        lag = at - datetime.fromisoformat(issued_at or "").timestamp()
    except ValueError:
        return None
    return lag if lag >= 0 else None


@get("/documents", sync_to_thread=True)
def show(request: ConsoleRequest) -> Response[str]:
    return answer(request, "period", context(services_of(request), parameters(request)))


HANDLERS: list[Any] = [show]
