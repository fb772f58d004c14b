"""The planted month in full: twenty tills, thirty days, twenty tamperings of twenty kinds, twenty findings; on both
engines, by the looks of an idle poster alone and from raw data. And how long that takes."""

import os
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from malote.books.reconciling import Books, ReconcileQuery, reconcile
from malote.business_day import BusinessCalendar
from malote.erp.factory import open_erp
from malote.erp.protocol import Erp
from malote.reconciliation import erp_memory
from malote.register import till_documents
from tests.engines.erp_support import Tables
from tests.engines.month_support import Month, loosen, tamper
from tests.engines.postgres_support import discard_postgresql, fresh_postgresql_url
from tests.engines.posting_support import Shop, open_shop
from tests.engines.sales import OPENING

pytestmark = [
    pytest.mark.processes,
    pytest.mark.skipif(not os.environ.get("MALOTE_SOAK"), reason="takes minutes: make soak"),
]

NOW = 1_774_958_400.0  # the last of its days, at noon


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    address = f"sqlite:///{tmp_path / 'erp.sqlite3'}" if request.param == "sqlite" else fresh_postgresql_url()
    yield address
    if request.param == "postgresql":
        discard_postgresql(address)


def test_a_planted_month_is_reported_exactly_within_a_minute(tmp_path: Path, url: str) -> None:
    with closing(open_erp(url, lock_timeout_seconds=5)) as erp:
        erp.create_structure()
    tables = Tables(url)
    now = [NOW]
    with open_shop(tmp_path, url, lambda: now[0]) as shop, closing(shop.erp()) as erp:
        month = Month(shop, tills=20, days=30, per_day=40)
        loosen(tables)
        books = Books(shop.engine, erp, BusinessCalendar())
        looks(shop, erp, now)
        assert told(shop) == 0
        expected = tamper(month, tables)
        # First by what an idle poster sees: within five minutes all but the void, which is walked over by document,
        # five hundred at a look; then that too, and none more.
        looks(shop, erp, now)
        within_five_minutes = told(shop)
        looks(shop, erp, now, 20 * 30 * 42 // erp_memory.SMALLEST_PART)
        by_looks = told(shop)
        started = time.process_time()
        report = reconcile(books, ReconcileQuery(since=OPENING.date()), now[0])
        seconds = time.process_time() - started
    tables.engine.dispose()
    told_of = f"{within_five_minutes} within five minutes, {by_looks} by looks, {len(report.differences)} from raw data"
    print(f"{url.partition(':')[0]}: {told_of} in {seconds:.1f} s")
    assert sorted((one.what, one.access_key or one.till) for one in report.differences) == expected
    assert within_five_minutes in (19, 20)
    assert (by_looks, len(report.days)) == (20, 20 * 30)
    assert seconds < 60


def looks(shop: Shop, erp: Erp, now: list[float], count: int = 15) -> None:
    for _ in range(count):
        now[0] += 20
        erp_memory.look(shop.engine, erp, now[0])


def told(shop: Shop) -> int:
    found = till_documents.status(shop.spool.engine, now=shop.spool.clock())
    return sum(one.outside + one.differing for one in found)
