"""Columns as a PostgreSQL of twenty years has them: domains that are never null, enumerations, JSON, lists, rows within
rows, columns that the database makes, names that must be quoted, columns that are gone."""

from collections.abc import Iterator
from contextlib import closing

import msgspec
import psycopg
import pytest

from malote.erp.protocol import Erp, ErpError, Result
from tests.engines.erp_support import post
from tests.engines.ordinary_support import Books, day, open_ordinary
from tests.engines.postgres_support import discard_postgresql, fresh_postgresql_url
from tests.engines.sales import cancellation, contingency, posting, postings, protocol

pytestmark = pytest.mark.postgresql

TABLES = """
create schema tipos;
create domain tipos.chave_nfe as char(44) not null check (value ~ '^[0-9]{44}$');
create domain tipos.dinheiro as numeric(12,2) not null check (value >= 0);
create domain "Sim ou Não" as char(1) not null check (value in ('S', 'N'));
create domain extra as jsonb not null;
create type "Situação" as enum ('ativa', 'cancelada');
create type origem as (sistema text, versao int);
create table venda (
  id bigint generated always as identity primary key,
  antiga int,
  chave tipos.chave_nfe unique,
  "Nº Cupom" int not null,
  liquido tipos.dinheiro,
  centavos bigint generated always as ((liquido * 100)::bigint) stored,
  situacao "Situação" not null,
  impressa "Sim ou Não" default 'N',
  veio origem not null,
  etiquetas varchar(6)[] not null,
  dados extra,
  bruto json not null,
  protocolo varchar(20),
  "order" int not null);
alter table venda drop column antiga;
create table venda_item (venda bigint not null references venda, item smallint not null, codigo varchar(14) not null,
  qtd numeric(12,4) not null, marcas text[] not null, dados json not null, primary key (venda, item));
create table saldo (codigo varchar(14) primary key, qtd numeric(12,4) not null,
  ligado "Sim ou Não" default 'S', filial tipos.dinheiro default 0);
"""
PROFILE = """
name = "tipos"
[ledger]
table = "malote_chave"
[state]
table = "malote_venda"
[sale]
table = "venda"
key = "id"
[sale.columns]
chave = "access_key"
"Nº Cupom" = "number"
liquido = "total"
situacao = "present(cancelled_at, 'cancelada', 'ativa')"
veio = "'(pdv,3)'"
etiquetas = "'{balcao,pdv}'"
dados = '''concat('{"caixa": "', till, '"}')'''
bruto = '''concat('{"serie": ', text(series), '}')'''
protocolo = "protocol_number"
order = 1
[item]
table = "venda_item"
[item.columns]
venda = "sale.key"
item = "number"
codigo = "product_code"
qtd = "quantity"
marcas = "'{a,b}'"
dados = "'{}'"
[stock]
table = "saldo"
[stock.columns]
codigo = "product_code"
qtd = "quantity"
"""


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    address = fresh_postgresql_url()
    with psycopg.connect(address) as connection:
        connection.execute(TABLES.encode())
    yield address
    discard_postgresql(address)


@pytest.fixture
def erp(url: str) -> Iterator[Erp]:
    with closing(open_ordinary(url, PROFILE)) as opened:
        opened.create_structure()
        yield opened
    with psycopg.connect(url) as connection:
        connection.execute("truncate venda, venda_item, saldo, malote_chave, malote_venda")


@pytest.fixture
def books(url: str) -> Iterator[Books]:
    opened = Books(url)
    yield opened
    opened.database.close()


def test_what_is_not_given_is_left_as_it_is(erp: Erp, books: Books) -> None:
    """A cancellation gives its column and the key: a domain that is never null elsewhere has no say in it."""
    assert erp.faults() == []
    sold = day(6)
    assert set(post(erp, *sold)) == {Result.POSTED}
    assert post(erp, cancellation(sold[2]), first_id=50) == [Result.POSTED]
    assert books.ask("select \"Nº Cupom\", impressa from venda where situacao = 'cancelada'") == [(3, "N")]
    assert books.one("select sum(centavos) from venda") == sum(one.totals.total for one in sold)
    assert books.one("select count(*) from venda_item") == sum(len(one.items) for one in sold)
    assert books.one("select sum(qtd) from saldo where ligado = 'S'") == -sum(
        line.quantity for one in sold if one is not sold[2] for line in one.items
    )


