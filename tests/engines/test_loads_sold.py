"""Sold lines against the list that the till had; and what is told of loads that are held, stand still, or differ."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest
from sqlalchemy import update

from malote import wire
from malote.accounts.audit import SYSTEM
from malote.database.engine import reading, writing
from malote.database.order_tables import till_order
from malote.database.tables import till as tills
from malote.erp.profiles.load_sources import LoadSource
from malote.findings.load_findings import load_findings
from malote.loads import entity_rows, forgetting, sold_lines, sold_prices, tills_held
from malote.loads.load_orders import LoadOrders
from malote.loads.sold_lines import ComparedSale
from malote.loads.sold_prices import SoldDay, SoldPrices
from malote.orders import book
from malote.orders.kinds import Placing
from malote.spool.sql_queue import Spool
from malote.tills.till import Till, create_till
from tests.engines.loads_support import PRICE, SETTINGS, Shop, store_beside_erp
from tests.engines.spool_support import NOON, START, body_of, file_with, incoming, posted, sale


class SellingShop(Shop):
    """With a till that has the newest list, and products that the sales of tests are of."""

    till: Till

    def has(self, version: int, at: datetime, sha256: str = "") -> None:
        """The till says that it has had this version since then."""
        with writing(self.engine) as connection:
            state = entity_rows.states_at(connection, version)["price"][1]
            held = {"price": wire.EntityHeld(state.version, sha256 or state.sha256)}
            said = wire.LoadsHeld(version, int(at.timestamp()), held)
            tills_held.note(connection, self.till.id, said, 0.0, time.time())


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[SellingShop]:
    with store_beside_erp(tmp_path, 5) as (engine, erp):
        erp.do("INSERT INTO preco VALUES (?, 3, 5, NULL, NULL, 0, 'N')", [("P1",), ("P2",)])
        made = SellingShop(engine, erp)
        made.sources = {"price": PRICE}
        made.till = create_till(engine, "caixa1")[0]
        made.stage()
        yield made


def test_a_line_sold_at_another_price_is_found_from_its_first_sale(shop: SellingShop) -> None:
    shop.has(1, NOON - timedelta(hours=1))
    shop.erp.do("UPDATE preco SET preco = 6, alterado = 9 WHERE cod = 'P2'")
    shop.stage()
    shop.has(2, NOON + timedelta(minutes=30))
    spool = Spool(shop.engine, language="en", clock=shop.clock)
    sold = SoldPrices(shop.engine, lambda: time.time() + 3600)
    assert sold.look() == 0, "from now on"
    times = [
        (1, timedelta(0), 2),
        (2, timedelta(minutes=35), 3),
        (3, timedelta(hours=2), 2),
        (4, timedelta(days=-9), 2),
    ]
    files = [
        file_with(number, incoming(sale(number, issued_at=NOON + later, items=items))) for number, later, items in times
    ]
    spool.accept(shop.till.id, body_of([number for number, *_ in times]), files, received_at=START)
    spool.settle([posted(one) for one in spool.lease("p", 10, 60)])
    assert SoldPrices(shop.engine).look() == 0, "not before the till can have told what it has"
    with writing(shop.engine) as connection:
        connection.execute(update(tills).values(last_contact_at=time.time() + 1))
    assert (SoldPrices(shop.engine).look(), sold.look()) == (4, 0), "once it was heard of"
    with reading(shop.engine) as connection:
        (line,) = sold_prices.lines(connection, {shop.till.id: "caixa1"}, None, 10)
        days = {one.day: one for one in sold_prices.days(connection, {shop.till.id: "caixa1"}, shop.till.id, 10)}
        (told,) = load_findings(connection, NOON.timestamp())
    assert (line.product, line.sold, line.listed, line.cents, line.version) == ("P2", "5", "6.00", -100, 2)
    today = NOON.date().isoformat()
    # Scanned before the new list came is right; P3 is on no list; nine days ago nobody knew what it had.
    assert days[today] == SoldDay("caixa1", today, 7, unlisted=1, unknown=0, differing=1, cents=-100)
    assert [one.unknown for one in days.values()] == [0, 2]
    assert (told.code, told.count, told.value) == ("sold_otherwise", 1, 100)
    assert forgetting.forget(shop.engine, (NOON - timedelta(days=1)).timestamp()) == 1, "the day of nine days ago"
    forgetting.forget(shop.engine, (NOON + timedelta(days=1)).timestamp())
    with reading(shop.engine) as connection:
        assert not sold_prices.lines(connection, {}, None, 10)
        assert not sold_prices.days(connection, {}, None, 10)


def test_by_a_list_whose_rows_are_gone_here_nobody_knows_whether_it_was_right(shop: SellingShop) -> None:
    shop.has(1, NOON - timedelta(hours=1))
    shop.erp.do("UPDATE preco SET preco = 6, alterado = 9 WHERE cod = 'P1'")
    shop.stage()
    forgetting.forget(shop.engine, time.time() + 60)
    sold = sale(1, issued_at=NOON, items=2)
    with reading(shop.engine) as connection:
        found = sold_lines.compared(connection, [ComparedSale(shop.till.id, sold.access_key, sold)])
        assert {one["state"] for one in found} == {"unknown"}


def test_a_day_is_one_of_the_stores_clock(shop: SellingShop) -> None:
    shop.has(1, NOON - timedelta(hours=1))
    sold = sale(1, issued_at=NOON.replace(hour=1).astimezone(UTC), items=1)
    with reading(shop.engine) as connection:
        of_sale = [ComparedSale(shop.till.id, sold.access_key, sold)]
        days = {
            next(iter(sold_lines.compared(connection, of_sale, timezone(timedelta(hours=hours)))))["day"]
            for hours in (0, -3)
        }
    assert days == {NOON.date().isoformat(), (NOON - timedelta(days=1)).date().isoformat()}


def test_lines_of_any_shape_are_counted(shop: SellingShop) -> None:
    odd = [
        ("", "1", "5", "unlisted", None),
        ('[",', "1", "5", "unlisted", None),
        ("P2 ", "1", "5", "unlisted", None),
        ("9" * 60, "1", "5", "unlisted", None),
        ("P2", "0", "7", "differing", 0),
        ("P2", "-2", "7", "differing", -400),
        ("P2", "99999999999", "9999999999.9999999999", "differing", 10**13),
        ("0004", "2", "9.9", "differing", -20),  # tills fill up with zeros what is a number at the ERP
        ("0004", "2", "10.004", "right", None),
        ("0006", "2", "10", "unlisted", None),
    ]
    shop.has(1, NOON - timedelta(hours=1))
    sold = sale(1, issued_at=NOON, items=1)
    items = tuple(
        msgspec.structs.replace(
            sold.items[0], number=number, product_code=code, quantity=Decimal(quantity), unit_price=Decimal(price)
        )
        for number, (code, quantity, price, *_) in enumerate(odd, 1)
    )
    of_lines = ComparedSale(shop.till.id, sold.access_key, msgspec.structs.replace(sold, items=items))
    with writing(shop.engine) as connection:
        found = list(sold_lines.compared(connection, [of_lines]))
        sold_prices._write(connection, found)
        (day,) = sold_prices.days(connection, {shop.till.id: "caixa1"}, None, 10)
    assert [(one["state"], one.get("cents")) for one in found] == [(state, cents) for *_, state, cents in odd]
    assert (day.lines, day.unlisted, day.differing, day.cents) == (10, 5, 4, 10**13 - 420)


def test_promotions_are_those_that_the_till_has_also_where_its_prices_are_older(shop: SellingShop) -> None:
    shop.erp.do("CREATE TABLE oferta (cod TEXT, produto TEXT, preco NUMERIC)")
    shop.erp.do("INSERT INTO oferta VALUES ('A', 'P1', 4)")
    offer = LoadSource({"code": "cod", "product_code": "produto", "price": "preco"}, table="oferta")
    shop.sources = {"price": PRICE, "promotion": offer}
    first = shop.stage().version
    shop.erp.do("UPDATE oferta SET preco = 3")
    shop.erp.do("UPDATE preco SET preco = 6, alterado = 9 WHERE cod = 'P2'")
    second = shop.stage(whole=True).version
    sold = sale(1, issued_at=NOON, items=1)
    with writing(shop.engine) as connection:
        states = {"price": entity_rows.states_at(connection, first)["price"][1]}
        states["promotion"] = entity_rows.states_at(connection, second)["promotion"][1]
        held = {name: wire.EntityHeld(state.version, state.sha256) for name, state in states.items()}
        said = wire.LoadsHeld(second, int(NOON.timestamp()) - 3600, held)
        assert tills_held.note(connection, shop.till.id, said, 0.0, time.time()).others == {"price": 1}
        for price, state in (("3", "right"), ("4", "differing"), ("5", "right")):
            item = msgspec.structs.replace(sold.items[0], product_code="P1", unit_price=Decimal(price))
            of_price = msgspec.structs.replace(sold, items=(item,))
            (found,) = sold_lines.compared(connection, [ComparedSale(shop.till.id, sold.access_key, of_price)])
            assert (price, found["state"]) == (price, state)


@pytest.mark.parametrize(("printed_behind", "found"), [(3, ["7.00"]), (0, [])])
def test_a_till_whose_clock_is_wrong_sells_by_the_servers_time(
    shop: SellingShop, printed_behind: int, found: list[str]
) -> None:
    """Three hours behind: what came at noon it sells from its nine o'clock on. Where its notes show the right hour all
    the same, it is accused of nothing that may be right."""
    for version, amount, at in ((2, 7, NOON - timedelta(hours=9)), (3, 5, NOON)):
        shop.erp.do("UPDATE preco SET preco = ?, alterado = ? WHERE cod = 'P1'", [(amount, 9 + version)])
        shop.stage()
        shop.has(version, at)
    with writing(shop.engine) as connection:
        connection.execute(update(tills).values(clock_skew_seconds=-3 * 3600.0))
    sold = SoldPrices(shop.engine, lambda: time.time() + 3600)
    sold.look()
    issued = {1: NOON + timedelta(minutes=30), 2: NOON - timedelta(minutes=30)}
    behind = timedelta(hours=printed_behind)
    files = [file_with(one, incoming(sale(one, issued_at=at - behind, items=1))) for one, at in issued.items()]
    spool = Spool(shop.engine, language="en", clock=shop.clock)
    spool.accept(shop.till.id, body_of([1, 2]), files, received_at=START)
    spool.settle([posted(one) for one in spool.lease("p", 10, 60)])
    assert sold.look() == 2
    with reading(shop.engine) as connection:
        lines = sold_prices.lines(connection, {shop.till.id: "caixa1"}, None, 10)
    assert [one.listed for one in lines] == found, "half an hour too early at 5"


def test_a_list_that_came_in_the_second_of_the_sale_is_its_list(shop: SellingShop) -> None:
    """A note has whole seconds; and the till's clock is known but for the time of a contact."""
    for version, price, at in ((2, 6, NOON - timedelta(hours=1)), (3, 5, NOON + timedelta(seconds=2))):
        shop.erp.do("UPDATE preco SET preco = ?, alterado = ? WHERE cod = 'P2'", [(price, 9 + version)])
        shop.stage()
        shop.has(version, at)
    spool = Spool(shop.engine, language="en", clock=shop.clock)
    sold = SoldPrices(shop.engine, lambda: time.time() + 3600)
    sold.look()
    times = ((1, timedelta(0)), (2, timedelta(seconds=-10)))
    files = [file_with(number, incoming(sale(number, issued_at=NOON + later, items=2))) for number, later in times]
    spool.accept(shop.till.id, body_of([1, 2]), files, received_at=START)
    spool.settle([posted(one) for one in spool.lease("p", 10, 60)])
    assert sold.look() == 2
    with reading(shop.engine) as connection:
        (line,) = sold_prices.lines(connection, {shop.till.id: "caixa1"}, None, 10)
    assert (line.product, line.sold, line.listed) == ("P2", "5", "6.00")
    assert datetime.fromisoformat(line.issued_at).timestamp() == (NOON - timedelta(seconds=10)).timestamp()


