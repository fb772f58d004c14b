"""An ordinary foreign key of the ERP's: which product of which line it lacks, which method, shop or customer; told,
and cured one by one."""

from collections.abc import Iterator
from contextlib import closing, suppress
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import insert

from malote import rejection
from malote.database.engine import writing
from malote.database.quarantine_tables import product_map
from malote.erp import structure
from malote.erp.base import BaseErp
from malote.erp.factory import open_erp
from malote.erp.grants import statements
from malote.erp.protocol import ErpError
from malote.fiscal.documents import Payment, Sale
from malote.posting import missing_records
from malote.register import replaying
from malote.spool.mapped_codes import mapped
from tests.engines.erp_support import Tables
from tests.engines.postgres_support import discard_postgresql, fresh_postgresql_url
from tests.engines.posting_support import Shop, open_shop
from tests.engines.sales import ISSUER, item, sale
from tests.engines.test_erp_grants import clerk, run

pytest_plugins = ["tests.engines.erp_fixtures"]

CPF, ELSEWHERE, OTHERS = "52998224725", "98765432000198", "11444777000161"
RECORDS = [
    "CREATE TABLE product (code VARCHAR(60) PRIMARY KEY)",
    "CREATE TABLE way_of_paying (code VARCHAR(2) PRIMARY KEY)",
    "CREATE TABLE shop (company VARCHAR(14), till VARCHAR(20), PRIMARY KEY (company, till))",
    "CREATE TABLE customer (tax_number VARCHAR(14) PRIMARY KEY)",
    "INSERT INTO product VALUES ('1001'), ('1002')",
    "INSERT INTO way_of_paying VALUES ('01'), ('17')",
    f"INSERT INTO shop VALUES ('{ISSUER}', 'caixa1')",
]
REFERRING = {
    "sale_item": "FOREIGN KEY (product_code) REFERENCES product (code)",
    "payment": "FOREIGN KEY (method) REFERENCES way_of_paying (code)",
    "sale": "FOREIGN KEY (issuer, till) REFERENCES shop, FOREIGN KEY (consumer) REFERENCES customer",
}


def of_products(number: int, *codes: str) -> Sale:
    lines = [item(line, product_code=code) for line, code in enumerate(codes, 1)]
    return sale(number, items=lines)


@pytest.fixture
def tables(erp_url: str) -> Iterator[Tables]:
    """Malote's own, which refer to the ERP's."""
    opened = Tables(erp_url)
    with closing(open_erp(erp_url, lock_timeout_seconds=5)) as erp:
        assert isinstance(erp, BaseErp)
        made = structure.statements(erp.dialect)
    opened.run(*RECORDS)
    for statement in made:
        name = statement.split("EXISTS ")[1].split()[0]
        key = f", {REFERRING[name]})" if name in REFERRING else ")"
        opened.run(statement.rstrip().removesuffix(")") + key)
    yield opened
    opened.engine.dispose()


@pytest.fixture
def shop(tables: Tables, erp_url: str, tmp_path: Path) -> Iterator[Shop]:
    with open_shop(tmp_path, erp_url) as opened:
        yield opened


def post(shop: Shop, *documents: Sale) -> dict[int, dict[str, str]]:
    """What is told of each that was refused, by its number."""
    shop.accept(*documents)
    with closing(shop.poster(codes=partial(mapped, shop.engine))) as poster, suppress(ErpError):
        poster.drain()
    return {one.number or 0: one.reason.facts for one in shop.documents() if one.state == "rejected" and one.reason}


def test_what_is_lacking_is_named_and_no_consumer(shop: Shop) -> None:
    told = post(
        shop,
        of_products(1, "1001", "1002"),
        of_products(2, "1001", "77", "1002", "88", "77"),
        sale(3, payments=(Payment("01", 1000), Payment("23", 1590)), change=0),
        sale(4, consumer=CPF),
        sale(5, issuer=ELSEWHERE),
    )
    assert shop.counted() == {"posted": 1, "rejected": 4}
    assert set(shop.reasons()) == {"erp_record_missing"}
    products, payment, customer, company = (told[number] for number in (2, 3, 4, 5))
    assert products["lacking"] == "produto 77 (linha 2), produto 88 (linha 4), produto 77 (linha 5)"
    assert (products["products"], products.get("payments")) == ("77, 88", None)
    assert (payment["lacking_en"], payment["payments"]) == ("method of payment 23", "23")
    assert (customer["lacking"], customer.get("products"), customer.get("payments")) == ("consumidor ***", None, None)
    assert company["lacking"] == f"emitente {ELSEWHERE} / caixa caixa1"
    assert CPF not in str([told, shop.kept])
    said = rejection.cause("erp_record_missing", products, "en", technical=False)
    assert (
        said
        == "The ERP doesn't know what the sale holds: product 77 (line 2), product 88 (line 4), product 77 (line 5)."
    )


