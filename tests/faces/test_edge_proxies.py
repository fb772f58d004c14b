"""Behind a proxy each client has its own address; without one that the settings name, nobody chooses theirs."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from litestar import Litestar
from litestar.testing import TestClient

from malote.accounts import audit
from malote.accounts.roles import Role
from malote.app import Services, services_for
from malote.config import ServerSettings, Settings, SettingsError, load
from tests.faces.console_support import application, create_user, csrf_of, enter

PROXY = "10.0.0.1"


@contextmanager
def behind(home: Path, *proxies: str, peer: str = PROXY) -> Iterator[tuple[Services, TestClient[Litestar]]]:
    settings = Settings(home=str(home), server=ServerSettings(trusted_proxies=list(proxies)))
    with (
        services_for(settings) as services,
        TestClient(came_from(peer, application(services)), raise_server_exceptions=False) as client,
    ):
        client.follow_redirects = False
        yield services, client


def came_from(peer: str, app: Litestar) -> Litestar:
    """The same application, all of whose connections come from there."""
    handler = app.asgi_handler

    async def handle(scope: Any, receive: Any, send: Any) -> None:
        scope["client"] = (peer, 50_000)
        await handler(scope, receive, send)

    app.asgi_handler = handle
    return app


def addresses(services: Services) -> set[str | None]:
    return {entry.address for entry in audit.entries(services.engine) if entry.actor == "ana"}


@pytest.mark.parametrize(
    ("proxies", "address"),
    [([], PROXY), (["10.9.9.9"], PROXY), ([PROXY], "203.0.113.9"), (["10.0.0.0/8"], "203.0.113.9")],
)
def test_the_trail_has_the_clients_own_address(tmp_path: Path, proxies: list[str], address: str) -> None:
    with behind(tmp_path, *proxies) as (services, client):
        create_user(services, "ana", Role.ADMINISTRADOR)
        client.headers["X-Forwarded-For"] = "198.51.100.1, 203.0.113.9"
        assert enter(client, "ana").status_code == 303
        form = {"csrf": csrf_of(client), "name": "bia", "role": "consulta"}
        assert client.post("/console/users", data=form).status_code == 200
        assert addresses(services) == {address}


def test_a_forged_address_escapes_no_throttle(tmp_path: Path) -> None:
    with behind(tmp_path) as (_, client):
        statuses = [wrong_token(client, f"203.0.113.{number}") for number in range(40)]
    assert statuses[-1] == 429
    assert 401 in statuses


def test_behind_a_proxy_one_client_is_no_other(tmp_path: Path) -> None:
    with behind(tmp_path, PROXY) as (_, client):
        assert [wrong_token(client, "203.0.113.1") for _ in range(40)][-1] == 429
        assert wrong_token(client, "203.0.113.2") == 401
        # Of IPv6, one party has as many addresses as it likes within its half.
        assert [wrong_token(client, f"2001:db8::{number}") for number in range(1, 40)][-1] == 429
        assert wrong_token(client, "2001:db8:0:1::1") == 401
        # Whatever a client writes before its own address.
        assert wrong_token(client, "203.0.113.77, 203.0.113.1") == 429


def wrong_token(client: TestClient[Litestar], forwarded: str) -> int:
    headers = {"Authorization": "Bearer caixa1.wrong", "X-Forwarded-For": forwarded}
    return client.get("/v1/status", headers=headers).status_code


@pytest.mark.parametrize(("proxies", "secure"), [([], False), ([PROXY], True)])
def test_only_a_trusted_proxy_says_that_the_way_was_encrypted(tmp_path: Path, proxies: list[str], secure: bool) -> None:
    with behind(tmp_path, *proxies) as (_, client):
        answer = client.get("/console/sign-in", headers={"X-Forwarded-Proto": "https"})
        assert ("secure" in answer.headers["set-cookie"].lower()) == secure


def test_a_proxy_without_an_address_is_told_at_start(tmp_path: Path) -> None:
    settings = tmp_path / "malote.toml"
    settings.write_text('[server]\ntrusted_proxies = ["proxy.example"]\n', encoding="utf-8")
    with pytest.raises(SettingsError, match=r"server\.trusted_proxies.*proxy\.example"):
        load(settings, {})
