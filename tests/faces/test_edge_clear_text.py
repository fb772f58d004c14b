"""A token that crosses a network in clear text is warned of at both ends; on this computer it is nobody's business."""

from pathlib import Path
from typing import Any

import pytest
import structlog
from litestar.testing import TestClient
from structlog.testing import capture_logs

from malote.api.application import create_app
from malote.app import services_for
from malote.config import ServerSettings, Settings
from malote.loopback import is_loopback
from malote.till.agent import Agent
from malote.till.server_client import ServerClient
from malote.tills.till import create_till
from tests.unit.till_support import Ears, till_settings


@pytest.mark.parametrize(
    ("host", "own"),
    [
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("[::1]", True),
        ("::ffff:127.0.0.1", True),
        ("localhost", True),
        ("LOCALHOST.", True),
        ("0.0.0.0", False),  # noqa: S104 - nothing is bound
        ("192.168.0.10", False),
        ("localhost.example", False),
        ("servidor", False),
        ("", False),
    ],
)
def test_what_is_this_computer(host: str, own: bool) -> None:
    assert is_loopback(host) == own


@pytest.mark.parametrize(
    ("address", "told"),
    [("http://127.0.0.1:9", 0), ("http://[::1]:9", 0), ("http://192.0.2.1:9", 1), ("https://192.0.2.1:9", 0)],
)
def test_the_till_says_it_when_it_starts(tmp_path: Path, address: str, told: int) -> None:
    ears = Ears()
    (tmp_path / "sales").mkdir()
    settings = till_settings(tmp_path / "sales", server=address)
    with ServerClient(address, "1.token") as server:
        assert server.in_the_clear == bool(told)
    if address.endswith("127.0.0.1:9"):
        Agent(tmp_path / "outbox.sqlite3", settings, "1.token", ears.voice).drain(0.1)
    else:
        agent = Agent(tmp_path / "outbox.sqlite3", settings, "1.token", ears.voice)
        agent.stop()
        agent.run()
    assert ears.codes("happened").count("token_in_clear") == told


@pytest.mark.parametrize(
    ("peer", "forwarded", "told"),
    [
        ("127.0.0.1", {}, 0),
        ("192.168.0.10", {}, 1),
        ("10.0.0.1", {"X-Forwarded-For": "192.168.0.10", "X-Forwarded-Proto": "https"}, 0),
        ("10.0.0.1", {"X-Forwarded-For": "192.168.0.10", "X-Forwarded-Proto": "http"}, 1),
        ("192.168.0.10", {"X-Forwarded-Proto": "https"}, 1),
    ],
)
def test_the_server_says_it_once_of_each_till(tmp_path: Path, peer: str, forwarded: Any, told: int) -> None:
    structlog.reset_defaults()
    settings = Settings(home=str(tmp_path), server=ServerSettings(trusted_proxies=["10.0.0.1"]))
    with services_for(settings) as services:
        token = create_till(services.engine, "caixa1")[1]
        app = create_app(services)
        handler = app.asgi_handler

        async def handle(scope: Any, receive: Any, send: Any) -> None:
            scope["client"] = (peer, 50_000)
            await handler(scope, receive, send)

        app.asgi_handler = handle
        with TestClient(app) as client, capture_logs() as logs:
            for _ in range(3):
                reply = client.get("/v1/status", headers={"Authorization": f"Bearer {token}"} | forwarded)
                assert reply.status_code == 200
        warned = [log for log in logs if log["event"] == "token_in_clear"]
    assert [log["till"] for log in warned] == ["caixa1"] * told
    assert token.partition(".")[2] not in str(logs)
