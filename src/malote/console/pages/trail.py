"""Auditoria: who did what, when, on what, before and after."""

from collections.abc import Mapping
from typing import Any

from litestar import Response, get

from malote.accounts.roles import Permission
from malote.console.console_services import ConsoleServices
from malote.console.rendering import answer
from malote.console.visits import ConsoleRequest, needs, parameters, services_of, whole

PAGE = 100
LONGEST = 100  # characters of a filter


def context(services: ConsoleServices, given: Mapping[str, str]) -> dict[str, Any]:
    before = whole(given.get("before"), 0) or None
    wanted = {name: given.get(name, "").strip()[:LONGEST] for name in ("user", "action", "on")}
    entries = services.audit(before, PAGE + 1, wanted["user"], wanted["action"], wanted["on"])
    return {
        "section": "audit",
        "entries": entries[:PAGE],
        "older": entries[PAGE - 1].id if len(entries) > PAGE else None,
        "before": before,
        "wanted": wanted,
    }


@get("/audit", sync_to_thread=True, opt=needs(Permission.SEE_AUDIT))
def show(request: ConsoleRequest) -> Response[str]:
    return answer(request, "audit", context(services_of(request), parameters(request)))


HANDLERS: list[Any] = [show]