def test_once_a_dated_price_has_begun_the_one_before_it_is_no_longer_right(shop: SellingShop) -> None:
    begins = NOON.isoformat()
    shop.erp.do("INSERT INTO preco VALUES ('P2', 3, 6, ?, NULL, 9, 'N')", [(begins,)])
    shop.stage()
    shop.has(2, NOON - timedelta(hours=9))
    spool = Spool(shop.engine, language="en", clock=shop.clock)
    sold = SoldPrices(shop.engine, lambda: time.time() + 3600)
    sold.look()
    times = ((1, timedelta(minutes=-1)), (2, timedelta(minutes=14)), (3, timedelta(minutes=16)))
    files = [file_with(number, incoming(sale(number, issued_at=NOON + later, items=2))) for number, later in times]
    spool.accept(shop.till.id, body_of([1, 2, 3]), files, received_at=START)
    spool.settle([posted(one) for one in spool.lease("p", 10, 60)])
    assert sold.look() == 3
    with reading(shop.engine) as connection:
        (line,) = sold_prices.lines(connection, {shop.till.id: "caixa1"}, None, 10)
    assert (line.sold, line.listed) == ("5", "6.00")
    assert datetime.fromisoformat(line.issued_at) == NOON + timedelta(minutes=16), "what was scanned before it is right"


