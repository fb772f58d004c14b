"""Gerenciamento: whether sales go up, and one row per till, grouped by what is wrong, the worst first."""

from collections.abc import Mapping
from typing import Any, Literal, get_args

import msgspec
from litestar import Response, get

from malote import rejection
from malote.console.console_services import ConsoleServices
from malote.console.rendering import answer_shared
from malote.console.verdict import Verdict, verdict
from malote.console.visits import ConsoleRequest, parameters, services_of, whole
from malote.findings.kinds import LIGHT_NAMES
from malote.findings.lights import TillOverview, TillSort, TillsQuery
from malote.findings.till_groups import BYS, GroupsQuery

LONGEST_SEARCH = 60
LONGEST_KEY = 120
MORE = 50  # tills of an opened group, and as many more with each click
MOST_OPENED = 1000

# What is worth seeing is where there is most of it.
FALLING = frozenset({"pending", "rejected", "waiting"})
PARAMETERS = ("search", "light", "sort", "descending", "page", "group", "open", "opened", "density")

Grouping = Literal["cause", "store", "none"]
Density = Literal["compact", "usual", "comfortable"]
_ALL = GroupsQuery()
_SUMMARY = GroupsQuery(each=3, quiet=0, room=3)


def query_of(given: Mapping[str, str]) -> TillsQuery:
    """What an address asks for; whatever makes no sense in it is left out."""
    return TillsQuery(
        search=given.get("search", "")[:LONGEST_SEARCH],
        light=next((light for light in LIGHT_NAMES if light == given.get("light")), None),
        sort=next((sort for sort in get_args(TillSort) if sort == given.get("sort")), "light"),
        descending=given.get("descending") == "1",
        page=whole(given.get("page"), 1),
    )


def grouping_of(given: Mapping[str, str]) -> Grouping:
    """Where somebody sorts or turns pages, there are no groups."""
    asked = given.get("group")
    if asked in get_args(Grouping):
        return next(one for one in get_args(Grouping) if one == asked)
    return "none" if given.get("sort") or given.get("page") else "cause"


def density_of(given: Mapping[str, str]) -> Density:
    asked = given.get("density")
    return next((one for one in get_args(Density) if one == asked), "usual")


def context(services: ConsoleServices, given: Mapping[str, str]) -> dict[str, Any]:
    query, grouping = query_of(given), grouping_of(given)
    listed = _flat(services, query) if grouping == "none" else _grouped(services, query, grouping, given)
    tills: list[TillOverview] = listed["tills"]
    lights = listed["lights"]
    stoppage = services.locks.stoppage()
    told = verdict(listed["summary"], stoppage, services.now())
    gone = told.way == "structures" and services.runbook.are_sales_gone()
    if gone:
        told = msgspec.structs.replace(told, way="assistant")
    return {
        "section": "tills",
        "query": query,
        "grouping": grouping,
        "density": density_of(given),
        "light_names": LIGHT_NAMES,
        "total": sum(lights.values()),
        "enabled": listed["matching"] - (0 if query.light else lights["disabled"]),
        "falling": FALLING,
        "kept": {name: given.get(name, "") for name in PARAMETERS},
        "structures": {each.till: each for each in services.structures.tills([till.name for till in tills])},
        "flow": services.flow(tuple(till.id for till in tills)),
        "stoppage": stoppage,
        "verdict": told,
        "named": "structure_sales_gone" if gone else _named(services, told),
        "unheard": services.runbook.unheard() if told.light == "ok" else None,
        "ledger": services.ledger(),
        "outside": services.books.outside(),
        "of_store": services.books.of_store(),
        **listed,
    }


def _named(services: ConsoleServices, told: Verdict) -> str:
    """What the first till could not read by its own name for it, such as a folder that isn't there, as the Assistente
    calls it too; "" where it is no one thing."""
    group = told.first
    if group is None or group.cause != "refused" or not group.some:
        return ""
    codes = {file.code for file in services.tills.refused(group.some[0].name)}
    alone = next(iter(codes)) if len(codes) == 1 else ""
    return alone if alone in rejection.catalogue() else ""


def _flat(services: ConsoleServices, query: TillsQuery) -> dict[str, Any]:
    page = services.tills.page(query)
    return {
        "asked": None,
        "summary": services.tills.grouped((_SUMMARY,))[0],
        "page": page,
        "groups": None,
        "tills": page.tills,
        "lights": page.lights,
        "matching": page.matching,
    }


def _grouped(
    services: ConsoleServices, query: TillsQuery, grouping: Grouping, given: Mapping[str, str]
) -> dict[str, Any]:
    asked = GroupsQuery(
        by=next((by for by in BYS if by == grouping), "cause"),
        search=query.search,
        light=query.light,
        open=given.get("open", "")[:LONGEST_KEY],
        opened=whole(given.get("opened"), MORE, most=MOST_OPENED),
    )
    # What is told above the list is of all tills, whatever the list shows.
    answers = services.tills.grouped((asked,) if asked == _ALL else (asked, _SUMMARY))
    found, summary = answers[0], answers[-1]
    return {
        "asked": asked,
        "summary": summary,
        "page": None,
        "groups": found,
        "opened": asked.opened,
        "more": min(MOST_OPENED, asked.opened + MORE),
        "tills": [till for group in found.groups for till in group.some],
        "lights": found.lights,
        "matching": sum(found.lights.values()) if query.light is None else found.lights[query.light],
    }


@get("/tills", sync_to_thread=True)
def show(request: ConsoleRequest) -> Response[str] | Response[bytes]:
    return answer_shared(request, "tills", lambda: context(services_of(request), parameters(request)))


HANDLERS: list[Any] = [show]
