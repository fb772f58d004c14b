"""The demo's ERP has a price list, and somebody changes it; what tills have of it, and sell at, is seen."""

import json
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from random import Random

import pytest
from typer.testing import CliRunner

from malote import config
from malote.accounts.audit import SYSTEM
from malote.cli.main import assemble
from malote.database.engine import open_database
from malote.demo import loaded_prices, price_list, price_watch
from malote.demo.catalogue import products
from malote.demo.pos import Pos
from malote.demo.price_list import PriceChange
from malote.demo.price_watch import TillSeconds
from malote.demo.store import Store
from malote.loads.load_service import Loads


@pytest.fixture
def store(tmp_path: Path) -> Store:
    url = f"sqlite:///{(tmp_path / 'erp.sqlite3').as_posix()}"
    laid_out = Store(tmp_path / "loja", "en")
    laid_out.home.mkdir()
    laid_out.lay_out(url)
    price_list.prepare(url)
    return laid_out


def erp(store: Store) -> str:
    return config.load(store.settings_path, {}).erp_url


@pytest.fixture
def loads(store: Store) -> Iterator[Loads]:
    engine = open_database(store.database_url)
    yield Loads(engine, config.load(store.settings_path, {}))
    engine.dispose()


def loaded(outbox: Path, prices: dict[str, int]) -> None:
    """A till's load, as a POS sees it."""
    with closing(sqlite3.connect(outbox.with_name("loads.sqlite3"))) as connection, connection:
        connection.execute("CREATE TABLE IF NOT EXISTS price_now (product_code PRIMARY KEY, unit, price)")
        rows = [(code, "", f"{cents / 100:.2f}") for code, cents in prices.items()]
        connection.executemany("INSERT OR REPLACE INTO price_now VALUES (?, ?, ?)", rows)


def test_the_server_finds_the_list_and_what_changes_in_it(store: Store, loads: Loads) -> None:
    made = loads.staging.run(SYSTEM)
    counts = {one.entity: one.new for one in made.entities}
    gtins = sum(bool(one.gtin) for one in products())
    assert counts == {"product": len(products()), "package": gtins, "price": len(products())}
    assert not any(one.refused or one.code for one in made.entities)
    price_list.prepare(erp(store))  # a demo that goes on keeps what was changed
    change = price_list.change(erp(store), 100, Random(1))
    listed = {one.code: one.price for one in products()}
    assert len(change.prices) == 100
    assert all(cents > 0 and cents != listed[code] for code, cents in change.prices.items())
    (price,) = loads.staging.run(SYSTEM, names=["price"]).entities
    assert (price.changed, price.new, price.gone, price.code) == (100, 0, 0, "")
    code, cents = next(iter(change.prices.items()))
    assert [one.values["price"] for one in loads.price(code).prices] == [f"{cents / 100:.2f}"]


def test_nearly_all_prices_at_once_wait_for_a_person(store: Store, loads: Loads) -> None:
    loads.staging.run(SYSTEM)
    assert len(price_list.change(erp(store), 9999).prices) == len(products())
    (price,) = loads.staging.run(SYSTEM, names=["price"]).entities
    assert price.code == "load_changed_many"


def test_a_till_has_new_prices_when_its_view_has_them_all(store: Store) -> None:
    place, *others = store.tills
    listed = {one.code: one.price for one in products()}
    new = {code: cents + 1 for code, cents in list(listed.items())[:100]}
    loaded(place.outbox, listed)
    pos = Pos(place.plan, place.folder, place.ledger, prices=loaded_prices.beside(place.outbox))
    pos.sell(5)
    before = {one.plan.name: price_watch.last_number(one.ledger) for one in store.tills}
    assert before == {"caixa1": 5, "caixa2": 0, "caixa3": 0}
    loaded(place.outbox, dict(list(new.items())[1:]))
    pos.sell(10)
    pos.close()
    over = PriceChange(new, time.monotonic() - 1000)  # what was watched for is over after one look
    half = price_watch.watch(store.tills, before, over, 1000.3)
    assert half[0].shown is None
    assert half[0].sold is not None
    loaded(place.outbox, new)
    whole = price_watch.watch([place], before, over, 1030)
    assert (whole[0].shown, whole[0].sold) > (1000, 1000)
    assert half[1:] == [TillSeconds(one.plan.name, None, None) for one in others]


def test_the_command_says_so_for_each_till(store: Store) -> None:
    def run(*options: str) -> tuple[int, str]:
        result = CliRunner().invoke(assemble(), ["demo", "prices", "--home", str(store.home), *options])
        return result.exit_code, result.output

    status, said = run("--seconds", "0.1", "--json")
    assert status == 1  # no till runs
    told = json.loads(said)
    assert told["changed"] == 100
    assert told["tills"][0] == {"till": "caixa1", "shown": None, "sold": None}
    assert run("--count", "7", "--seconds", "0", "--language", "en")[1].endswith("the ERP changed 7 prices\n")
    store.settings_path.unlink()
    assert run("--language", "en")[0] == 3
