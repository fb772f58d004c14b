"""An ERP of ordinary design, as its maker built it, is booked by the profile that the documentation gives."""

import re
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest
from sqlalchemy import make_url

from malote.erp.conformance.documents import answer
from malote.erp.conformance.scratch import scratch_at
from malote.erp.conformance.suite import CHECKS, run
from malote.erp.grants import statements
from malote.erp.profiles.profile import read
from malote.erp.protocol import Erp, ErpError, Result
from malote.fiscal.documents import Payment
from tests.engines.erp_support import post
from tests.engines.ordinary_support import (
    STOCK,
    Books,
    cents,
    day,
    documented_profile,
    expected_stock,
    expected_taxes,
    goods,
    open_ordinary,
)
from tests.engines.postgres_support import discard_postgresql, fresh_postgresql_url
from tests.engines.posting_support import open_shop
from tests.engines.sales import cancellation, contingency, number_void, posting, protocol, sale

pytestmark = pytest.mark.postgresql


@pytest.fixture
def url() -> Iterator[str]:
    made = fresh_postgresql_url()
    yield made
    discard_postgresql(made)


@pytest.fixture
def books(url: str) -> Iterator[Books]:
    opened = Books(url)
    opened.make()
    yield opened
    opened.database.close()


@pytest.fixture
def erp(url: str, books: Books) -> Iterator[Erp]:
    opened = open_ordinary(url)
    opened.create_structure()
    yield opened
    opened.close()


def test_a_day_is_booked_to_the_cent_and_the_piece(erp: Erp, books: Books) -> None:
    sold = day()
    gone = sold[::10]
    assert set(post(erp, *sold, *(cancellation(one) for one in gone))) == {Result.POSTED}
    total = sum(one.totals.total for one in sold)
    products, discount = sum(one.totals.products for one in sold), sum(one.totals.discount for one in sold)
    assert books.ask("select sum(bruto), sum(desconto), sum(liquido) from cupom") == [
        (cents(products), cents(discount), cents(total))
    ]
    assert books.one("select sum(valor) from cupom_linha") == cents(products)
    assert books.one("select sum(valor - troco) from cupom_recebido") == cents(total)
    assert dict(books.ask("select sigla, sum(valor) from cupom_tributo group by sigla")) == expected_taxes(sold)
    assert dict(books.ask(STOCK)) == expected_stock(sold, gone)
    assert books.ask("select operador, via, count(*) from cupom group by 1, 2") == [(999, "MALOTE", len(sold))]
    state = "select chave from cupom where estado = 'C' order by chave"
    assert [row[0] for row in books.ask(state)] == sorted(one.access_key for one in gone)
    first = f"select emitido::text, filial, serie, numero, protocolo from cupom where chave = '{sold[0].access_key}'"
    assert books.ask(first) == [("2026-03-02 08:00:01", 1, 1, 1, protocol(1).number)]


def test_a_tax_has_a_row_only_where_there_is_one(erp: Erp, books: Books) -> None:
    post(erp, sale(3, items=day(3)[2].items))
    of_simples = "select count(*) from cupom_tributo where ordem = 4"
    assert books.one(of_simples) == 0
    assert books.ask("select base, aliquota, valor from cupom_tributo where ordem = 1 and sigla = 'IBS'") == [
        (Decimal("15.80"), Decimal("0.1000"), Decimal("0.01"))
    ]


def test_the_change_stands_with_the_cash(erp: Erp, books: Books) -> None:
    card_first = day(1)[0]
    no_cash = sale(2, items=[goods(1)], payments=(Payment("17", 1580), Payment("04", 500)), change=500)
    assert post(erp, card_first, no_cash) == [Result.POSTED] * 2
    asked = "select numero, tpag, troco from cupom_recebido r join cupom c on c.id = r.cupom join meio on cod = r.meio"
    assert sorted(books.ask(asked)) == [
        *((1, "01", Decimal("1.50")), (1, "03", Decimal("0.00"))),
        *((2, "04", Decimal("0.00")), (2, "17", Decimal("5.00"))),
    ]


def test_the_same_files_twice_are_one_sale_each(erp: Erp, books: Books) -> None:
    sold = day(10)
    late = [cancellation(one) for one in sold[:2]]
    assert set(post(erp, *sold, *late)) == {Result.POSTED}
    assert set(post(erp, *sold, *late, first_id=100)) == {Result.DUPLICATE}
    assert books.one("select count(*) from cupom") == 10
    assert dict(books.ask(STOCK)) == expected_stock(sold, sold[:2])


