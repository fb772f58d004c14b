"""A profile that was only guessed books a day into ERPs of foreign design: what is marked is all that needs a look."""

from collections.abc import Iterator
from contextlib import closing
from decimal import Decimal
from functools import partial
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import make_url

from malote.cli.erp_profile import unsure
from malote.config import ErpSettings, Settings
from malote.erp.factory import open_erp
from malote.erp.mapping import ErpTables
from malote.erp.profiles.profile import read
from malote.erp.protocol import Erp
from malote.erp.suggesting.spelling import spelling_of
from malote.erp.suggesting.table_catalogue import look, smallest
from malote.erp.suggesting.vocabulary import ideas
from malote.erp.suggesting.writing import NothingFoundError, suggested
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
    "atendimento": (
        "insert into artigo (cd_sku, nr_ean, ds_artigo) values (%s, lpad(%s, 14, '0'), 'p')",
        "select st_atendimento, count(*), sum(vl_liquido) from atendimento group by 1 order by 1",
        (
            "select cd_sku, sum(case tp_mov when 'S' then qt_mov else -qt_mov end)"
            " from estoque_mov join artigo using (id_artigo) group by 1"
        ),
        ["id_operador", "cd_canal"],
    ),
    "nota_saida": (
        """with p as (insert into "Produto" ("CodInterno", "Descricao") values (%s, 'p') returning "IdProduto"),
             codes as (select %s::text as ean)
           insert into "ProdutoEAN" select ean, "IdProduto" from p, codes where ean <> ''""",
        'select "Situacao", count(*), sum("VlrTotal") from "NotaSaida" group by 1 order by 1',
        'select "CodInterno", -"Saldo" from "SaldoEstoque" join "Produto" using ("IdProduto")',
        ["NumPDV", "TipoMov", "UsuarioInc", "CentroCusto", "DtVencto"],
    ),
    "loja_caixa": (
        "insert into merc values (%s, %s, 'p')",
        "select status, count(*), sum(vlr_liq) from cab_cupom group by 1 order by 1",
        "select cod, -sum(qtd) from mov_estoque group by 1",
        ["pdv", "dtmov", "hrmov", "status", "qtd"],
    ),
    "por_dia": (
        ("insert into artigo select code::int, ean, code, 'p' from (select %s::text as code, %s::text as ean) given"),
        "select situacao, count(*), sum(liquido) from venda group by 1 order by 1",
        (
            "select codigo, sum(case tipo when 'S' then quantidade else -quantidade end)"
            " from estoque_movimento join artigo using (artigo) group by 1"
        ),
        ["count"],
    ),
    "aurora": (
        "insert into artigo values (%s, %s, 'p')",
        "select status, count(*), sum(liquido) from venda group by 1 order by 1",
        "select sku, -qtde from saldo",  # its triggers keep it
        ["origem"],
    ),
    "cupom_nota": (
        """with given as (select %s::text as code, %s::text as ean)
           insert into "RETAGUARDA"."MERCADORIAS" select (select count(*) from "RETAGUARDA"."MERCADORIAS"), 'p', ean,
             code from given""",
        """select "SITUAÇÃO"::text, count(*), sum("VLR LÍQUIDO") / 100.00 from "RETAGUARDA"."CUPOM"
           join "RETAGUARDA"."NOTA" n using ("ID CUPOM")
           where ("SITUAÇÃO" = 'Cancelado') = ("DT CANCELAMENTO" is not null) group by 1 order by 1""",
        """select "CÓD PDV", sum(case "TIPO" when 2 then "QTDE" else -"QTDE" end) from "RETAGUARDA"."MOV ESTOQUE" m
             join "RETAGUARDA"."MERCADORIAS" p on p."CÓDIGO" = m."MERCADORIA" group by 1""",
        ["PDV", "VLR", "VLR", "VLR", "TURNO", "VLR", "VLR", "VALOR", "TROCO", "out"],
    ),
    "virgula": (
        "insert into prod (cod, barra, descr) values (%s, %s, 'p')",
        "select cancelada, count(*), sum(replace(vlliq, ',', '.')::numeric) from venda group by 1 order by 1",
        "select cod, sum(case es when 'S' then qtde else -qtde end) from kardex group by 1",
        [
            *("nrvenda", "dtvenda", "hrvenda", "vlbruto", "vldesc", "vlliq", "vendedor"),
            *("qtde", "vlunit", "vltotal", "plano", "valor", "troco"),
        ],
    ),
    "por_mes": (
        """with given as (select %s::text as code, %s::text as ean),
             p as (insert into item_cad select code::int, ean, code, 'p' from given returning ite_id)
           insert into estoque select 7, ite_id from p""",
        "select doc_cancel, count(*), sum(doc_vlr) from documento group by 1 order by 1",
        "select ite_id::text, -est_qtd from estoque",  # its triggers keep it
        ["sequence", "doc_especie", "doc_competencia", "sequence", "rec_id"],
    ),
}


