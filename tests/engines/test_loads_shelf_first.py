"""Prices that rise wait for the shelf: staged ahead, counted once, shown as such, and right while they wait."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest
from sqlalchemy import Engine

from malote.database.engine import reading
from malote.loads import load_status, price_history, published_rows
from malote.loads.load_reports import EntityStatus
from tests.engines.loads_support import SETTINGS, Erp, Shop, store_beside_erp

pytest_plugins = ("tests.engines.spool_fixtures",)

MINUTES = 60
ENDS = slice(3, 6)  # of a row: from when, until when, the price
RISING = msgspec.structs.replace(SETTINGS, rise_after_minutes=MINUTES)


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    with store_beside_erp(tmp_path, 20) as (engine, erp):
        made = Shop(engine, erp, RISING)
        made.stage()
        yield made


def of(shop: Shop, code: int) -> list[tuple[str, str | None, str]]:
    """From when, until when, the price; each version's digest is proven by it."""
    return [row[ENDS] for row in shop.rows("price") if row[0] == str(code)]  # type: ignore[misc]


def status(shop: Shop) -> EntityStatus:
    with reading(shop.engine) as connection:
        (found,) = [one for one in load_status.entities(connection, shop.clock.now) if one.entity == "price"]
    return found


def minute_of(moment: str | None) -> float:
    assert moment is not None
    return datetime.fromisoformat(moment).timestamp()


def test_a_rise_is_staged_ahead_and_a_fall_goes_at_once(spool_engine: Engine, tmp_path: Path) -> None:
    shop = Shop(spool_engine, Erp(tmp_path / "erp.sqlite3", 20), RISING)
    shop.stage()
    shop.erp.set_price(7, "12")
    shop.erp.set_price(8, "9")
    found = shop.staged("price")
    assert (found.changed, found.new, found.gone, found.put_off, found.rows) == (2, 0, 0, 1, 21)
    (_, until, old), (begins, _, new) = of(shop, 7)
    assert (old, new, until) == ("10.00", "12.00", begins)
    assert 0 <= minute_of(begins) - shop.clock.now - MINUTES * 60 < 60
    assert [price for *_, price in of(shop, 8)] == ["9.00"]
    assert (status(shop).put_off, status(shop).put_off_to) == (1, begins)
    for whole in (False, True, False):
        again = shop.staged("price", whole=whole)
        assert (again.new, again.changed, again.gone, again.put_off) == (0, 0, 0, 0)
    with reading(shop.engine) as connection:
        told = price_history.prices(connection, "7", 2, shop.clock.now)
    assert [(one.is_valid, one.is_put_off) for one in told] == [(True, False), (False, True)]
    differing = {tuple(one.key): one.put_off_to for one in published_rows.differences(shop.engine, 1, 2, "price")}
    assert sorted(filter(None, differing.values())) == [begins]
    shop.clock.now = minute_of(begins) + 1
    with reading(shop.engine) as connection:
        assert [one.is_valid for one in price_history.prices(connection, "7", 2, shop.clock.now)] == [False, True]
    assert status(shop).put_off == 0
    report = shop.staged("price", whole=True)
    assert (report.changed, report.gone, report.rows) == (0, 0, 20), "as the ERP has it: nothing of it is news"
    assert [price for *_, price in of(shop, 7)] == ["12.00"]
    shop.erp.connection.close()


def test_an_emergency_waits_for_no_shelf(shop: Shop) -> None:
    for code in (1, 2, 3):
        shop.erp.set_price(code, "12")
    shop.stage("price")
    shop.staged("price", emergency=True, urgent=["1"])
    assert [len(of(shop, code)) for code in (1, 2, 3)] == [1, 2, 2], "of the products that were named"
    shop.erp.turn += 100
    shop.erp.set_price(3, "13")
    shop.stage("price", emergency=True)
    assert [len(of(shop, code)) for code in (1, 2, 3)] == [1, 2, 1], "of what the ERP changed just now"
    shop.stage("price", emergency=True, whole=True)
    assert [of(shop, code)[0][2] for code in (1, 2, 3)] == ["12.00", "12.00", "13.00"]


