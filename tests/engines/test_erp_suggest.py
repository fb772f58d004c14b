"""A profile that was only guessed books a day into ERPs of foreign design: what is marked is all that needs a look."""

from collections.abc import Iterator
from contextlib import closing
from decimal import Decimal
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import make_url

from malote.erp.engines import open_erp
from malote.erp.mapping import ErpTables
from malote.erp.profiles.profile import read
from malote.erp.protocol import Erp
from malote.erp.suggesting.looking import look, smallest
from malote.erp.suggesting.words import ideas
from malote.erp.suggesting.writing import suggested
from tests.engines.ordinary_support import cents, day, expected_stock
from tests.engines.postgres_support import discard_postgresql, fresh_postgresql_url
from tests.engines.sales import cancellation, posting, postings

DESIGNS = Path(__file__).parent / "erps"

# Of each design: goods by code and barcode, what became of the sales, what left the shelf, what is marked as unsure.
KNOWN = {
    "classico": (
        "insert into produto (codigo_pdv, ean, descricao) values (%s, %s, 'p')",
        "select situacao, count(*), sum(valor_liquido) from venda group by 1 order by 1",
        (
            "select codigo_pdv, sum(case tipo when 'S' then qtd else -qtd end)"
            " from estoque_movimento m join produto p on p.id = m.produto_id group by 1"
        ),
        ["pdv", "operador_id", "origem"],
    ),
    "english": (
        "insert into product (sku, barcode, name) values (%s, %s, 'p')",
        "select status, count(*), sum(net_amount) from sale group by 1 order by 1",
        "select sku, sum(case direction when 'OUT' then quantity else -quantity end) from stock_movement group by 1",
        ["cost_center"],
    ),
    "abbreviated": (
        "insert into tb_prd (cod_prd, cod_ean, ds_prd) values (%s::numeric, %s, 'p')",
        "select st_cup, count(*), sum(vl_liq) from tb_cup_cab group by 1 order by 1",
        "select cod_prd::text, sum(case tp_mov when 'S' then qt_mov else -qt_mov end) from tb_mov_est group by 1",
        ["nr_pdv", "cod_oper"],
    ),
    "documento": (
        "insert into mercadorias (codigo, cod_barras, nome) values (%s, %s, 'p')",
        "select cancelado, count(*), sum(total_nota) from documento_fiscal group by 1 order by 1",
        "",  # its trigger keeps the stock
        ["centro_custo_id", "lote_integracao"],
    ),
}


@pytest.fixture
def url() -> Iterator[str]:
    made = fresh_postgresql_url()
    yield made
    discard_postgresql(made)


def guess(url: str) -> str:
    with closing(open_erp(url, lock_timeout_seconds=5)) as erp, erp.read_only() as connection:
        return suggested(
            look(connection, None), "guessed", "en", lambda table, column: smallest(connection, table, column, None)
        )


def opened(url: str, profile: str) -> Erp:
    erp = open_erp(url, lock_timeout_seconds=5, tables=ErpTables(read(profile, "guessed")))
    erp.create_structure()
    return erp


@pytest.mark.postgresql
@pytest.mark.parametrize("design", KNOWN)
def test_a_guessed_profile_books_a_day_without_an_edit(url: str, design: str) -> None:
    goods, standing, left, marked = KNOWN[design]
    sold = day(20)
    with psycopg.connect(url, autocommit=True) as database:
        database.execute((DESIGNS / f"{design}.sql").read_bytes())
        for line in {item.product_code: item for sale in sold for item in sale.items}.values():
            database.execute(goods.encode(), (line.product_code, line.gtin or None))
        profile = guess(url)
        unsure = [line.partition(" ")[0] for line in profile.splitlines() if "  # ? " in line]
        assert unsure == marked
        with closing(opened(url, profile)) as erp:
            assert erp.faults() == []
            assert {one.result for one in erp.post(postings(sold))} == {"posted"}
            assert [one.result for one in erp.post([posting(cancellation(sold[0]), document_id=99)])] == ["posted"]
        states = database.execute(standing.encode()).fetchall()
        assert sorted(count for _, count, _ in states) == [1, 19]
        assert sum((total for _, _, total in states), Decimal()) == cents(sum(one.totals.total for one in sold))
        assert not left or dict(database.execute(left.encode()).fetchall()) == expected_stock(sold, sold[:1])


@pytest.mark.postgresql
def test_a_database_without_sales_is_said_to_have_none(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as database:
        database.execute("create table pessoa (id int primary key, nome text)")
    with pytest.raises(LookupError, match="pessoa"):
        guess(url)


def test_names_stand_for_ideas_however_they_are_cut_short() -> None:
    assert "discount" in ideas("vl_dsc")
    assert "total" not in ideas("vl_liq")
    assert "net" in ideas("valorLiquido")
    assert "issuer" in ideas("TAX_ID")
    assert "tax" in ideas("venda_imposto")


@pytest.mark.postgresql
def test_a_user_who_may_look_at_no_row_gets_a_profile_all_the_same(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as database:
        database.execute((DESIGNS / "documento.sql").read_bytes())
        database.execute("create role malote_stranger login")
    try:
        stranger = make_url(url).set(username="malote_stranger").render_as_string(hide_password=False)
        profile = guess(stranger)
        assert "centro_custo_id = 0  # ? required: a code that exists in centro_custo" in profile
    finally:
        with psycopg.connect(url, autocommit=True) as database:
            database.execute("drop role malote_stranger")
