"""A planted month: every tampering with the ERP is found and named exactly, and nothing else is."""

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from malote.accounts.audit import SYSTEM
from malote.books.rebooking import plan, rebook
from malote.books.reconciling import Books, ReconcileQuery, ReconcileReport, reconcile
from malote.business_day import BusinessCalendar
from malote.reconciliation import erp_memory
from malote.register import till_documents
from tests.engines.erp_support import Tables
from tests.engines.month_support import Month, loosen, tamper, tamper_beside, undo_cancellation
from tests.engines.posting_support import Shop, open_shop
from tests.engines.sales import OPENING

pytest_plugins = ["tests.engines.erp_fixtures"]

SINCE = ReconcileQuery(since=OPENING.date())


class _Clock:
    def __call__(self) -> float:
        return datetime(2026, 3, 31, 12, tzinfo=UTC).timestamp()


@pytest.fixture
def shop(tmp_path: Path, erp_url: str, tables: Tables) -> Iterator[Shop]:
    with open_shop(tmp_path, erp_url, _Clock()) as opened:
        yield opened


def compared(shop: Shop) -> ReconcileReport:
    with closing(shop.erp()) as erp:
        return reconcile(Books(shop.engine, erp, BusinessCalendar()), SINCE, shop.clock())


def found(report: ReconcileReport) -> list[tuple[str, str]]:
    return sorted((one.what, one.access_key or one.till) for one in report.differences)


def test_twenty_tamperings_are_twenty_findings_and_none_more(shop: Shop, tables: Tables) -> None:
    month = Month(shop, tills=4, days=5, per_day=12)
    loosen(tables)
    clean = compared(shop)
    assert clean.differences == []
    assert len(clean.days) == 4 * 5
    assert all(day.equal for day in clean.days)
    expected = tamper(month, tables)
    assert len(expected) == 20
    report = compared(shop)
    assert found(report) == expected
    assert (
        sum(
            status.outside + status.differing
            for status in till_documents.status(shop.spool.engine, now=shop.spool.clock())
        )
        == 20
    )
    assert [one.fields for one in report.differences if one.what == "number"] == ["series"]
    assert found(compared(shop)) == expected


def test_one_byte_of_the_ledger_or_a_row_doubled_beside_the_sales_is_a_finding(shop: Shop, tables: Tables) -> None:
    month = Month(shop, tills=2, days=1, per_day=30)
    for table, key in (("posting_key", "identity"), ("cancellation", "access_key"), ("number_void", "series")):
        loosen(tables, table, key)
    assert compared(shop).differences == []
    expected = tamper_beside(month, tables)
    report = compared(shop)
    assert sorted((one.what, one.access_key or one.till, one.fields) for one in report.differences) == expected
    with closing(shop.erp()) as erp:
        erp_memory.look(shop.engine, erp, shop.clock() + 60)
    told = till_documents.status(shop.spool.engine, now=shop.spool.clock())
    assert sum(status.outside + status.differing for status in told) == len(expected)


def test_a_cancellation_undone_by_hand_is_one_finding_and_booked_again(shop: Shop, tables: Tables) -> None:
    month = Month(shop, tills=1, days=1, per_day=3)
    [sold] = month.cancelled()
    with tables.engine.begin() as connection:
        undo_cancellation(connection, sold.access_key)
    report = compared(shop)
    assert [(one.what, one.kind) for one in report.differences] == [("missing", "cancellation")]
    with closing(shop.erp()) as erp:
        planned = plan(Books(shop.engine, erp, BusinessCalendar()), SINCE, shop.clock())
    assert rebook(shop.engine, planned, SYSTEM, shop.clock()) == 1
    with closing(shop.poster()) as poster:
        poster.drain()
    assert compared(shop).differences == []
    assert tables.cancelled() == [sold.access_key]
