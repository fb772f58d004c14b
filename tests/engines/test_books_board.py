"""Conciliação: what arrived by the till's own count, and what is proven in the ERP, kept apart."""

import time
from collections.abc import Iterator
from contextlib import closing
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, insert, update

from malote.books import board, late_documents
from malote.books.board import Board, BoardQuery
from malote.books.late_documents import Late, Offline
from malote.books.months import MonthSoFar
from malote.business_day import BusinessCalendar
from malote.database.book_tables import book_day
from malote.database.engine import writing
from malote.database.tables import open_sale, till
from malote.database.till_tables import till_day
from malote.reconciliation import erp_memory
from malote.tills.till import create_till
from tests.engines.erp_support import Tables
from tests.engines.findings_support import NOW, add_documents, add_till
from tests.engines.posting_support import Shop, open_shop
from tests.engines.sales import OPENING, sale
from tests.engines.spool_support import Clock

pytest_plugins = ["tests.engines.erp_fixtures", "tests.engines.spool_fixtures"]

DAY = OPENING.date()
MONTH = BoardQuery(since=DAY, until=DAY + timedelta(days=29))


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def shop(tmp_path: Path, erp_url: str, tables: Tables, clock: Clock) -> Iterator[Shop]:
    with open_shop(tmp_path, erp_url, clock) as opened:
        yield opened


def shown(shop: Shop, today: date = DAY + timedelta(days=1)) -> Board:
    return board.board(shop.engine, BusinessCalendar(), MONTH, today)


def say(shop: Shop, count: int, total: int) -> None:
    """The till's own count, as its contact brings it."""
    with writing(shop.engine) as connection:
        connection.execute(till_day.delete())
        told = {"count": count, "total": total, "sha256": "0" * 64, "told_at": shop.clock()}
        connection.execute(insert(till_day), {"till_id": shop.till.id, "day": DAY.isoformat(), **told})


def look(shop: Shop, clock: Clock) -> None:
    clock.now += 20
    with closing(shop.erp()) as erp:
        erp_memory.look(shop.engine, erp, clock.now)


def test_the_two_marks_go_their_own_ways(shop: Shop, tables: Tables, clock: Clock) -> None:
    say(shop, 3, 3 * sale(1).totals.total)
    [row] = shown(shop).rows
    assert (row.cells[DAY].arrived, row.cells[DAY].proven) == ("none", "open")
    shop.accept(sale(1), sale(2))
    found = shown(shop)
    cell = found.rows[0].cells[DAY]
    assert (cell.arrived, cell.proven, cell.unbooked, cell.unsent) == ("partly", "open", 2, 1)
    assert [(one.till, one.count, one.total) for one in found.unsent] == [("caixa1", 1, sale(1).totals.total)]
    assert shown(shop, today=DAY).unsent == []  # the day isn't over
    assert found.oldest == ("caixa1", clock.now)
    with closing(shop.poster()) as poster:
        poster.drain()
    assert shown(shop).rows[0].cells[DAY].proven == "open"  # booked, and not compared yet
    look(shop, clock)
    assert (shown(shop).rows[0].cells[DAY].arrived, shown(shop).rows[0].cells[DAY].proven) == ("partly", "proven")
    shop.accept(sale(3))
    with closing(shop.poster()) as poster:
        poster.drain()
    look(shop, clock)
    found = shown(shop)
    cell = found.rows[0].cells[DAY]
    assert (cell.arrived, cell.proven) == ("fully", "proven")
    assert (found.unsent, found.oldest) == ([], None)
    tables.run(f"UPDATE payment SET amount = amount + 1 WHERE access_key = '{sale(2).access_key}'")
    for _ in range(3):
        look(shop, clock)
    cell = shown(shop).rows[0].cells[DAY]
    assert (cell.arrived, cell.proven, cell.differing) == ("fully", "divergent", 1)
    listed = board.of_day(shop.engine, BusinessCalendar(), "Caixa1", DAY)
    assert [(one.number, one.state, one.differs) for one in listed] == [
        (1, "posted", ""),
        (2, "posted", "payments"),
        (3, "posted", ""),
    ]
    assert listed[1].fields == "payments[1].amount"


def test_a_till_that_lost_what_it_saw_has_not_sent_it_all(shop: Shop) -> None:
    say(shop, 1, sale(1).totals.total)
    shop.accept(sale(1))
    assert shown(shop).rows[0].cells[DAY].arrived == "fully"
    with writing(shop.engine) as connection:
        connection.execute(update(till).values(uncaptured=2, uncaptured_since=1.0))
    assert shown(shop).rows[0].cells[DAY].arrived == "partly"


def test_a_till_that_says_nothing_is_unknown_and_months_are_compared_up_to_the_same_day(
    shop: Shop, clock: Clock
) -> None:
    shop.accept(sale(1))
    with closing(shop.poster()) as poster:
        poster.drain()
    found = shown(shop, today=DAY)
    assert found.rows[0].cells[DAY].arrived == "unknown"
    assert found.months == [MonthSoFar("2026-03", 1, sale(1).totals.total), MonthSoFar("2026-02", 0, 0)]


def test_offline_notes_by_state_and_the_latest_tills(spool_engine: Engine) -> None:
    ids = [add_till(spool_engine, f"t{n:02d}", pending=n, unsent_since=NOW - n) for n in range(12)]
    add_till(spool_engine, "velho", pending=9, unsent_since=NOW - 99, disabled_at=NOW)
    found = add_documents(spool_engine, ids[0], [{"state": "posted", "total": 100 * n} for n in range(1, 5)])
    keys = ["35" + "1" * 42, "35" + "2" * 42, "41" + "3" * 42, "99" + "4" * 42]
    due = [NOW + 50, NOW - 5, NOW + 20, NOW + 60]
    rows = [
        {"access_key": key, "till_id": ids[0], "document_id": one, "due_at": at}
        for key, one, at in zip(keys, found, due, strict=True)
    ]
    with writing(spool_engine) as connection:
        connection.execute(insert(open_sale), rows)
        assert late_documents.offline(connection, NOW) == [
            Offline("SP", 2, 300, NOW - 5, 1),
            Offline("PR", 1, 300, NOW + 20, 0),
            Offline("99", 1, 400, NOW + 60, 0),
        ]
        assert late_documents.latest(connection) == [Late(f"t{n:02d}", n, NOW - n) for n in range(11, 1, -1)]


def test_two_hundred_tills_of_a_month_are_painted_within_a_second(tmp_path: Path) -> None:
    """In processor time: other work on the machine is no matter of the board's."""
    with open_shop(tmp_path, f"sqlite:///{tmp_path / 'erp.sqlite3'}") as shop:
        ids = [create_till(shop.engine, f"loja{n:03d}")[0].id for n in range(200)]
        numbers: dict[str, Any] = {
            column.name: 300 for column in book_day.columns if column.name not in ("till_id", "day")
        }
        numbers |= {"oldest_at": None, "ranges": "[]", "prints": None, "checked_at": 0.0}
        days = [(DAY + timedelta(days=place)).isoformat() for place in range(30)]
        with writing(shop.engine) as connection:
            connection.execute(
                insert(book_day), [{**numbers, "till_id": till_id, "day": day} for till_id in ids for day in days]
            )
        started = time.process_time()
        found = shown(shop, today=DAY + timedelta(days=29))
        assert time.process_time() - started < 1.0
        assert (len(found.rows), found.after) == (200, "loja198")
