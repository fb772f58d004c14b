"""What the ERP lost is booked again: exactly that, exactly once, in order, and posting goes on by itself."""

import shutil
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import update

from malote.accounts import audit
from malote.accounts.audit import Actor
from malote.books.rebooking import RebookingPlan, plan, plan_known, rebook
from malote.books.reconciling import Books, ReconcileQuery, reconcile
from malote.business_day import BusinessCalendar
from malote.database.engine import writing
from malote.database.tables import pouch
from malote.posting.ledger import LOOK_SECONDS, LedgerGuard, accept
from malote.posting.poster import Poster
from malote.register import till_documents
from tests.engines.erp_support import Tables
from tests.engines.posting_support import Shop, open_shop
from tests.engines.sales import cancellation, sale
from tests.engines.spool_support import Clock

pytest_plugins = ["tests.engines.erp_fixtures"]

ANA = Actor("ana")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def shop(tmp_path: Path, erp_url: str, tables: Tables, clock: Clock) -> Iterator[Shop]:
    with open_shop(tmp_path, erp_url, clock) as opened:
        yield opened


def guarded(shop: Shop, clock: Clock) -> Poster:
    return shop.poster(guard=LedgerGuard(shop.engine, clock))


def planned(shop: Shop, query: ReconcileQuery | None = None, *, accepted: bool = False) -> RebookingPlan:
    with closing(shop.erp()) as erp:
        return plan(
            Books(shop.engine, erp, BusinessCalendar()), query or ReconcileQuery(), shop.clock(), accepted=accepted
        )


def differences(shop: Shop) -> list[str]:
    with closing(shop.erp()) as erp:
        report = reconcile(Books(shop.engine, erp, BusinessCalendar()), ReconcileQuery(), shop.clock())
    return [one.access_key for one in report.differences]


def lose(tables: Tables, *numbers: int) -> None:
    """As an older copy of the database lacks them: without a trace, but for the stock."""
    for number in numbers:
        key = sale(number).access_key
        tables.run(
            f"DELETE FROM posting_key WHERE identity LIKE '%{key}%'",
            *(f"DELETE FROM {name} WHERE access_key = '{key}'" for name in ("sale", "sale_item", "payment")),
            f"DELETE FROM cancellation WHERE access_key = '{key}'",
        )


def test_exactly_the_missing_ones_are_booked_again_and_posting_resumes(
    shop: Shop, tables: Tables, clock: Clock
) -> None:
    poster = guarded(shop, clock)
    shop.accept(*(sale(n) for n in range(1, 8)), cancellation(sale(6)))
    poster.drain()
    before = tables.counts()
    lose(tables, 4, 5, 6, 7)
    clock.now += LOOK_SECONDS
    shop.accept(sale(9))
    poster.step()
    assert shop.counted() == {"posted": 8, "waiting": 1}
    [status] = till_documents.status(shop.spool.engine, now=shop.spool.clock())
    value = sum(sale(n).totals.total for n in (4, 5, 6, 7))
    assert (status.outside, status.outside_total) == (5, value)
    found = planned(shop)
    assert [one.access_key for one in found.missing] == [sale(n).access_key for n in (4, 5, 6, 7, 6)]
    assert (found.total, found.pruned, found.accepted) == (value, [], [])
    assert shop.counted() == {"posted": 8, "waiting": 1}  # a plan changes nothing
    assert rebook(shop.engine, found, ANA, clock.now, "ERP restaurado") == 5
    assert shop.counted() == {"posted": 3, "accepted": 5, "waiting": 1}
    clock.now += LOOK_SECONDS
    poster.drain()
    poster.close()
    assert shop.counted() == {"posted": 9}
    assert {**tables.counts(), "posting_key": 0, "stock": 0} == {
        **before,
        "posting_key": 0,
        "stock": 0,
        "sale": 8,
        "sale_item": before["sale_item"] // 7 * 8,
        "payment": before["payment"] // 7 * 8,
    }
    assert tables.cancelled() == [sale(6).access_key]
    assert differences(shop) == []
    assert till_documents.status(shop.spool.engine, now=shop.spool.clock())[0].outside == 0
    [entry] = audit.entries(shop.engine, action="sales_booked_again")
    assert (entry.actor, entry.reason, entry.after["total_cents"]) == ("ana", "ERP restaurado", value)
    assert len(entry.after["documents"]) == 5


def test_ordering_twice_books_once(shop: Shop, tables: Tables, clock: Clock) -> None:
    poster = guarded(shop, clock)
    shop.accept(sale(1), sale(2))
    poster.drain()
    lose(tables, 2)
    first, second = planned(shop), planned(shop)
    assert rebook(shop.engine, first, ANA, clock.now) == 1
    assert rebook(shop.engine, second, ANA, clock.now) == 0
    clock.now += LOOK_SECONDS
    poster.drain()
    poster.close()
    # Proven by a plan that is old by now: the ledger's key decides, and nothing is doubled.
    counts, stock = tables.counts(), tables.stock()
    assert rebook(shop.engine, second, ANA, clock.now) == 1
    with closing(shop.poster()) as again:
        again.drain()
    assert shop.counted() == {"posted": 2}
    assert tables.counts() == counts
    assert tables.stock() == stock


