"""What real ERPs have in the columns of a load: changes written in any way, and values that fit no column."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from malote.database.engine import open_database
from malote.database.migrations import migrate
from tests.engines.loads_support import PRICE, Erp, Shop


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    engine = open_database(f"sqlite:///{tmp_path / 'store.sqlite3'}")
    migrate(engine)
    erp = Erp(tmp_path / "erp.sqlite3")
    yield Shop(engine, erp)
    erp.connection.close()
    engine.dispose()


@pytest.mark.parametrize(
    ("column", "value"), [("preco", float("nan")), ("preco", b"\x00\xff"), ("preco", -1), ("excluido", " n ")]
)
def test_one_unreadable_row_stays_what_it_was(shop: Shop, column: str, value: object) -> None:
    shop.sources = {"price": PRICE}
    shop.stage()
    shop.erp.do(f"UPDATE preco SET {column} = ? WHERE cod = 7", [(value,)])
    assert (shop.staged("price", whole=True).gone, shop.prices()["7"]) == (0, "10.00")


def test_what_sums_of_floats_add_is_no_price(shop: Shop) -> None:
    shop.sources = {"price": PRICE}
    shop.stage()
    shop.erp.do("UPDATE preco SET preco = 15.69 + 1, alterado = 5 WHERE cod = 7")
    shop.erp.do("UPDATE preco SET preco = 16.685, alterado = 5 WHERE cod = 8")
    assert (shop.staged("price").refused, shop.prices()["7"]) == (1, "16.69")


@pytest.mark.parametrize(
    ("before", "after", "last"),
    [(1000.5, 2000.5, 3000.25), ("2026-11-19", "2026-11-20", "2026-11-20"), (10, "2026-11-20", 20)],
)
def test_whatever_a_change_is_written_as_the_next_is_found(shop: Shop, before: Any, after: Any, last: Any) -> None:
    shop.sources = {"price": PRICE}
    shop.erp.do("UPDATE preco SET alterado = ?", [(before,)])
    shop.stage()
    for changed, price in ((after, 11), (last, 12)):
        shop.erp.do("UPDATE preco SET alterado = ?, preco = ? WHERE cod = 7", [(changed, price)])
        assert shop.staged("price").changed == 1


def test_a_change_of_the_far_future_hides_no_other(shop: Shop) -> None:
    shop.sources = {"price": PRICE}
    shop.erp.do("UPDATE preco SET alterado = '2026-11-19 08:00:00'")
    shop.erp.do("UPDATE preco SET alterado = '2026-11-20 08:00:00' WHERE cod = 7")
    shop.erp.do("UPDATE preco SET alterado = '2099-01-01 08:00:00' WHERE cod = 1")
    shop.stage()
    shop.erp.do("UPDATE preco SET preco = 11, alterado = '2026-11-20 08:10:00' WHERE cod = 7")
    found = shop.staged("price")
    assert (found.changed, found.read) == (1, 2), "and what was typed so is read each time"
