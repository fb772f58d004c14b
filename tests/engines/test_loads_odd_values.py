"""What real ERPs have in the columns of a load: changes written in any way, and values that fit no column."""

import sqlite3
from collections.abc import Iterator
from datetime import UTC
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import psycopg
import pytest

from malote.erp.postgresql import lenient_values
from malote.erp.profiles.errors import ProfileError
from malote.erp.profiles.load_sources import LoadSource
from malote.erp.protocol import ErpError
from malote.loads import declarations
from malote.loads.erp_rows import ErpRows
from tests.engines.loads_support import PRICE, Shop, store_beside_erp
from tests.engines.postgres_support import discard_postgresql, fresh_postgresql_url


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    with store_beside_erp(tmp_path) as (engine, erp):
        yield Shop(engine, erp)


@pytest.mark.parametrize(
    ("column", "value"), [("preco", float("nan")), ("preco", b"\x00\xff"), ("preco", -1), ("excluido", " n ")]
)
def test_one_unreadable_row_stays_what_it_was(shop: Shop, column: str, value: object) -> None:
    shop.sources = {"price": PRICE}
    shop.stage()
    shop.erp.do(f"UPDATE preco SET {column} = ? WHERE cod = 7", [(value,)])
    assert (shop.staged("price", whole=True).gone, shop.prices()["7"]) == (0, "10.00")


def test_what_sums_of_floats_add_is_no_price(shop: Shop) -> None:
    shop.sources = {"price": PRICE}
    shop.stage()
    shop.erp.do("UPDATE preco SET preco = 15.69 + 1, alterado = 5 WHERE cod = 7")
    shop.erp.do("UPDATE preco SET preco = 16.685, alterado = 5 WHERE cod = 8")
    assert (shop.staged("price").refused, shop.prices()["7"]) == (1, "16.69")


@pytest.mark.parametrize(
    ("before", "after", "last"),
    [(1000.5, 2000.5, 3000.25), ("2026-11-19", "2026-11-20", "2026-11-20"), (10, "2026-11-20", 20)],
)
def test_whatever_a_change_is_written_as_the_next_is_found(shop: Shop, before: Any, after: Any, last: Any) -> None:
    shop.sources = {"price": PRICE}
    shop.erp.do("UPDATE preco SET alterado = ?", [(before,)])
    shop.stage()
    for changed, price in ((after, 11), (last, 12)):
        shop.erp.do("UPDATE preco SET alterado = ?, preco = ? WHERE cod = 7", [(changed, price)])
        assert shop.staged("price").changed == 1


def test_a_file_that_is_missing_is_an_erp_that_is_away(shop: Shop, tmp_path: Path) -> None:
    shop.sources = {"price": PRICE}
    shop.stage()
    shop.erp.connection.close()
    (tmp_path / "erp.sqlite3").unlink()
    with pytest.raises(ErpError, match="erp_away"):
        shop.stage()
    shop.erp.connection = sqlite3.connect(tmp_path / "other.sqlite3")


@pytest.mark.parametrize(
    ("written", "wanted"),
    [
        ("$1,234.56", Decimal("1234.56")),
        ("R$ 1.234.567,89", Decimal("1234567.89")),
        ("-R$ 0,05", Decimal("-0.05")),
        ("($1.00)", Decimal("-1.00")),
        ("12\u00a0345,00 €", "12\u00a0345,00 €"),
        ("\u00a51,234", "\u00a51,234"),
    ],
)
def test_money_is_read_exactly_or_not_at_all(written: str, wanted: Decimal | str) -> None:
    assert lenient_values.amount(written) == wanted


_FIRST = "0001-01-01T00:00:00Z"  # of the calendar
_ODD = """
    CREATE TABLE preco (cod char(8), preco money, de timestamptz, ate date, alterado timestamp);
    INSERT INTO preco VALUES ('1', 1234.56, '-infinity', 'infinity', '2026-11-20 08:00'),
        ('2', 2, '0044-03-15 BC', '9999-12-31', '-infinity'), ('3', 3, '2026-11-01', '12000-01-01', 'infinity'),
        ('4', 4, NULL, '0044-03-15 BC', NULL), ('5', 5, 'infinity', NULL, '2026-11-19')
"""


