"""Painel: figures behind every plot, documents behind every point, and what stands there when there is nothing."""

import html
import re
from collections.abc import Iterator
from datetime import UTC
from pathlib import Path

import pytest
from litestar import Litestar
from litestar.testing import TestClient

from malote.app import Services
from malote.console.history_plots import ceiling, levels, plots
from malote.register.flow_history import FlowHistory, FlowPoint
from malote.register.flow_marks import FlowMark
from tests.faces.console_support import sell, send, settle, signed_in, store, till
from tests.unit.fiscal.notes import build_note

HOUR = 1_800_000_000.0 - 1_800_000_000 % 3600


@pytest.fixture
def services(tmp_path: Path) -> Iterator[Services]:
    with store(tmp_path) as opened:
        yield opened


@pytest.fixture
def ana(services: Services) -> Iterator[TestClient[Litestar]]:
    with signed_in(services) as client:
        yield client


def rows(page: str, table: str) -> list[list[str]]:
    body = re.search(rf'<table id="{table}">.*?<tbody>(.*?)</tbody>', page, re.S)
    assert body is not None
    found = [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, re.S) for row in body.group(1).split("<tr>")[1:]]
    return [[re.sub(r"<.*?>", "", cell) for cell in row] for row in found]


def test_every_plot_has_its_figures_and_every_point_its_documents(
    services: Services, ana: TestClient[Litestar]
) -> None:
    sender = till(services, "loja1-caixa1")
    sell(services, sender, count=5)
    settle(services)
    send(services, sender, b"<broken", build_note(number=9, total=1))
    page = ana.get("/console/dashboard").text
    assert sum(int(row[1]) for row in rows(page, "flow")) == 6
    assert sum(int(row[2]) for row in rows(page, "flow")) == 5
    assert sum(int(row[1]) for row in rows(page, "rejects")) == 2
    assert len(rows(page, "lag")) == 60
    booked = html.unescape(re.findall(r'href="([^"]*what=booked[^"]*)">5<', page)[0])
    assert ana.get(booked).text.count("data-row") == 5
    by_store = [html.unescape(each) for each in re.findall(r'href="([^"]*store=loja1[^"]*)"', page)]
    assert sum(ana.get(each).text.count("data-row") for each in by_store) == 2  # of a store, those rejected come first
    assert "nothing" not in page
    for span in ("24h", "7d", "30d"):
        wider = ana.get(f"/console/dashboard?span={span}").text
        assert sum(int(row[1]) for row in rows(wider, "flow")) == 6


def test_nothing_sold_and_no_tills_are_said_and_not_drawn(services: Services, ana: TestClient[Litestar]) -> None:
    page = ana.get("/console/dashboard").text
    assert "Ainda não há caixas" in page
    assert "data-plot" not in page
    till(services)
    assert "Nenhuma venda neste período" in ana.get("/console/dashboard?span=7d").text


@pytest.mark.parametrize(
    "query",
    ["", "?what=x&since=-1&until=x", "?since=99999999999999999", "?what=rejected&code=%00&store=%25", "?before=x"],
)
def test_whatever_the_address_asks_for_there_is_a_list(ana: TestClient[Litestar], query: str) -> None:
    answer = ana.get(f"/console/documents{query}")
    assert answer.status_code == 200
    assert "Nada neste período" in answer.text


def _point(number: int, received: int = 0, lag: float | None = None) -> FlowPoint:
    at = HOUR + 60 * number
    return FlowPoint(at, at + 60, received, 0, 0, 0, {}, {}, lag, lag)


def test_what_is_drawn_stands_where_it_belongs() -> None:
    points = [_point(0, 10, 1.0), _point(1), _point(2, 5, 500.0), _point(3, 5, 20.0)]
    history = FlowHistory("1h", points, [], [])
    marks = [
        FlowMark("lock", HOUR - 600, HOUR + 60),
        FlowMark("start", HOUR + 120, HOUR + 120),
        FlowMark("lock", HOUR - 90, HOUR - 9),
    ]
    drawn = plots(history, marks, 300.0, UTC)
    assert drawn.received == "M12.5 0L37.5 150L62.5 75L87.5 75"
    assert [grid.value for grid in drawn.flow_grid] == [10, 5]
    assert drawn.lag_median.startswith("M4.17 ")  # alone: a short stroke
    assert drawn.lag_median.count("M") == 2  # broken where nothing was booked
    assert [(one.x, one.width) for one in drawn.bands] == [(0, 25), (50, 0.25)]
    assert [(one.at, one.x) for one in drawn.ticks] == [(HOUR, 12.5)]
    assert drawn.target_y < min(float(y) for y in re.findall(r" (\d+\.?\d*)", drawn.lag_median)[:1])


@pytest.mark.parametrize(("value", "top"), [(0, 4), (4, 4), (5, 6), (11, 20), (99, 100), (101, 200), (6100, 8000)])
def test_the_highest_line_is_a_round_number_above_all(value: float, top: float) -> None:
    assert ceiling(value) == top


def test_a_store_is_as_dark_as_it_sold_by_its_own_measure() -> None:
    assert levels([0, 1, 50, 100]) == [0, 1, 3, 5]
    assert levels([]) == []
