"""Who says "até 28/11" means that day whole: by one rule, wherever an end is asked for."""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import typer

from malote.console.pages import load_going_back, load_orders, numbering
from malote.console.refusals import PageRefusedError
from malote.fiscal import typed_input
from malote.fiscal.typed_input import TypedError
from malote.terminal import command, store_clock

ZONE = ZoneInfo("America/Sao_Paulo")
SERVICES: Any = SimpleNamespace(zone=lambda: ZONE, now=lambda: 1e9)
CLI = Path(command.__file__).parents[1] / "cli"


@pytest.fixture(autouse=True)
def by_the_stores_clock() -> None:
    store_clock.set_to("America/Sao_Paulo")


def at_command(text: str) -> float | None:
    return command.end_of("--until", text)


def at_page(text: str) -> float | None:
    return load_orders.end_of(SERVICES, text)


def at_numbering_page(text: str) -> float | None:
    asked: list[Any] = []

    def series(query: Any) -> Any:
        asked.append(query)
        return SimpleNamespace(series=[], after=None)

    own = SimpleNamespace(series=series)
    services: Any = SimpleNamespace(zone=lambda: ZONE, numbering=own, books=SimpleNamespace(gaps=lambda _: []))
    numbering.context(services, "caixa1", {"until": text})
    return float(asked[0].until.timestamp())


ASKED = [at_command, at_page, at_numbering_page]


@pytest.mark.parametrize("ask", ASKED)
@pytest.mark.parametrize("said", ["28/11/2026", "2026-11-28", " 28/11/2026 "])
def test_a_day_is_whole(ask: Callable[[str], float | None], said: str) -> None:
    assert ask(said) == datetime(2026, 11, 29, tzinfo=ZONE).timestamp()


@pytest.mark.parametrize(
    ("said", "ends"),
    [
        ("28/11/2026 10:32", "2026-11-28T10:32:00-03:00"),
        ("2026-11-28T00:00", "2026-11-28T00:00:00-03:00"),
        ("2026-11-28T10:32+00:00", "2026-11-28T10:32:00+00:00"),
        ("31/12/2026", "2027-01-01T00:00:00-03:00"),
        ("28/02/2028", "2028-02-29T00:00:00-03:00"),
        ("17/02/2018", "2018-02-18T00:00:00-03:00"),  # of 25 hours: summer time ended
    ],
)
def test_a_time_is_itself(said: str, ends: str) -> None:
    assert typed_input.end(said, ZONE).isoformat() == ends
    assert at_command(said) == at_page(said) == datetime.fromisoformat(ends).timestamp()


def test_today_ends_with_the_day() -> None:
    for said in ("hoje", "Today"):
        now, ends = datetime.now(UTC), typed_input.end(said, ZONE)  # in this order also at midnight
        assert 0 < (ends - now).total_seconds() <= 25 * 3600
        assert (ends.hour, ends.minute) == (0, 0)


@pytest.mark.parametrize("said", ["31/02/2026", "ontem", "9999-12-31", "28/11"])
def test_what_is_no_end_is_refused_and_named(said: str) -> None:
    with pytest.raises(TypedError, match=said):
        typed_input.end(said, ZONE)
    with pytest.raises(typer.Exit):
        at_command(said)
    with pytest.raises(PageRefusedError):
        at_page(said)


def test_no_command_and_no_page_reads_an_end_as_a_beginning() -> None:
    text = "".join(path.read_text("utf-8") for path in sorted(CLI.glob("*.py")))
    asked = re.findall(r'(\w+)\("(--until|--to)"', text)
    assert {name for name, _ in asked} - {"Option"} == {"end_of", "day_of"}
    pages = Path(load_going_back.__file__).parent.glob("*.py")
    assert not [path.name for path in pages if re.search(r'moment_of\([^)]*"until"', path.read_text("utf-8"))]
