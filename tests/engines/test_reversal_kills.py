"""A poster killed with -9 at every step of a reversal and of a replacement: done once, whatever dies."""

import subprocess
import sys
import time
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from malote.fiscal.documents import Document
from tests.engines.erp_numbers_support import again, revenue
from tests.engines.erp_support import Tables
from tests.engines.posting_numbers_support import BOSS, drain, quarantine
from tests.engines.posting_support import open_shop, until
from tests.engines.reversal_child import LEASE_SECONDS
from tests.engines.sales import contingency, item, number_void, protocol

pytest_plugins = ["tests.engines.erp_fixtures"]
pytestmark = pytest.mark.processes
ROOT = Path(__file__).parents[2]
STEPS = ("ordered", "within", "after", "settled")

OFFLINE = contingency(30)
_LINES = (item(1, quantity="5"), item(2, product="7"))
EXCHANGE = again(OFFLINE)
REPLACEMENT = msgspec.structs.replace(contingency(30, items=_LINES), protocol=protocol(30))


def child(store_url: str, erp_url: str, where: str) -> int:
    command = [sys.executable, "-m", "tests.engines.reversal_child", store_url, erp_url, where]
    return subprocess.run(command, cwd=ROOT, timeout=120, check=False, capture_output=True).returncode


@pytest.mark.parametrize("where", STEPS)
@pytest.mark.parametrize(
    ("arriving", "totals", "stock", "left"),
    [
        (EXCHANGE, [700], {"1001": Decimal(-2)}, {"posted": 1, "kept": 1}),
        (number_void(28, 31), [], {"1001": Decimal(0)}, {"posted": 1, "kept": 1}),
        (REPLACEMENT, [2450], {"1001": Decimal(-5), "7": Decimal(-2)}, {"posted": 2}),
    ],
    ids=["another key", "void", "the same key"],
)
def test_a_reversal_is_done_once_whatever_dies(
    tmp_path: Path,
    erp_url: str,
    tables: Tables,
    where: str,
    arriving: Document,
    totals: list[int],
    stock: dict[str, Decimal],
    left: dict[str, int],
) -> None:
    with open_shop(tmp_path, erp_url, time.time) as shop:
        shop.accept(OFFLINE)
        drain(shop)
        shop.accept(arriving)
        drain(shop)
        assert len(revenue(tables)) == 1
        quarantine(shop, tmp_path).reverse_booked(2, BOSS, reason="conferido")
        assert child(shop.store_url, erp_url, where) != 0, f"it did not die {where}"

        def finished() -> bool:
            assert child(shop.store_url, erp_url, "never") == 0
            return shop.counted() == left

        until(finished, seconds=300 + 20 * LEASE_SECONDS)
    assert [total for _, total in revenue(tables)] == totals
    assert tables.stock() == stock
    counts = tables.counts()
    assert counts["cancellation"] == (0 if arriving is REPLACEMENT else 1)