@pytest.mark.postgresql
def test_what_postgresql_has_and_no_calendar(shop: Shop) -> None:
    url = fresh_postgresql_url()
    shop.sources = {"price": msgspec.structs.replace(PRICE, where="", gone="")}
    shop.erp.url = url
    made = Shop(shop.engine, shop.erp)
    made.sources = shop.sources
    with psycopg.connect(url.replace("+psycopg", "")) as connection:
        connection.execute(_ODD)
    assert made.staged("price").refused == 1, "one that ended before it began"
    rows = {row[0]: (row[3], row[4], row[5]) for row in made.rows("price")}
    assert rows == {
        "1": (_FIRST, None, "1234.56"),
        "2": (_FIRST, None, "2.00"),
        "3": (rows["3"][0], None, "3.00"),
        "5": ("9999-12-31T00:00:00Z", None, "5.00"),
    }
    with psycopg.connect(url.replace("+psycopg", "")) as connection:
        connection.execute("UPDATE preco SET preco = 6, alterado = '2026-11-20 09:00' WHERE cod = '5'")
    assert made.staged("price").changed == 1
    discard_postgresql(url)


def test_a_change_of_the_far_future_hides_no_other(shop: Shop) -> None:
    shop.sources = {"price": PRICE}
    shop.erp.do("UPDATE preco SET alterado = '2026-11-19 08:00:00'")
    shop.erp.do("UPDATE preco SET alterado = '2026-11-20 08:00:00' WHERE cod = 7")
    shop.erp.do("UPDATE preco SET alterado = '2099-01-01 08:00:00' WHERE cod = 1")
    shop.stage()
    shop.erp.do("UPDATE preco SET preco = 11, alterado = '2026-11-20 08:10:00' WHERE cod = 7")
    found = shop.staged("price")
    assert (found.changed, found.read) == (1, 2), "and what was typed so is read each time"


WRITTEN = [
    ("price", "price", "1.234,56      ", "1234.56"),
    ("price", "price", "12,5", "12.50"),
    ("price", "price", "1,234.56", None),
    ("price", "valid_from", " 1/11/2026", "2026-11-01T00:00:00Z"),
    ("price", "valid_from", "01/11/2026 08:30:00", "2026-11-01T08:30:00Z"),
    ("price", "valid_from", "31/02/2026", None),
    ("price", "valid_from", "  /  /    ", "1970-01-01T00:00:00Z"),
    ("price", "valid_until", "30/11/2026", "2026-12-01T00:00:00Z"),
    ("price", "valid_until", "20261130", "2026-12-01T00:00:00Z"),
    ("price", "valid_until", "          ", ""),
    ("product", "ncm", "1006.30.21  ", "10063021"),
    ("product", "ncm", Decimal("2011000"), "02011000"),
    ("product", "ncm", 0, None),
    ("tax", "pis_status", 1, "01"),
    ("tax", "icms_status", 102, "102"),
    ("tax", "cfop", "5.102", "5102"),
    ("tax", "icms_rate", "18,00", "18.0000"),
    ("payment_method", "fiscal_method", 1, "01"),
]


@pytest.mark.parametrize(("entity", "column", "written", "wanted"), WRITTEN)
def test_values_are_read_as_brazilian_erps_write_them(
    entity: str, column: str, written: object, wanted: str | None
) -> None:
    """``wanted`` None: refused; empty: no value."""
    columns = {one: one for one in ("code", "product_code", "price", "description")}
    known = {one.name for one in declarations.built_in()[entity].columns}
    source = LoadSource({name: name for name in (*columns, column) if name in known}, table="t")
    (loaded,) = declarations.loaded({entity: source}, "test").values()
    values = [written if one.name == column else "1" if one.name in columns else None for one in loaded.columns]
    read = ErpRows(loaded, {}, UTC)._read((*values, None, None), len(values))
    place = [one.name for one in loaded.columns].index(column)
    assert (read.row[place] or "" if read.row else None) == wanted


def test_a_change_that_is_written_with_its_day_in_front_is_seen(shop: Shop) -> None:
    """As a text 05/12 comes before 28/11: all rows are read then."""
    shop.erp.do("UPDATE preco SET alterado = '28/11/2026'")
    shop.stage()
    shop.erp.do("UPDATE preco SET preco = 12, alterado = '05/12/2026' WHERE cod = 7")
    shop.stage()
    assert shop.prices()["7"] == "12.00"


@pytest.mark.parametrize("name", ["sqlite_x", "recipe_now"])
def test_an_entity_takes_no_name_of_another_view(name: str) -> None:
    source = LoadSource(table="t", columns={"code": "c"}, key=["code"])
    assert list(declarations.loaded({"recipe": source}, "test")) == ["recipe"]
    with pytest.raises(ProfileError, match=name):
        declarations.loaded({"recipe": source, name: source}, "test")
