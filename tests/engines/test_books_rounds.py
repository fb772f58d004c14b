"""Round and round over the days: whatever is changed in the ERP is found within five minutes, and only that is read."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, Float, Integer, func, insert, select

from malote.books import rebooking
from malote.books.reconciling import Books, ReconcileQuery, reconcile
from malote.business_day import BusinessCalendar
from malote.database.book_tables import book_day, touched_day
from malote.database.engine import reading, writing
from malote.database.erp_tables import erp_difference, erp_stranger
from malote.database.tables import document
from malote.erp.protocol import Erp
from malote.posting.ledger import LOOK_SECONDS, SENT_AGAIN_SECONDS, LedgerGuard
from malote.reconciliation import book_days, erp_memory, erp_rounds, strangers
from malote.tills.till import Till
from tests.engines.erp_support import Tables
from tests.engines.month_support import TAMPERINGS, Month, insert_sale_like
from tests.engines.posting_support import Shop, open_shop
from tests.engines.sales import OPENING, cancellation, sale
from tests.engines.spool_support import Clock

pytest_plugins = ["tests.engines.erp_fixtures", "tests.engines.spool_fixtures"]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def shop(tmp_path: Path, erp_url: str, tables: Tables, clock: Clock) -> Iterator[Shop]:
    with open_shop(tmp_path, erp_url, clock) as opened:
        yield opened


class Watched:
    """An ERP that notes of which documents the rows are read."""

    def __init__(self, erp: Erp) -> None:
        self._erp = erp
        self.read: list[int] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._erp, name)

    def departures(self, postings: Sequence[Any], cancelled: Collection[str]) -> Mapping[int, Sequence[str]]:
        self.read += [one.document_id for one in postings]
        return self._erp.departures(postings, cancelled)


def minutes(shop: Shop, clock: Clock, count: float = 5.0) -> list[int]:
    """Looks as an idle poster does; of which documents rows were read beside the newest and the old walk."""
    read: list[int] = []
    for _ in range(int(count * 3)):
        clock.now += 20
        with closing(shop.erp()) as erp:
            watched = Watched(erp)
            erp_memory.look(shop.engine, watched, clock.now, newest=0)
            read += watched.read
    return read


@pytest.fixture
def no_walk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the walk over single documents, which in so small a shop would find everything by itself."""
    monkeypatch.setattr(erp_memory, "_next_part", lambda *_: [])


def known(shop: Shop) -> list[tuple[str, str]]:
    with reading(shop.engine) as connection:
        found = connection.execute(
            select(erp_difference.c.what, document.c.access_key).join_from(erp_difference, document)
        ).all()
        alone = select(erp_stranger.c.access_key).where(~strangers.is_paired())
        unsent = [("unsent", key) for key in connection.scalars(alone)]
    return sorted([*map(tuple, found), *unsent])


@pytest.mark.usefixtures("no_walk")
def test_whatever_changed_is_found_within_five_minutes_and_nothing_else_is_read(
    shop: Shop, tables: Tables, clock: Clock
) -> None:
    month = Month(shop, tills=3, days=4, per_day=12)
    minutes(shop, clock)
    with reading(shop.engine) as connection:
        assert connection.scalar(select(func.count()).select_from(touched_day)) == 0
        days = connection.execute(select(book_day)).all()
    assert len(days) == 12
    assert {(one.arrived, one.booked, one.open) for one in days} == {(12, 12, 0)}
    assert all(one.prints and one.looked_to == one.last_id for one in days)
    assert sum(one.booked_total for one in days) == sum(s.totals.total for own in month.sales.values() for s in own)
    assert minutes(shop, clock) == []
    assert known(shop) == []
    acts = [(what, act) for what, act in TAMPERINGS if what != "doubled"]
    chosen = month.standing(len(acts))
    with tables.engine.begin() as connection:
        for (_, act), one in zip(acts, chosen, strict=True):
            act(connection, one.access_key)
    expected = sorted((what, one.access_key) for (what, _), one in zip(acts, chosen, strict=True))
    minutes(shop, clock)
    assert known(shop) == expected


@pytest.mark.usefixtures("no_walk")
def test_a_day_that_only_grew_is_not_read_again_and_a_change_before_it_grew_is_found(
    shop: Shop, tables: Tables, clock: Clock
) -> None:
    shop.accept(*(sale(n) for n in range(1, 21)))
    with closing(shop.poster()) as poster:
        poster.drain()
        minutes(shop, clock)
        shop.accept(*(sale(n) for n in range(21, 24)))
        poster.drain()
        assert minutes(shop, clock) == [21, 22, 23]
        tables.run(f"UPDATE sale_item SET discount = discount + 1 WHERE access_key = '{sale(4).access_key}'")
        shop.accept(sale(24), cancellation(sale(7)))
        poster.drain()
        assert {*range(1, 25)} <= set(minutes(shop, clock))
        assert known(shop) == [("items", sale(4).access_key)]
        assert minutes(shop, clock, 1) == [4, 4, 4, 4, 4, 4]


