"""A running till finds by itself what became of its loads database, and gets anew what isn't what was proven."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from malote.disk import DISK
from malote.load_format.digest import BUCKETS
from malote.till.loads import digest_walk
from malote.till.loads.digest_walk import STEP_SECONDS, DigestWalk
from malote.till.loads.loads_database import LoadsDamagedError
from malote.till.loads.loads_upkeep import LoadsUpkeep
from tests.loads_support import PRICE, PRODUCT, LoadedTill, PassingClock, prices, product
from tests.unit.till_support import till_settings

STEPS = 8


@pytest.fixture
def till(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LoadedTill:
    monkeypatch.setattr(digest_walk, "_STEPS", STEPS)
    made = LoadedTill(tmp_path)
    made.depot.stage((PRICE, prices(600)), (PRODUCT, [product(str(code)) for code in range(600)]))
    made.obey(made.depot.order_of(1))
    return made


def walked(till: LoadedTill) -> list[str]:
    walk = DigestWalk(till.path)
    return [name for _ in range(STEPS + 1) for name in walk.step()]


def altered(till: LoadedTill, statement: str) -> None:
    with closing(sqlite3.connect(till.path, isolation_level=None)) as connection:
        connection.execute(statement.format(price="_rows_1"))


ALTERED = [
    "UPDATE {price} SET price = '0.10' WHERE product = '000444'",
    "UPDATE {price} SET _hash = x'00' WHERE product = '000444'",
    "UPDATE {price} SET product = '900444' WHERE product = '000444'",
    "DELETE FROM {price} WHERE product = '000444'",
    "UPDATE _bucket SET hash = x'00' WHERE entity = 'price' AND number = (SELECT max(_bucket) FROM {price})",
]


@pytest.mark.parametrize("statement", ALTERED)
def test_what_is_not_what_was_proven_is_found_and_comes_anew(till: LoadedTill, statement: str) -> None:
    assert walked(till) == []
    altered(till, statement)
    assert walked(till) == ["price"]
    assert walked(till) == [], "it is told once"
    held = till.held().entities
    assert (held["price"].version, held["product"].version) == (0, 1)
    assert till.select("SELECT COUNT(*) FROM product_now") == [(600,)]
    assert till.obey(till.depot.order_of(1)).state == "done"
    assert till.select("SELECT COUNT(*), SUM(price = '1.00') FROM price_now") == [(600, 600)]
    assert (walked(till), till.held().entities["price"].version) == ([], 1)


def test_a_walk_goes_through_all_of_it_in_its_steps_and_begins_again(till: LoadedTill) -> None:
    walk = DigestWalk(till.path)
    for _ in range(2):
        places = []
        for _ in range(STEPS):
            walk.step()
            places.append((walk._name, walk._bucket))
        assert places[STEPS // 2 - 1] == ("price", BUCKETS)
        assert places[-1] == ("product", BUCKETS)
        walk.step()


def _go_through(upkeep: LoadsUpkeep, clock: PassingClock) -> None:
    for _ in range(STEPS + 1):
        clock.passed += STEP_SECONDS
        upkeep.look_through()


@pytest.mark.parametrize("whole_page", [True, False])
def test_a_page_that_cannot_be_read_is_found_while_the_till_runs(till: LoadedTill, whole_page: bool) -> None:
    clock = PassingClock()
    upkeep = LoadsUpkeep(till.outbox.path, till_settings(till.path.parent), till.ears.voice, clock, DISK)
    upkeep.check()
    content = till.path.read_bytes()
    if whole_page:
        pages = [content[start : start + 4096] for start in range(0, len(content), 4096)]
        till.path.write_bytes(b"".join(b"x" * 4096 if b"000444" in one else one for one in pages))
    else:  # a text that is none any more
        till.path.write_bytes(content.replace(b"Arroz", b"Arro\xff", 1))
    with pytest.raises(LoadsDamagedError) as raised:
        _go_through(upkeep, clock)
    upkeep.make_anew(raised.value)
    assert till.ears.codes("happened") == ["loads_damaged"]
    assert list(till.held().entities) == ["product" if whole_page else "price"], "what is proven goes on"
    assert till.obey(till.depot.order_of(1)).state == "done"
    assert till.select("SELECT (SELECT COUNT(*) FROM price_now), (SELECT COUNT(*) FROM product_now)") == [(600, 600)]
