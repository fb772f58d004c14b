"""Detalhamento: one till, tab by tab."""

from collections.abc import Mapping
from typing import Any, Literal, get_args

import msgspec
from litestar import Response, get
from litestar.params import FromPath

from malote.console.rendering import answer
from malote.console.services import Services
from malote.console.visits import ConsoleRequest, RefusedError, parameters, services_of, whole
from malote.spool.documents import StoredDocument
from malote.spool.listing import DocumentsQuery
from malote.spool.states import OPEN, State

Tab = Literal["pending", "sent", "rejected", "trash", "history"]
TABS: tuple[Tab, ...] = get_args(Tab)

_STATES: dict[Tab, tuple[State, ...]] = {
    "pending": tuple(sorted(OPEN)),
    "sent": ("posted",),
    "rejected": ("rejected",),
    "trash": ("discarded",),
}

LONGEST_SEARCH = 60
IN_A_GROUP = 10  # documents of one cause, while all causes are shown


class Group(msgspec.Struct, frozen=True):
    """Rejected documents of one cause."""

    code: str
    count: int
    documents: list[StoredDocument]


def context(services: Services, name: str, tab: Tab, given: Mapping[str, str]) -> dict[str, Any]:
    """Raises ``RefusedError`` where there is no such till."""
    till = services.tills.find(name)
    if till is None:
        raise RefusedError("page_unknown", 404)
    shown: dict[str, Any] = {"section": "tills", "till": till, "tab": tab, "tabs": TABS}
    match tab:
        case "rejected":
            return shown | _rejected(services, till.name, given)
        case "history":
            return shown | {"entries": services.history(till.name)}
        case "pending":
            return shown | _listed(services, till.name, tab, given) | {"refused": services.tills.refused(till.name)}
        case _:
            return shown | _listed(services, till.name, tab, given)


@get("/tills/{name:str}", sync_to_thread=True)
def show(request: ConsoleRequest, name: FromPath[str]) -> Response[str]:
    return answer(request, "till", context(services_of(request), name, "pending", parameters(request)))


@get("/tills/{name:str}/{tab:str}", sync_to_thread=True)
def show_tab(request: ConsoleRequest, name: FromPath[str], tab: FromPath[str]) -> Response[str]:
    chosen = next((one for one in TABS if one == tab), None)
    if chosen is None:
        raise RefusedError("page_unknown", 404)
    return answer(request, "till", context(services_of(request), name, chosen, parameters(request)))


def _listed(services: Services, name: str, tab: Tab, given: Mapping[str, str]) -> dict[str, Any]:
    query = DocumentsQuery(
        states=_STATES[tab],
        search=given.get("search", "")[:LONGEST_SEARCH],
        before=whole(given.get("before"), 0) or None,
    )
    return {"query": query, "page": services.documents.page(name, query)}


def _rejected(services: Services, name: str, given: Mapping[str, str]) -> dict[str, Any]:
    """Every cause with its first documents, or one cause page by page."""
    code = given.get("code") or None
    size = 50 if code else IN_A_GROUP
    query = DocumentsQuery(
        states=("rejected",),
        code=code,
        search=given.get("search", "")[:LONGEST_SEARCH],
        before=whole(given.get("before"), 0) or None,
        size=size,
    )
    first = services.documents.page(name, query)
    if code:
        groups = [Group(code, first.reasons.get(code, 0), first.documents)] if first.documents else []
        return {"query": query, "page": first, "groups": groups}
    pages = {
        each: services.documents.page(name, msgspec.structs.replace(query, code=each)).documents
        for each in first.reasons
    }
    groups = [Group(each, first.reasons[each], found) for each, found in pages.items() if found]
    return {"query": query, "page": first, "groups": groups}
