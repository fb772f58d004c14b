"""The book of orders on both kinds of store database: one open order of a kind, what is told, heard, taken over."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import Engine, event, func, insert, select

from malote import wire
from malote.database import migrations
from malote.database.engine import open_database, reading, writing
from malote.database.order_tables import order_payload, till_order
from malote.database.quarantine_tables import sync_order
from malote.database.tables import till as tills
from malote.orders import book, rows
from malote.orders.book import UNUSED_SECONDS, OrderBook
from malote.orders.kinds import Placing
from malote.orders.rows import StoredOrder
from malote.orders.taking_over import take_over
from malote.quarantine import synchronise_orders
from malote.tills.till import Till, create_till
from malote.trust.signatures import is_signed
from malote.trust.signing_key import SigningKey
from tests.counting_at_the_server import CountOrders
from tests.engines.postgres_support import discard_postgresql, fresh_postgresql_url
from tests.engines.spool_support import Clock

pytest_plugins = ("tests.engines.spool_fixtures",)

KEY = SigningKey(bytes(32))
KIND = CountOrders()
NOW = 1_700_000_000.0


class Desk:
    """The book, one till, and what it says."""

    def __init__(self, engine: Engine, clock: Clock) -> None:
        self.engine, self.clock = engine, clock
        self.book = OrderBook(engine, [KIND, synchronise_orders.KIND], KEY.sign, clock)
        self.till = create_till(engine, "caixa1")[0]

    def place(self, payload: str = "3", till: Till | None = None, **others: Any) -> int:
        with writing(self.engine) as connection:
            placing = Placing((till or self.till).id, payload, **others)
            return book.place(connection, KIND, [placing], who="ana", now=self.clock())[0]

    def contact(self, *said: wire.OrderProgress) -> list[wire.Order]:
        contact = wire.Contact("1", datetime.fromtimestamp(self.clock(), UTC), 0, 0, orders=list(said))
        told = self.book.due(self.till, contact).orders
        assert told is not None
        return told

    def find(self, order_id: int) -> StoredOrder:
        with reading(self.engine) as connection:
            return rows.stored(connection.execute(select(*rows.COLUMNS).where(till_order.c.id == order_id)).one())


@pytest.fixture
def desk(spool_engine: Engine, spool_clock: Clock) -> Desk:
    return Desk(spool_engine, spool_clock)


def test_an_order_is_told_signed_for_its_till_until_it_is_over(desk: Desk) -> None:
    order_id = desk.place("3")
    (told,) = desk.contact()
    assert (told.kind, told.payload) == ("count", "3")
    assert is_signed(wire.order_statement(desk.till.id, told), told.signature, KEY.public)
    assert not is_signed(wire.order_statement(desk.till.id + 1, told), told.signature, KEY.public)
    assert desk.contact() == [told], "the reply was lost"
    begun = wire.OrderProgress("count", told.number, "begun", 1, 3, "rows")
    (again,) = desk.contact(begun)
    assert (again.payload, again.signature) == (None, told.signature), "it has it on its disk"
    assert desk.contact() == [told], "an outbox that was lost has it no more"
    desk.clock.now += 5
    found = desk.find(order_id)
    assert (found.state, found.done, found.total, found.signature) == ("begun", 1, 3, told.signature)
    assert desk.contact(wire.OrderProgress("count", told.number, "done", 3, 3, "rows", seconds=0.5)) == []
    found = desk.find(order_id)
    assert (found.state, found.done, found.seconds, found.ended_at) == ("done", 3, 0.5, desk.clock())


def test_why_it_failed_is_kept_within_bounds(desk: Desk) -> None:
    order_id = desk.place()
    (told,) = desk.contact()
    facts = {f"{number}" * 60: "x" * 1000 for number in range(50)}
    desk.contact(wire.OrderProgress("count", told.number, "failed", code="flux_capacitor", facts=facts))
    found = desk.find(order_id)
    assert (found.state, found.code) == ("failed", "unknown_reason")
    assert len(found.facts) < 8000
    assert "flux_capacitor" in found.facts


def test_what_is_said_of_another_number_or_of_an_order_that_is_over_changes_nothing(desk: Desk) -> None:
    first = desk.place()
    (told,) = desk.contact()
    for number in (told.number - 1, told.number + 1):
        assert len(desk.contact(wire.OrderProgress("count", number, "done"))) == 1
    assert desk.find(first).state == "told"
    desk.contact(wire.OrderProgress("count", told.number, "done"))
    desk.contact(wire.OrderProgress("count", told.number, "failed", code="till_disk_full"))
    assert desk.find(first).state == "done"


def test_one_order_of_a_kind_is_open_however_many_place_one_at_once(desk: Desk) -> None:
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda number: desk.place(str(number)), range(8, 0, -1)))
    with reading(desk.engine) as connection:
        (left,) = rows.open_of(connection, desk.till.id)
        assert rows.payload_of(connection, left.payload_sha256) == "8", "what was ordered before is in it"
        numbers = list(connection.scalars(select(till_order.c.number).order_by(till_order.c.id)))
    assert numbers == sorted(set(numbers))
    assert left.number == numbers[-1]


def test_numbers_grow_though_the_clock_went_back(desk: Desk) -> None:
    first = desk.find(desk.place()).number
    desk.clock.now -= 86_400
    assert desk.find(desk.place()).number > first


def test_what_is_withdrawn_is_told_no_more_and_may_still_be_reported(desk: Desk) -> None:
    told_one, other = desk.place(), create_till(desk.engine, "caixa2")[0]
    untold = desk.place(till=other)
    (told,) = desk.contact()
    with writing(desk.engine) as connection:
        rows.withdraw(connection, KIND.name, [desk.till.id, other.id], desk.clock())
    assert desk.contact() == []
    assert [desk.find(one).state for one in (told_one, untold)] == ["withdrawn", "cancelled"]
    desk.contact(wire.OrderProgress("count", told.number, "begun"))
    assert desk.find(told_one).state == "withdrawn"
    desk.contact(wire.OrderProgress("count", told.number, "done"))
    assert desk.find(told_one).state == "done"


def test_what_expires_is_over_unless_the_till_has_begun(desk: Desk) -> None:
    first = desk.place(expires_at=int(desk.clock()) + 60)
    (told,) = desk.contact()
    desk.contact(wire.OrderProgress("count", told.number, "begun"))
    desk.clock.now += 61
    assert desk.contact() != []
    desk.contact(wire.OrderProgress("count", told.number, "done"))
    second = desk.place(expires_at=int(desk.clock()) + 60)
    desk.contact()
    desk.clock.now += 61
    assert desk.contact() == []
    assert [desk.find(one).state for one in (first, second)] == ["done", "expired"]


def test_a_payload_stands_once_and_goes_when_nobody_needs_it(desk: Desk) -> None:
    others = [create_till(desk.engine, f"caixa{number}")[0] for number in (2, 3)]
    for till in (desk.till, *others):
        desk.place("7", till=till)
    assert _count(desk.engine, order_payload) == 1
    desk.clock.now += UNUSED_SECONDS + 1
    assert book.sweep(desk.engine, desk.clock()) == 0
    with writing(desk.engine) as connection:
        rows.withdraw(connection, KIND.name, [desk.till.id, *(till.id for till in others)], desk.clock())
    assert book.sweep(desk.engine, desk.clock()) == 1
    with pytest.raises(ValueError, match="by hash"):
        desk.place("x" * (wire.MAX_PAYLOAD + 1))


def test_an_order_of_a_kind_that_only_a_newer_version_knows_waits_for_it(desk: Desk) -> None:
    order_id = desk.place()
    plain = OrderBook(desk.engine, [synchronise_orders.KIND], KEY.sign, desk.clock)
    contact = wire.Contact("1", datetime.now(UTC), 0, 0, orders=[])
    assert plain.due(desk.till, contact).orders == []
    assert desk.find(order_id).state == "placed"
    assert len(desk.contact()) == 1


def test_an_older_agent_is_told_of_none_but_the_two_kinds_it_knows(desk: Desk) -> None:
    order_id = desk.place()
    told = desk.book.due(desk.till, wire.Contact("0.1", datetime.now(UTC), 0, 0, synchronised=0))
    assert (told.orders, told.synchronise, told.structure) == (None, 0, None)
    assert desk.find(order_id).state == "placed", "it hasn't heard of it"


def test_a_sign_of_life_that_says_nothing_new_writes_nothing(desk: Desk) -> None:
    desk.place()
    (told,) = desk.contact()
    said = wire.OrderProgress("count", told.number, "begun", 1, 3, "rows")
    desk.contact(said)
    heard: list[str] = []

    def hear(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        heard.append(statement.split(maxsplit=1)[0])

    event.listen(desk.engine, "before_cursor_execute", hear)
    desk.contact(said)
    event.remove(desk.engine, "before_cursor_execute", hear)
    assert set(heard) <= {"BEGIN", "SELECT"}
    assert heard.count("SELECT") <= 2


# ---- from the version before ----


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def older(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    """A store database as the version before left it."""
    url = f"sqlite:///{tmp_path / 'store.sqlite3'}" if request.param == "sqlite" else fresh_postgresql_url()
    engine = open_database(url)
    with writing(engine) as connection:
        configuration = Config()
        configuration.set_main_option("script_location", str(resources.files(migrations)))
        configuration.set_main_option("path_separator", "os")
        configuration.attributes["connection"] = connection
        command.upgrade(configuration, "0035")
    yield engine
    engine.dispose()
    if request.param == "postgresql":
        discard_postgresql(url)


def _synchronisation(till_id: int, asked_at: float, **values: Any) -> dict[str, Any]:
    blank = {"offered_at": None, "picked_up_at": None, "done_at": None, "result": None}
    counts = {"posted_before": 7, "retried": 1, "replayed": 2}
    return {"till_id": till_id, "number": 2**52, "asked_by": "ana", "asked_at": asked_at} | blank | counts | values


def _count(engine: Engine, table: Any) -> int:
    with reading(engine) as connection:
        return int(connection.execute(select(func.count()).select_from(table)).scalar_one())


def test_orders_under_way_go_on_in_the_book(older: Engine) -> None:
    till = {"label": "", "token_hash": b"", "created_at": 0.0}
    result = '{"sent":3,"pending":0,"waiting":{},"rejected":{},"at_till":0}'
    with writing(older) as connection:
        for number in (1, 2, 3):
            connection.execute(insert(tills).values(id=number, name=f"c{number}", name_key=f"c{number}", **till))
        old = [
            _synchronisation(1, NOW, done_at=NOW + 9, result=result),
            _synchronisation(1, NOW + 10, done_at=NOW + 11),
            _synchronisation(1, NOW + 11, offered_at=NOW + 12),
            _synchronisation(2, NOW, offered_at=NOW, picked_up_at=NOW + 1),
            _synchronisation(3, NOW),
        ]
        connection.execute(insert(sync_order), old)
    migrations.migrate(older)
    with reading(older) as connection:
        found = [rows.stored(row) for row in connection.execute(select(*rows.COLUMNS).order_by(till_order.c.id))]
    assert [one.state for one in found] == ["done", "replaced", "told", "obeyed", "placed"]
    assert [one.id for one in found] == [1, 2, 3, 4, 5]
    assert found[0].number < found[1].number < found[2].number < NOW * 1_000_000 + 10**8
    stored = synchronise_orders.find(older, 3)
    assert stored is not None
    assert (stored.noted.posted_before, stored.noted.replayed) == (7, 2)
    done = synchronise_orders.find(older, 1)
    assert done is not None
    assert done.counts.sent == 3
    desk = OrderBook(older, [synchronise_orders.KIND], KEY.sign, lambda: NOW + 20)
    first = Till(1, "c1", "", 0.0, None)
    (told,) = desk.due(first, wire.Contact("2", datetime.now(UTC), 0, 0, orders=[])).orders or []
    assert (told.kind, told.number, told.payload) == ("synchronise", found[2].number, "")
    assert desk.due(first, wire.Contact("1", datetime.now(UTC), 0, 0, synchronised=0)).synchronise == told.number
    # A new row gets a number of its own on both kinds of database.
    with writing(older) as connection:
        (new,) = book.place(connection, synchronise_orders.KIND, [Placing(3, note=found[4].note)], who="ana", now=NOW)
    assert new == 6


def test_what_a_server_of_the_version_before_orders_beside_this_one_is_taken_over_once(desk: Desk) -> None:
    values = _synchronisation(desk.till.id, desk.clock())
    with writing(desk.engine) as connection:
        connection.execute(insert(sync_order).values(values))
        connection.execute(insert(sync_order).values(values | {"asked_at": desk.clock() + 1}))
    assert take_over(desk.engine) == 1
    assert take_over(desk.engine) == 0
    (told,) = desk.contact()
    newest = synchronise_orders.newest(desk.engine, "caixa1")
    assert newest is not None
    assert (newest.order.number, newest.order.asked_at) == (told.number, desk.clock() + 1)
