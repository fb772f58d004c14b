"""A poster killed with -9 around and within the calls of the ERP's own procedure: each sale there once, none lost."""

import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.engines import classico
from tests.engines.postgres_support import discard_postgresql, fresh_postgresql_url
from tests.engines.posting_child import LEASE_SECONDS
from tests.engines.posting_support import nothing_leased, open_shop, until
from tests.engines.sales import cancellation, supermarket
from tests.engines.test_posting_kills import child

pytestmark = [pytest.mark.processes, pytest.mark.postgresql]


@pytest.fixture
def url() -> Iterator[str]:
    address = fresh_postgresql_url()
    yield address
    discard_postgresql(address)


def test_killed_before_within_and_after_the_calls(tmp_path: Path, url: str) -> None:
    sold, profile = supermarket(60), str(classico.PROFILE)
    classico.create(url, sold)
    classico.open_classico(url).close()
    with open_shop(tmp_path, url, time.time) as shop:
        shop.accept(*sold)
        shop.accept(*(cancellation(one) for one in sold[::10]), *sold[:15])
        for where, at in (("within", 7), ("after", 1), ("within", 1), ("settled", 1), ("before", 2), ("within", 3)):
            until(partial(nothing_leased, shop))
            assert child(shop.store_url, url, where, at, profile) != 0, f"it did not die {where} {at}"

        def finished() -> bool:
            assert child(shop.store_url, url, "never", 0, profile) == 0
            return shop.counted() == {"posted": 81}

        until(finished, seconds=300 + 20 * LEASE_SECONDS)
        assert sum(one.duplicate for one in shop.documents()) == 15
    standing = "select situacao, count(*), sum(valor_liquido) from venda group by 1 order by 1"
    gone, total = sold[::10], sum(one.totals.total for one in sold)
    back = sum(one.totals.total for one in gone)
    assert classico.ask(url, standing) == [("A", 54, classico.money(total - back)), ("C", 6, classico.money(back))]
    left, returned = classico.expected_stock(sold), classico.expected_stock(gone)
    assert dict(classico.ask(url, classico.LEFT)) == {code: left[code] - returned.get(code, 0) for code in left}