@pytest.mark.parametrize("died", ["leased", "booked"])
def test_a_poster_that_dies_meanwhile_doubles_nothing(shop: Shop, tables: Tables, clock: Clock, died: str) -> None:
    poster = guarded(shop, clock)
    shop.accept(*(sale(n) for n in range(1, 5)))
    poster.drain()
    counts, stock = tables.counts(), tables.stock()
    tables.run(f"DELETE FROM sale WHERE access_key = '{sale(3).access_key}'")
    assert rebook(shop.engine, planned(shop), ANA, clock.now) == 1
    leased = shop.spool.lease("dies", 100, 60)
    assert [one.again for one in leased] == [True]
    if died == "booked":
        from malote.posting.poster import _posting
        from malote.spool.mapped_codes import MappedCodes

        with closing(shop.erp()) as erp:
            erp.post([_posting(one, MappedCodes()) for one in leased])
    clock.now += 61
    poster.drain()
    poster.close()
    assert shop.counted() == {"posted": 4}
    assert tables.counts() == counts
    assert tables.stock() == stock
    assert differences(shop) == []


def test_what_was_pruned_is_named_and_left(shop: Shop, tables: Tables, clock: Clock) -> None:
    with closing(shop.poster()) as poster:
        shop.accept(sale(1), sale(2))
        poster.drain()
    lose(tables, 1, 2)
    with writing(shop.engine) as connection:
        connection.execute(update(pouch).values(pruned_at=1.0, body=None, extracted=None))
    found = planned(shop)
    assert found.missing == []
    assert [(one.access_key, one.total) for one in found.pruned] == [
        (sale(n).access_key, sale(n).totals.total) for n in (1, 2)
    ]
    assert rebook(shop.engine, found, ANA, clock.now) == 0
    assert shop.counted() == {"posted": 2}


def test_what_was_accepted_is_booked_again_only_when_it_is_asked_for(shop: Shop, tables: Tables, clock: Clock) -> None:
    with closing(guarded(shop, clock)) as poster:
        shop.accept(sale(1), sale(2))
        poster.drain()
        lose(tables, 2)
        assert len(planned(shop).missing) == 1
        accept(shop.engine, ANA, "de propósito", clock.now)
        left = planned(shop)
        assert (left.missing, [one.access_key for one in left.accepted]) == ([], [sale(2).access_key])
        assert rebook(shop.engine, planned(shop, accepted=True), ANA, clock.now) == 1
        clock.now += LOOK_SECONDS
        poster.drain()
    assert differences(shop) == []


def test_a_button_orders_what_it_showed_as_far_as_it_is_missing_still(shop: Shop, tables: Tables, clock: Clock) -> None:
    with closing(guarded(shop, clock)) as poster:
        shop.accept(sale(1), sale(2), sale(3))
        poster.drain()
        lose(tables, 2, 3)
        assert len(differences(shop)) == 2
        erp = shop.erp()
        with closing(erp):
            known = plan_known(Books(shop.engine, erp, BusinessCalendar()), clock.now)
        assert [one.access_key for one in known.missing] == [sale(n).access_key for n in (2, 3)]
        assert rebook(shop.engine, known, ANA, clock.now) == 2
        clock.now += LOOK_SECONDS
        poster.drain()
    assert tables.counts()["sale"] == 3


def test_an_older_copy_put_in_place_of_the_erp_ends_with_every_sale_in_it_once(tmp_path: Path, clock: Clock) -> None:
    file = tmp_path / "erp.sqlite3"
    with open_shop(tmp_path, f"sqlite:///{file}", clock) as shop:
        with closing(guarded(shop, clock)) as first:
            shop.accept(sale(1), sale(2), sale(3))
            first.drain()
        shutil.copy(file, tmp_path / "copy.sqlite3")
        with closing(guarded(shop, clock)) as second:
            shop.accept(*(sale(n) for n in range(4, 8)), cancellation(sale(1)))
            second.drain()
            whole, stock = Tables(shop.erp_url).counts(), Tables(shop.erp_url).stock()
        for left in tmp_path.glob("erp.sqlite3*"):
            left.unlink()
        shutil.copy(tmp_path / "copy.sqlite3", file)
        with closing(guarded(shop, clock)) as third:
            assert third.drain() == 0
            found = planned(shop)
            assert len(found.missing) == 5
            assert rebook(shop.engine, found, ANA, clock.now) == 5
            third.drain()
        assert shop.counted() == {"posted": 8}
        assert Tables(shop.erp_url).counts() == whole
        assert Tables(shop.erp_url).stock() == stock
        assert Tables(shop.erp_url).cancelled() == [sale(1).access_key]
        assert differences(shop) == []
