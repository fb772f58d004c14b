"""Rows of the ERP that break a rule stay out, each with its reason; what they were last stays in."""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from sqlalchemy import select

from malote.database.engine import reading
from malote.database.load_tables import load_refusal
from malote.loads import declarations, load_status
from tests.engines.loads_support import OPERATOR, Shop, refused, store_beside_erp, with_columns


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    with store_beside_erp(tmp_path) as (engine, erp):
        yield Shop(engine, erp)


BROKEN = [
    ("UPDATE produto SET ncm = '99999999' WHERE cod = 9", "product", "load_ncm_unknown"),
    ("UPDATE produto SET descr = printf('%.*c', 121, 'x') WHERE cod = 9", "product", "load_value_unfit"),
    ("UPDATE produto SET descr = NULL WHERE cod = 9", "product", "load_value_missing"),
    ("UPDATE produto SET descr = '  ' WHERE cod = 9", "product", "load_value_missing"),
    ("INSERT INTO produto VALUES (' ', 'Brinde', NULL)", "product", "load_value_missing"),
    ("INSERT INTO embalagem VALUES ('789', '')", "package", "load_value_missing"),
    ("INSERT INTO preco VALUES ('', 3, 1, NULL, NULL, 10, 'N')", "price", "load_value_missing"),
    ("UPDATE preco SET preco = -1, alterado = 10 WHERE cod = 9 AND loja = 3", "price", "load_value_negative"),
    ("UPDATE preco SET preco = 1.999, alterado = 10 WHERE cod = 9 AND loja = 3", "price", "load_value_unfit"),
    ("UPDATE embalagem SET ean = '7890000000008' WHERE cod = 9", "package", "load_key_twice"),
    ("UPDATE produto SET descr = 'Caf' || char(8238) || 'oãp é' WHERE cod = 9", "product", "load_text_hidden"),
    ("UPDATE operador SET nome = 'Maria' || char(8203)", "operator", "load_text_hidden"),
    ("UPDATE operador SET senha = '1234'", "operator", "load_pin_readable"),
    ("UPDATE operador SET senha = ' '", "operator", "load_pin_empty"),
    ("UPDATE operador SET senha = NULL", "operator", "load_pin_empty"),
]


@pytest.mark.parametrize(("planted", "entity", "code"), BROKEN)
def test_a_row_that_breaks_a_rule_stays_out_and_its_last_good_one_in(
    shop: Shop, planted: str, entity: str, code: str
) -> None:
    shop.stage()
    before = shop.rows(entity)
    shop.erp.do(planted)
    shop.erp.do("UPDATE preco SET preco = 77, alterado = 10 WHERE cod = 1 AND loja = 3")
    shop.stage()
    assert refused(shop) == {entity: code}
    after = shop.rows(entity)
    held = [row for row in before if row in after]
    # A barcode that changed is one row that goes; the two that share one stay as they were.
    assert len(before) - len(held) <= 1
    assert shop.prices()["1"] == "77.00", "the others go on"
    with reading(shop.engine) as connection:
        (facts,) = connection.scalars(select(load_refusal.c.facts))
    assert "1234" not in facts
    assert "Maria" not in facts


MOVED = [
    ("UPDATE preco SET de = '2026-12-05', ate = '2026-12-01', alterado = 10 WHERE cod = 9 AND loja = 3", False),
    ("UPDATE preco SET de = 'amanhã', alterado = 10 WHERE cod = 9 AND loja = 3", True),
]


@pytest.mark.parametrize(("moved", "is_flagged"), MOVED)
def test_a_price_whose_beginning_moves_to_what_is_refused_stays_until_it_is_mended(
    shop: Shop, moved: str, is_flagged: bool
) -> None:
    shop.stage()
    shop.erp.do(moved)
    if is_flagged:  # and the row of before stands beside it, as one that is no more
        shop.erp.do("INSERT INTO preco VALUES (9, 3, 10, NULL, NULL, 10, 'S')")
    shop.erp.do("DELETE FROM preco WHERE cod = 8")
    for whole in (not is_flagged, True, False):
        shop.staged("price", whole=whole)
        assert shop.prices()["9"] == "10.00", "the last good one"
    assert "8" not in shop.prices()
    shop.erp.do("UPDATE preco SET de = '2026-12-05', ate = NULL, preco = 11, alterado = 20 WHERE cod = 9 AND ate > 0")
    shop.erp.do("UPDATE preco SET de = '2026-12-05', preco = 11, alterado = 20 WHERE cod = 9 AND de = 'amanhã'")
    shop.staged("price", whole=True)
    assert [row[3:6:2] for row in shop.rows("price") if row[0] == "9"] == [("2026-12-05T00:00:00Z", "11.00")]


