"""Server and ERP side by side: equal to the digest, or every difference by its name."""

import hashlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest
from sqlalchemy import text

from malote.accounts.audit import Actor
from malote.books.reconciling import Books, ReconcileQuery, ReconcileReport, reconcile
from malote.business_day import BusinessCalendar
from malote.posting.ledger import accept
from malote.reconciliation.erp_differences import ComparedOwnSale, ComparedSaleRow, ErpWitness
from malote.register import till_documents
from tests.engines.erp_support import Tables
from tests.engines.posting_support import Shop, open_shop
from tests.engines.sales import cancellation, sale
from tests.engines.spool_support import Clock

pytest_plugins = ["tests.engines.erp_fixtures"]

ALL = ReconcileQuery()


@pytest.fixture
def shop(tmp_path: Path, erp_url: str, tables: Tables) -> Iterator[Shop]:
    """Eight sales and a cancellation, all booked."""
    with open_shop(tmp_path, erp_url, Clock()) as opened:
        opened.accept(*(sale(n) for n in range(1, 9)), cancellation(sale(2)))
        with closing(opened.poster()) as poster:
            poster.drain()
        yield opened


@contextmanager
def books(shop: Shop, *, sales: bool = True) -> Iterator[Books]:
    with closing(shop.erp()) as erp:
        yield Books(shop.engine, erp, BusinessCalendar(), sales)


def compared(shop: Shop, query: ReconcileQuery = ALL, *, sales: bool = True) -> ReconcileReport:
    with books(shop, sales=sales) as opened:
        return reconcile(opened, query, shop.clock())


def key(number: int) -> str:
    return sale(number).access_key


def line(number: int) -> str:
    return f"{key(number)} {'cancelled' if number == 2 else 'booked'} {sale(number).totals.total}\n"


def found(report: ReconcileReport) -> list[tuple[str, str]]:
    return [(one.what, one.access_key) for one in report.differences]


def test_equal_sides_have_equal_digests_that_anybody_can_recompute(shop: Shop) -> None:
    report = compared(shop)
    assert report.differences == []
    assert not report.troubled
    [day] = report.days
    assert day.equal
    lines = sorted(line(number) for number in range(1, 9))
    assert day.server.digest == hashlib.sha256("".join(lines).encode()).hexdigest()
    assert (day.server.count, day.server.total) == (8, sum(sale(n).totals.total for n in range(1, 9)))


@pytest.mark.parametrize(
    ("tampering", "what"),
    [
        ("DELETE FROM sale WHERE access_key = '{key}'", "deleted"),
        ("DELETE FROM posting_key WHERE identity = '{key}'", "unlisted"),
        ("UPDATE sale SET total = total + 0.01 WHERE access_key = '{key}'", "total"),
        ("UPDATE sale SET cancelled_at = issued_at WHERE access_key = '{key}'", "state"),
    ],
)
def test_one_tampering_is_one_difference_with_its_name(shop: Shop, tables: Tables, tampering: str, what: str) -> None:
    tables.run(tampering.format(key=key(5)))
    report = compared(shop)
    [one] = report.differences
    assert (one.what, one.access_key, one.number, one.total) == (what, key(5), sale(5).number, sale(5).totals.total)
    assert report.troubled
    [status] = till_documents.status(shop.spool.engine, now=shop.spool.clock())
    assert status.outside + status.differing == 1
    tables.run("DELETE FROM posting_key")
    assert {one.what for one in compared(shop).differences} >= {"unlisted", "missing"}


def test_a_row_that_stands_twice_is_told_where_the_tables_allow_it(shop: Shop, tables: Tables) -> None:
    tables.run(
        "CREATE TABLE loose AS SELECT * FROM sale",
        f"UPDATE sale SET total = 2 * total WHERE access_key = '{key(3)}'",
        f"INSERT INTO loose SELECT * FROM sale WHERE access_key = '{key(3)}'",
        "DROP TABLE sale",
        "ALTER TABLE loose RENAME TO sale",
    )
    report = compared(shop)
    assert found(report) == [("doubled", key(3))]
    [day] = report.days
    assert (day.server.count, day.erp.count) == (8, 9)
    assert day.erp.total - day.server.total == 2 * sale(3).totals.total == 1400
    told = [line(number) for number in range(1, 9) if number != 3]
    in_order = sorted([*told, f"{key(3)} booked 700\n", f"{key(3)} booked 1400\n"])
    assert in_order[2:4] == [f"{key(3)} booked 1400\n", f"{key(3)} booked 700\n"], "by their bytes, not by their sums"
    assert day.erp.digest == hashlib.sha256("".join(in_order).encode()).hexdigest()


@pytest.mark.parametrize(("table", "column"), [("sale", "total"), ("sale", "issued_at"), ("sale_item", "quantity")])
def test_a_row_that_cannot_be_read_is_that_sales_trouble_and_hides_no_other(
    shop: Shop, tables: Tables, table: str, column: str
) -> None:
    tables.run(
        f"CREATE TABLE loose AS SELECT * FROM {table}",
        f"DROP TABLE {table}",
        f"ALTER TABLE loose RENAME TO {table}",
        f"UPDATE {table} SET {column} = NULL WHERE access_key = '{key(3)}'",
        f"DELETE FROM sale WHERE access_key = '{key(6)}'",
    )
    report = compared(shop)
    assert sorted(one.access_key for one in report.differences) == [key(3), key(6)]
    with closing(shop.poster()) as poster:
        shop.accept(sale(30))
        poster.drain()
    assert sale(30).access_key in {row[0] for row in tables.ask(text("SELECT access_key FROM sale"))}
    assert accept(shop.engine, Actor("ana"), "conferido", shop.clock()) is not None
    assert not compared(shop).troubled
    tables.run(f"UPDATE sale SET environment = environment + 1 WHERE access_key = '{key(3)}'")
    [again] = [one for one in compared(shop).differences if not one.accepted]
    assert (again.access_key, again.fields.startswith("? ")) == (key(3), column == "total")


