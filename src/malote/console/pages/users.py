"""Usuários: who may sign in, and with which role."""

from collections.abc import Callable
from typing import Any

import msgspec
from litestar import Response, get, post
from litestar.params import FromPath

from malote.accounts.errors import AccountError
from malote.accounts.roles import Permission, Role
from malote.console.console_services import ConsoleServices
from malote.console.pages.entry import EntryTrouble
from malote.console.rendering import answer
from malote.console.visits import ConsoleRequest, needs, services_of, visit_of


class IssuedPassword(msgspec.Struct, frozen=True):
    """A password that is told only now."""

    name: str
    password: str


def context(
    services: ConsoleServices, *, issued: IssuedPassword | None = None, problem: EntryTrouble | None = None
) -> dict[str, Any]:
    return {
        "section": "users",
        "users": services.users.listed(),
        "roles": [role.value for role in Role],
        "issued": issued,
        "problem": problem,
    }


@get("/users", sync_to_thread=True, opt=needs(Permission.MANAGE_USERS))
def show(request: ConsoleRequest) -> Response[str]:
    return answer(request, "users", context(services_of(request)))


@post("/users", status_code=200, sync_to_thread=True, opt=needs(Permission.MANAGE_USERS))
def create(request: ConsoleRequest) -> Response[str]:
    visit, users = visit_of(request), services_of(request).users

    def act() -> IssuedPassword:
        password = users.create(visit.actor, visit.text("name"), _role(visit.text("role")), visit.text("display_name"))
        return IssuedPassword(visit.text("name"), password)

    return _acted(request, act)


@post("/users/{name:str}/role", status_code=200, sync_to_thread=True, opt=needs(Permission.MANAGE_USERS))
def set_role(request: ConsoleRequest, name: FromPath[str]) -> Response[str]:
    visit, users = visit_of(request), services_of(request).users
    return _acted(request, lambda: users.set_role(visit.actor, name, _role(visit.text("role"))))


@post("/users/{name:str}/disabled", status_code=200, sync_to_thread=True, opt=needs(Permission.MANAGE_USERS))
def set_disabled(request: ConsoleRequest, name: FromPath[str]) -> Response[str]:
    visit, users = visit_of(request), services_of(request).users
    return _acted(request, lambda: users.set_disabled(visit.actor, name, visit.text("disabled") == "1"))


@post("/users/{name:str}/password", status_code=200, sync_to_thread=True, opt=needs(Permission.MANAGE_USERS))
def give_password(request: ConsoleRequest, name: FromPath[str]) -> Response[str]:
    visit, users = visit_of(request), services_of(request).users
    return _acted(request, lambda: IssuedPassword(name, users.give_password(visit.actor, name)))


def _acted(request: ConsoleRequest, act: Callable[[], IssuedPassword | None]) -> Response[str]:
    """Does it, and shows the users as they are then."""
    services = services_of(request)
    try:
        issued = act()
    except AccountError as error:
        return answer(request, "users", context(services, problem=EntryTrouble(error.code, error.facts)), status=422)
    return answer(request, "users", context(services, issued=issued))


def _role(name: str) -> Role:
    """Raises ``AccountError`` for one that doesn't exist."""
    try:
        return Role(name)
    except ValueError as error:
        raise AccountError("role_unknown", role=name[:20]) from error


HANDLERS: list[Any] = [show, create, set_role, set_disabled, give_password]
