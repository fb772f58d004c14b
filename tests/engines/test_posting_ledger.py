"""The ledger is compared with what this server remembers: an older, emptied or other one stops posting, and is told."""

import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import select

from malote.accounts.audit import Actor
from malote.database.engine import reading
from malote.database.erp_tables import erp_difference
from malote.database.tables import document
from malote.erp.protocol import Erp
from malote.findings.store_wide import STORE_WIDE
from malote.posting.ledger import LOOK_SECONDS, LedgerGuard, accept
from malote.posting.poster import Poster
from malote.reconciliation import erp_memory
from tests.engines.erp_support import Tables
from tests.engines.posting_support import Shop, open_shop
from tests.engines.sales import cancellation, sale
from tests.engines.spool_support import Clock

pytest_plugins = ["tests.engines.erp_fixtures"]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def shop(tmp_path: Path, erp_url: str, tables: Tables, clock: Clock) -> Iterator[Shop]:
    with open_shop(tmp_path, erp_url, clock) as opened:
        yield opened


def guarded(shop: Shop, clock: Clock) -> Poster:
    return shop.poster(guard=LedgerGuard(shop.engine, clock))


def test_bookings_that_vanish_stop_posting_until_a_person_says_why(shop: Shop, tables: Tables, clock: Clock) -> None:
    poster = guarded(shop, clock)
    shop.accept(*(sale(n) for n in range(1, 8)), cancellation(sale(2)))
    poster.drain()
    assert shop.counted() == {"posted": 8}
    gone = [sale(n) for n in range(4, 8)]
    for one in gone:
        tables.run(*(f"DELETE FROM {name} WHERE {key} = '{one.access_key}'" for name, key in LEDGER_AND_SALE))
    clock.now += LOOK_SECONDS
    shop.accept(sale(9))
    poster.step()
    assert shop.counted() == {"posted": 8, "waiting": 1}
    [reason] = [one.reason for one in shop.documents() if one.reason]
    assert reason.code == "erp_ledger_short"
    value = sum(one.totals.total for one in gone)
    assert reason.facts["missing"] == "4"
    assert reason.facts["value"] == f"R$ {value // 100},{value % 100:02d}"
    assert missing_now(shop) == [one.access_key for one in gone]
    trouble = accept(shop.engine, Actor("ana"), "banco de teste refeito", clock.now)
    assert trouble == (4, value)
    clock.now += 2 * LOOK_SECONDS
    poster.drain()
    poster.close()
    assert shop.counted() == {"posted": 9}
    assert accept(shop.engine, Actor("ana"), "de novo", clock.now) is None
    # Accepted isn't booked: whoever books again what is gone must still find it.
    assert missing_now(shop) == []
    assert missing_now(shop, accepted=True) == [one.access_key for one in gone]


def test_it_is_noticed_when_nothing_is_sold(shop: Shop, tables: Tables, clock: Clock) -> None:
    guard = LedgerGuard(shop.engine, clock)
    poster = shop.poster(guard=guard)
    shop.accept(sale(1), sale(2))
    poster.drain()
    tables.run("DELETE FROM posting_key")
    clock.now += LOOK_SECONDS
    with closing(shop.erp()) as erp:
        guard.look(erp)
    found = erp_memory.recall(shop.engine).trouble
    assert found is not None
    assert (found.missing, found.total) == (2, sale(1).totals.total + sale(2).totals.total)
    poster.close()


