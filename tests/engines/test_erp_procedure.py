"""Sales through the ERP's own procedure, into an ERP of foreign design: each once, to the cent and the piece."""

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import msgspec
import psycopg
import pytest

from malote.erp.factory import open_erp
from malote.erp.mapping import ErpTables
from malote.erp.profiles.profile import read
from malote.erp.protocol import Erp, Result
from tests.engines import classico
from tests.engines.erp_support import post
from tests.engines.postgres_support import discard_postgresql, fresh_postgresql_url
from tests.engines.sales import (
    by_older_version,
    cancellation,
    contingency,
    item,
    number_void,
    posting,
    postings,
    protocol,
    sale,
    supermarket,
)

pytestmark = pytest.mark.postgresql
Opened = Callable[..., Erp]

DAY = [classico.paid_in_cash(one, change=137) if place % 3 == 0 else one for place, one in enumerate(supermarket(60))]

UNKNOWN = msgspec.structs.replace(item(1, product="SEM-CADASTRO"), gtin="")


@pytest.fixture
def url() -> Iterator[str]:
    address = fresh_postgresql_url()
    classico.create(address, [*DAY, sale()])
    yield address
    discard_postgresql(address)


@pytest.fixture
def opened() -> Iterator[Opened]:
    made: list[Erp] = []

    def open_it(url: str, profile: Path = classico.PROFILE) -> Erp:
        made.append(classico.open_classico(url, profile))
        return made[-1]

    yield open_it
    for erp in made:
        erp.close()


@pytest.fixture
def erp(url: str, opened: Opened) -> Erp:
    return opened(url)


def test_a_day_stands_in_the_erp_as_it_was_sold(erp: Erp, url: str) -> None:
    cancelled = DAY[::7]
    again = postings([*DAY, *map(cancellation, cancelled), number_void(), *DAY[:5]])
    found = [outcome.result for outcome in erp.post(again)]
    assert found == [Result.POSTED] * (len(DAY) + len(cancelled) + 1) + [Result.DUPLICATE] * 5
    header = "select chave, valor_liquido, emissao, situacao, protocolo, loja_id, pdv from venda order by nfce_numero"
    gone = {one.access_key for one in cancelled}
    assert classico.ask(url, header) == [
        (
            *(one.access_key, classico.money(one.totals.total), one.issued_at.replace(tzinfo=None)),
            *("C" if one.access_key in gone else "A", one.protocol.number if one.protocol else None, 1, 1),
        )
        for one in DAY
    ]
    lines = "select count(*), sum(total) from venda_item"
    items = [line for one in DAY for line in one.items]
    assert classico.ask(url, lines) == [(len(items), classico.money(sum(line.gross for line in items)))]
    left, back = classico.expected_stock(DAY), classico.expected_stock(cancelled)
    assert dict(classico.ask(url, classico.LEFT)) == {code: left[code] - back.get(code, 0) for code in left}


def test_change_stands_with_the_cash_and_money_adds_up(erp: Erp, url: str) -> None:
    post(erp, *DAY)
    paid = """select v.chave, sum(p.valor), sum(p.troco), sum(p.troco) filter (where p.forma_id <> 1)
                from venda v join venda_pagamento p on p.venda_id = v.id group by 1"""
    assert {key: (given, change, wrong or 0) for key, given, change, wrong in classico.ask(url, paid)} == {
        one.access_key: (
            classico.money(sum(each.amount for each in one.payments)),
            classico.money(one.change),
            0,
        )
        for one in DAY
    }


