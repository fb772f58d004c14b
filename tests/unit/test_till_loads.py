"""A load at the till: what is ordered is there whole and proven, or what was there stays; what differs is written."""

import hashlib
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from malote import wire
from malote.load_format.entity import Entity, EntityColumn
from malote.till.loads import loads_database
from malote.till.loads.carrying_over import carry_over
from malote.till.loads.loads_database import LoadsError
from malote.till.server_client import ServerError
from malote.till.storage import OutboxError
from tests.loads_support import PRICE, PRODUCT, SINCE, LoadedTill, price, prices, product


@pytest.fixture
def till(tmp_path: Path) -> Iterator[LoadedTill]:
    made = LoadedTill(tmp_path)
    with made.outbox:
        yield made


def test_a_load_is_there_whole_and_is_told(till: LoadedTill) -> None:
    assert till.held() == wire.LoadsHeld(0)
    till.depot.stage((PRODUCT, [product("1"), product("2", "Feijão", False)]), (PRICE, prices(2500)))
    order = till.depot.order_of(1)
    said = till.obey(order)
    assert (said.state, said.done, said.total, said.unit) == ("done", 2502, 2502, "rows")
    assert till.select("SELECT * FROM product ORDER BY code") == [("1", "Arroz", 1), ("2", "Feijão", 0)]
    assert till.select("SELECT COUNT(*), MIN(price) FROM price_now") == [(2500, "1.00")]
    entities = {name: wire.EntityHeld(1, state.sha256) for name, state in order.entities.items()}
    assert till.held() == wire.LoadsHeld(1, 1000, entities)
    assert till.select('SELECT entity, version, "rows" FROM _load') == [("price", 1, 2500), ("product", 1, 2)]
    assert list(till.incoming.iterdir()) == []


def test_only_what_changed_is_fetched_and_written(till: LoadedTill) -> None:
    till.depot.stage((PRODUCT, [product("1")]), (PRICE, prices(3000)))
    till.obey(till.depot.order_of(1))
    changed = [price("000007", "9.99"), *prices(3000)[8:], price("new", "1.00")]
    till.depot.stage((PRICE, changed))
    assert till.obey(till.depot.order_of(2)).state == "done"
    assert till.select("SELECT COUNT(*) FROM price") == [(2994,)]
    assert till.select("SELECT price FROM price WHERE product = '000007'") == [("9.99",)]
    assert till.select("SELECT changed FROM _applied ORDER BY id") == [(3001,), (1 + 7 + 1,)]
    assert len(till.depot.queries[1].held) == 2
    till.depot.fetched.clear()
    assert till.obey(till.depot.order_of(2)).state == "done"
    assert (till.depot.fetched, len(till.depot.queries)) == ([], 2), "what is there already isn't even asked for"


def test_all_rows_anew_mends_what_somebody_changed_by_hand(till: LoadedTill) -> None:
    till.depot.stage((PRICE, prices(1500)))
    till.obey(till.depot.order_of(1))
    (name,) = till.select("SELECT name FROM sqlite_master WHERE name GLOB '_rows_[0-9]'")[0]
    with closing(sqlite3.connect(till.path)) as connection, connection:
        connection.execute(f"UPDATE {name} SET price = '0.01' WHERE product = '000003'")
        connection.execute(
            f"INSERT INTO {name} SELECT 'x', valid_from, valid_until, price, 3, _hash FROM {name} LIMIT 1"
        )
        connection.execute(f"DELETE FROM {name} WHERE product = '000004'")
    assert till.obey(till.depot.order_of(1, anew=True)).state == "done"
    assert till.select("SELECT COUNT(*), SUM(price = '1.00') FROM price") == [(1500, 1500)]
    assert till.select("SELECT changed FROM _applied ORDER BY id DESC LIMIT 1") == [(3,)]


