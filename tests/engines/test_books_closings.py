"""The POS's closings beside what was booked: read once, compared once the day is over, told and answered for."""

import os
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime, time
from pathlib import Path

import pytest
from sqlalchemy import Engine

from malote.accounts import audit
from malote.accounts.audit import SYSTEM
from malote.books import closings
from malote.books.accepting import accept_closing
from malote.books.note_findings import look
from malote.business_day import BusinessCalendar
from malote.findings import lights
from malote.reconciliation import erp_memory
from malote.tills.till import create_till
from tests.engines.posting_support import Shop, open_shop
from tests.engines.sales import OPENING, cancellation, sale

pytest_plugins = ["tests.engines.spool_fixtures"]

DAY = OPENING.date()
VALUE = sale(1).totals.total
OVER = datetime.combine(DAY, time()).astimezone().timestamp() + 2 * 86_400


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    with open_shop(tmp_path, f"sqlite:///{tmp_path / 'erp.sqlite3'}") as opened:
        with closing(opened.erp()) as erp:
            erp.create_structure()
        yield opened


def told(engine: Engine) -> list[tuple[int, int]]:
    look(engine, BusinessCalendar(), OVER)
    overview = lights.till_overview(engine, "caixa1", now=OVER)
    assert overview is not None
    return [(one.count, one.value) for one in overview.findings if one.name == "closings"]


def book(shop: Shop) -> None:
    with closing(shop.poster()) as poster:
        poster.drain()


def test_payments_are_compared_by_method_without_change_and_what_was_cancelled(shop: Shop) -> None:
    engine, first = shop.engine, sale(1)
    method = first.payments[0].method
    shop.accept(first, sale(2), sale(3), cancellation(sale(3)))
    book(shop)
    booked = sum(one.amount for one in first.payments) * 2 - first.change * 2
    assert booked == 2 * VALUE
    assert closings.keep(engine, {("caixa1", DAY): {method: booked}}, "z.csv", OVER) == []
    look(engine, BusinessCalendar(), OVER - 2 * 86_400)
    assert closings.listed(engine)[0].booked is None, "the day isn't over"
    assert told(engine) == []
    assert audit.entries(engine, action="closings_read") == [], "the server read it by itself"
    differing = {("caixa1", DAY): {method: booked + 250, "17": 100}}
    assert closings.keep(engine, differing, "z2.csv", OVER, SYSTEM) == []
    assert [one.after for one in audit.entries(engine, action="closings_read")] == [{"file": "z2.csv", "days": 1}]
    assert told(engine) == [(1, 350)]
    assert closings.listed(engine, "CAIXA1")[0].differs == {method: -250, "17": -100}
    assert accept_closing(engine, "caixa1", DAY, SYSTEM, "sangria errada", OVER) == 350
    assert audit.entries(engine, limit=1)[0].action == "closing_accepted"
    assert told(engine) == []
    shop.accept(sale(4))
    book(shop)
    assert told(engine) == [(1, VALUE - 250 + 100)], "it differs otherwise by now"


def test_a_folder_is_read_file_by_file_and_what_is_none_put_aside(shop: Shop, tmp_path: Path) -> None:
    folder = tmp_path / "fechamentos"
    folder.mkdir()
    files = {
        "a.csv": "caixa;dia;forma;valor\ncaixa1;2026-03-02;01;10,00\n",
        "b.csv": "caixa;dia;forma;valor\ncaixa9;2026-03-02;01;10,00\n",
        "c.csv": "nada",
        "d.txt": "caixa;dia;forma;valor\n",
    }
    for name, content in files.items():
        (folder / name).write_text(content)
        os.utime(folder / name, (OVER - 60, OVER - 60))
    (folder / "e.csv").write_text(files["a.csv"])
    os.utime(folder / "e.csv", (OVER - 1, OVER - 1))
    assert closings.read_folder(shop.engine, folder, OVER) == 1
    assert [one.name.split("-")[1] for one in (folder / "lidos").iterdir()] == ["a.csv"]
    assert sorted(one.name.split("-")[1] for one in (folder / "recusados").iterdir()) == ["b.csv", "c.csv"]
    assert sorted(one.name for one in folder.iterdir() if one.is_file()) == ["d.txt", "e.csv"]
    assert [(one.till, one.closing) for one in closings.listed(shop.engine)] == [("caixa1", {"01": 1000})]


def test_closings_are_kept_and_judged_on_postgresql_too(spool_engine: Engine) -> None:
    create_till(spool_engine, "caixa1")
    for cents in (100, 250):
        assert closings.keep(spool_engine, {("caixa1", DAY): {"01": cents}}, "z.csv", OVER) == []
    assert told(spool_engine) == [(1, 250)]
    assert accept_closing(spool_engine, "caixa1", DAY, SYSTEM, "sem vendas", OVER) == 250
    assert told(spool_engine) == []


def test_a_day_that_is_over_and_not_compared_since_is_no_green(shop: Shop) -> None:
    shop.accept(sale(1), sale(2))
    book(shop)

    def unproven(now: float) -> list[tuple[int, int]]:
        look(shop.engine, BusinessCalendar(), now)
        overview = lights.till_overview(shop.engine, "caixa1", now=now)
        assert overview is not None
        return [(one.count, one.value) for one in overview.findings if one.name == "unproven"]

    assert unproven(OVER) == []
    assert unproven(OVER + 601) == [(1, 2 * VALUE)]
    with closing(shop.erp()) as erp:
        erp_memory.look(shop.engine, erp, OVER + 602)
    assert unproven(OVER + 603) == []
    shop.accept(sale(3))
    book(shop)
    assert unproven(OVER + 700) == [], "it has the time of a round again"
    assert unproven(OVER + 1301) == [(1, 3 * VALUE)]
