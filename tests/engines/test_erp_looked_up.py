"""What queries found at the booking: a row that somebody gave another product, way of paying or store is told, one of a
product that the ERP registered anew is not, and nothing is drawn by comparing."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from malote.books.reconciling import Books as BooksOfServer
from malote.books.reconciling import ReconcileQuery, reconcile
from malote.business_day import BusinessCalendar
from malote.erp.protocol import Erp, Result
from malote.fiscal.documents import decode, encode
from malote.reconciliation import erp_memory
from malote.register import till_documents
from tests.engines.ordinary_support import Books, day, documented_profile, goods, open_ordinary
from tests.engines.postgres_support import discard_postgresql, fresh_postgresql_url
from tests.engines.posting_support import open_shop
from tests.engines.sales import OPENING, contingency, posting, postings, protocol, sale

pytestmark = pytest.mark.postgresql

# Numbers of payments drawn by a query whose words say so, and marks of lines drawn by a function of which nobody knows.
DRAWN = """
alter table cupom_recebido add rec bigint;
alter table cupom_linha add marca bigint;
create sequence sq_receb;
create sequence sq_marca;
create function marca_nova(de text) returns bigint language sql volatile as $$ select nextval('sq_marca') $$
"""
PROFILE = (
    documented_profile()
    .replace('meio = "query', 'rec = "query(\'recebido\', sale.access_key, number)"\nmeio = "query')
    .replace('ordem = "number"\nmercadoria', 'ordem = "number"\nmarca = "query(\'marca\', number)"\nmercadoria')
    + """
