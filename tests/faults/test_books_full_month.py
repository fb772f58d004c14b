"""The planted month in full: twenty tills, thirty days, twenty tamperings, twenty findings; and how long that takes."""

import os
import time
from contextlib import closing
from pathlib import Path

import pytest

from malote.books.days import BusinessCalendar
from malote.books.reconciling import Books, ReconcileQuery, reconcile
from malote.erp.factory import open_erp
from tests.engines.erp_support import Tables
from tests.engines.month_support import Month, loosen, tamper
from tests.engines.posting_support import open_shop
from tests.engines.sales import OPENING

pytestmark = [
    pytest.mark.processes,
    pytest.mark.skipif(not os.environ.get("MALOTE_SOAK"), reason="takes minutes: make soak"),
]

NOW = 1_774_958_400.0  # the last of its days, at noon


def test_a_planted_month_is_reported_exactly_within_a_minute(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'erp.sqlite3'}"
    with closing(open_erp(url, lock_timeout_seconds=5)) as erp:
        erp.create_structure()
    tables = Tables(url)
    with open_shop(tmp_path, url, lambda: NOW) as shop:
        month = Month(shop, tills=20, days=30, per_day=40)
        loosen(tables)
        expected = tamper(month, tables)
        with closing(shop.erp()) as erp:
            started = time.process_time()
            report = reconcile(Books(shop.engine, erp, BusinessCalendar()), ReconcileQuery(since=OPENING.date()), NOW)
            assert time.process_time() - started < 60
    tables.engine.dispose()
    assert sorted((one.what, one.access_key or one.till) for one in report.differences) == expected
    assert len(report.days) == 20 * 30
