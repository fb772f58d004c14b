"""A poster killed with -9 at every step, over and over: nothing lost, nothing twice."""

import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.engines.erp_support import Tables
from tests.engines.posting_child import LEASE_SECONDS
from tests.engines.posting_support import nothing_leased, open_shop, until
from tests.engines.sales import cancellation, number_void, supermarket

pytest_plugins = ["tests.engines.erp_fixtures"]
pytestmark = pytest.mark.processes
ROOT = Path(__file__).parents[2]


def child(store_url: str, erp_url: str, where: str, at: int, *profile: str) -> int:
    command = [sys.executable, "-m", "tests.engines.posting_child", store_url, erp_url, where, str(at), *profile]
    return subprocess.run(command, cwd=ROOT, timeout=120, check=False, capture_output=True).returncode


def test_killed_before_and_after_the_commit_and_after_the_settlement(
    tmp_path: Path, erp_url: str, tables: Tables
) -> None:
    sold = supermarket(120)
    with open_shop(tmp_path, erp_url, time.time) as shop:
        shop.accept(*sold)
        shop.accept(*(cancellation(one) for one in sold[::10]), number_void(), *sold[:15])
        for where, at in (("before", 2), ("after", 1), ("settled", 2), ("after", 2), ("before", 1)):
            until(partial(nothing_leased, shop))
            assert child(shop.store_url, erp_url, where, at) != 0, f"it did not die {where} batch {at}"

        def finished() -> bool:
            assert child(shop.store_url, erp_url, "never", 0) == 0
            return shop.counted() == {"posted": 148}

        until(finished, seconds=300 + 20 * LEASE_SECONDS)
        assert sum(one.duplicate for one in shop.documents()) == 15
    counts = tables.counts()
    assert (counts["sale"], counts["sale_item"], counts["cancellation"], counts["number_void"]) == (120, 960, 12, 1)
    expected: dict[str, Any] = {}
    for place, one in enumerate(sold):
        for line in one.items:
            moved = 0 if place % 10 == 0 else line.quantity
            expected[line.product_code] = expected.get(line.product_code, 0) - moved
    assert tables.stock() == expected