def test_what_the_erp_refuses_keeps_only_itself_out_with_the_erps_words(erp: Erp, url: str) -> None:
    with psycopg.connect(url) as connection:
        connection.execute("update produto set ativo = false where codigo_pdv = %s", (DAY[3].items[0].product_code,))
        off = connection.execute("select id from produto where not ativo").fetchone()
    unknown = sale(500, items=[UNKNOWN])
    outcomes = erp.post(postings([*DAY[4:8], unknown, DAY[3], *DAY[8:12]]))
    inactive = {
        one.access_key for one in DAY[4:12] if DAY[3].items[0].product_code in {i.product_code for i in one.items}
    }
    assert not inactive, "another seed: these must all be sold"
    assert [one.result for one in outcomes].count(Result.POSTED) == 8
    refused = [one for one in outcomes if one.result is Result.REFUSED]
    assert [one.code for one in refused] == ["erp_refused", "erp_refused"]
    assert refused[0].facts["said"].startswith("produto sem cadastro: SEM-CADASTRO")
    assert off is not None
    assert refused[1].facts["said"] == f"produto {off[0]} fora de linha: reative no cadastro"
    assert classico.ask(url, "select count(*) from venda") == [(8,)]
    assert erp.ledger([unknown.access_key]) == {}
    with psycopg.connect(url) as connection:
        connection.execute("update produto set ativo = true")
    assert post(erp, DAY[3]) == [Result.POSTED]


def test_a_refused_cancellation_stays_out_and_its_sale_in(erp: Erp, url: str) -> None:
    post(erp, *DAY[:3])
    with psycopg.connect(url) as connection:
        connection.execute(
            f"""create function fechado() returns trigger language plpgsql as $$ begin
                  if new.chave = '{DAY[1].access_key}' then raise exception 'caixa fechado'; end if; return new; end $$;
                create trigger fechado before update on venda for each row execute function fechado()""".encode()
        )
    outcomes = erp.post(postings([cancellation(one) for one in DAY[:3]], first_id=50))
    assert [one.result for one in outcomes] == [Result.POSTED, Result.REFUSED, Result.POSTED]
    assert outcomes[1].facts["said"] == "caixa fechado"
    assert classico.ask(url, "select situacao from venda order by nfce_numero") == [("C",), ("A",), ("C",)]
    assert [one.cancelled for one in erp.booked()] == [True, False, True]


def test_a_protocol_that_comes_later_reaches_the_erp(erp: Erp, url: str) -> None:
    offline = contingency(700)
    assert post(erp, offline) == [Result.POSTED]
    assert classico.ask(url, "select protocolo from venda") == [(None,)]
    assert post(erp, msgspec.structs.replace(offline, protocol=protocol(700)), first_id=2) == [Result.PROTOCOL_ADDED]
    assert classico.ask(url, "select protocolo from venda") == [(protocol(700).number,)]


def test_a_protocol_reaches_a_sale_that_an_older_version_booked(erp: Erp, url: str) -> None:
    offline = contingency(700)
    erp.post(by_older_version(offline))
    authorised = msgspec.structs.replace(offline, protocol=protocol(700))
    assert post(erp, authorised, first_id=2) == [Result.PROTOCOL_ADDED]
    assert classico.ask(url, "select protocolo from venda") == [(protocol(700).number,)]


def test_without_a_statement_for_it_a_cancellation_goes_to_a_person(url: str, tmp_path: Path, opened: Opened) -> None:
    profile = tmp_path / "so-vendas.toml"
    profile.write_text('name = "so-vendas"\n[post]\ncall = "select importar_venda(:document)"\n', encoding="utf-8")
    erp = opened(url, profile)
    outcomes = erp.post(postings([DAY[0], cancellation(DAY[0]), DAY[1]]))
    assert [one.result for one in outcomes] == [Result.POSTED, Result.REFUSED, Result.POSTED]
    assert (outcomes[1].code, outcomes[1].facts["call"]) == ("erp_call_missing", "call_cancellation")
    assert classico.ask(url, "select situacao from venda") == [("A",), ("A",)]
    assert [one.cancelled for one in erp.booked()] == [False, False]


TOGETHER = """
create function importar_lote(lote jsonb) returns table (identity text, answer text, id bigint, words text)
language plpgsql as $$ declare v jsonb; begin
  for v in select * from jsonb_array_elements(lote) loop
    identity := v->>'identity'; id := null; words := null;
    begin id := importar_venda(v); answer := 'booked';
    exception when others then
      answer := case when sqlerrm like 'produto sem%' then 'wait' else 'refused' end; words := sqlerrm;
    end; return next;
  end loop; end $$
"""


