"""What a product that the ERP refuses may be: its barcode's product, then those with its words; a person decides."""

from pathlib import Path

from malote.quarantine.quarantine_reports import ProposedProduct
from tests.engines import loads_support
from tests.engines.quarantine_support import House
from tests.engines.test_quarantine_cures import refuse_product
from tests.unit.fiscal.notes import Line, build_note

pytest_plugins = ("tests.engines.quarantine_fixtures",)

CATALOGUE = [
    (901, "Café Torrado Moído 500g"),
    (902, "CAFE MOIDO FORTE 250G"),
    (903, "CAFE EM GRAOS"),
    (904, "ACUCAR REFINADO"),
]


def load(house: House, folder: Path) -> None:
    """Products 1 to 50, each with a barcode, and those of the catalogue, of which 902 has one."""
    erp = loads_support.Erp(folder / "catalogue.sqlite3")
    erp.do("INSERT INTO produto VALUES (?, ?, '22021000')", list(CATALOGUE))
    erp.do("INSERT INTO embalagem (cod, ean) VALUES (902, '7891234567895')")
    loads_support.Shop(house.engine, erp).stage()
    erp.connection.close()


def proposed(house: House, number: int, **line: str) -> list[tuple[str, str]] | None:
    items = (Line(**({"code": "OLD", "gtin": "SEM GTIN"} | line)),)  # type: ignore[arg-type]
    one = refuse_product(house, build_note(number=number, items=items))
    (found,) = [cure.proposed for cure in house.quarantine.cures(one) if cure.kind == "map_product"]
    return None if found is None else [(each.code, each.by) for each in found]


def test_a_refused_line_is_proposed_its_barcodes_product_and_those_with_its_words(house: House, tmp_path: Path) -> None:
    assert proposed(house, 1) is None, "no products are loaded"
    load(house, tmp_path)
    barcode, alike = ("7", "barcode"), [("901", "description"), ("902", "description")]
    assert proposed(house, 2, description="CAFÉ TORRADO MOÍDO 1KG") == alike, "one word of three is too few"
    assert proposed(house, 3, description="CAFÉ TORRADO MOÍDO", gtin="7890000000070") == alike
    assert proposed(house, 4, description="CAFÉ TORRADO MOÍDO", code="7890000000007") == [barcode, *alike]
    both = [("902", "barcode"), ("901", "description")]
    assert proposed(house, 7, description="CAFÉ TORRADO MOÍDO", code="7891234567895") == both, "once, and first"
    assert proposed(house, 5, description="100% _ 22021000") == []
    assert house.quarantine.mappings() == [], "nobody mapped anything"
    two = refuse_product(house, build_note(number=6, items=(Line(code="OLD"), Line(code="7"))))
    assert house.quarantine.cures(two)[0].proposed is None, "nobody said which of the two it was"


def test_what_was_found_is_forgotten_once_the_products_changed(house: House, tmp_path: Path) -> None:
    erp = loads_support.Erp(tmp_path / "catalogue.sqlite3")
    shop = loads_support.Shop(house.engine, erp)
    shop.stage()
    proposes = house.quarantine.parts.proposes
    assert proposes("904", "", "ACUCAR REFINADO") == []
    erp.do("INSERT INTO produto VALUES (?, ?, '22021000')", list(CATALOGUE))
    shop.stage()
    assert proposes("904", "", "AÇUCAR REFINADO") == [], "the refused code itself is no cure"
    found = proposes("OLD", "", "AÇUCAR REFINADO")
    assert found == [("904", "ACUCAR REFINADO", "description")]
    assert ProposedProduct(*found[0]).by == "description"
    erp.connection.close()