def test_a_database_without_a_ledger_rejects_no_sale_and_is_told_when_nothing_is_sold(
    shop: Shop, tables: Tables, clock: Clock
) -> None:
    guard = LedgerGuard(shop.engine, clock)
    poster = shop.poster(guard=guard)
    shop.accept(sale(1))
    poster.drain()
    tables.run("ALTER TABLE posting_key RENAME TO aside")
    clock.now += LOOK_SECONDS
    with closing(shop.erp()) as erp:
        hindrance = guard.look(erp)
    assert hindrance is not None
    assert hindrance.code == "erp_ledger_gone"
    assert hindrance.code in STORE_WIDE
    assert hindrance.facts["detail"].endswith("posting_key")
    clock.now += LOOK_SECONDS
    shop.accept(sale(2))
    poster.step()
    assert shop.counted() == {"posted": 1, "waiting": 1}
    tables.run("ALTER TABLE aside RENAME TO posting_key")
    clock.now += 2 * LOOK_SECONDS
    poster.drain()
    poster.close()
    assert shop.counted() == {"posted": 2}


def test_a_ledger_that_is_gone_is_not_called_altered_until_a_look_is_due(
    shop: Shop, tables: Tables, clock: Clock
) -> None:
    with closing(guarded(shop, clock)) as poster:
        shop.accept(sale(1))
        poster.drain()
        tables.run("ALTER TABLE posting_key RENAME TO aside")
        for number in (2, 4):
            shop.accept(sale(number), sale(number + 1))
            poster.step()
        assert {one.reason.code for one in shop.documents() if one.reason} == {"erp_ledger_harmed", "erp_ledger_gone"}


def test_a_column_that_the_sales_lack_is_named_and_no_matter_of_the_ledger(
    shop: Shop, tables: Tables, clock: Clock
) -> None:
    poster = guarded(shop, clock)
    shop.accept(sale(1))
    poster.drain()
    tables.run("ALTER TABLE sale RENAME COLUMN freight TO aside")
    for number in (2, 3):
        clock.now += LOOK_SECONDS
        shop.accept(sale(number))
        poster.step()
    assert shop.counted() == {"posted": 1, "rejected": 2}
    assert set(shop.reasons()) == {"structure_outdated"}
    # Where the ledger lacks something as well, that comes first.
    tables.run("DELETE FROM posting_key")
    clock.now += LOOK_SECONDS
    shop.accept(sale(4))
    poster.step()
    assert shop.counted() == {"posted": 1, "rejected": 2, "waiting": 1}
    poster.close()


def test_what_comes_back_by_itself_lets_posting_go_on(shop: Shop, tables: Tables, clock: Clock) -> None:
    poster = guarded(shop, clock)
    shop.accept(sale(1))
    poster.drain()
    tables.run("CREATE TABLE aside AS SELECT * FROM posting_key", "DELETE FROM posting_key")
    clock.now += LOOK_SECONDS
    shop.accept(sale(2))
    poster.step()
    assert shop.counted() == {"posted": 1, "waiting": 1}
    tables.run("INSERT INTO posting_key SELECT * FROM aside")
    clock.now += 2 * LOOK_SECONDS
    poster.drain()
    poster.close()
    assert shop.counted() == {"posted": 2}
    assert erp_memory.recall(shop.engine).trouble is None


def test_an_older_copy_in_its_place_is_noticed_before_anything_is_booked_into_it(tmp_path: Path, clock: Clock) -> None:
    file = tmp_path / "erp.sqlite3"
    with open_shop(tmp_path, f"sqlite:///{file}", clock) as shop:
        first = guarded(shop, clock)
        shop.accept(sale(1), sale(2), sale(3))
        first.drain()
        first.close()
        shutil.copy(file, tmp_path / "copy.sqlite3")
        second = guarded(shop, clock)
        shop.accept(*(sale(n) for n in range(4, 8)))
        second.drain()
        second.close()
        for left in tmp_path.glob("erp.sqlite3*"):
            left.unlink()
        shutil.copy(tmp_path / "copy.sqlite3", file)
        third = guarded(shop, clock)
        shop.accept(sale(8))
        third.step()
        third.close()
        assert shop.counted() == {"posted": 7, "waiting": 1}
        assert missing_now(shop) == [sale(n).access_key for n in range(4, 8)]