def test_what_the_erp_does_not_know_is_refused_in_its_own_words(erp: Erp, books: Books) -> None:
    books.database.execute("update mercadoria set vendavel = false where plu = '10007'")
    inactive = books.one("select id from mercadoria where plu = '10007'")
    card = msgspec.structs.replace(sale(1, items=[goods(1)]), payments=(Payment("99", 1580),), change=0)
    refused = {
        "mercadoria sem cadastro: 99999": sale(1, items=[goods(1, product_code="99999", gtin="")]),
        f"mercadoria {inactive} fora de linha: reative no cadastro": sale(1, items=[goods(7)]),
        "forma de pagamento sem cadastro: 99": card,
        "filial sem cadastro: 99.888.777/0001-00": sale(1, items=[goods(1)], issuer="99888777000100"),
    }
    for words, document in refused.items():
        with pytest.raises(ErpError) as caught:
            post(erp, document)
        assert (caught.value.facts.get("said"), caught.value.transient) == (words, False)
    assert books.one("select count(*) from cupom") == books.one("select count(*) from malote_venda") == 0
    assert post(erp, sale(1, items=[goods(1)])) == [Result.POSTED]


def test_two_records_for_one_value_are_not_guessed_at(url: str, books: Books) -> None:
    loose = documented_profile().replace(" order by gtin = :gtin desc nulls last limit 1", "")
    erp = open_ordinary(url, loose)
    erp.create_structure()
    with pytest.raises(ErpError) as caught:
        post(erp, sale(1, items=[goods(1, product_code="10002")]))  # the GTIN of one, the code of another
    assert caught.value.code == "erp_query_ambiguous"
    erp.close()


def test_a_sale_in_contingency_gets_its_protocol_and_what_was_mended(erp: Erp, books: Books) -> None:
    booked, changed, answered = (contingency(number, items=[goods(number)]) for number in (1, 2, 3))
    assert post(erp, booked, changed, answered) == [Result.POSTED] * 3
    mended = msgspec.structs.replace(changed.items[0], cfop="5405")
    authorised = msgspec.structs.replace(changed, items=(mended,), protocol=protocol(2))
    assert post(
        erp, msgspec.structs.replace(booked, protocol=protocol(1)), authorised, answer(answered), first_id=10
    ) == [Result.PROTOCOL_ADDED, Result.MENDED, Result.PROTOCOL_ADDED]
    assert books.ask("select numero, protocolo, cfop from cupom join cupom_linha on cupom = id order by numero") == [
        (1, protocol(1).number, 5102),
        (2, protocol(2).number, 5405),
        (3, protocol(3).number, 5102),
    ]
    assert books.one("select count(*) from estoque_mov") == 3
    assert {(one.authorised, one.cancelled) for one in erp.booked()} == {(True, False)}


def test_other_content_under_the_same_key_is_divergent(erp: Erp) -> None:
    sold = sale(1, items=[goods(1)])
    other = msgspec.structs.replace(sold, items=(msgspec.structs.replace(sold.items[0], quantity=Decimal(3)),))
    assert post(erp, sold) == [Result.POSTED]
    (told,) = erp.post([posting(other, 50)])
    assert told.result is Result.DIVERGENT
    assert told.facts == {"fields": "items[1].quantity"}


def test_what_the_erp_lost_is_written_again_once(erp: Erp, books: Books) -> None:
    sold = sale(1, items=[goods(1), goods(3, 2)])
    assert post(erp, sold) == [Result.POSTED]
    for lost in ("cupom_tributo", "cupom_linha", "cupom_recebido", "estoque_mov", "cupom"):
        books.database.execute(f"delete from {lost}")  # type: ignore[arg-type, unused-ignore]
    ordered = msgspec.structs.replace(posting(sold), again=True)
    for _ in range(2):
        assert [one.result for one in erp.post([ordered])] == [Result.POSTED]
        assert books.ask("select count(*), sum(liquido) from cupom") == [(1, cents(sold.totals.total))]
        assert books.one("select count(*) from cupom_linha") == 2