SCHEMAS = {"cupom_nota": "RETAGUARDA"}
MOVEMENT = """
create schema "Retaguarda 2"; set search_path = "Retaguarda 2";
create table filiais (cod int primary key, cgc varchar(18) not null unique);
create table "Mercadorias" (id bigint generated always as identity primary key, "Codigo PDV" varchar(14) not null
  unique);
create table finalizadoras (cod smallint primary key, tipo_sefaz char(2) not null unique);
create table movimento (nro bigint generated always as identity, dt_mov date not null, "Cod Filial" int not null
  references filiais, nr_cupom int not null, chave_nfe varchar(47) not null unique, vlr_bruto numeric(10,2) not null,
  vlr_desc numeric(10,2) not null, vlr_liq numeric(10,2) generated always as (vlr_bruto - vlr_desc) stored,
  status char(1) not null check (status in ('F','C')), primary key (nro));
create table mov_linhas (id bigint generated by default as identity primary key, nro_mov bigint not null references
  movimento, linha int not null, "Mercadoria" bigint not null references "Mercadorias", quant numeric(10,4) not null,
  "Vl Unit" numeric(10,2) not null, vl_total numeric(10,2) not null);
create table mov_tributos (id_linha bigint not null references mov_linhas, tributo varchar(8) not null, base
  numeric(10,2) not null, valor numeric(10,2) not null);
create table mov_pagtos (id bigserial primary key, nro_mov bigint not null references movimento, finalizadora smallint
  not null references finalizadoras, vl_pago numeric(10,2) not null, vl_troco numeric(10,2) not null);
insert into filiais values (1, '11.222.333/0001-81');
insert into finalizadoras values (1, '01'), (2, '03'), (3, '17'), (4, '04');
"""


@pytest.fixture
def url() -> Iterator[str]:
    made = fresh_postgresql_url()
    yield made
    discard_postgresql(made)


def guess(url: str, schema: str = "") -> str:
    with closing(open_erp(url, lock_timeout_seconds=5)) as erp, erp.read_only() as connection:
        known = look(connection, schema or None)
        there = partial(smallest, connection, schema=schema or None)
        return suggested(known, "guessed", "en", spelling_of(connection.dialect), there, schema)


def opened(url: str, profile: str) -> Erp:
    erp = open_erp(url, lock_timeout_seconds=5, tables=ErpTables(read(profile, "guessed")))
    erp.create_structure()
    return erp


