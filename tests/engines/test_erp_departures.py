"""What somebody changed in the ERP's own tables, whatever their design: which fields it is, and nothing else."""

from collections.abc import Iterator

import msgspec
import psycopg
import pytest

from malote.erp.factory import open_erp
from malote.erp.mapping import ErpTables
from malote.erp.profiles.errors import ProfileError
from malote.erp.profiles.profile import read
from malote.erp.protocol import GONE, Erp
from malote.fiscal.documents import Sale
from tests.engines import classico
from tests.engines.ordinary_support import Books, day, open_ordinary
from tests.engines.postgres_support import discard_postgresql, fresh_postgresql_url
from tests.engines.sales import cancellation, postings, supermarket

pytestmark = pytest.mark.postgresql

SOLD = day(13)
CANCELLED = {SOLD[0].access_key}

COMPARED = '''
compare_sales = """select chave as access_key, valor_liquido as total, situacao = 'C' as cancelled,
   emissao as issued_at, nfce_serie as series, nfce_numero as number, protocolo as protocol_number
   from venda where chave in (select json_array_elements_text(:keys::json))"""
compare_items = """select v.chave as access_key, seq as number, qtd as quantity, preco as unit_price, total as gross
   from venda_item i join venda v on v.id = i.venda_id
   where v.chave in (select json_array_elements_text(:keys::json))"""
compare_payments = """select v.chave as access_key, f.codigo_nfe as method, p.valor as amount
   from venda_pagamento p join forma_pagamento f on f.id = p.forma_id join venda v on v.id = p.venda_id
   where v.chave in (select json_array_elements_text(:keys::json))"""
'''


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    address = fresh_postgresql_url()
    yield address
    discard_postgresql(address)


@pytest.fixture(scope="module")
def ordinary(url: str) -> Iterator[Erp]:
    books = Books(url)
    books.make()
    books.database.close()
    erp = open_ordinary(url)
    erp.create_structure()
    erp.post(postings([*SOLD, cancellation(SOLD[0])]))
    yield erp
    erp.close()


@pytest.fixture(scope="module")
def called() -> Iterator[tuple[Erp, str, list[Sale]]]:
    address = fresh_postgresql_url()
    sold = supermarket(12)
    classico.create(address, sold)
    text = classico.PROFILE.read_text(encoding="utf-8") + COMPARED
    erp = open_erp(address, lock_timeout_seconds=5, tables=ErpTables(read(text, "classico")))
    erp.create_structure()
    erp.post(postings([*sold, cancellation(sold[0])]))
    yield erp, address, sold
    erp.close()
    discard_postgresql(address)


def test_ordinary_tables_as_they_were_filled_differ_in_nothing(ordinary: Erp) -> None:
    assert ordinary.departures(postings(SOLD), CANCELLED) == {}
    assert len(ordinary.sales([one.access_key for one in SOLD])) == len(SOLD)
    assert [one.access_key for one in ordinary.sales_between("35", "36")] == sorted(one.access_key for one in SOLD)


@pytest.mark.parametrize(
    ("place", "tampering", "fields"),
    [
        (0, "update cupom set estado = 'A' where id = {id}", ["cancelled_at"]),
        (1, "update cupom set liquido = liquido + 0.01 where id = {id}", ["total"]),
        (2, "update cupom set emitido = emitido - interval '1 day' where id = {id}", ["issued_at"]),
        (3, "update cupom set serie = 9 where id = {id}", ["series"]),
        (4, "delete from cupom_tributo where cupom = {id} and ordem = 1 and sigla = 'PIS'", ["-taxes"]),
        (5, "update cupom_linha set qtd = qtd + 0.001 where cupom = {id} and ordem = 1", ["-items", "+items"]),
        (6, ("insert into cupom_linha select cupom, 99, mercadoria, qtd, unitario, valor, cfop from cupom_linha"
            " where cupom = {id} and ordem = 1"), ["+items"]),
        (7, "update cupom_recebido set valor = 1 + valor where cupom = {id} and meio = 1", ["-payments", "+payments"]),
        (8, ("insert into cupom_recebido (cupom, meio, valor, troco) select cupom, meio, valor, troco"
            " from cupom_recebido where cupom = {id} and meio = 2"), ["+payments"]),
        (9, ("delete from cupom_tributo where cupom = {id}; delete from cupom_recebido where cupom = {id};"
            " delete from cupom_linha where cupom = {id}; delete from estoque_mov where cupom = {id};"
            " delete from cupom where id = {id}"), [GONE]),
        (10, "update cupom set protocolo = '135269999999999' where id = {id}", ["protocol_number"]),
        (12, ("update cupom set chave = left(chave, 35) || '99999999' || right(chave, 1)"
              " where id = {id}"), ["access_key"]),
    ],
)  # fmt: skip
def test_what_is_changed_in_ordinary_tables_is_named(
    ordinary: Erp, url: str, place: int, tampering: str, fields: list[str]
) -> None:
    key = SOLD[place].access_key
    before = ordinary.departures(postings(SOLD), CANCELLED)
    added_up = ordinary.fingerprints([(key, key), ("35", "36")])
    [(number,)] = classico.ask(url, f"select id from cupom where chave = '{key}'")
    with psycopg.connect(url) as connection:
        connection.execute(tampering.format(id=number).encode())
    after = ordinary.departures(postings(SOLD), CANCELLED)
    assert {document: found for document, found in after.items() if document not in before} == {place + 1: fields}
    assert added_up
    assert all(
        one != other
        for one, other in zip(added_up, ordinary.fingerprints([(key, key), ("35", "36")]) or [], strict=True)
    )
    assert (fields == [GONE]) == (key not in {row.access_key for row in ordinary.sales([key])})