def test_the_check_names_what_the_profile_asks_and_the_database_lacks(url: str, erp: Erp, books: Books) -> None:
    assert erp.faults() == []
    wrong = open_ordinary(url, documented_profile().replace("from meio where tpag", "from meios where tpag"))
    assert [(fault.kind, fault.table) for fault in wrong.faults()] == [("call_unusable", "query.meio")]
    wrong.close()
    books.database.execute("alter table estoque_mov add local int not null")
    books.database.execute("drop table malote_venda")
    found = {(fault.kind, fault.table, fault.column) for fault in erp.faults()}
    assert found == {("table_missing", "malote_venda", ""), ("column_required", "estoque_mov", "local")}


@pytest.mark.parametrize(
    "code", ["batch", "twice", "protocol", "cancelled_batch", "divergent", "number_twice", "posters"]
)
def test_verify_proves_the_booking_in_its_scratch_place(url: str, code: str) -> None:
    scratch = scratch_at(url, read(documented_profile(), "example"))
    try:
        run(next(check for check in CHECKS if check.code == code), scratch)
    finally:
        scratch.remove()


def test_a_user_with_just_the_grants_books_mends_and_cancels(url: str, erp: Erp, books: Books) -> None:
    books.database.execute("create role apertado login")
    erp.close()
    for statement in statements(erp.grants("apertado")):
        books.database.execute(statement)  # type: ignore[arg-type, unused-ignore]
    narrow = open_ordinary(make_url(url).set(username="apertado").render_as_string(hide_password=False))
    first, other = contingency(1, items=[goods(1)]), sale(2, items=[goods(2)])
    assert post(narrow, first, other) == [Result.POSTED] * 2
    mended = msgspec.structs.replace(first.items[0], cfop="5405")
    authorised = msgspec.structs.replace(first, items=(mended,), protocol=protocol(1))
    assert post(narrow, authorised, cancellation(other), first_id=10) == [Result.MENDED, Result.POSTED]
    narrow.close()
    books.database.execute("drop owned by apertado")
    books.database.execute("drop role apertado")


def test_the_grants_hold_for_names_that_must_be_quoted(url: str, books: Books) -> None:
    """A schema with a blank, a table called by a reserved word, and one that only a query reads, in another schema."""
    for moved in (
        "drop trigger so_o_vendavel on cupom_linha",  # which finds its table by its bare name
        'create schema "Cadastro"',
        'alter table mercadoria set schema "Cadastro"',
        'alter table "Cadastro".mercadoria rename to "Mercadoria Geral"',
        'alter table cupom_recebido rename to "order"',
        'alter schema public rename to "Matriz 01"',
        "create role apertado login",
    ):
        books.ask_nothing(moved)
    profile = documented_profile().replace('name = "comercio"', 'name = "comercio"\nschema = "Matriz 01"')
    profile = profile.replace('"cupom_recebido"', '"order"')
    (asked,) = re.findall(r'sql = "(select id from mercadoria .*)"', profile)
    there = asked.replace("mercadoria", '"Cadastro"."Mercadoria Geral"')
    profile = profile.replace(f'"{asked}"', f"'{there}'")
    erp = open_ordinary(url, profile)
    erp.create_structure()
    granted = statements(erp.grants("apertado"))
    erp.close()
    assert 'GRANT SELECT ON "Cadastro"."Mercadoria Geral" TO apertado;' in granted
    for statement in granted:
        books.ask_nothing(statement)
    narrow = open_ordinary(make_url(url).set(username="apertado").render_as_string(hide_password=False), profile)
    assert post(narrow, sale(1, items=[goods(1)])) == [Result.POSTED]
    assert post(narrow, cancellation(sale(1, items=[goods(1)])), first_id=2) == [Result.POSTED]
    narrow.close()
    books.ask_nothing("drop owned by apertado", "drop role apertado")


def test_a_cancellation_without_its_sale_waits_and_a_void_is_kept_in_the_ledger(erp: Erp) -> None:
    assert post(erp, cancellation(sale(5)), number_void()) == [Result.SALE_MISSING, Result.POSTED]


def test_through_the_queue_the_clock_is_still_the_documents_own(
    tmp_path: Path, url: str, erp: Erp, books: Books
) -> None:
    """Packed, a document's times are moments in UTC; the ERP's column shows what the store's clock showed."""
    sold = day(1)[0]
    with open_shop(tmp_path, url) as shop:
        shop.accept(sold)
        poster = shop.poster(erp=lambda: open_ordinary(url))
        poster.drain()
        poster.close()
        assert shop.counted() == {"posted": 1}
    assert books.one("select emitido from cupom") == sold.issued_at.replace(tzinfo=None)
