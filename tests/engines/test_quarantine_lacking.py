"""A product or a method of payment is mapped to what the loads of the ERP have; to others only if one says so."""

from pathlib import Path

import pytest

from malote.erp.profiles.load_sources import LoadSource
from malote.quarantine.quarantine_reports import QuarantineError
from tests.engines import loads_support
from tests.engines.quarantine_support import MARIA, House
from tests.engines.spool_support import rejected
from tests.unit.fiscal.notes import Line, build_note

pytest_plugins = ("tests.engines.quarantine_fixtures",)

METHODS = LoadSource({"code": "cod", "description": "descr", "fiscal_method": "tpag"}, table="forma")


def refused(house: House) -> int:
    house.take(build_note(number=1, items=(Line(code="OLD"),)))
    (leased,) = house.spool.lease("poster", 1, 60)
    house.spool.settle([rejected(leased)])
    house.scan()
    return leased.id


def load(house: House, folder: Path) -> None:
    """Products 1 to 50, each with a barcode; cash and PIX."""
    erp = loads_support.Erp(folder / "catalogue.sqlite3")
    erp.do("CREATE TABLE forma (cod TEXT, descr TEXT, tpag TEXT)")
    erp.do("INSERT INTO forma VALUES (?, ?, ?)", [("DIN", "Dinheiro", "1"), ("PIX", "PIX", "17")])
    shop = loads_support.Shop(house.engine, erp)
    shop.sources["payment_method"] = METHODS
    shop.stage()
    erp.connection.close()


def test_what_no_load_has_is_mapped_only_by_who_says_so(house: House, tmp_path: Path) -> None:
    one = refused(house)
    load(house, tmp_path)
    with pytest.raises(QuarantineError) as caught:
        house.quarantine.map_product(one, "OLD", "77", MARIA)
    assert (caught.value.code, caught.value.facts) == ("product_not_loaded", {"wanted": "77", "version": "1"})
    with pytest.raises(QuarantineError, match="payment_not_loaded"):
        house.quarantine.map_payment(one, "01", "99", MARIA)
    assert house.quarantine.mappings() == []
    assert house.quarantine.map_product(one, "OLD", "77", MARIA, anyway=True).replay.replayed == [one]
    assert [found.target for found in house.quarantine.mappings()] == ["77"]


def test_a_loads_products_barcodes_and_methods_are_none_that_it_lacks(house: House, tmp_path: Path) -> None:
    parts = house.quarantine.parts
    assert (parts.lacks_product("nowhere"), parts.lacks_payment("99")) == (None, None), "nothing is loaded"
    load(house, tmp_path)
    assert [parts.lacks_product(code) for code in ("7", "000007", "7890000000050")] == [None] * 3
    assert [parts.lacks_product(code) for code in ("51", "0000051", "0", "7890000000051")] == [1] * 4
    assert [parts.lacks_payment(method) for method in ("01", "17", "02")] == [None, None, 1]