def test_a_refused_row_that_was_mended_is_refused_no_more(shop: Shop) -> None:
    shop.stage()
    shop.erp.set_price(9, "-1")
    shop.stage()
    assert refused(shop) == {"price": "load_value_negative"}
    shop.erp.set_price(9, "9")
    shop.stage()
    assert refused(shop) == {}
    assert shop.prices()["9"] == "9.00"


def test_a_product_without_a_barcode_is_no_row_and_holds_nothing(shop: Shop) -> None:
    shop.stage()
    shop.erp.do(
        "INSERT INTO embalagem VALUES (?, ?)", [(one, 9) for one in ("", "  ", None, "SEM GTIN") for _ in "abc"]
    )
    shop.erp.do("UPDATE embalagem SET ean = '' WHERE cod = 8")
    found = shop.staged("package")
    assert (found.code, found.refused, found.new, found.gone, len(shop.rows("package"))) == ("", 0, 0, 1, 49)


def test_a_refused_row_is_named_by_what_of_its_key_can_be_read(shop: Shop) -> None:
    """Also where nothing was ever loaded of its entity, and where the beginning of a price is no day."""
    shop.erp.do("UPDATE preco SET de = 'amanhã' WHERE cod < 9")
    shop.erp.do("UPDATE preco SET preco = -1 WHERE cod >= 9")
    shop.stage()
    with reading(shop.engine) as connection:
        declared = declarations.loaded(shop.sources, "test")
        found = load_status.refusals(connection, "price", 1000, declared)
        hidden = load_status.refusals(connection, "price", 1000, {})
    assert sorted(int(one.key) for one in found) == list(range(1, 51))
    assert {one.key for one in hidden} == {"•••"}, "nobody knows whether a person is in it"


def test_a_pin_that_can_be_read_goes_nowhere_whatever_fills_it_up(shop: Shop) -> None:
    pins = ["1234", "12345678901234567890", " " * 20 + "1234", "1234-" * 5, "1234" + "x" * 20, "\uff11\uff12" * 10]
    given = [(f"8{place}", pin) for place, pin in enumerate(pins)]
    good = [(f"9{place}", f"9f86d081884c7d659a2feaa0c55ad{place:03}") for place in range(120)]
    shop.erp.do("INSERT INTO operador VALUES (?, 'João', ?)", given + good)
    shop.stage()
    with reading(shop.engine) as connection:
        found = connection.execute(select(load_refusal.c.code, load_refusal.c.facts)).all()
    assert [code for code, _ in found] == ["load_pin_readable"] * len(pins)
    assert len(shop.rows("operator")) == 121
    assert not [pin for pin in pins for _, facts in found if pin.strip() in facts]


def test_an_operator_may_be_without_a_pin_who_is_inactive_or_of_an_erp_that_has_none(shop: Shop) -> None:
    shop.erp.do("INSERT INTO operador VALUES ('8', 'João', NULL)")
    shop.erp.do("ALTER TABLE operador ADD COLUMN ativo TEXT DEFAULT 'S'")
    shop.erp.do("UPDATE operador SET ativo = 'N' WHERE cod = '8'")
    shop.sources["operator"] = with_columns(OPERATOR, active="ativo")
    assert (shop.staged("operator").refused, len(shop.rows("operator"))) == (0, 2)
    columns = {name: column for name, column in OPERATOR.columns.items() if name != "pin_hash"}
    shop.sources["operator"] = msgspec.structs.replace(OPERATOR, columns=columns)
    assert (shop.staged("operator").refused, len(shop.rows("operator"))) == (0, 2)