@pytest.mark.skipif(os.name == "nt", reason="no file that is open can be replaced there")
@pytest.mark.parametrize("how", ["replaced", "taken away"])
def test_another_file_in_the_place_of_the_open_one_is_noticed_by_the_next_batch(
    tmp_path: Path, clock: Clock, how: str
) -> None:
    file = tmp_path / "erp.sqlite3"
    with open_shop(tmp_path, f"sqlite:///{file}", clock) as shop, closing(guarded(shop, clock)) as poster:
        shop.accept(sale(1), sale(2), sale(3))
        poster.drain()
        with closing(sqlite3.connect(file)) as one, closing(sqlite3.connect(tmp_path / "older.sqlite3")) as other:
            one.backup(other)
            other.execute("PRAGMA journal_mode = DELETE")
        shop.accept(*(sale(n) for n in range(4, 8)))
        poster.drain()
        if how == "replaced":
            (tmp_path / "older.sqlite3").replace(file)
        else:
            file.unlink()
        shop.accept(sale(8))
        poster.step()
        assert shop.counted() == {"posted": 7, "waiting": 1}
        clock.now += LOOK_SECONDS
        poster.step()
        first = 4 if how == "replaced" else 1
        assert missing_now(shop) == [sale(n).access_key for n in range(first, 8)]
        with closing(sqlite3.connect(file)) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            assert connection.execute("SELECT count(*) FROM sale").fetchone() == (first - 1,)


def test_a_look_costs_a_bounded_number_of_questions(shop: Shop, tables: Tables, clock: Clock) -> None:
    """Per connection, and then once in a while; not once per batch."""
    looks: list[int] = []
    guard = LedgerGuard(shop.engine, clock)
    poster = shop.poster(erp=lambda: watched(shop.erp(), looks), guard=guard)
    for number in range(1, 6):
        shop.accept(sale(number))
        poster.step()
    # The first batch opens the connection, and the second meets it for the first time.
    assert len(looks) <= 2
    clock.now += LOOK_SECONDS
    shop.accept(sale(6))
    poster.step()
    poster.close()
    assert len(looks) <= 3


def watched(erp: Erp, looks: list[int]) -> Erp:
    ask: Callable[..., dict[str, bytes]] = erp.ledger

    def ledger(identities: list[str]) -> dict[str, bytes]:
        looks.append(len(identities))
        return ask(identities)

    erp.ledger = ledger  # type: ignore[method-assign, assignment]
    return erp


def missing_now(shop: Shop, *, accepted: bool = False) -> list[str]:
    """By what stands in the store database, in order of arrival."""
    query = select(document.c.access_key).join_from(erp_difference, document).order_by(document.c.id)
    with reading(shop.engine) as connection:
        return list(connection.scalars(query if accepted else query.where(erp_difference.c.accepted_at.is_(None))))


LEDGER_AND_SALE = (("posting_key", "identity"), ("sale", "access_key"))


def test_the_first_batch_after_another_erp_took_its_place_is_not_booked(
    shop: Shop, tables: Tables, clock: Clock
) -> None:
    """Before the next look is due, over the same connection: by the poster that booked last, and by one that looked."""
    poster, other = guarded(shop, clock), guarded(shop, clock)
    shop.accept(*(sale(n) for n in range(1, 6)))
    poster.drain()
    other.drain()
    for one in (other, poster):
        shop.accept(sale(50 if one is other else 60))
        for name, _ in LEDGER_AND_SALE:
            tables.run(f"CREATE TABLE kept_{name} AS SELECT * FROM {name}", f"DELETE FROM {name}")
        one.step()
        assert tables.counts()["sale"] == 0
        assert "waiting" in shop.counted()
        for name, _ in LEDGER_AND_SALE:
            back = f"INSERT INTO {name} SELECT * FROM kept_{name}"
            tables.run(f"DELETE FROM {name}", back, f"DROP TABLE kept_{name}")
        clock.now += 3 * LOOK_SECONDS
        one.drain()
        assert "waiting" not in shop.counted(), "it is the right one again"
    assert shop.counted() == {"posted": 7}
    poster.close()
    other.close()
