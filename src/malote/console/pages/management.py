"""Gerenciamento: one row per till."""

from collections.abc import Mapping
from typing import Any, get_args

from litestar import Response, get

from malote.console.console_services import Services
from malote.console.rendering import answer_shared
from malote.console.visits import ConsoleRequest, parameters, services_of, whole
from malote.findings.kinds import LIGHT_NAMES
from malote.findings.lights import TillSort, TillsQuery

LONGEST_SEARCH = 60

# What is worth seeing is where there is most of it.
FALLING = frozenset({"pending", "rejected", "waiting"})


def query_of(given: Mapping[str, str]) -> TillsQuery:
    """What an address asks for; whatever makes no sense in it is left out."""
    return TillsQuery(
        search=given.get("search", "")[:LONGEST_SEARCH],
        light=next((light for light in LIGHT_NAMES if light == given.get("light")), None),
        sort=next((sort for sort in get_args(TillSort) if sort == given.get("sort")), "light"),
        descending=given.get("descending") == "1",
        page=whole(given.get("page"), 1),
    )


def context(services: Services, given: Mapping[str, str]) -> dict[str, Any]:
    query = query_of(given)
    page = services.tills.page(query)
    return {
        "section": "tills",
        "query": query,
        "page": page,
        "lights": LIGHT_NAMES,
        "total": sum(page.lights.values()),
        "enabled": page.matching - (0 if query.light else page.lights["disabled"]),
        "falling": FALLING,
        "structures": {each.till: each for each in services.structures.tills([till.name for till in page.tills])},
        "stoppage": services.locks.stoppage(),
        "ledger": services.ledger(),
        "outside": services.books.outside(),
        "of_store": services.books.of_store(),
    }


@get("/tills", sync_to_thread=True)
def show(request: ConsoleRequest) -> Response[str] | Response[bytes]:
    return answer_shared(request, "tills", lambda: context(services_of(request), parameters(request)))


HANDLERS: list[Any] = [show]