def test_the_manual_shows_what_is_run_here() -> None:
    manual = (Path(__file__).parents[2] / "docs" / "erp-profiles.md").read_text(encoding="utf-8")
    assert classico.PROFILE.read_text(encoding="utf-8") in manual
    assert TOGETHER.strip() in manual


def test_a_batch_in_one_call_is_answered_document_by_document(url: str, tmp_path: Path, opened: Opened) -> None:
    with psycopg.connect(url) as connection:
        connection.execute(TOGETHER)
    profile = tmp_path / "lote.toml"
    profile.write_text('name = "lote"\n[post]\ncall = "select * from importar_lote(:documents)"\n', encoding="utf-8")
    erp = opened(url, profile)
    unknown = sale(500, items=[UNKNOWN])
    elsewhere = sale(501, issuer="11444777000161")
    outcomes = erp.post(postings([DAY[0], unknown, DAY[1], elsewhere]))
    assert [one.result for one in outcomes] == [Result.POSTED, Result.WAITS, Result.POSTED, Result.REFUSED]
    assert (outcomes[1].code, outcomes[3].code) == ("erp_says_wait", "erp_refused")
    assert outcomes[3].facts["said"] == "loja desconhecida: 11444777000161"
    assert classico.ask(url, "select nfce_numero from venda order by 1") == [(1,), (2,)]
    assert classico.ask(
        url, "select v.id::text = m.erp_id from venda v join malote_sale m on m.access_key = v.chave"
    ) == [
        (True,),
        (True,),
    ]


def test_a_procedure_that_is_away_rejects_no_sale(erp: Erp, url: str) -> None:
    with psycopg.connect(url) as connection:
        connection.execute("alter function importar_venda(jsonb) rename to importar_venda_velha")
    outcomes = erp.post(postings(DAY[:2]))
    assert [(one.result, one.code) for one in outcomes] == [(Result.WAITS, "erp_call_broken")] * 2
    assert "importar_venda" in outcomes[0].facts["said"]


def test_a_procedure_that_ends_the_transaction_rejects_no_sale(url: str) -> None:
    with psycopg.connect(url) as connection:
        connection.execute("create procedure commits(d jsonb) language plpgsql as $$ begin commit; end $$")
    profile = read('name = "commits"\n[post]\ncall = "call commits(:document)"', "test")
    with closing(open_erp(url, lock_timeout_seconds=5, tables=ErpTables(profile))) as erp:
        erp.create_structure()
        outcomes = erp.post(postings(DAY[:2]))
    assert [(one.result, one.code) for one in outcomes] == [(Result.WAITS, "erp_call_broken")] * 2
    assert outcomes[0].facts["said"] == "invalid transaction termination"


def test_a_sale_that_the_erp_has_in_another_version_goes_to_a_person(erp: Erp, url: str) -> None:
    """Without a statement for corrections nothing may be done to a booked sale."""
    offline = contingency(700)
    post(erp, offline)
    dearer = contingency(700, items=[item(1, price="9.99")], authorised=True)
    assert post(erp, dearer, first_id=2) == [Result.CORRECTED]
    outcome = erp.supersede(posting(dearer, 2))
    assert (outcome.result, outcome.code) == (Result.REFUSED, "erp_call_missing")
    assert classico.ask(url, "select valor_liquido from venda") == [(classico.money(offline.totals.total),)]


def test_a_rehearsal_shows_what_would_stand_and_leaves_nothing(erp: Erp, url: str) -> None:
    rehearsed = erp.rehearse(posting(DAY[0]))
    assert (rehearsed.outcome.result, rehearsed.erp_id) == (Result.POSTED, "1")
    touched = {one.table: one.inserted for one in rehearsed.touched}
    assert (touched["venda"], touched["venda_item"], touched["estoque_movimento"]) == (1, 8, 8)
    unknown = sale(500, items=[UNKNOWN])
    assert erp.rehearse(posting(unknown)).outcome.facts["said"].startswith("produto sem cadastro")
    assert classico.ask(url, "select (select count(*) from venda), (select count(*) from malote_chave)") == [(0, 0)]


