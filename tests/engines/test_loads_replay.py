"""What the ERP refused for want of a product is booked by itself once a load brings the product."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import msgspec
import pytest
from sqlalchemy import insert

from malote.accounts import audit
from malote.database.engine import writing
from malote.database.errors import StoreError
from malote.database.quarantine_tables import product_map
from malote.fiscal.documents import Sale
from malote.loads import replay_after_load
from malote.loads.replay_after_load import ReplayAfterLoad
from malote.register import replaying
from tests.engines import loads_support
from tests.engines.posting_support import Shop, open_shop
from tests.engines.sales import item, sale
from tests.engines.spool_support import Clock

UNKNOWN = """
    CREATE TRIGGER sem_cadastro BEFORE INSERT ON sale_item
    WHEN NEW.product_code <> '1' AND NOT EXISTS (SELECT 1 FROM produto WHERE cod = NEW.product_code)
    BEGIN SELECT RAISE(ABORT, 'produto sem cadastro'); END
"""


class Store:
    def __init__(self, folder: Path, shop: Shop, clock: Clock) -> None:
        self.shop, self.clock = shop, clock
        self.erp = loads_support.Erp(folder / "erp.sqlite3")
        self.loads = loads_support.Shop(shop.engine, self.erp)
        with closing(shop.erp()) as erp:
            erp.create_structure()
        self.erp.do(UNKNOWN)
        self.again = ReplayAfterLoad(shop.engine)
        self.poster = shop.poster()

    def look(self) -> int:
        self.clock.now += 1
        found = self.again.look(self.clock.now)
        self.poster.drain()
        return found

    def load(self, *names: str) -> None:
        self.clock.now += 1
        self.loads.clock.now = self.clock.now
        self.loads.stage(*names)
        self.clock.now += 1

    def load_product(self, code: int) -> None:
        self.erp.do("INSERT INTO produto VALUES (?, 'Guaraná', '22021000')", [(code,)])
        self.load("product")


def of_product(number: int, code: str) -> Sale:
    plain = sale(number)
    items = [msgspec.structs.replace(one, product_code=code) for one in plain.items]
    return msgspec.structs.replace(plain, items=items)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    clock = Clock()
    with open_shop(tmp_path, f"sqlite:///{tmp_path / 'erp.sqlite3'}", clock) as shop:
        made = Store(tmp_path, shop, clock)
        made.load()
        shop.accept(of_product(1, "1"), *(of_product(number, "51") for number in (2, 3)), of_product(4, "52"))
        made.poster.drain()
        assert shop.counted() == {"posted": 1, "rejected": 3}
        yield made
        made.erp.connection.close()


def test_what_a_load_brings_is_booked_by_itself_and_nothing_else_is_tried(store: Store) -> None:
    assert [store.look(), store.look()] == [0, 0]
    store.load_product(99)
    store.erp.set_price(7, "12.50")
    store.load("price")
    assert store.look() == 0
    store.load_product(51)
    assert [store.look(), store.look()] == [2, 0]
    assert store.shop.counted() == {"posted": 3, "rejected": 1}
    found = [one for one in audit.entries(store.shop.engine) if one.action == "refused_replayed"]
    assert [one.after for one in found] == [{"documents": 2}]


def test_a_product_whose_row_breaks_a_rule_is_there_at_the_erp_all_the_same(store: Store) -> None:
    store.erp.do("INSERT INTO produto VALUES (51, 'Guaraná', '1')")
    store.load("product")
    assert loads_support.refused(store.loads) == {"product": "load_ncm_unknown"}
    assert [store.look(), store.look()] == [2, 0]
    store.load("product")
    assert store.look() == 0


def test_a_foreign_key_that_lacks_two_products_is_cured_load_by_load(store: Store) -> None:
    """SQLite itself names neither."""
    (made,) = store.erp.connection.execute("SELECT sql FROM sqlite_master WHERE name = 'sale_item'").fetchone()
    key = ", FOREIGN KEY (product_code) REFERENCES produto (cod))"
    for statement in ("CREATE UNIQUE INDEX its_code ON produto (cod)", "DROP TABLE sale_item"):
        store.erp.do(statement)
    store.erp.do(made.rstrip().removesuffix(")") + key)
    two = [item(line, product_code=code) for line, code in enumerate(("61", "7", "62"), 1)]
    store.shop.accept(sale(5, items=two), of_product(6, "7"))
    store.poster.drain()
    assert lacking(store.shop) == "produto 61 (linha 1), produto 62 (linha 3)"
    store.load_product(61)
    assert [store.look(), store.look()] == [1, 0]
    assert lacking(store.shop) == "produto 62 (linha 3)"
    store.load_product(62)
    assert store.look() == 1
    assert store.shop.states()[sale(5).access_key] == "posted"


def lacking(shop: Shop) -> str:
    (reason,) = [one.reason for one in shop.documents() if one.reason and one.reason.code == "erp_record_missing"]
    return reason.facts["lacking"]


def test_what_came_before_a_start_is_not_missed(store: Store) -> None:
    store.load_product(52)
    store.again = ReplayAfterLoad(store.shop.engine)
    assert [store.look(), store.look()] == [1, 0]


def test_refused_again_it_waits_for_the_next_change(store: Store) -> None:
    store.erp.do("DROP TRIGGER sem_cadastro")
    store.erp.do(UNKNOWN.replace("cod = NEW.product_code", "cod = NEW.product_code AND descr <> 'Guaraná'"))
    store.load_product(52)
    assert [store.look(), store.look(), store.look()] == [1, 0, 0]
    assert store.shop.counted() == {"posted": 1, "rejected": 3}
    store.erp.do("UPDATE produto SET descr = 'Guaraná 2 L' WHERE cod = 52")
    store.load("product")
    assert store.look() == 1
    assert store.shop.counted() == {"posted": 2, "rejected": 2}


def test_many_are_looked_into_a_part_at_a_time(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replay_after_load, "MOST", 1)
    store.load_product(51)
    store.load_product(52)
    assert [store.look() for _ in range(5)] == [1, 1, 1, 0, 0]


def test_what_the_store_could_not_take_is_done_at_the_next_look(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise StoreError("store_away", detail="full")

    store.load_product(52)
    with monkeypatch.context() as away:
        away.setattr(replaying, "replay", full)
        with pytest.raises(StoreError):
            store.look()
    assert [store.look(), store.look()] == [1, 0]


def test_a_refusal_that_was_written_down_after_the_version_is_cured_too(store: Store) -> None:
    store.load_product(53)
    store.erp.do("DELETE FROM produto WHERE cod = 53")  # as it was when the ERP refused it
    store.clock.now += 30
    store.shop.accept(of_product(5, "53"), of_product(6, "1"))
    store.poster.drain()
    store.erp.do("INSERT INTO produto VALUES (53, 'Guaraná', '22021000')")
    assert store.look() == 1


def test_a_mapped_line_waits_for_what_it_is_mapped_to(store: Store) -> None:
    issuer = sale(1).issuer
    with writing(store.shop.engine) as connection:
        values = {"issuer": issuer, "old_code": "51", "new_code": "77", "at": 1.0, "who": "ana"}
        connection.execute(insert(product_map).values(values))
    store.load_product(77)
    assert [store.again.look(store.clock.now) for _ in range(2)] == [2, 0]


def test_codes_filled_up_with_zeros_are_the_erps(store: Store) -> None:
    store.shop.accept(of_product(5, "000061"), of_product(6, "1"))
    store.poster.drain()
    store.load_product(61)
    assert store.look() == 1


def test_a_products_first_price_tells_that_it_came_and_the_next_ones_do_not(store: Store) -> None:
    store.erp.do("INSERT INTO produto VALUES (51, 'Guaraná', '22021000')")
    store.erp.do("INSERT INTO preco VALUES (51, 3, 10, NULL, NULL, 90, 'N'), (52, 3, 10, NULL, NULL, 90, 'N')")
    store.load("price")
    store.clock.now += 100
    assert [store.look(), store.look()] == [3, 0], "52 was tried too"
    assert store.shop.counted() == {"posted": 3, "rejected": 1}
    store.erp.do("UPDATE preco SET preco = 11, alterado = 99 WHERE cod = 52")
    store.load("price")
    store.erp.do("INSERT INTO preco VALUES (53, 3, 10, NULL, NULL, 190, 'N')")
    store.load("price")
    assert store.look() == 0
