"""Cadastro de caixas: a till is created, gets a new token, is disabled and enabled."""

from collections.abc import Callable
from typing import Any

import msgspec
from litestar import Response, get, post
from litestar.params import FromPath

from malote.accounts.roles import Permission
from malote.console.console_services import ConsoleServices
from malote.console.rendering import answer
from malote.console.visits import ConsoleRequest, PageRefusedError, needs, parameters, services_of, visit_of, whole
from malote.findings.lights import TillsQuery
from malote.tills.till import TillError

LONGEST = 60


class IssuedToken(msgspec.Struct, frozen=True):
    """A token that is told only now."""

    name: str
    token: str


def context(
    services: ConsoleServices, search: str = "", page: int = 1, issued: IssuedToken | None = None
) -> dict[str, Any]:
    query = TillsQuery(search=search, sort="name", page=page)
    return {"section": "till-accounts", "page": services.tills.page(query), "search": search, "issued": issued}


@get("/till-accounts", sync_to_thread=True, opt=needs(Permission.MANAGE_TILLS))
def show(request: ConsoleRequest) -> Response[str]:
    given = parameters(request)
    shown = context(services_of(request), given.get("search", "")[:LONGEST], whole(given.get("page"), 1))
    return answer(request, "till_accounts", shown)


@post("/till-accounts", status_code=200, sync_to_thread=True, opt=needs(Permission.MANAGE_TILLS))
def create(request: ConsoleRequest) -> Response[str]:
    visit, accounts = visit_of(request), services_of(request).till_accounts
    name, label = visit.text("name").strip(), visit.text("label").strip()
    return _acted(request, name, lambda: accounts.create(visit.actor, name, label))


@post("/till-accounts/{name:str}/token", status_code=200, sync_to_thread=True, opt=needs(Permission.MANAGE_TILLS))
def renew(request: ConsoleRequest, name: FromPath[str]) -> Response[str]:
    visit, accounts = visit_of(request), services_of(request).till_accounts
    return _acted(request, name, lambda: accounts.renew(visit.actor, name))


@post("/till-accounts/{name:str}/disabled", status_code=200, sync_to_thread=True, opt=needs(Permission.MANAGE_TILLS))
def set_disabled(request: ConsoleRequest, name: FromPath[str]) -> Response[str]:
    visit, accounts = visit_of(request), services_of(request).till_accounts
    return _acted(request, name, lambda: accounts.set_disabled(visit.actor, name, visit.text("disabled") == "1"))


def _acted(request: ConsoleRequest, name: str, act: Callable[[], str]) -> Response[str]:
    """Does it, and shows the till as it is then, with its token where there is a new one."""
    try:
        token = act()
    except TillError as error:
        raise PageRefusedError(error.code, 422, **error.facts) from error
    issued = IssuedToken(name, token) if token else None
    shown = context(services_of(request), search=name, issued=issued)
    # Where this person's browser found the server, a till finds it too.
    server = f"{request.url.scheme}://{request.url.netloc}"
    return answer(request, "till_accounts", shown | {"server": server})


HANDLERS: list[Any] = [show, create, renew, set_disabled]