@pytest.mark.postgresql
@pytest.mark.parametrize("design", KNOWN)
def test_a_guessed_profile_books_a_day_almost_without_an_edit(url: str, design: str) -> None:
    goods, standing, left, marked = KNOWN[design]
    sold = day(20)
    with psycopg.connect(url, autocommit=True) as database:
        database.execute((DESIGNS / f"{design}.sql").read_bytes())
        for line in {item.product_code: item for sale in sold for item in sale.items}.values():
            database.execute(goods.encode(), (line.product_code, line.gtin or None))
        profile = guess(url, SCHEMAS.get(design, "")).replace("vendedor = 0", "vendedor = 900")
        unsure = [line.strip('"').partition(" ")[0] for line in profile.splitlines() if "  # ? " in line]
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
def test_ways_of_paying_in_the_erps_own_words_get_a_table_and_the_check_knows_them(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as database:
        database.execute((DESIGNS / "aurora.sql").read_bytes())
        database.execute("alter type forma_pagto rename value 'OUTROS' to 'CHEQUE'")
        database.execute("alter type forma_pagto add value 'FIADO'")
    profile = guess(url)
    table = profile.partition("[lookup.method]\n")[2].partition("\n\n")[0].splitlines()
    assert [line.partition("  # ? ")[0] for line in table] == [
        *('"01" = "DINHEIRO"', '"02" = "CHEQUE"', '"03" = "CREDITO"', '"04" = "DEBITO"', '"17" = "PIX"'),
        *('"20" = "PIX"', '"23" = "PIX"', '# "??" = "FIADO"', '# "*" = "??"'),
    ]
    for written, told in (
        (profile.replace('"01" = "DINHEIRO"', '"01" = "ESPECIE"'), "ESPECIE"),
        (profile.replace("lookup(method, 'method')", "method"), "01, 02, 03, 04, 05"),
    ):
        with closing(opened(url, written)) as erp:
            found = [(one.kind, one.column, one.expected) for one in erp.faults()]
        assert found == [("value_unlisted", "forma", told)]


@pytest.mark.postgresql
def test_a_database_without_sales_is_said_to_have_none(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as database:
        database.execute("create table pessoa (id int primary key, nome text); create schema loja_007")
        database.execute("create view entrada_venda as select * from pessoa")
    with pytest.raises(NothingFoundError) as caught:
        guess(url)
    schemas = caught.value.facts.pop("schemas")
    assert caught.value.facts == {"tables": "pessoa", "views": "entrada_venda"}
    assert "loja_007" in schemas
    assert "information_schema" not in schemas


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


@pytest.mark.postgresql
def test_blanks_capitals_another_schema_and_what_the_database_works_out_are_no_obstacle(url: str) -> None:
    sold = day(10)
    with psycopg.connect(url, autocommit=True) as database:
        database.execute(MOVEMENT.encode())
        for code in {item.product_code for sale in sold for item in sale.items}:
            database.execute('insert into "Mercadorias" ("Codigo PDV") values (%s)', (code,))
        profile = guess(url, "Retaguarda 2")
        assert "# mov_tributos names the item alone" in profile
        with closing(opened(url, profile)) as erp:
            assert erp.faults() == []
            booked = erp.post(postings(sold))
            assert {one.result for one in booked} == {"posted"}
            erp.post([posting(cancellation(sold[0]), 99)])
        stood = database.execute("select sum(vlr_liq), count(*) filter (where status = 'C') from movimento").fetchone()
        assert stood == (cents(sum(one.totals.total for one in sold)), 1)


OWN_TYPES = """
create domain money_of_shop as numeric(14,2) check (value >= 0);
create domain standing as char(1) check (value in (' ', 'C'));
create table article (id uuid primary key default gen_random_uuid(), code varchar(30) not null unique, ean varchar(14));
create table sale (id uuid primary key default gen_random_uuid(), "Data/Hora" timestamptz not null, number int not null,
  access_key char(44) not null unique, net_amount money_of_shop not null,
  status standing not null, "Obs. 2" text);
create table sale_item (id uuid primary key default gen_random_uuid(), sale_id uuid not null references sale,
  line int not null, article_id uuid not null references article, quantity numeric(12,4) not null,
  total money_of_shop not null);
"""


@pytest.mark.postgresql
def test_domains_keys_that_are_no_numbers_and_strokes_in_names_are_understood(url: str) -> None:
    sold = day(5)
    with psycopg.connect(url, autocommit=True) as database:
        database.execute(OWN_TYPES.encode())
        for code in {item.product_code for sale in sold for item in sale.items}:
            database.execute("insert into article (code) values (%s)", (code,))
        profile = guess(url)
        assert "# ?" not in profile.partition("[sale]")[2]
        assert "# Obs. 2 = ?  (no profile can have this name" in profile
        with closing(opened(url, profile)) as erp:
            assert erp.faults() == []
            assert {one.result for one in erp.post(postings(sold))} == {"posted"}
            erp.post([posting(cancellation(sold[0]), 99)])
        stood = database.execute("select sum(net_amount), count(*) filter (where status = 'C') from sale").fetchone()
        assert stood == (cents(sum(one.totals.total for one in sold)), 1)


def test_lines_still_marked_are_told_by_the_check(tmp_path: Path) -> None:
    (tmp_path / "p.toml").write_text('# a = 1  # ? x\nb = 0  # ? required\nc = "x"\n', encoding="utf-8")
    assert unsure(Settings(home=str(tmp_path), erp=ErpSettings(profile="p.toml"))) == ["b"]
    assert unsure(Settings(home=str(tmp_path), erp=ErpSettings(profile="varejo"))) == []
