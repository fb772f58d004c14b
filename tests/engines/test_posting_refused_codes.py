"""Which product or way of paying the ERP refused, so that a person need not guess; nothing else of the row is kept."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from malote.erp.factory import open_erp
from malote.erp.mapping import BUILT_IN
from malote.erp.protocol import ErpError
from malote.fiscal.documents import Payment
from malote.posting.refused_codes import refused_codes
from tests.engines.erp_support import Tables
from tests.engines.postgres_support import discard_postgresql, fresh_postgresql_url
from tests.engines.posting_support import open_shop
from tests.engines.sales import cancellation, item, sale

NEW_PIX = "23"
SOLD = sale(1, items=[item(product_code="1001"), item(product_code="99817")])


@pytest.fixture
def postgresql_tables() -> Iterator[tuple[str, Tables]]:
    url = fresh_postgresql_url()
    erp = open_erp(url, lock_timeout_seconds=5)
    erp.create_structure()
    erp.close()
    opened = Tables(url)
    yield url, opened
    opened.engine.dispose()
    discard_postgresql(url)


@pytest.mark.postgresql
def test_the_erps_own_rules_name_them(tmp_path: Path, postgresql_tables: tuple[str, Tables]) -> None:
    url, tables = postgresql_tables
    tables.run(
        "CREATE TABLE way_of_paying (code text PRIMARY KEY)",
        "INSERT INTO way_of_paying VALUES ('01')",
        "ALTER TABLE payment ADD FOREIGN KEY (method) REFERENCES way_of_paying",
        "ALTER TABLE sale_item ADD CONSTRAINT no_such_product CHECK (product_code <> '99817')",
    )
    two_ways = sale(2, payments=(Payment("01", 1000), Payment(NEW_PIX, 1590)), change=0, consumer="52998224725")
    with open_shop(tmp_path, url) as shop:
        shop.accept(SOLD, two_ways, sale(3))
        poster = shop.poster()
        poster.drain()
        poster.close()
        named = [(one.reason.facts.get("products"), one.reason.facts.get("payments")) for one in shop.kept]
        assert sorted(named, key=str) == [("99817", None), (None, NEW_PIX)]
        assert "52998224725" not in str([one.reason.facts for one in shop.kept])
        assert shop.counted() == {"rejected": 2, "posted": 1}


@pytest.mark.parametrize(
    ("table", "quoted", "found"),
    [
        ("sale_item", ["35261111", "2", "99817", "0102", "01"], {"products": "99817"}),
        ("stock", ["99817"], {"products": "99817"}),
        ("payment", ["35261111", "1", "01", "1001"], {"payments": "01"}),
        ("sale", ["1001", "01"], {}),
        ("", ["99817"], {"products": "99817"}),  # a profile's look-up, which has no table
        ("", ["01"], {"payments": "01"}),
        ("sale_item", [], {}),
    ],
)
def test_only_codes_of_the_document_are_told(table: str, quoted: list[str], found: dict[str, str]) -> None:
    error = ErpError("erp_constraint", detail=table, facts={"table": table}, quoted=quoted)
    assert refused_codes(SOLD, error, BUILT_IN) == found
    assert refused_codes(cancellation(SOLD), error, BUILT_IN) == {}
