"""Constraints of the ERP's own are welcome: a plain foreign key from items and payments to their sale among them."""

from collections.abc import Iterator

import pytest

from malote.erp.protocol import Erp, Result
from tests.engines.erp_support import Tables, post
from tests.engines.postgres_support import discard_postgresql, fresh_postgresql_url
from tests.engines.sales import cancellation, contingency, supermarket

pytest_plugins = ["tests.engines.erp_fixtures"]


@pytest.fixture
def erp_url() -> Iterator[str]:
    url = fresh_postgresql_url()
    yield url
    discard_postgresql(url)


@pytest.mark.postgresql
def test_items_and_payments_may_refer_to_their_sale(erp: Erp, tables: Tables) -> None:
    tables.run(
        "ALTER TABLE sale_item ADD CONSTRAINT item_sale FOREIGN KEY (access_key) REFERENCES sale",
        "ALTER TABLE payment ADD CONSTRAINT payment_sale FOREIGN KEY (access_key) REFERENCES sale",
        "ALTER TABLE cancellation ADD CONSTRAINT cancellation_sale FOREIGN KEY (access_key) REFERENCES sale",
        "ALTER TABLE sale ADD CONSTRAINT sale_ledger FOREIGN KEY (access_key) REFERENCES posting_key",
    )
    sold = supermarket(150)
    assert post(erp, *sold, cancellation(sold[0]), contingency(900)) == [Result.POSTED] * 152
    counts = tables.counts()
    assert (counts["sale"], counts["sale_item"], counts["payment"]) == (151, 1201, 301)