def test_json_lists_and_rows_are_written_as_what_they_are(erp: Erp, books: Books) -> None:
    """Whichever way a table is written: with RETURNING or by COPY."""
    post(erp, day(1)[0])
    asked = "select dados->>'caixa', bruto->>'serie', (veio).versao, etiquetas[2] from venda"
    assert books.ask(asked) == [("caixa1", "1", 3, "pdv")]
    assert books.ask("select distinct json_typeof(dados), marcas[1] from venda_item") == [("object", "a")]


def test_a_rehearsal_shows_json_as_json_and_nobodys_number(erp: Erp, url: str) -> None:
    said = """'{"cpf": "529.982.247-25", "n": [1.50]}'"""
    with closing(open_ordinary(url, PROFILE.replace("dados = \"'{}'\"", f"dados = '''{said}'''"))) as other:
        touched = {one.table: one for one in other.rehearse(posting(day(1)[0])).touched}
    assert touched["venda_item"].rows[0]["dados"] == '{"cpf":"***","n":[1.50]}'
    assert touched["venda"].rows[0]["etiquetas"] == '["balcao","pdv"]'


def test_a_later_version_takes_the_place_of_the_first(erp: Erp, books: Books) -> None:
    offline = contingency(1)
    mended = msgspec.structs.replace(offline.items[0], quantity=offline.items[0].quantity, cfop="5405")
    assert post(erp, offline) == [Result.POSTED]
    authorised = msgspec.structs.replace(offline, items=(mended, *offline.items[1:]), protocol=protocol(1))
    assert post(erp, authorised, first_id=9) == [Result.MENDED]
    assert books.ask("select protocolo, dados->>'caixa' from venda") == [(protocol(1).number, "caixa1")]


def test_what_was_written_is_no_difference_and_what_is_changed_is_one(erp: Erp, books: Books) -> None:
    sold = day(4)
    post(erp, *sold)
    assert erp.departures(postings(sold), set()) == {}
    before = erp.fingerprints([("35", "36")])
    assert before
    books.ask_nothing(
        'update venda set bruto = \'{"serie": 9}\' where "Nº Cupom" = 1',
        "update venda_item i set marcas = '{a,c}' from venda v where v.id = i.venda and \"Nº Cupom\" = 2 and item = 1",
    )
    assert erp.departures(postings(sold), set()) == {1: ["series"], 2: ["-items", "+items"]}
    assert erp.fingerprints([("35", "36")]) != before


def test_what_the_erp_lost_is_written_again(erp: Erp, books: Books) -> None:
    sold = day(1)[0]
    post(erp, sold)
    books.ask_nothing("truncate venda, venda_item, saldo")
    ordered = msgspec.structs.replace(posting(sold), again=True)
    assert [one.result for one in erp.post([ordered])] == [Result.POSTED]
    assert books.one("select count(*) from venda_item") == len(sold.items)


def test_a_domain_that_wants_a_value_is_named_by_the_check_and_by_the_refusal(url: str, erp: Erp) -> None:
    lacking = "\n".join(line for line in PROFILE.splitlines() if not line.startswith("dados = '''"))
    with closing(open_ordinary(url, lacking)) as wrong:
        assert [(one.kind, one.column) for one in wrong.faults()] == [("column_required", "dados")]
        with pytest.raises(ErpError) as caught:
            post(wrong, day(1)[0])
    assert (caught.value.code, caught.value.facts["detail"]) == ("erp_constraint", "venda, extra, 23502")


def test_the_check_names_a_column_that_the_database_makes_by_itself(url: str) -> None:
    """Whatever the column's type is: rows within rows have none that is known here."""
    wrong = PROFILE.replace("order = 1", 'order = 1\ncentavos = "cents(total)"\nantiga = 1')
    with closing(open_ordinary(url, wrong)) as erp:
        found = [(one.kind, one.column) for one in erp.faults() if one.kind != "table_missing"]
    assert found == [("column_generated", "centavos"), ("column_missing", "antiga")]