def test_an_entity_that_is_declared_otherwise_gets_a_new_table(till: LoadedTill) -> None:
    till.depot.stage((PRODUCT, [product("1"), product("2")]))
    till.obey(till.depot.order_of(1))
    wider = Entity("product", ("code", "unit"), (*PRODUCT.columns, EntityColumn("unit")))
    till.depot.stage((wider, [("1", "Arroz", True, "UN"), ("1", "Arroz", True, "CX")]))
    assert till.obey(till.depot.order_of(2)).state == "done"
    assert till.select("SELECT code, unit FROM product ORDER BY unit") == [("1", "CX"), ("1", "UN")]


# ---- dated rows ----

HOUR = 3600


def _at(seconds: int) -> str:
    return datetime.fromtimestamp(time.time() + seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def test_what_is_valid_now_is_seen_without_a_contact(till: LoadedTill) -> None:
    rows = [
        price("1", "1.00"),
        price("1", "2.00", _at(-HOUR)),
        price("1", "3.00", _at(HOUR)),
        price("2", "1.00", _at(-2 * HOUR), _at(-HOUR)),
        price("3", "1.00"),
        price("3", "0.50", _at(-2 * HOUR), _at(-HOUR)),  # an offer that is over
    ]
    till.depot.stage((PRICE, rows))
    till.obey(till.depot.order_of(1))
    assert till.select("SELECT product, price FROM price_now ORDER BY product") == [("1", "2.00"), ("3", "1.00")]


def test_a_day_is_valid_to_its_end(till: LoadedTill) -> None:
    offer = Entity(
        "offer",
        ("code",),
        (EntityColumn("code"), EntityColumn("valid_from", "date"), EntityColumn("valid_until", "date")),
    )
    today = datetime.now().astimezone().date().isoformat()
    till.depot.stage(
        (offer, [("1", today, today), ("2", None, None), ("3", "2999-01-01", None), ("4", None, "2020-01-01")])
    )
    till.obey(till.depot.order_of(1))
    # Whoever runs this at midnight sees one less.
    assert {"2"} <= {code for (code,) in till.select("SELECT code FROM offer_now")} <= {"1", "2"}


# ---- chosen items ----


def test_chosen_items_are_set_while_their_entity_stays(till: LoadedTill) -> None:
    till.depot.stage((PRICE, prices(10)))
    till.depot.stage((PRICE, [price("000001", "5.00"), *prices(10)[2:]]))
    till.depot.stage((PRICE, [price("000001", "5.00"), price("000002", "6.00"), *prices(10)[3:]]))
    till.obey(till.depot.order_of(1))
    keys = [("000001", SINCE), ("000000", SINCE)]
    assert till.obey(till.depot.items(2, "price", *keys)).state == "done"
    assert till.select("SELECT product, price FROM price ORDER BY product LIMIT 2") == [
        ("000001", "5.00"),
        ("000002", "1.00"),
    ]
    assert till.held().entities["price"].version == 1
    assert till.obey(till.depot.order_of(3)).state == "done"
    assert till.select("SELECT price FROM price WHERE product = '000002'") == [("6.00",)]
    assert [query.held["price"].version for query in till.depot.queries[1:]] == [1, 1]


def test_back_at_the_version_of_before_its_items_it_is_proven_again(till: LoadedTill) -> None:
    till.depot.stage((PRICE, prices(10)))
    till.depot.stage((PRICE, [price("000001", "5.00"), *prices(10)[2:]]))
    till.obey(till.depot.order_of(1))
    till.obey(till.depot.items(2, "price", ("000001", SINCE)))
    assert till.obey(till.depot.order_of(1)).state == "done"
    assert till.select("SELECT COUNT(*), SUM(price = '1.00') FROM price") == [(10, 10)]


# ---- an order that is broken off, or overtaken ----


def test_a_line_that_breaks_is_gone_on_with_where_it_broke(till: LoadedTill) -> None:
    rows = [
        product(f"{number}", hashlib.sha256(bytes([number % 256, number // 256])).hexdigest()) for number in range(4000)
    ]
    till.depot.stage((PRODUCT, rows))
    till.server.broken_after = 2
    till.take(till.depot.order_of(1))
    with pytest.raises(ServerError):
        till.go_on()
    till.begin()
    assert till.go_on().state == "done"
    assert [offset for _, offset in till.depot.fetched] == [0, 2 << 16]


def test_a_newer_order_takes_over_in_the_middle_of_an_application(till: LoadedTill) -> None:
    till.depot.stage((PRICE, prices(5000)))
    till.depot.stage((PRICE, prices(5000, "2.00")), (PRODUCT, [product("1")]))
    till.take(till.depot.order_of(1))
    while till.orders.said()[-1].unit != "rows":
        till.orders.step()
    till.orders.step()
    assert till.obey(till.depot.order_of(2)).state == "done"
    assert till.select("SELECT COUNT(*), SUM(price = '2.00') FROM price") == [(5000, 5000)]
    assert till.select("SELECT version FROM _applied") == [(2,)]


def test_sales_and_readers_go_on_while_it_is_applied(till: LoadedTill) -> None:
    till.depot.stage((PRICE, prices(3000)))
    till.obey(till.depot.order_of(1))
    till.depot.stage((PRICE, prices(3000, "2.00")))
    with closing(sqlite3.connect(till.path, isolation_level=None)) as pos:
        pos.execute("BEGIN")
        assert pos.execute("SELECT SUM(price = '1.00') FROM price").fetchone() == (3000,)
        assert till.obey(till.depot.order_of(2)).state == "done"
        assert pos.execute("SELECT SUM(price = '1.00') FROM price").fetchone() == (3000,), "all of one moment"
        pos.execute("COMMIT")
        assert pos.execute("SELECT SUM(price = '2.00') FROM price").fetchone() == (3000,)


def test_a_file_that_the_pos_locks_is_waited_for_however_long(till: LoadedTill) -> None:
    till.depot.stage((PRICE, prices(10)))
    till.obey(till.depot.order_of(1))
    till.depot.stage((PRICE, prices(10, "2.00")))
    till.take(till.depot.order_of(2))
    with closing(sqlite3.connect(till.path, isolation_level=None)) as pos:
        pos.execute("BEGIN IMMEDIATE")
        for _ in range(4):  # more often than an order may break off
            with pytest.raises(OutboxError, match="loads_away"):
                till.go_on()
        pos.execute("ROLLBACK")
    assert till.go_on().state == "done"


@pytest.mark.parametrize("name", ["select", "table", "order", "index", "group", "price_now", "rowid"])
def test_names_that_mean_something_to_sql_are_names(till: LoadedTill, name: str) -> None:
    entity = Entity(
        name,
        ("from",),
        (
            EntityColumn("from"),
            EntityColumn("where", "integer"),
            EntityColumn("rowid"),
            EntityColumn("valid_until", "instant"),
        ),
    )
    till.depot.stage((entity, [("1", 2**63 - 1, "x", None)]), (PRICE, prices(1)))
    assert till.obey(till.depot.order_of(1)).state == "done"
    assert till.select(f'SELECT * FROM "{name}"') == [("1", 2**63 - 1, "x", None)]
    till.depot.stage((entity, [("1", 5, "x", None)]))
    assert till.obey(till.depot.order_of(2)).state == "done"
    assert till.select(f'SELECT "where" FROM "{name}"') == [(5,)]


def test_a_version_that_goes_back_is_the_servers_word(till: LoadedTill) -> None:
    """A server that was set up from an old copy: it signs, its order is new, and its digest says what is right."""
    till.depot.stage((PRICE, prices(3)))
    till.depot.stage((PRICE, prices(3, "2.00")))
    till.obey(till.depot.order_of(2))
    assert till.obey(till.depot.order_of(1)).state == "done"
    assert till.select("SELECT SUM(price = '1.00') FROM price") == [(3,)]


def test_an_entity_of_which_no_view_can_be_made_fails_its_order_alone(till: LoadedTill) -> None:
    named = msgspec.structs.replace(PRICE, name="sqlite_price")
    till.depot.stage((named, prices(2)))
    told = till.obey(till.depot.order_of(1))
    assert (told.state, told.code) == ("failed", "load_order_unreadable")


# ---- damage ----


def test_of_a_damaged_database_what_is_proven_goes_on_and_the_rest_has_views(till: LoadedTill) -> None:
    till.depot.stage((PRICE, prices(3000)), (PRODUCT, [product(str(code)) for code in range(3000)]))
    till.obey(till.depot.order_of(1))
    content = till.path.read_bytes()
    pages = [content[start : start + 4096] for start in range(0, len(content), 4096)]
    till.path.write_bytes(b"".join(b"x" * 4096 if b"001500" in one else one for one in pages))
    with pytest.raises(LoadsError, match="loads_damaged"):
        loads_database.check(till.path)
    aside = loads_database.set_aside(till.path, till.now)
    assert carry_over(aside, till.path) == ["product"]
    assert till.select("SELECT COUNT(*) FROM product") == [(3000,)]
    assert till.select("SELECT COUNT(*) FROM price_now") == [(0,)]
    assert list(till.held().entities) == ["product"]
    assert (till.held().version, till.held().applied_at) == (1, int(till.now)), "it is not without a load"
    assert till.obey(till.depot.order_of(1)).state == "done"
    assert till.select("SELECT COUNT(*) FROM price") == [(3000,)]


def test_a_damaged_database_is_made_anew_by_a_full_load(till: LoadedTill) -> None:
    till.depot.stage((PRICE, prices(3000)))
    till.obey(till.depot.order_of(1))
    till.depot.stage((PRICE, prices(3000, "2.00")))
    till.path.write_bytes(b"no database" * 1000)
    assert till.held() == wire.LoadsHeld(0)
    assert till.obey(till.depot.order_of(2)).state == "done"
    assert till.select("SELECT SUM(price = '2.00') FROM price") == [(3000,)]
    (aside,) = till.path.parent.glob("loads.sqlite3.damaged-*")
    told = [(one.problem.code, one.problem.facts) for one in till.ears.heard if one.about == "happened"]
    assert told == [("loads_damaged", {"path": str(aside)})], "where it is now"


def test_what_sqlite_refuses_for_a_reason_that_nobody_thought_of_fails_the_order_alone(till: LoadedTill) -> None:
    till.depot.stage((PRICE, prices(3)))
    till.obey(till.depot.order_of(1))
    with closing(sqlite3.connect(till.path)) as other:
        (table,) = other.execute(
            "SELECT name FROM sqlite_master WHERE name GLOB '_rows_*' AND type = 'table'"
        ).fetchone()
        other.execute(f"CREATE TRIGGER odd BEFORE INSERT ON {table} BEGIN SELECT no_function(); END")
    till.depot.stage((PRICE, prices(3, "2.00")))
    said = till.obey(till.depot.order_of(2))
    assert (said.state, said.code) == ("failed", "loads_unusable")
    assert "no_function" in said.facts["detail"]
    assert till.select("SELECT SUM(price = '1.00') FROM price_now") == [(3,)]


@pytest.mark.parametrize("version", [0, 1, 7])
def test_a_sound_database_of_something_else_is_set_aside_as_a_damaged_one(till: LoadedTill, version: int) -> None:
    till.depot.stage((PRICE, prices(3)))
    with closing(sqlite3.connect(till.path)) as other:
        other.executescript(f"CREATE TABLE price (product); PRAGMA user_version = {version}")
    assert till.held() == wire.LoadsHeld(0)
    assert till.obey(till.depot.order_of(1)).state == "done"
    assert till.select("SELECT SUM(price = '1.00') FROM price_now") == [(3,)]
    assert till.ears.codes("happened") == ["loads_damaged"]
    till.path.unlink()
    with closing(sqlite3.connect(till.path)) as other:
        other.executescript(f"CREATE TABLE price (product); PRAGMA user_version = {version}")
    with pytest.raises(LoadsError, match="loads_damaged"):
        loads_database.check(till.path)
