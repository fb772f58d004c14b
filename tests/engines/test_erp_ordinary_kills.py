"""A poster that books into tables of ordinary design, killed with -9 at every step: nothing lost, nothing twice."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.engines.ordinary_support import (
    ROOT,
    STOCK,
    Books,
    cents,
    day,
    documented_profile,
    expected_stock,
    expected_taxes,
    goods,
    open_ordinary,
)
from tests.engines.postgres_support import discard_postgresql, fresh_postgresql_url
from tests.engines.posting_child import LEASE_SECONDS
from tests.engines.posting_support import nothing_leased, open_shop, until
from tests.engines.sales import cancellation, sale

pytestmark = [pytest.mark.processes, pytest.mark.postgresql]


def test_killed_at_every_step_each_sale_is_booked_once_and_what_is_refused_keeps_nobody_out(tmp_path: Path) -> None:
    url = fresh_postgresql_url()
    books = Books(url)
    books.make()
    profile = tmp_path / "comercio.toml"
    profile.write_text(documented_profile(), encoding="utf-8")
    erp = open_ordinary(url)
    erp.create_structure()
    erp.close()
    sold = day(80)
    gone = sold[::10]
    unknown = sale(900, items=[goods(1), goods(2, 2, product_code="99999", gtin="")])

    with open_shop(tmp_path, url, time.time) as shop:

        def poster(where: str, at: int) -> int:
            command = [sys.executable, "-m", "tests.engines.posting_child", shop.store_url, url, where, str(at)]
            run = subprocess.run([*command, str(profile)], cwd=ROOT, timeout=120, check=False, capture_output=True)
            return run.returncode

        shop.accept(*sold, unknown)
        shop.accept(*(cancellation(one) for one in gone), *sold[:15])
        for where, at in (("before", 2), ("after", 1), ("settled", 1), ("before", 1)):
            until(lambda: nothing_leased(shop))
            assert poster(where, at) != 0, f"it did not die {where} batch {at}"

        def finished() -> bool:
            assert poster("never", 0) == 0
            return shop.counted() == {"posted": len(sold) + len(gone) + 15, "rejected": 1}

        until(finished, seconds=300 + 20 * LEASE_SECONDS)
    assert books.ask("select count(*), sum(liquido) from cupom") == [
        (len(sold), cents(sum(one.totals.total for one in sold)))
    ]
    assert books.one("select count(*) from cupom where estado = 'C'") == len(gone)
    assert dict(books.ask("select sigla, sum(valor) from cupom_tributo group by sigla")) == expected_taxes(sold)
    assert dict(books.ask(STOCK)) == expected_stock(sold, gone)
    books.database.close()
    discard_postgresql(url)