@pytest.mark.usefixtures("no_walk")
def test_a_sale_that_nobody_sent_is_found_among_a_days_beside_its_last_and_behind_all(
    shop: Shop, tables: Tables, clock: Clock
) -> None:
    month = Month(shop, tills=1, days=2, per_day=12)
    minutes(shop, clock)
    own = month.sales["loja1"]
    keys = [
        own[0].access_key[:35] + "99999999" + "0",  # beside the first that came
        own[5].access_key[:35] + "99999999" + "0",
        own[11].access_key[:35] + "99999999" + "0",  # the last of the first day
        own[23].access_key[:25] + "000009999" + own[23].access_key[34:],
    ]
    with tables.engine.begin() as connection:
        for key in keys:
            insert_sale_like(connection, own[5], key)
    minutes(shop, clock)
    assert known(shop) == sorted(("unsent", key) for key in keys)


@pytest.mark.usefixtures("no_walk")
def test_after_a_start_a_sale_that_its_till_may_send_again_is_not_told_as_nobodys(
    shop: Shop, tables: Tables, clock: Clock
) -> None:
    month = Month(shop, tills=1, days=1, per_day=6)
    with tables.engine.begin() as connection:
        own = month.sales["loja1"][3]
        key = insert_sale_like(connection, own, own.access_key[:35] + "99999999" + "0")
    guard = LedgerGuard(shop.engine, clock)
    with closing(shop.erp()) as erp:
        for _ in range(int(SENT_AGAIN_SECONDS // LOOK_SECONDS)):
            guard.check(erp)
            assert known(shop) == []
            clock.now += LOOK_SECONDS
        guard.check(erp)
    assert known(shop) == [("unsent", key)]


@pytest.mark.usefixtures("no_walk")
def test_a_changed_key_is_never_booked_twice_and_nothing_once_it_is_put_back(
    shop: Shop, tables: Tables, clock: Clock
) -> None:
    month = Month(shop, tills=1, days=2, per_day=6)
    minutes(shop, clock)
    key = month.sales["loja1"][4].access_key
    other = change_key(tables, key)
    minutes(shop, clock)
    assert known(shop) == [("key", key)]
    with closing(shop.erp()) as erp:
        books = Books(shop.engine, erp, BusinessCalendar())
        assert rebooking.plan_known(books, clock.now).missing == []
        assert rebooking.plan(books, ReconcileQuery(), clock.now).missing == []
        report = reconcile(books, ReconcileQuery(since=OPENING.date()), clock.now)
    assert [(one.what, one.access_key, one.fields) for one in report.differences] == [("key", key, other)]
    assert change_key(tables, other, key) == key
    minutes(shop, clock)
    assert known(shop) == []
    with reading(shop.engine) as connection:
        assert connection.execute(select(erp_stranger)).all() == []


def change_key(tables: Tables, key: str, other: str = "") -> str:
    other = other or key[:35] + str((int(key[35]) + 1) % 10) + key[36:]
    names = ("sale", "sale_item", "payment")
    tables.run(*(f"UPDATE {name} SET access_key = '{other}' WHERE access_key = '{key}'" for name in names))
    return other


def test_a_day_is_counted_again_with_what_changed_of_it(shop: Shop, clock: Clock) -> None:
    shop.accept(sale(1), sale(2), sale(2), cancellation(sale(1)))
    book_days.recount(shop.engine, book_days.PRINTED)
    with reading(shop.engine) as connection:
        [day] = connection.execute(select(book_day)).all()
        assert (day.arrived, day.open, day.booked) == (2, 2, 0)
        assert day.oldest_at == clock.now
    with closing(shop.poster()) as poster:
        poster.drain()
    assert book_days.recount(shop.engine, book_days.PRINTED) > 0
    assert book_days.recount(shop.engine, book_days.PRINTED) == 0
    with reading(shop.engine) as connection:
        [day] = connection.execute(select(book_day)).all()
    assert (day.arrived, day.open, day.booked, day.oldest_at) == (2, 0, 2, None)
    assert day.booked_total == sale(1).totals.total + sale(2).totals.total


class CannotAddUp:
    def fingerprints(self, ranges: object, numbered: object = None) -> None:
        del ranges


def test_a_part_of_the_days_is_due_on_either_store_database(spool_engine: Engine, till_one: Till) -> None:
    numbers = {one.name: 7 for one in book_day.c if isinstance(one.type, Integer | Float) and one.name != "till_id"}
    with writing(spool_engine) as connection:
        row: dict[str, Any] = {"till_id": till_one.id, "day": "2026-11-20", "ranges": "[]", **numbers}
        connection.execute(insert(book_day).values(row))
    erp: Any = CannotAddUp()
    assert not erp_rounds.go_on(spool_engine, erp, BusinessCalendar(), 0.0, lambda _: None, erp_memory.SHARE)
