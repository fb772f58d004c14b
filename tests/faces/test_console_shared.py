"""Fifty browsers cost one rendering, and none of them sees anything of another's."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from malote.accounts.roles import Role
from malote.app import Services
from malote.console.pages import management
from malote.console.pages import till as till_page
from malote.console.pages.till import TABS
from malote.console.shared_pages import MOST_KEPT, OLDEST_SECONDS, SharedPages
from tests.faces.console_support import csrf_of, send, signed_in, store, till, visitor

REFRESH = {"HX-Request": "true", "Malote-Refresh": "1"}


@pytest.fixture
def services(tmp_path: Path) -> Iterator[Services]:
    with store(tmp_path) as opened:
        yield opened


@pytest.fixture
def rendered(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every page that is asked of the database from now on."""
    asked: list[str] = []
    context = management.context

    def counted(services: object, given: dict[str, str]) -> object:
        asked.append(str(given))
        return context(services, given)  # type: ignore[arg-type]

    monkeypatch.setattr(management, "context", counted)
    return asked


def frozen(monkeypatch: pytest.MonkeyPatch) -> None:
    """A second that a busy machine can't miss."""
    monkeypatch.setattr("malote.console.shared_pages.OLDEST_SECONDS", 3600.0)


def test_many_browsers_cost_one_rendering_and_are_told_when_nothing_changed(
    services: Services, rendered: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    frozen(monkeypatch)
    till(services)
    with signed_in(services) as browser:
        answers = [browser.get("/console/tills", headers=REFRESH) for _ in range(50)]
        assert len(rendered) == 1
        assert len({answer.text for answer in answers}) == 1
        tag = answers[0].headers["ETag"]
        again = browser.get("/console/tills", headers=REFRESH | {"If-None-Match": tag})
        assert (again.status_code, again.content) == (204, b"")
        assert len(rendered) == 1


def test_another_filter_language_or_role_is_another_page(
    services: Services, rendered: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    frozen(monkeypatch)
    till(services)
    with signed_in(services) as browser:
        browser.get("/console/tills", headers=REFRESH)
        browser.get("/console/tills?light=ok", headers=REFRESH)
        english = browser.get("/console/tills", headers=REFRESH | {"Accept-Language": "en"}).text
        assert "Last contact" in english
    with signed_in(services, Role.CONSULTA, "bia") as other:
        assert 'name="selected"' not in other.get("/console/tills", headers=REFRESH).text
    assert len(rendered) == 4


def test_what_is_shared_tells_nothing_of_who_looks(services: Services) -> None:
    send(services, till(services), b"<broken")
    with signed_in(services, name="zebedeu") as browser:
        token = csrf_of(browser)
        assert token
        for page in ("tills", "dashboard", *(f"tills/caixa1/{tab}" for tab in TABS)):
            answer = browser.get(f"/console/{page}", headers=REFRESH)
            assert answer.headers["Content-Encoding"] == "gzip"
            text = answer.text
            assert token not in text
            assert "csrf" not in text
            assert "zebedeu" not in text


def test_only_what_holds_no_secret_is_compressed(services: Services) -> None:
    till(services)
    with signed_in(services) as browser:
        gzip = {"Accept-Encoding": "gzip, br"}
        shared = browser.get("/console/tills", headers=REFRESH | gzip)
        assert shared.headers["Content-Encoding"] == "gzip"
        assert "Accept-Encoding" in shared.headers["Vary"]
        assert shared.text == browser.get("/console/tills", headers=REFRESH | {"Accept-Encoding": "gzip;q=0"}).text
        assert browser.get("/console/static/console.css", headers=gzip).headers["Content-Encoding"] == "gzip"
        for path in ("/console/tills", "/console/tills/caixa1", "/console/users", "/console/dashboard"):
            assert "Content-Encoding" not in browser.get(path, headers=gzip).headers


def test_a_tab_is_rendered_once_for_all_of_the_same_role(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    frozen(monkeypatch)
    send(services, till(services), b"<broken")
    asked: list[str] = []
    context = till_page.context

    def counted(services: object, name: str, tab: str, given: object) -> object:
        asked.append(tab)
        return context(services, name, tab, given)  # type: ignore[arg-type]

    monkeypatch.setattr(till_page, "context", counted)
    with signed_in(services) as browser:
        pages = [browser.get("/console/tills/caixa1/rejected", headers=REFRESH).text for _ in range(50)]
        assert asked == ["rejected"]
        assert set(pages) == {pages[0]}
        assert 'name="selected"' in pages[0]
    with signed_in(services, Role.CONSULTA, "leo") as other:
        assert 'name="selected"' not in other.get("/console/tills/caixa1/rejected", headers=REFRESH).text


def test_a_page_asked_for_by_a_person_is_never_a_shared_one(services: Services, rendered: list[str]) -> None:
    till(services)
    with signed_in(services) as browser:
        for headers in ({}, {"HX-Request": "true"}):
            before = len(rendered)
            browser.get("/console/tills", headers=headers)
            browser.get("/console/tills", headers=headers)
            assert len(rendered) == before + 2


def test_nobody_gets_it_without_a_session(services: Services) -> None:
    with signed_in(services) as browser:
        browser.get("/console/tills", headers=REFRESH)
    with visitor(services) as stranger:
        assert stranger.get("/console/tills", headers=REFRESH).status_code == 401


def test_after_somebody_acted_everybody_sees_it(
    services: Services, rendered: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    frozen(monkeypatch)
    till(services)
    with signed_in(services) as browser:
        browser.get("/console/tills", headers=REFRESH)
        form = {"csrf": csrf_of(browser), "selected": "caixa1"}
        browser.post("/console/synchronise", data=form, headers={"HX-Request": "true"})
        before = len(rendered)
        browser.get("/console/tills", headers=REFRESH)
        assert len(rendered) == before + 1


def test_one_makes_it_and_the_others_wait() -> None:
    shared, made, begun, go = SharedPages(lambda: 0.0), [], threading.Event(), threading.Event()

    def make() -> str:
        made.append(1)
        begun.set()
        assert go.wait(60)
        return "page"

    threads = [threading.Thread(target=shared.get, args=("key", make)) for _ in range(50)]
    for thread in threads:
        thread.start()
    assert begun.wait(60)
    go.set()
    for thread in threads:
        thread.join()
    assert len(made) == 1


def test_it_is_made_anew_after_a_change_or_a_while() -> None:
    now = 0.0
    shared, made = SharedPages(lambda: now), []

    def make() -> str:
        made.append(1)
        if len(made) == 2:
            shared.forget()  # while it is being made
        return str(len(made))

    assert shared.get("key", make).text == b"1"
    assert shared.get("key", make).text == b"1"
    shared.forget()
    assert shared.get("key", make).text == b"2"
    assert shared.get("key", make).text == b"3"
    now = OLDEST_SECONDS * 2
    assert shared.get("key", make).text == b"4"


def test_it_remembers_no_more_than_it_may() -> None:
    shared = SharedPages()
    for number in range(10 * MOST_KEPT):
        shared.get(number, lambda: "page")
    assert len(shared._slots) == MOST_KEPT
