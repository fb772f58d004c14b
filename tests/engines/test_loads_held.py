"""What waits for a person: what they may let through, what nobody may, and what only is told."""

from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from malote.accounts.audit import Actor
from malote.config import LoadsSettings, Settings
from malote.database.engine import open_database, reading
from malote.database.migrations import migrate
from malote.findings.load_findings import load_findings
from malote.loads.load_service import Loads
from malote.loads.versions import LoadError
from tests.engines.loads_support import Erp

ANA = Actor("ana")
PRODUCT = '[load.product]\ntable = "produto"\ncolumns = { code = "cod", description = "descr" }\n'
PRICE = '[load.price]\ntable = "preco"\nwhere = "loja = 3"\ncolumns = { product_code = "cod", price = "preco" }\n'


class Shop:
    """Declared anew whenever a test says so."""

    def __init__(self, home: Path) -> None:
        self.home, self.erp = home, Erp(home / "erp.sqlite3", 30)
        self.engine = open_database(f"sqlite:///{home / 'store.sqlite3'}")
        migrate(self.engine)
        settings = Settings(home=str(home), loads=LoadsSettings(sources="cargas.toml", least_rows=5))
        self.settings = msgspec.structs.replace(settings, erp=msgspec.structs.replace(settings.erp, url=self.erp.url))
        self.declare(PRODUCT + PRICE)

    def declare(self, sources: str) -> None:
        (self.home / "cargas.toml").write_text(sources, encoding="utf-8")
        self.loads = Loads(self.engine, self.settings)

    def codes(self) -> dict[str, tuple[str, int]]:
        """Why an entity is held, and how many rows tills have of it."""
        return {one.entity: (one.code, one.rows) for one in self.loads.status().entities}

    def told(self) -> list[str]:
        with reading(self.engine) as connection:
            return [one.code for one in load_findings(connection, 0.0)]


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    made = Shop(tmp_path)
    yield made
    made.erp.connection.close()
    made.engine.dispose()


def test_no_list_without_a_row_reaches_a_till_confirmed_or_not(shop: Shop) -> None:
    shop.erp.do("DELETE FROM preco")
    shop.loads.staging.run(ANA)
    assert shop.codes() == {"price": ("load_would_empty", 0), "product": ("", 30)}, "nor the first one"
    shop.erp.do("INSERT INTO preco VALUES (1, 3, 10, NULL, NULL, 0, 'N'), (2, 3, 10, NULL, NULL, 0, 'N')")
    shop.loads.staging.run(ANA)
    assert shop.codes()["price"] == ("", 2)
    shop.erp.do("DELETE FROM preco")
    shop.loads.staging.run(ANA)
    with pytest.raises(LoadError, match="load_never_empty"):
        shop.loads.confirm("price", ANA)
    shop.loads.refuse("price", ANA, "the filter is wrong")
    shop.declare(PRODUCT + PRICE + "may_be_empty = true\n")
    shop.loads.staging.run(ANA)
    assert shop.codes()["price"] == ("", 0), "declared as allowed to be empty"


def test_what_is_refused_whole_is_nothing_to_confirm(shop: Shop) -> None:
    shop.erp.do("UPDATE preco SET preco = -1")
    shop.loads.staging.run(ANA)
    assert shop.codes()["price"] == ("load_refused_many", 0)
    with pytest.raises(LoadError, match="load_never_empty"):
        shop.loads.confirm("price", ANA)


DECISIONS: list[Callable[[Loads], object]] = [
    lambda loads: loads.confirm("product", ANA),
    lambda loads: loads.refuse("product", ANA, "no"),
]


@pytest.mark.parametrize("decide", DECISIONS)
def test_nobody_decides_on_what_is_not_held_or_cannot_be_read(shop: Shop, decide: Callable[[Loads], object]) -> None:
    shop.loads.staging.run(ANA)
    with pytest.raises(LoadError, match="load_not_held"):
        decide(shop.loads)
    shop.erp.do("ALTER TABLE produto RENAME TO produtos")
    shop.loads.staging.run(ANA)
    assert shop.codes()["product"] == ("load_entity_unreadable", 30)
    assert [one.code for one in shop.loads.troubles()] == ["load_entity_unreadable"]
    with pytest.raises(LoadError, match="load_not_held"):
        decide(shop.loads)
    shop.erp.do("ALTER TABLE produtos RENAME TO produto")
    shop.erp.do("DELETE FROM produto WHERE cod > 5")
    shop.loads.staging.run(ANA)
    assert shop.codes()["product"] == ("load_gone_many", 30)
    decide(shop.loads)
    shop.loads.staging.run(ANA)


def test_an_entity_that_left_the_profile_is_kept_and_told_until_a_person_says_so(shop: Shop) -> None:
    shop.loads.staging.run(ANA)
    shop.declare(PRODUCT)
    shop.loads.staging.run(ANA)
    assert shop.codes()["price"] == ("load_entity_undeclared", 30)
    assert shop.told() == ["load_entity_undeclared:price"]
    shop.loads.confirm("price", ANA, "sold by weight elsewhere")
    shop.loads.staging.run(ANA)
    assert (shop.codes()["price"], shop.told()) == (("load_entity_undeclared", 30), [])
    shop.declare(PRODUCT + PRICE)
    shop.loads.staging.run(ANA)
    assert shop.codes()["price"] == ("", 30)
