"""Posters that work at once on a real MariaDB, or are killed within a call: each sale is booked once."""

import threading
import time
from decimal import Decimal
from functools import partial
from pathlib import Path

import pytest

from malote.erp.protocol import Erp, ErpError, Result
from tests.engines import mariadb_support as mercadinho
from tests.engines.classico import expected_stock
from tests.engines.mariadb_sales import DAY, Opened, counts, taken
from tests.engines.posting_child import LEASE_SECONDS
from tests.engines.posting_support import nothing_leased, open_shop, until
from tests.engines.sales import cancellation, postings
from tests.engines.test_posting_kills import child

pytest_plugins = ["tests.engines.mariadb_fixtures"]


def test_two_posters_at_once_book_each_sale_once(mercadinho_url: str, open_mercadinho: Opened) -> None:
    results: list[Result] = []

    def work(mercadinho_erp: Erp) -> None:
        for start in range(0, len(DAY), 5):
            while True:
                try:
                    results.extend(
                        one.result for one in mercadinho_erp.post(postings(DAY[start : start + 5], first_id=start + 1))
                    )
                    break
                except ErpError as error:
                    if not error.transient:
                        raise
                    time.sleep(0.01)

    threads = [threading.Thread(target=work, args=(open_mercadinho(mercadinho_url),)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [Result.POSTED] * 2 * len(DAY)  # a document that meets its own entry was posted
    assert counts(mercadinho_url) == [len(DAY)] * 2
    left = sum(expected_stock(DAY).values(), Decimal(0))
    assert mercadinho.ask(mercadinho_url, "SELECT -sum(saldo) FROM produto") == [(left,)]


# ---- killed ----


@pytest.mark.processes
def test_killed_before_within_and_after_the_calls(tmp_path: Path, mercadinho_url: str) -> None:
    with open_shop(tmp_path, mercadinho_url, time.time) as shop:
        shop.accept(*DAY)
        shop.accept(*(cancellation(one) for one in DAY[::10]), *DAY[:5])
        for where, at in (("before", 1), ("within", 1), ("after", 1), ("within", 2), ("settled", 1)):
            until(partial(nothing_leased, shop))
            assert child(shop.store_url, mercadinho_url, where, at, str(mercadinho.PROFILE)) != 0, (
                f"it did not die {where} {at}"
            )

        def finished() -> bool:
            assert child(shop.store_url, mercadinho_url, "never", 0, str(mercadinho.PROFILE)) == 0
            return shop.counted() == {"posted": 49}

        until(finished, seconds=300 + 20 * LEASE_SECONDS)
    assert counts(mercadinho_url) == [len(DAY)] * 2
    assert mercadinho.ask(mercadinho_url, "SELECT count(*) FROM venda WHERE situacao = 'C'") == [(4,)]
    assert taken(mercadinho_url) == expected_stock(one for one in DAY if one not in DAY[::10])
