"""Avisos: who is told, without a word of the addresses; a test for who may."""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from malote.accounts.roles import Role
from malote.alerts.alert_service import Alerts
from malote.alerts.targets import AlertTarget, Sender
from malote.app import Services, services_for
from malote.config import Settings
from tests.faces.console_support import csrf_of, signed_in

SECRET = "s3cr3t-t0k3n"


def taken(target: AlertTarget, title: str, body: str) -> bool:
    return target.kind == "json"


@pytest.fixture
def services(tmp_path: Path) -> Iterator[Services]:
    given = {"home": str(tmp_path), "alerts": {"targets": f"json://x:{SECRET}@127.0.0.1:9/;+30 tgram://{SECRET}/1"}}
    settings = msgspec.convert(given, Settings)
    with services_for(settings) as opened:
        vars(opened)["alerts"] = Alerts(opened.engine, settings, send=Sender(5.0, taken))
        yield opened


def test_the_page_tests_the_targets_and_says_which_took_it(services: Services) -> None:
    with signed_in(services, Role.SUPORTE) as browser:
        page = browser.get("/console/alerts").text
        assert "tgram" in page
        assert SECRET not in page
        tested = browser.post("/console/alerts/test", data={"csrf": csrf_of(browser)}).text
    assert "aceito</td>" in tested
    assert "<strong>não aceito</strong>" in tested
    assert SECRET not in tested


def test_who_only_looks_may_not_send(services: Services) -> None:
    with signed_in(services, Role.OPERADOR) as browser:
        page = browser.get("/console/alerts").text
        assert "/alerts/test" not in page
        assert browser.post("/console/alerts/test", data={"csrf": csrf_of(browser)}).status_code == 403