def test_what_the_erp_lost_is_handed_over_again(erp: Erp, url: str) -> None:
    """Somebody deleted a sale, in the ERP's tables and in Malote's own."""
    post(erp, DAY[0], cancellation(DAY[0]))
    with psycopg.connect(url) as connection:
        connection.execute("truncate venda cascade")
        connection.execute("delete from malote_sale")
    again = [msgspec.structs.replace(one, again=True) for one in postings([DAY[0], cancellation(DAY[0])])]
    assert [one.result for one in erp.post(again)] == [Result.POSTED, Result.POSTED]
    assert classico.ask(url, "select chave, situacao from venda") == [(DAY[0].access_key, "C")]
    assert not any(dict(classico.ask(url, classico.LEFT)).values())


MORE = """
create table numero_inutilizado (serie int, de int, ate int);
create function apagar_venda(numero bigint) returns void language sql as $$
  delete from venda_imposto where venda_id = numero; delete from venda_item where venda_id = numero;
  delete from venda_pagamento where venda_id = numero; delete from estoque_movimento where venda_id = numero;
  delete from venda where id = numero $$;
create function caixa_aberto(v jsonb) returns void language plpgsql as $$ begin
  if v->>'till' = 'caixa9' then raise exception 'caixa ainda fechado' using errcode = 'P0W01'; end if; end $$;
"""
ALL_OF_IT = """
name = "completo"
[post]
call = ["select caixa_aberto(:document)", "select importar_venda(:document)"]
call_cancellation = "update venda set situacao = 'C' where id = :id::bigint"
call_correction = ["select apagar_venda(:id::bigint)", "select importar_venda(:document)"]
call_void = '''insert into numero_inutilizado
  select (d ->> 'series')::int, (d #>> '{void,first}')::int, (d #>> '{void,last}')::int
    from (select :document::jsonb d) x'''
wait = ["P0W01"]
"""


@pytest.fixture
def whole(url: str, opened: Opened, tmp_path: Path) -> Erp:
    with psycopg.connect(url) as connection:
        connection.execute(MORE)
    (tmp_path / "completo.toml").write_text(ALL_OF_IT, encoding="utf-8")
    return opened(url, tmp_path / "completo.toml")


def test_what_the_erp_wants_later_waits_alone(whole: Erp, url: str) -> None:
    early = msgspec.structs.replace(posting(DAY[1], 2), till="caixa9")
    outcomes = whole.post([posting(DAY[0], 1), early, posting(DAY[2], 3)])
    assert [one.result for one in outcomes] == [Result.POSTED, Result.WAITS, Result.POSTED]
    assert (outcomes[1].code, outcomes[1].facts["said"]) == ("erp_says_wait", "caixa ainda fechado")
    assert whole.post([posting(DAY[1], 2)])[0].result is Result.POSTED


def test_an_authorised_version_takes_the_place_of_what_is_booked(whole: Erp, url: str) -> None:
    offline = contingency(700)
    dearer = contingency(700, items=[item(1, quantity="3")], authorised=True)
    post(whole, offline)
    assert post(whole, dearer, first_id=2) == [Result.CORRECTED]
    assert whole.supersede(posting(dearer, 2)).result is Result.POSTED
    assert classico.ask(url, "select valor_liquido from venda") == [(classico.money(dearer.totals.total),)]
    assert list(dict(classico.ask(url, classico.LEFT)).values()) == [3]
    assert post(whole, cancellation(dearer), first_id=3) == [Result.POSTED]
    assert classico.ask(url, "select situacao from venda") == [("C",)]


def test_voided_numbers_are_told(whole: Erp, url: str) -> None:
    assert post(whole, number_void(900, 905)) == [Result.POSTED]
    assert classico.ask(url, "select * from numero_inutilizado") == [(1, 900, 905)]