def test_what_would_change_too_much_is_judged_by_what_the_erp_changed(shop: Shop) -> None:
    for code in range(1, 13):
        shop.erp.set_price(code, "12")
    held = shop.staged("price")
    assert (held.code, held.changed) == ("load_changed_many", 12), "though not one row of now would change"
    shop.erp.do("UPDATE preco SET preco = 10 WHERE cod > 4")
    assert shop.staged("price", whole=True).put_off == 4
    shop.clock.now += 2 * 3600
    for code in range(1, 5):
        shop.erp.set_price(code, "13")
    done = shop.staged("price")
    assert (done.code, done.changed, done.gone, done.put_off) == ("", 4, 0, 4)
    shop.erp.do("DELETE FROM preco")
    assert shop.staged("price", whole=True).code == "load_would_empty"


def test_a_row_for_each_price_waits_too_and_goes_with_its_mark(shop: Shop) -> None:
    now = datetime.fromtimestamp(shop.clock.now, UTC).isoformat()
    shop.erp.do("INSERT INTO preco VALUES (7, 3, 12, ?, NULL, 9, 'N')", [(now,)])
    assert (report := shop.staged("price")).put_off == 1, report
    assert [price for *_, price in of(shop, 7)] == ["10.00", "12.00"]
    assert not shop.stage("price", whole=True).made
    shop.erp.do("UPDATE preco SET excluido = 'S', alterado = 10 WHERE cod = 7 AND preco = 12")
    assert shop.staged("price").gone == 1
    assert [price for *_, price in of(shop, 7)] == ["10.00"]


def test_a_rule_that_is_taken_away_leaves_nothing_waiting(shop: Shop) -> None:
    shop.erp.set_price(7, "12")
    shop.stage("price")
    plain = Shop(shop.engine, shop.erp)
    plain.clock.now = shop.clock.now
    assert plain.staged("price", whole=True).code == ""
    assert [price for *_, price in of(shop, 7)] == ["12.00"]


def test_a_price_that_waits_stays_with_the_one_before_while_its_new_row_is_refused(shop: Shop) -> None:
    shop.erp.set_price(7, "12")
    shop.stage()
    waits = of(shop, 7)
    assert [price for *_, price in waits] == ["10.00", "12.00"]
    shop.erp.do("UPDATE preco SET de = '2026-12-05', ate = '2026-12-01' WHERE cod = 7 AND loja = 3")
    for _ in range(2):
        report = shop.staged("price", whole=True)
        assert (report.gone, report.refused, of(shop, 7)) == (0, 1, waits)
    shop.erp.do("UPDATE preco SET de = NULL, ate = NULL, preco = 9 WHERE cod = 7 AND loja = 3")
    shop.staged("price", whole=True)
    assert [price for *_, price in of(shop, 7)] == ["9.00"]


ENDED = [
    "UPDATE preco SET excluido = 'S', alterado = 90 WHERE preco = 3",
    "UPDATE preco SET ate = '2001-01-03', alterado = 90 WHERE preco = 3",
    "DELETE FROM preco WHERE preco = 3",
]


@pytest.mark.parametrize("ended", ENDED)
def test_an_event_that_is_over_early_stays_until_the_labels_had_their_time(shop: Shop, ended: str) -> None:
    shop.erp.do("INSERT INTO preco VALUES (7, 3, 3, '2001-01-01', '2099-01-01', 80, 'N')")
    shop.staged("price")
    shop.erp.do(ended)
    is_deleted = ended.startswith("DELETE")
    found = shop.staged("price", whole=is_deleted)
    is_gone = "ate" not in ended
    assert (found.changed, found.gone, found.put_off, found.rows) == (int(not is_gone), int(is_gone), 1, 21)
    stays = of(shop, 7)
    event = stays[1]
    assert event[2] == "3.00"
    assert 0 <= minute_of(event[1]) - (shop.clock.now + MINUTES * 60) < 60
    assert (status(shop).put_off, minute_of(status(shop).put_off_to)) == (1, minute_of(event[1]))
    for whole in (True, False):
        found = shop.staged("price", whole=whole)
        assert (found.changed, found.gone, found.new, of(shop, 7)) == (0, 0, 0, stays)
    shop.clock.now += MINUTES * 60 + 60
    shop.staged("price", whole=True)
    assert [row[2] for row in of(shop, 7) if (row[1] or "~") > event[1]] == ["10.00"]  # type: ignore[operator]
    assert status(shop).put_off == 0
