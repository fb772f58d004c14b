"""An ERP that has no rows for payments: a column of the sale for each way of paying, and one that counts its items."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from malote.erp.mapping import ErpTables
from malote.erp.profiles.errors import ProfileError
from malote.erp.profiles.profile import read
from malote.erp.protocol import Erp, Result
from malote.fiscal.documents import Payment
from tests.engines.erp_support import post
from tests.engines.ordinary_support import open_ordinary
from tests.engines.sales import cancellation, posting, sale

SCRIPT = """
create table venda (loja text not null, cupom integer not null, chave text not null unique, liquido integer not null,
  dinheiro integer not null, cartao integer not null, outros integer not null, troco integer not null,
  itens integer not null, cancelada integer not null, primary key (loja, cupom));
create table venda_item (loja text not null, cupom integer not null, seq integer not null, produto text not null,
  quantidade numeric(12,4) not null, valor integer not null, primary key (loja, cupom, seq));
"""
PROFILE = """
name = "colunas"
[ledger]
table = "malote_ledger"
[state]
table = "malote_state"
[sale]
table = "venda"
key = ["loja", "cupom"]
[sale.columns]
loja = "issuer"
cupom = "number"
chave = "access_key"
liquido = "cents(total)"
dinheiro = "cents(paid('01'))"
cartao = "cents(paid('03', '04'))"
outros = "cents(paid_but('01', '03', '04'))"
troco = "cents(change)"
itens = "item_count"
cancelada = "present(cancelled_at, 1, 0)"
[item]
table = "venda_item"
[item.columns]
loja = "sale_key('loja')"
cupom = "sale_key('cupom')"
seq = "number"
produto = "product_code"
quantidade = "quantity"
valor = "cents(gross)"
"""


@pytest.fixture
def place(tmp_path: Path) -> Path:
    with closing(sqlite3.connect(tmp_path / "erp.sqlite3")) as made:
        made.executescript(SCRIPT)
    return tmp_path / "erp.sqlite3"


@pytest.fixture
def erp(place: Path) -> Iterator[Erp]:
    opened = open_ordinary(f"sqlite:///{place.as_posix()}", PROFILE)
    opened.create_structure()
    yield opened
    opened.close()


PAID = sale(
    1, payments=(Payment("01", 500), Payment("03", 200), Payment("04", 100), Payment("17", 40), Payment("01", 1))
)


def test_each_way_of_paying_has_its_column(erp: Erp, place: Path) -> None:
    assert erp.faults() == []
    assert post(erp, PAID, sale(2)) == [Result.POSTED] * 2
    assert post(erp, cancellation(PAID), first_id=9) == [Result.POSTED]
    with closing(sqlite3.connect(place)) as there:
        asked = "select dinheiro, cartao, outros, itens, cancelada from venda where cupom = 1"
        assert there.execute(asked).fetchall() == [(501, 300, 40, len(PAID.items), 1)]
        assert erp.departures([posting(PAID)], {PAID.access_key}) == {}
        there.execute("update venda set cartao = 299 where cupom = 1")
        there.commit()
    assert list(erp.departures([posting(PAID)], {PAID.access_key}).values()) == [["payments"]]


@pytest.mark.parametrize("wrong", ["paid()", "paid('1')", "paid(method)", "cents(payments)", "payments"])
def test_what_is_no_method_is_refused(wrong: str) -> None:
    with pytest.raises(ProfileError):
        ErpTables(read(PROFILE.replace("cents(paid('01'))", wrong), "colunas"))


def test_a_table_of_two_parts_is_refused() -> None:
    with pytest.raises(ProfileError, match="venda is the table of two parts"):
        read(PROFILE + '[cancellation]\ntable = "venda"\n[cancellation.columns]\nchave = "access_key"\n', "colunas")
