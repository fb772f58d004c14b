"""A look at what changed alone sees also that a row's key is another: the one of before stays at no till beside it."""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from sqlalchemy import Engine, event

from malote.erp.profiles.load_sources import LoadSource
from tests.engines.loads_support import PRICE, SETTINGS, Shop, refused, store_beside_erp, with_columns

UNITS = with_columns(PRICE, unit="un")
EVENTS = LoadSource(
    {"product_code": "cod", "code": "evento", "price": "preco"},
    table="evento",
    where="loja = :loja",
    changed="alterado",
)


def _shop(folder: Path, **settings: object) -> Iterator[Shop]:
    with store_beside_erp(folder, 20) as (engine, erp):
        erp.do("ALTER TABLE preco ADD COLUMN un TEXT")
        erp.do("UPDATE preco SET un = 'UN'")
        erp.do("INSERT INTO preco VALUES (8, 3, 50, NULL, NULL, 0, 'N', 'CX')")
        erp.do("CREATE TABLE evento (cod INTEGER, loja INTEGER, evento TEXT, preco NUMERIC, alterado INTEGER)")
        erp.do("INSERT INTO evento VALUES (7, 3, 'A', 5, 0), (8, 3, 'A', 5, 0)")
        shop = Shop(engine, erp, msgspec.structs.replace(SETTINGS, **settings))
        shop.sources = {"price": UNITS, "promotion": EVENTS}
        shop.stage()
        yield shop


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    yield from _shop(tmp_path)


@pytest.fixture
def shelf(tmp_path: Path) -> Iterator[Shop]:
    yield from _shop(tmp_path, rise_after_minutes=60)


def of(shop: Shop, code: int) -> list[tuple[str, str, str]]:
    """Unit, beginning, price; each version's digest is proven by it."""
    return [(str(row[1]), str(row[3])[:10], str(row[5])) for row in shop.rows("price") if row[0] == str(code)]


def test_a_product_that_is_sold_by_weight_from_now_on_has_one_price(shop: Shop) -> None:
    shop.erp.do("UPDATE preco SET un = 'KG', preco = 30, alterado = 10 WHERE cod = 7")
    found = shop.staged("price")
    assert (found.whole, found.read, found.new, found.gone) == (False, 21, 1, 1)
    assert of(shop, 7) == [("KG", "1970-01-01", "30.00")]
    assert found.rows == len(shop.rows("price")) == 21


def test_a_unit_that_comes_beside_another_takes_nobodys_place(shop: Shop) -> None:
    shop.erp.do("UPDATE preco SET un = 'FD', alterado = 10 WHERE cod = 8 AND un = 'CX' AND loja = 3")
    shop.erp.do("INSERT INTO preco VALUES (7, 3, 55, NULL, NULL, 10, 'N', 'CX')")
    assert (found := shop.staged("price")).new == 2
    assert (found.gone, [unit for unit, *_ in of(shop, 8)], [unit for unit, *_ in of(shop, 7)]) == (
        1,
        ["FD", "UN"],
        ["CX", "UN"],
    )


def test_a_beginning_and_an_event_that_are_others_take_the_place_of_those_before(shop: Shop) -> None:
    shop.erp.do("UPDATE preco SET de = '2026-12-05', alterado = 10 WHERE cod = 7")
    shop.staged("price")
    shop.erp.do("UPDATE preco SET de = '2026-12-04', alterado = 20 WHERE cod = 7")
    shop.staged("price")
    assert of(shop, 7) == [("UN", "2026-12-04", "10.00")]
    shop.erp.do("UPDATE evento SET evento = 'B', alterado = 10 WHERE cod = 7")
    shop.staged("promotion")
    assert [row[:2] for row in shop.rows("promotion")] == [("B", "7"), ("A", "8")]


@pytest.mark.parametrize("spoilt", ["preco = -1", "de = 'amanhã'"])
def test_where_the_new_one_is_refused_the_one_before_stays(shop: Shop, spoilt: str) -> None:
    shop.erp.do(f"UPDATE preco SET un = 'KG', {spoilt}, alterado = 10 WHERE cod = 7")
    shop.erp.do("INSERT INTO preco VALUES (7, 3, 55, NULL, NULL, 10, 'N', 'CX')")
    shop.staged("price")
    assert [unit for unit, *_ in of(shop, 7)] == ["CX", "UN"]
    assert list(refused(shop)) == ["price"]


def test_nothing_more_is_asked_of_the_erp_for_a_product_that_is_new_or_has_another_price(shop: Shop) -> None:
    asked: list[str] = []

    def listen(_connection: object, _cursor: object, statement: str, *_others: object) -> None:
        if "FROM preco" in statement:
            asked.append(statement)

    event.listen(Engine, "before_cursor_execute", listen)
    try:
        shop.erp.set_price(7, "12")
        shop.erp.do("INSERT INTO preco VALUES (99, 3, 55, NULL, NULL, 10, 'N', 'UN')")
        shop.staged("price")
        assert len(asked) == 2, "what changed, and what of it is there twice"
        shop.erp.do("UPDATE preco SET un = 'KG', alterado = 20 WHERE cod IN (7, 9, 99)")
        shop.staged("price")
        assert len(asked) == 5
    finally:
        event.remove(Engine, "before_cursor_execute", listen)


def test_a_price_that_waits_for_the_shelf_and_changes_its_unit_waits_no_more(shelf: Shop) -> None:
    shelf.erp.do("UPDATE preco SET preco = 12, alterado = 10 WHERE cod = 7 AND loja = 3")
    assert shelf.staged("price").put_off == 1
    assert [price for *_, price in of(shelf, 7)] == ["10.00", "12.00"]
    shelf.erp.do("UPDATE preco SET un = 'KG', preco = 30, alterado = 20 WHERE cod = 7 AND loja = 3")
    shelf.staged("price")
    assert of(shelf, 7) == [("KG", "1970-01-01", "30.00")]
    assert shelf.staged("price", whole=True).gone == 0
    assert of(shelf, 7) == [("KG", "1970-01-01", "30.00")]
