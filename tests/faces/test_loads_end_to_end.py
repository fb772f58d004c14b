"""From the ERP to the till's own tables over real HTTP: both halves, each as it runs in a store."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from sqlalchemy import func, select

from malote.accounts.audit import Actor
from malote.app import Services
from malote.database.engine import reading
from malote.database.order_tables import till_order
from malote.load_format.wire import LOAD
from malote.loads.chosen_items import named
from malote.loads.planning import Wanted
from malote.till.loads import loads_database
from malote.till.loads.digest_walk import DigestWalk
from malote.till.outbox import Outbox
from malote.till.server_client import ServerClient
from tests.engines.loads_support import Erp
from tests.faces.intake_support import serving, store_with_till
from tests.faces.loads_fixtures import loading_settings
from tests.faces.till_courier_support import courier_on
from tests.unit.fiscal.notes import build_note
from tests.unit.till_support import Clock, Ears, captured, till_settings

ANA = Actor("ana")


class Store:
    def __init__(self, folder: Path, services: Services, erp: Erp, token: str, address: str) -> None:
        self.services, self.erp = services, erp
        self.outbox = Outbox(folder / "outbox.sqlite3")
        self.server = ServerClient(address, token)
        self.clock, self.ears = Clock(), Ears()
        self.settings = till_settings(folder, server=address, poll_seconds=1.0)
        self.begin()

    def begin(self) -> None:
        """A courier as after a restart of the agent."""
        self.courier = courier_on(self.clock, self.outbox, self.server, self.settings, self.ears)

    def stage(self) -> None:
        self.services.loads.staging.run(ANA)
        self.services.loads.orders._target._known.clear()  # what tills should have is looked at twice a second

    def steps(self, count: int) -> None:
        for _ in range(count):
            self.clock.pass_by(max(self.courier.step(), 0.01))

    def until_current(self) -> None:
        for _ in range(40):
            self.steps(5)
            self.clock.pass_by(2.0)
            if self.state() == "current":
                return
        raise AssertionError(self.services.loads.status())

    def state(self) -> str:
        return self.services.loads.status().tills[0].state

    def price(self, product: str) -> str:
        """As the server knows it of the till."""
        (told,) = [one for one in self.services.loads.price(product, till="caixa1").prices if one.is_valid]
        return str(told.values["price"])

    def prices(self) -> dict[str, str]:
        """As the POS reads them at the till."""
        with sqlite3.connect(loads_database.path_beside(self.outbox.path)) as connection:
            return dict(connection.execute("SELECT product_code, price FROM price"))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    settings, erp = loading_settings(tmp_path)
    with store_with_till(settings) as (services, _, token), serving(services) as address:
        made = Store(tmp_path, services, erp, token, address)
        with made.outbox, made.server:
            yield made
    erp.connection.close()


def test_a_price_goes_from_the_erp_to_the_till_while_sales_go_up(store: Store) -> None:
    store.steps(1)
    store.stage()
    store.outbox.capture([captured(build_note(number=1))], 1.0)
    store.until_current()
    assert (len(store.prices()), set(store.prices().values())) == (50, {"10.00"})
    assert store.outbox.counts().captured == 0, "the sale didn't wait"
    store.erp.set_price(7, "12.50")
    store.stage()
    store.steps(1)
    assert store.state() == "behind"
    store.begin()  # the agent is started anew in between
    store.until_current()
    assert {code: price for code, price in store.prices().items() if price != "10.00"} == {"7": "12.50"}
    (till,) = store.services.loads.status().tills
    assert (till.version, till.missing, till.differing, till.code) == (2, [], [], "")
    assert store.price("7") == "12.50"
    for day in range(7):  # the till is off
        store.erp.set_price(day + 10, f"{day}.50")
        store.stage()
    store.clock.pass_by(7 * 86_400)
    store.begin()
    store.until_current()
    assert [store.prices()[str(day + 10)] for day in range(7)] == [f"{day}.50" for day in range(7)]
    with reading(store.services.engine) as connection:
        orders = connection.execute(select(func.count()).select_from(till_order).where(till_order.c.kind == LOAD))
    assert orders.scalar_one() == 3, "a week is one load"


def test_chosen_items_and_a_whole_load_by_a_persons_order(store: Store) -> None:
    loads = store.services.loads
    loads.orders._settings = msgspec.structs.replace(loads.orders._settings, automatic=False)
    store.steps(1)
    store.stage()
    store.until_current()
    store.erp.set_price(7, "70")
    store.erp.set_price(8, "80")
    store.stage()
    loads.order(Wanted(), ANA, items=named(store.services.engine, {"price": ["7"]}))
    store.steps(60)
    assert (store.prices()["7"], store.prices()["8"]) == ("70.00", "10.00")
    assert [store.price(code) for code in ("7", "8", "7890000000007")] == ["70.00", "10.00", "70.00"], (
        "as is known here"
    )
    loads.order(Wanted(anew=True), ANA)
    store.until_current()
    assert (store.prices()["7"], store.prices()["8"]) == ("70.00", "80.00")
    assert [store.price(code) for code in ("7", "8")] == ["70.00", "80.00"]


def test_a_value_that_was_altered_at_the_till_is_sent_again_by_itself(store: Store) -> None:
    store.stage()
    store.until_current()
    path = loads_database.path_beside(store.outbox.path)
    with sqlite3.connect(path) as connection:
        (table,) = connection.execute("SELECT '_rows_' || place FROM _entity WHERE name = 'price'").fetchone()
        connection.execute(f"UPDATE {table} SET price = '0.01' WHERE product_code = '7'")
    walk = DigestWalk(path)
    assert [name for _ in range(361) for name in walk.step()] == ["price"]
    store.clock.pass_by(2.0)
    store.steps(2)
    store.until_current()
    assert store.prices()["7"] == "10.00"