def test_of_two_that_are_lacking_the_second_is_told_once_the_first_is_mapped(shop: Shop) -> None:
    post(shop, of_products(1, "1001"), of_products(2, "77", "1001", "88"))
    for code, to, left in (
        ("77", "99", "99 (linha 1, no caixa 77), produto 88 (linha 3)"),
        ("77", "1002", "88 (linha 3)"),
    ):
        told = map_product(shop, 2, code, to)
        assert told[2]["lacking"] == f"produto {left}"
        assert told[2]["products"] == ("77, 88" if to == "99" else "88")
    assert map_product(shop, 2, "88", "1001") == {}
    assert shop.counted() == {"posted": 2}


def map_product(shop: Shop, number: int, code: str, to: str) -> dict[int, dict[str, str]]:
    with writing(shop.engine) as connection:
        connection.execute(product_map.delete().where(product_map.c.old_code == code))
        connection.execute(insert(product_map).values(issuer=ISSUER, old_code=code, new_code=to, at=0, who="maria"))
    (one,) = [one.id for one in shop.documents() if one.number == number]
    replaying.replay(shop.engine, [one], now=shop.clock())
    return post(shop)


def test_a_product_of_its_own_line_is_nobody_elses_trouble_and_a_shop_is(shop: Shop, tables: Tables) -> None:
    told = post(shop, of_products(1, "77"), of_products(2, "1001", "88"))
    assert [told[number]["products"] for number in (1, 2)] == ["77", "88"], "though nothing else was booked"
    tables.run("DELETE FROM product")
    post(shop, of_products(3, "1001"), of_products(4, "1002"))
    tables.run("DELETE FROM shop")
    post(shop, sale(5, issuer=ELSEWHERE), sale(6, issuer=ELSEWHERE))
    tables.run("DELETE FROM way_of_paying WHERE code = '01'", f"INSERT INTO shop VALUES ('{OTHERS}', 'caixa1')")
    tables.run("INSERT INTO product VALUES ('1001')")
    cash = (Payment("01", 2590),)
    post(shop, sale(7, issuer=OTHERS, payments=cash, change=0), sale(8, issuer=OTHERS, payments=cash, change=0))
    waiting = {one.number: one.reason for one in shop.documents() if one.state == "waiting" and one.reason}
    assert {one.code for one in waiting.values()} == {"erp_refuses_all"}
    assert {
        3: "produto 1001 (linha 1)",
        6: f"emitente {ELSEWHERE} / caixa caixa1",
        8: "forma de pagamento 01",
    }.items() <= {number: one.facts["lacking"] for number, one in waiting.items()}.items()
    said = rejection.cause("erp_refuses_all", waiting[3].facts, technical=False)
    assert said.endswith("o problema é do ERP e não de uma venda. Falta no ERP: produto 1001 (linha 1).")


def test_a_foreign_key_that_sqlite_cannot_follow_refuses_nothing(tmp_path: Path) -> None:
    """To columns that aren't unique: any writing would fail for it."""
    url = f"sqlite:///{tmp_path / 'erp.sqlite3'}"
    with open_shop(tmp_path, url) as opened:
        opened.erp().create_structure()
        Tables(url).run("CREATE TABLE tag (code TEXT)", "ALTER TABLE payment ADD COLUMN tag TEXT REFERENCES tag (code)")
        assert post(opened, of_products(1, "1001")) == {}
        assert opened.counted() == {"posted": 1}


def test_where_nobody_may_look_what_the_database_quotes_is_told() -> None:
    error = ErpError("erp_constraint", detail="sale_item, fk, 23503", reference="fk", quoted=["product_code", "77"])
    sold = of_products(1, "77", "1001", "77")
    told = missing_records.facts_of(sold, error, {"products": "77"})
    assert told == {
        "lacking": "produto 77 (linha 1), produto 77 (linha 3)",
        "lacking_en": "product 77 (line 1), product 77 (line 3)",
        "products": "77",
    }
    assert missing_records.facts_of(sold, error, {}) == {}
    error.reference = None
    assert missing_records.facts_of(sold, error, {"products": "77"}) == {}


@pytest.mark.postgresql
def test_whoever_may_only_post_is_told_as_much_as_the_database_quotes(tmp_path: Path) -> None:
    """No SELECT on the table that is referred to, which nobody needs for writing."""
    url = fresh_postgresql_url()
    with closing(open_erp(url, lock_timeout_seconds=5)) as erp, clerk(url) as (role, address):
        erp.create_structure()
        run(
            url,
            *RECORDS,
            "ALTER TABLE sale_item ADD FOREIGN KEY (product_code) REFERENCES product",
            "REVOKE ALL ON SCHEMA public FROM PUBLIC",
            *statements(erp.grants(role)),
        )
        with open_shop(tmp_path, address) as opened:
            told = post(opened, of_products(1, "1001"), of_products(2, "1001", "77", "88"))
            assert opened.counted() == {"posted": 1, "rejected": 1}
            assert told[2]["lacking"] == "produto 77 (linha 2)"
            told = map_product(opened, 2, "77", "99")
            assert (told[2]["lacking"], told[2]["products"]) == ("produto 99 (linha 2, no caixa 77)", "77")
    discard_postgresql(url)
