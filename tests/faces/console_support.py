"""A server with its console, without a network, and people who sign in to it."""

import hashlib
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from weakref import WeakKeyDictionary

from httpx import Response
from litestar import Litestar
from litestar.testing import TestClient

from malote.accounts import users
from malote.accounts.audit import Actor
from malote.accounts.roles import Role
from malote.api.application import create_app
from malote.app import Services, services_for
from malote.app_console import console_services
from malote.config import DatabaseSettings, Settings, StoreSettings
from malote.console.router import console
from malote.spool.documents import Settlement
from malote.tills.till import Till, create_till
from malote.wire import PouchFile
from tests.unit.fiscal.notes import build_note

PASSWORD = "correct-horse-battery"
LIVE = {"HX-Request": "true", "Malote-Refresh": "1"}  # what the page's own script sends


@contextmanager
def store(home: Path, database: str = "") -> Iterator[Services]:
    """A store of its own, whose people and tills don't exist yet; on SQLite, unless ``database`` is an address."""
    settings = Settings(
        home=str(home), store=StoreSettings(name="Mercado Aurora"), database=DatabaseSettings(url=database)
    )
    with services_for(settings) as services:
        yield services


_applications: WeakKeyDictionary[Services, Litestar] = WeakKeyDictionary()
_visited: set[Litestar] = set()


def application(services: Services) -> Litestar:
    """The one of this server: to make it costs as much as twenty pages."""
    if services not in _applications:
        _applications[services] = new_application(services)
    return _applications[services]


def start_anew(services: Services) -> None:
    """The next visitor meets an application that was made after now."""
    _applications.pop(services, None)


def new_application(services: Services) -> Litestar:
    """One that remembers nobody who failed to sign in."""
    return create_app(services, pages=[console(console_services(services))])


@contextmanager
def visitor(services: Services) -> Iterator[TestClient[Litestar]]:
    """Somebody who has not signed in. Redirects are not followed: they are what is looked at."""
    app = application(services)
    if app in _visited:  # by another at the same time: two clients would start and stop it
        app = new_application(services)
    _visited.add(app)
    try:
        with TestClient(app, raise_server_exceptions=False) as client:
            client.follow_redirects = False
            yield client
    finally:
        _visited.discard(app)


@contextmanager
def signed_in(services: Services, role: Role = Role.ADMINISTRADOR, name: str = "ana") -> Iterator[TestClient[Litestar]]:
    """A browser in which a new user of that role has signed in."""
    create_user(services, name, role)
    with visitor(services) as client:
        assert enter(client, name).status_code == 303
        yield client


def create_user(services: Services, name: str, role: Role, *, must_change_password: bool = False) -> None:
    users.create(
        services.engine,
        Actor("test"),
        name,
        role=role,
        password=PASSWORD,
        must_change_password=must_change_password,
    )


def enter(client: TestClient[Litestar], name: str, password: str = PASSWORD, **fields: str) -> Response:
    """Fills in the sign-in form."""
    form = field(client.get("/console/sign-in").text, "form")
    return client.post("/console/sign-in", data={"form": form, "name": name, "password": password, **fields})


def field(page: str, name: str) -> str:
    """The value of a hidden field of a page."""
    found = re.search(rf'name="{name}" value="([^"]*)"', page)
    assert found is not None, name
    return found.group(1)


def csrf_of(client: TestClient[Litestar]) -> str:
    return field(client.get("/console/tills").text, "csrf")


def till(services: Services, name: str = "caixa1", label: str = "Frente 1") -> Till:
    return create_till(services.engine, name, label)[0]


def send(services: Services, sender: Till, *contents: bytes, names: Sequence[str] = ()) -> None:
    """Files arrive from a till."""
    chosen = [*names, *(f"venda{number}.xml" for number in range(len(names), len(contents)))]
    files = [
        PouchFile(name, hashlib.sha256(content).digest(), content)
        for name, content in zip(chosen, contents, strict=True)
    ]
    services.intake.take_files(sender, files)


def sell(services: Services, sender: Till, first: int = 1, count: int = 1) -> None:
    """Sales of the till that nothing is wrong with."""
    send(services, sender, *(build_note(number=number) for number in range(first, first + count)))


def settle(services: Services, state: str = "posted", limit: int = 1000) -> int:
    """A poster that settles everything alike. How many."""
    leased = services.spool.lease("test", limit, 60.0)
    return services.spool.settle([Settlement(one.id, one.lease, state) for one in leased])  # type: ignore[arg-type]
