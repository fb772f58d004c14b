"""A new kind of orders is a file at the server and one at the till: shown by one that only tests know.

It is placed in the book, told over real HTTP, proven, carried out step by step beside sales, and told as done.
"""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from sqlalchemy import select

from malote import wire
from malote.app import Services
from malote.app_building import build_orders
from malote.database.engine import reading, writing
from malote.database.order_tables import till_order
from malote.orders import book, rows
from malote.orders.kinds import Placing
from malote.orders.rows import StoredOrder
from malote.till.orders.registry import HANDLERS
from malote.till.outbox import Outbox
from malote.till.server_client import ServerClient
from malote.tills.till import Till
from tests.counting_at_the_server import CountOrders
from tests.counting_at_the_till import Count, counted
from tests.faces.intake_support import serving, settings_in, store_with_till
from tests.faces.till_courier_support import courier_on
from tests.unit.fiscal.notes import build_note
from tests.unit.till_support import Clock, Ears, captured, till_settings

KIND = CountOrders()


class Shop:
    """A real server that knows the kind, and a till that does."""

    def __init__(self, folder: Path, services: Services, till: Till, token: str, address: str) -> None:
        self.services, self.till = services, till
        self.outbox = Outbox(folder / "outbox.sqlite3")
        self.server = ServerClient(address, token)
        self.clock, self.ears = Clock(), Ears()
        self.settings = till_settings(folder, server=address, poll_seconds=1.0)
        self.begin()

    def begin(self, *kinds: Any) -> None:
        """A courier as after a restart of the agent."""
        handlers = kinds or (*HANDLERS, Count)
        self.courier = courier_on(self.clock, self.outbox, self.server, self.settings, self.ears, handlers=handlers)

    def place(self, payload: str, **others: Any) -> int:
        with writing(self.services.engine) as connection:
            placing = Placing(self.till.id, payload, **others)
            (order,) = book.place(connection, KIND, [placing], who="ana", now=self.services.spool.clock())
        return order

    def find(self, order_id: int) -> StoredOrder:
        with reading(self.services.engine) as connection:
            query = select(*rows.COLUMNS).where(till_order.c.id == order_id)
            return rows.stored(connection.execute(query).one())

    def steps(self, count: int) -> None:
        for _ in range(count):
            self.clock.pass_by(max(self.courier.step(), 0.01))


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    with store_with_till(settings_in(tmp_path / "home")) as (services, till, token):
        vars(services)["orders"] = build_orders(
            services.engine, services.structures, services.key, services.loads.orders, [KIND]
        )
        with serving(services) as address:
            made = Shop(tmp_path, services, till, token, address)
            with made.outbox, made.server:
                yield made


def test_an_order_of_a_new_kind_is_carried_out_and_told_while_sales_go_up(shop: Shop) -> None:
    shop.steps(1)
    order = shop.place("40")
    shop.outbox.capture([captured(build_note(number=1))], 1.0)
    shop.steps(30)
    assert 0 < len(counted(shop.outbox)) < 40
    assert shop.outbox.counts().captured == 0, "the sale didn't wait for it"
    shop.clock.pass_by(2.0)
    shop.steps(1)
    found = shop.find(order)
    assert (found.state, found.total, found.unit) == ("begun", 40, "rows")
    assert 0 < found.done < 40
    assert found.moved_at is not None
    shop.steps(60)
    found = shop.find(order)
    assert (found.state, found.done, found.ended_at is not None) == ("done", 40, True)
    assert counted(shop.outbox) == list(range(1, 41))
    assert len(found.signature) == 128


def test_a_killed_agent_goes_on_with_it_and_counts_nothing_twice(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    order = shop.place("20")
    shop.steps(12)
    before = len(counted(shop.outbox))
    assert 0 < before < 20
    shop.begin()
    payloads: list[str | None] = []
    real = shop.server.contact

    def contact(said: wire.Contact) -> wire.ContactReply:
        reply = real(said)
        payloads.extend(one.payload for one in reply.orders or [])
        return reply

    monkeypatch.setattr(shop.server, "contact", contact)
    shop.steps(40)
    assert counted(shop.outbox) == list(range(1, 21))
    assert shop.find(order).state == "done"
    assert set(payloads) == {None}, "what it has on its disk isn't sent to it again"


def test_a_newer_order_takes_the_place_of_an_open_one_with_what_is_left_of_it(shop: Shop) -> None:
    first = shop.place("15")
    shop.steps(6)
    second = shop.place("3")
    assert [shop.find(first).state, shop.find(second).state] == ["replaced", "placed"]
    shop.steps(60)
    assert counted(shop.outbox) == list(range(1, 16))
    assert (shop.find(second).state, shop.find(second).number > shop.find(first).number) == ("done", True)


def test_what_has_not_begun_by_its_end_is_not_begun(shop: Shop) -> None:
    order = shop.place("5", expires_at=1000)
    shop.steps(10)
    assert (shop.find(order).state, counted(shop.outbox)) == ("expired", [])


def test_an_agent_that_does_not_know_the_kind_says_so(shop: Shop) -> None:
    shop.begin(*HANDLERS)
    order = shop.place("5")
    shop.steps(10)
    found = shop.find(order)
    assert (found.state, found.code, json.loads(found.facts)) == ("failed", "order_unknown", {"kind": "count"})
    assert shop.ears.codes("happened") == ["order_unknown"]


def test_what_the_till_will_not_do_is_told_with_its_reason(shop: Shop) -> None:
    order = shop.place("5000")
    shop.steps(10)
    assert (shop.find(order).state, shop.find(order).code, counted(shop.outbox)) == ("failed", "order_unknown", [])


def test_no_forged_and_no_old_order_is_obeyed(shop: Shop) -> None:
    shop.steps(1)
    first = shop.place("2")
    shop.steps(20)
    shop.place("4")
    shop.steps(20)
    old = shop.find(first)
    order = wire.Order("count", old.number, old.payload_sha256, old.signature, payload="2")
    orders = shop.courier.orders
    reply = shop.server.contact(wire.Contact("1", datetime.now(UTC), 0, 0, orders=orders.said()))

    def given(one: wire.Order) -> str:
        assert orders.heed(msgspec.structs.replace(reply, orders=[one]))
        return orders.said()[-1].code

    assert given(order) == "order_old", "as it was once"
    assert given(msgspec.structs.replace(order, number=old.number + 2**50)) == "order_foreign"
    assert given(msgspec.structs.replace(order, number=old.number + 1, payload="9")) == "order_tampered"
    assert (orders.busy, counted(shop.outbox)) == (False, [1, 2, 3, 4])