def test_what_is_held_stands_still_or_differs_is_told(shop: SellingShop) -> None:
    now = time.time()
    shop.has(1, NOON)
    with reading(shop.engine) as connection:
        assert load_findings(connection, now) == []
    shop.erp.do("DELETE FROM preco")
    shop.stage(whole=True)
    shop.has(1, NOON, sha256="0" * 64)
    kind = LoadOrders(shop.engine, SETTINGS, lambda _: "12:00")
    with writing(shop.engine) as connection:
        placing = Placing(shop.till.id, '{"version":1,"entities":{}}')
        book.place(connection, kind, [placing], who=SYSTEM.name, now=now)
        connection.execute(update(till_order).values(begun_at=now - 900, moved_at=now - 700))
        connection.execute(update(tills).values(last_contact_at=now))
    with reading(shop.engine) as connection:
        found = {one.code: one for one in load_findings(connection, now)}
    assert set(found) == {"load_would_empty:price", "load_stalled", "load_differs"}
    assert found["load_stalled"].facts == {"tills": "caixa1", "count": "1"}
    assert all(one.title("en") and one.remedy("pt") for one in found.values())
    shop.has(1, NOON)
    with reading(shop.engine) as connection:
        assert "load_differs" not in {one.code for one in load_findings(connection, now)}
