"""Other ordinary designs: keys from a sequence, of a type of their own, of items too; stock as a sum by record."""

from decimal import Decimal

import pytest

from malote.erp.protocol import Result
from tests.engines.erp_support import post
from tests.engines.ordinary_support import Books, goods, open_ordinary
from tests.engines.postgres_support import discard_postgresql, fresh_postgresql_url
from tests.engines.sales import cancellation, sale

pytestmark = pytest.mark.postgresql

DESIGN = """
create sequence seq_nota;
create type situacao as enum ('ok', 'fora');
create table artigo (id uuid primary key default gen_random_uuid(), ean text unique);
create table nota (id bigint primary key, quando timestamp not null, total numeric(12,2), situacao situacao not null);
create table nota_item (id uuid primary key default gen_random_uuid(), nota bigint references nota, n int, artigo uuid
  references artigo);
create table nota_imposto (nota bigint references nota, item uuid references nota_item, nome text, valor numeric(12,2));
create table saldo (artigo uuid references artigo, qtd numeric(14,4) not null, primary key (artigo));
"""
PROFILE = """
name = "outro"
[state]
table = "malote_nota"
[sale]
table = "nota"
key = "id"
sequence = "seq_nota"
[sale.columns]
quando = "clock(issued_at)"
total = "total"
situacao = "present(cancelled_at, 'fora', 'ok')"
[item]
table = "nota_item"
key = "id"
[item.columns]
nota = "sale.key"
n = "number"
artigo = "query('artigo', gtin)"
[tax]
table = "nota_imposto"
[tax.columns]
nota = "sale.key"
item = "item.key"
nome = "tax"
valor = "amount"
[stock]
table = "saldo"
[stock.columns]
artigo = "query('artigo', gtin)"
qtd = "quantity"
[query.artigo]
sql = "select id from artigo where ean = :gtin"
values = ["gtin"]
"""


def test_keys_are_drawn_or_made_and_the_stock_is_the_erps_own_record() -> None:
    url = fresh_postgresql_url()
    books = Books(url)
    books.database.execute(DESIGN)  # type: ignore[arg-type, unused-ignore]
    books.database.execute("insert into artigo (ean) values ('7890000000001'), ('7890000000003')")
    erp = open_ordinary(url, PROFILE)
    erp.create_structure()
    assert erp.faults() == []
    first, second = (sale(number, items=[goods(1), goods(3, 2)]) for number in (1, 2))
    assert post(erp, first, second, cancellation(first)) == [Result.POSTED] * 3
    assert books.ask("select id, situacao::text from nota order by id") == [(1, "fora"), (2, "ok")]
    assert books.one("select count(*) from nota_item join nota_imposto on item = id") == 20
    assert dict(books.ask("select ean, qtd from saldo join artigo on id = artigo")) == {
        "7890000000001": Decimal("-2.0000"),
        "7890000000003": Decimal("-2.0000"),
    }
    erp.close()
    books.database.close()
    discard_postgresql(url)