[query.recebido]
sql = "select nextval('sq_receb') where :sale is not null and :row is not null"
values = ["sale", "row"]
[query.marca]
sql = "select marca_nova(:row::text)"
values = ["row"]
"""
)
SOLD = [sale(n, items=[goods(2 * n - 1, 1), goods(2 * n, 2), goods(77, 3)]) for n in range(1, 13)]
OF = "(select id from cupom where numero = {n})"


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    address = fresh_postgresql_url()
    yield address
    discard_postgresql(address)


@pytest.fixture(scope="module")
def books(url: str) -> Iterator[Books]:
    opened = Books(url)
    opened.make()
    opened.ask_nothing(*DRAWN.strip().split(";\n"))
    yield opened
    opened.database.close()


@pytest.fixture(scope="module")
def erp(url: str, books: Books) -> Iterator[Erp]:
    opened = open_ordinary(url, PROFILE)
    opened.create_structure()
    assert {one.result for one in opened.post(postings(SOLD))} == {Result.POSTED}
    assert opened.departures(postings(SOLD), []) == {}
    yield opened
    opened.close()


def drawn(books: Books) -> list[tuple[object, ...]]:
    return books.ask("select s.last_value, t.last_value from sq_receb s, sq_marca t")


@pytest.mark.parametrize(
    ("number", "tampering", "fields"),
    [
        (1, "update cupom_linha set mercadoria = 50 where cupom = {of} and ordem = 1", ["-items", "+items"]),
        (2, "update cupom_recebido set meio = 4 where cupom = {of}", ["-payments", "+payments"]),
        (3, "update cupom set filial = 2 where id = {of}", ["issuer"]),
        (4, "update cupom_recebido set rec = 0 where cupom = {of}", ["-payments", "+payments"]),
        (5, "update cupom_linha set marca = 0 where cupom = {of} and ordem = 2", ["-items", "+items"]),
    ],
)
def test_what_somebody_names_otherwise_is_told_and_nothing_is_drawn(
    erp: Erp, books: Books, number: int, tampering: str, fields: list[str]
) -> None:
    before = drawn(books)
    books.ask_nothing(tampering.format(of=OF.format(n=number)))
    told = erp.departures([posting(SOLD[number - 1], number)], [])
    assert told == {number: fields}
    assert drawn(books) == before


REGISTERED_ANEW = (
    "update mercadoria set gtin = null, plu = null, vendavel = false where plu = '{plu}'",
    "insert into mercadoria (gtin, plu, nome) select {gtin}, '{plu}', 'p'",
)
MERGED = "update cupom_linha set mercadoria = (select id from mercadoria where plu = '{plu}') where mercadoria = {old}"


def test_a_product_registered_anew_is_no_difference_whether_its_rows_follow_or_not(erp: Erp, books: Books) -> None:
    """Of three products of one sale: registered anew, the same and its rows given the new number, and as it was."""
    before, old = drawn(books), {}
    for number, plu in ((11, "10011"), (12, "10012")):
        [(old[number], gtin)] = books.ask(f"select id, quote_nullable(gtin) from mercadoria where plu = '{plu}'")
        books.ask_nothing(*(one.format(plu=plu, gtin=gtin) for one in REGISTERED_ANEW))
        assert erp.departures([posting(SOLD[5], 6)], []) == {}
    books.ask_nothing(MERGED.format(plu="10012", old=old[12]))
    assert erp.departures([posting(SOLD[5], 6)], []) == {}
    books.ask_nothing(f"update cupom_linha set mercadoria = 50 where ordem = 3 and cupom = {OF.format(n=6)}")
    assert erp.departures([posting(SOLD[5], 6)], []) == {6: ["-items", "+items"]}
    assert drawn(books) == before


def test_two_products_that_exchange_their_codes_leave_what_was_sold_before_as_it_is(erp: Erp, books: Books) -> None:
    books.ask_nothing(
        "update mercadoria set gtin = null, plu = plu || 'x' where plu in ('10013', '10014')",
        "update mercadoria set plu = '10014' where plu = '10013x'",
        "update mercadoria set plu = '10013', gtin = '7890000000013' where plu = '10014x'",
    )
    assert erp.departures([posting(SOLD[6], 7)], []) == {}


def test_a_store_that_is_another_for_the_query_by_now_may_stand_in_the_row_or_not(erp: Erp, books: Books) -> None:
    books.ask_nothing(
        "insert into filial values (9, 'x', 'Nova')",
        "update filial set inscricao = 'y' where cod = 1",
        "update filial set inscricao = '11.222.333/0001-81' where cod = 9",
    )
    assert erp.departures(postings(SOLD[7:9], first_id=8), []) == {}
    books.ask_nothing(f"update cupom set filial = 9 where id = {OF.format(n=8)}")
    books.ask_nothing(f"update cupom set filial = 2 where id = {OF.format(n=9)}")
    assert erp.departures(postings(SOLD[7:9], first_id=8), []) == {9: ["issuer"]}
    books.ask_nothing(
        "update filial set inscricao = 'z' where cod = 9",
        "update filial set inscricao = '11.222.333/0001-81' where cod = 1",
    )


def test_a_sale_that_was_written_anew_is_compared_with_what_was_found_then(erp: Erp, books: Books) -> None:
    first = contingency(30, items=[goods(20), goods(21, 2)])
    other = msgspec.structs.replace(first.items[0], cfop="5405", gtin="7890000000023")
    mended = msgspec.structs.replace(first, items=(other, first.items[1]), protocol=protocol(30))
    assert [one.result for one in erp.post([posting(first, 60)])] == [Result.POSTED]
    assert [one.result for one in erp.post([posting(mended, 61)])] == [Result.MENDED]
    assert erp.departures([posting(mended, 61)], []) == {}
    books.ask_nothing(f"update cupom_linha set mercadoria = 50 where ordem = 2 and cupom = {OF.format(n=30)}")
    assert erp.departures([posting(mended, 61)], []) == {61: ["-items", "+items"]}


def test_what_an_earlier_version_booked_is_compared_without(erp: Erp, books: Books) -> None:
    """And an earlier version reads what this one keeps."""
    sold = SOLD[9]
    [(kept,)] = books.ask(f"select document from malote_venda where access_key = '{sold.access_key}'")
    [read] = decode(kept)
    assert read == msgspec.structs.replace(sold, consumer="")
    with books.database.cursor() as cursor:
        cursor.execute("update malote_venda set document = %s where access_key = %s", (encode([read]), sold.access_key))
    books.ask_nothing(f"update cupom_linha set mercadoria = 50 where ordem = 1 and cupom = {OF.format(n=10)}")
    together = postings(SOLD[9:11], first_id=10)
    assert erp.departures(together, []) == {}
    books.ask_nothing(f"update cupom_linha set qtd = 9 where ordem = 1 and cupom = {OF.format(n=10)}")
    books.ask_nothing(f"update cupom_linha set mercadoria = 50 where ordem = 1 and cupom = {OF.format(n=11)}")
    assert erp.departures(together, []) == {10: ["-items", "+items"], 11: ["-items", "+items"]}


def test_the_looks_and_a_reconciliation_have_one_finding_for_each(tmp_path: Path) -> None:
    url = fresh_postgresql_url()
    books = Books(url)
    books.make()
    sold = day(12)
    with open_shop(tmp_path, url) as shop, closing(open_ordinary(url)) as erp:
        erp.create_structure()
        shop.accept(*sold)
        with closing(shop.poster(erp=lambda: open_ordinary(url))) as poster:
            poster.drain()
        assert shop.counted() == {"posted": 12}
        erp_memory.look(shop.engine, erp, shop.clock())
        for tampering in (
            f"update cupom_linha set mercadoria = 90 where ordem = 1 and cupom = {OF.format(n=2)}",
            f"update cupom_recebido set meio = 4 where meio = 1 and cupom = {OF.format(n=5)}",
            "update cupom set filial = 2 where numero = 7",
            *(one.format(plu="10002", gtin="null") for one in REGISTERED_ANEW),
        ):
            books.ask_nothing(tampering)
        erp_memory.look(shop.engine, erp, shop.clock() + 60)
        (told,) = till_documents.status(shop.engine, now=shop.clock())
        assert (told.outside, told.differing) == (0, 3)
        server = BooksOfServer(shop.engine, erp, BusinessCalendar())
        report = reconcile(server, ReconcileQuery(since=OPENING.date()), shop.clock())
        assert sorted((one.number, one.what) for one in report.differences) == [
            (2, "items"),
            (5, "payments"),
            (7, "number"),
        ]
    books.database.close()
    discard_postgresql(url)