def offline(one: Sale) -> Sale:
    """The same as it came before its protocol."""
    return msgspec.structs.replace(one, protocol=None)


def test_a_protocol_that_came_later_than_its_sale_is_no_difference(ordinary: Erp) -> None:
    assert SOLD[11].protocol is not None
    assert ordinary.departures(postings([offline(SOLD[11])], first_id=12), CANCELLED) == {}


def test_where_the_erps_own_procedure_books_its_rows_are_compared_as_the_profile_says(
    called: tuple[Erp, str, list[Sale]],
) -> None:
    erp, address, sold = called
    cancelled = {sold[0].access_key}
    assert erp.departures(postings(sold), cancelled) == {}
    own = "(select id from venda where chave = '{key}')"
    for place, tampering in enumerate(
        (
            "update venda set situacao = 'A' where id = {own}",
            "update venda set valor_liquido = valor_liquido + 0.01 where id = {own}",
            "update venda_item set qtd = qtd + 1 where venda_id = {own} and seq = 3",
            (
                "delete from venda_imposto where venda_id = {own};"
                " delete from venda_item where venda_id = {own} and seq = 8"
            ),
            (
                "update venda_pagamento set valor = valor - 0.01 where id = (select min(id) from venda_pagamento"
                " where venda_id = {own})"
            ),
            "update venda set protocolo = '135269999999999' where id = {own}",
        )
    ):
        with psycopg.connect(address) as connection:
            connection.execute(tampering.format(own=own.format(key=sold[place].access_key)).encode())
    assert erp.departures(postings(sold), cancelled) == {
        1: ["cancelled_at"],
        2: ["total"],
        3: ["items[3].quantity"],
        4: ["-items[8]"],
        5: ["-payments", "+payments"],
        6: ["protocol_number"],
    }
    assert 6 not in erp.departures(postings([*sold[:5], offline(sold[5]), *sold[6:]]), cancelled)
    rows = {row.access_key: row for row in erp.sales([one.access_key for one in sold])}
    assert not rows[sold[0].access_key].cancelled
    assert rows[sold[1].access_key].total == sold[1].totals.total + 1


def test_an_erp_may_delete_what_is_cancelled_and_nothing_else(called: tuple[Erp, str, list[Sale]]) -> None:
    erp, address, sold = called
    deleted = "delete from {table} where {column} in (select id from venda where chave in ('{first}', '{other}'))"
    lines = ("venda_imposto", "venda_item", "venda_pagamento", "estoque_movimento")
    of_sale = [(table, "venda_id") for table in lines] + [("venda", "id")]
    with psycopg.connect(address) as connection:
        for table, column in of_sale:
            keys = {"first": sold[0].access_key, "other": sold[8].access_key}
            connection.execute(deleted.format(table=table, column=column, **keys).encode())
    told = erp.departures([postings(sold)[0], postings(sold)[8]], {sold[0].access_key})
    assert told == {9: [GONE]}
    rows = {row.access_key: row.cancelled for row in erp.sales([one.access_key for one in sold])}
    assert rows[sold[0].access_key]
    assert sold[8].access_key not in rows


def test_a_comparison_only_reads() -> None:
    text = classico.PROFILE.read_text(encoding="utf-8")
    for told in ("delete from venda where chave = :keys", "select 1", "select 1 from venda where chave = :id"):
        with pytest.raises(ProfileError, match="compare_sales"):
            read(text + f'\ncompare_sales = "{told}"', "classico")