def test_an_emptied_erp_lacks_every_one_by_name(shop: Shop, tables: Tables) -> None:
    tables.run("DELETE FROM posting_key", "DELETE FROM sale")
    report = compared(shop)
    assert [one for what, one in found(report) if what == "missing"] == [*(key(n) for n in range(1, 9)), key(2)]
    assert [one.kind for one in report.differences].count("cancellation") == 1
    assert report.days[0].erp.count == 0


def test_where_the_erp_keeps_no_sales_its_ledger_is_the_witness(shop: Shop, tables: Tables) -> None:
    tables.run("DELETE FROM sale", f"DELETE FROM posting_key WHERE identity = '{key(4)}'")
    report = compared(shop, sales=False)
    assert found(report) == [("missing", key(4))]
    assert not report.sales_compared
    assert report.days[0].erp.count == 7


def test_what_was_accepted_is_named_and_troubles_nobody(shop: Shop, tables: Tables) -> None:
    tables.run(f"DELETE FROM sale WHERE access_key = '{key(5)}'")
    assert compared(shop).troubled
    assert accept(shop.engine, Actor("ana"), "estornada no ERP", shop.clock()) == (1, sale(5).totals.total)
    report = compared(shop)
    assert found(report) == [("deleted", key(5))]
    assert not report.troubled
    assert till_documents.status(shop.spool.engine, now=shop.spool.clock())[0].outside == 0
    # Accepted is what was known then, and nothing that happens later.
    tables.run(f"DELETE FROM sale WHERE access_key = '{key(6)}'")
    assert [one.access_key for one in compared(shop).differences if not one.accepted] == [key(6)]


def test_a_version_of_a_sale_that_brought_its_protocol_is_the_same_sale(shop: Shop) -> None:
    shop.accept(msgspec.structs.replace(sale(20), protocol=None, emission=9), sale(21))
    shop.accept(sale(21))
    with closing(shop.poster()) as poster:
        poster.drain()
    report = compared(shop)
    assert report.differences == []
    assert report.days[0].server.count == len({one.access_key for one in shop.documents()})


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_a_cancellation_is_held_against_what_was_registered_whenever_its_request_came(
    shop: Shop, order: tuple[int, int]
) -> None:
    asked = msgspec.structs.replace(cancellation(sale(3)), protocol=None)
    answered = msgspec.structs.replace(cancellation(sale(3)), sale_protocol="", reason="")  # a retEvento alone
    with closing(shop.poster()) as poster:
        for place in order:
            shop.accept((asked, answered)[place])
            poster.drain()
        assert isinstance(shop.clock, Clock)
        shop.clock.now += 3600  # the request, if it waits, has its turn again
        poster.drain()
    assert shop.counted() == {"posted": 11}
    assert compared(shop).differences == []


def test_a_day_and_a_till_are_chosen_and_an_unknown_time_is_of_no_day(shop: Shop) -> None:
    day = sale(1).issued_at.date()
    assert len(compared(shop, ReconcileQuery(since=day, until=day)).days) == 1
    other = day + timedelta(days=1)
    assert compared(shop, ReconcileQuery(since=other, until=other)).days == []
    assert len(compared(shop, ReconcileQuery(till="CAIXA1")).days) == 1
    assert BusinessCalendar().of("yesterday") is None


def test_the_day_begins_when_the_store_says_by_the_clock_of_the_store() -> None:
    late = datetime(2026, 11, 28, 2, 30, tzinfo=UTC).isoformat()
    assert BusinessCalendar().of(late) == date(2026, 11, 28)
    assert BusinessCalendar(ZoneInfo("America/Sao_Paulo")).of(late) == date(2026, 11, 27)
    assert BusinessCalendar(None, timedelta(hours=4)).of(late) == date(2026, 11, 27)
    assert BusinessCalendar(None, timedelta(hours=2)).of(late) == date(2026, 11, 28)


def test_questions_go_out_by_sets(shop: Shop) -> None:
    """Not one by one: what is asked grows with the pages and not with the sales."""
    with books(shop) as opened:
        counting = Counting(opened.erp)
        reconcile(msgspec.structs.replace(opened, erp=counting), ALL, shop.clock())
        # The ledger: of nine documents, the numbers of eight sales, and whether there is a guard at all.
        assert counting.asked == [18, 8, 9]


class Counting:
    """A witness that counts what it is asked at once."""

    def __init__(self, erp: ErpWitness) -> None:
        self._erp = erp
        self.asked: list[int] = []

    def ledger(self, identities: Sequence[str]) -> Mapping[str, bytes]:
        self.asked.append(len(identities))
        return self._erp.ledger(identities)

    def sales(self, access_keys: Sequence[str]) -> Sequence[ComparedSaleRow]:
        self.asked.append(len(access_keys))
        return self._erp.sales(access_keys)

    def departures(self, postings: Sequence[Any], cancelled: Collection[str]) -> Mapping[int, Sequence[str]]:
        self.asked.append(len(postings))
        return self._erp.departures(postings, cancelled)

    def sales_between(self, first: str, last: str) -> Iterator[ComparedOwnSale]:
        return self._erp.sales_between(first, last)
