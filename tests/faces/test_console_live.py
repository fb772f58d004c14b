"""Open pages hear of changes by themselves, and nobody hears anything without a session."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from malote.app import Services
from malote.console import live
from malote.console.live import Changes
from malote.database.errors import StoreError
from malote.register.change_marker import pulse
from malote.remembered import Remembered
from tests.faces.console_support import application, sell, settle, store, till, visitor


class Pulse:
    """What the database would say."""

    def __init__(self) -> None:
        self.value = "a"
        self.asked: list[str | None] = []
        self.away = False

    def __call__(self, till: str | None) -> str:
        self.asked.append(till)
        if self.away:
            raise StoreError("store_away", detail="test")
        return self.value


@pytest.fixture
def services(tmp_path: Path) -> Iterator[Services]:
    with store(tmp_path) as opened:
        yield opened


def test_a_listener_hears_of_a_change_and_then_of_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "BREATH_SECONDS", 0.05)
    seen = Pulse()

    async def listen() -> list[str]:
        words = []
        async for word in Changes(seen, seconds=0.01).listen("caixa1", longest=30):
            words.append(word)
            if word == "hello":
                await asyncio.sleep(0.1)
                seen.value = "b"
            if words[-2:] == ["changed", "alive"]:
                break
        return words

    words = asyncio.run(listen())
    assert words[0] == "hello"
    assert words.count("changed") == 1
    assert set(seen.asked) == {"caixa1"}


def test_whoever_hears_hello_misses_nothing_that_comes_later_nor_what_was_shared_before() -> None:
    """A page is drawn, then its line opens: what changed between the two it draws on ``hello``."""
    seen, forgotten = Pulse(), []

    async def first() -> tuple[str, int, int]:
        changes = Changes(seen, seconds=0.01, changed=lambda: forgotten.append(True))
        async for word in changes.listen(None, longest=30):
            return word, len(seen.asked), len(forgotten)
        raise AssertionError

    assert asyncio.run(first()) == ("hello", 1, 1)


def test_a_store_that_was_away_at_the_first_look_is_told_as_changed() -> None:
    seen = Pulse()
    seen.away = True

    async def listen() -> list[str]:
        words = []
        async for word in Changes(seen, seconds=0.01).listen(None, longest=30):
            words.append(word)
            seen.away = False
            if word == "changed":
                break
        return words

    assert asyncio.run(listen()) == ["hello", "changed"]


def test_many_listeners_cost_one_look(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = Pulse()

    async def listen_together() -> int:
        changes = Changes(seen, seconds=0.02)

        async def one() -> None:
            async for _ in changes.listen(None, longest=0.3):
                pass

        await asyncio.gather(*(one() for _ in range(50)))
        asked = len(seen.asked)
        await asyncio.sleep(0.1)
        assert len(seen.asked) == asked, "nobody listens, and nobody looks"
        return asked

    assert asyncio.run(listen_together()) < 50


def test_a_database_that_is_away_ends_no_stream() -> None:
    seen = Pulse()
    seen.away = True

    async def listen() -> list[str]:
        words = []
        async for word in Changes(seen, seconds=0.01).listen(None, longest=30):
            words.append(word)
            if len(seen.asked) < 3:
                await asyncio.sleep(0.1)
            if seen.away:
                seen.away = False
                await asyncio.sleep(0.1)
                seen.value = "b"
            if word == "changed":
                break
        return words

    assert asyncio.run(listen())[-1] == "changed"


def test_a_server_that_stops_waits_for_no_open_page() -> None:
    words: list[str] = []

    async def listen() -> None:
        async for word in Changes(Pulse(), seconds=0.01, stopping=lambda: bool(words)).listen(None):
            words.append(word)

    asyncio.run(listen())
    assert words == ["hello"]


def test_the_stream_is_for_those_who_are_signed_in(services: Services) -> None:
    with visitor(services) as client:
        answer = client.get("/console/changes", headers={"Accept": "text/event-stream"})
        assert answer.status_code == 401


def test_the_pulse_beats_when_something_that_is_shown_changes(services: Services) -> None:
    one, other = till(services, "caixa1"), till(services, "caixa2")
    before, of_one, of_other = (pulse(services.engine, name) for name in (None, "caixa1", "caixa2"))
    sell(services, one)
    assert pulse(services.engine) != before
    assert pulse(services.engine, "CAIXA1") != of_one
    assert pulse(services.engine, other.name) == of_other
    before = pulse(services.engine)
    settle(services)
    assert pulse(services.engine) != before
    assert pulse(services.engine) == pulse(services.engine)


def test_what_many_ask_for_is_asked_for_once() -> None:
    now = 0.0
    asked: list[str] = []

    def ask(key: str) -> int:
        asked.append(key)
        return len(asked)

    remembered = Remembered(ask, 2.0, clock=lambda: now)
    assert [remembered("a"), remembered("a"), remembered("b")] == [1, 1, 2]
    now = 2.5
    assert [remembered("a"), remembered("b")] == [3, 4]
    for number in range(1000):
        remembered(str(number))
    now = 4.0
    assert remembered("999") == len(asked) == 1004
    assert remembered("b") == 1005, "only the newest are kept"


def test_the_console_stands_beside_the_tills_own_interface(services: Services) -> None:
    with visitor(services) as client:
        assert client.get("/health").status_code in (200, 503)
        unknown: httpx.Response = client.get("/v1/nothing")
        assert unknown.headers["content-type"].startswith("application/json")
    assert application(services).openapi_schema.paths is not None
    assert not any(path.startswith("/console") for path in application(services).openapi_schema.paths or {})
