"""A text that the ERP can't take concerns one document, which is told which field and which character it is."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest
from sqlalchemy import text

from malote.erp.factory import open_erp
from malote.erp.protocol import Erp, Outcome, Posting, Result
from malote.erp.repertoire import Lack, repertoire_of
from malote.fiscal.documents import Sale
from malote.quarantine import history_text
from malote.quarantine.quarantine_reports import HistoryEvent
from malote.spool import history
from tests.engines.erp_support import Tables, post
from tests.engines.postgres_support import discard_postgresql, fresh_postgresql_url
from tests.engines.posting_support import Passing, Shop, open_shop
from tests.engines.sales import cancellation, item, number_void, postings, sale

pytestmark = pytest.mark.postgresql

TEXTS = {
    1: "ACUCAR CRISTAL 1KG",
    2: "CAFÉ EM GRÃO 500G",
    3: "QUEIJO \u2013 FATIADO 150G",
    4: "SHAMPOO ANTICASPA\u2122 200ML",
    5: "CHOCOLATE \u201cAO LEITE\u201d 90G",
    6: "BISCOITO \u00bd PCT",
    7: "CHINELO N\u00ba 38\u20ac",
    8: "PIPOCA \U0001f37f 1 UN",
}
REFUSED = {
    "LATIN1": {
        3: "U+2013 EN DASH",
        4: "U+2122 TRADE MARK SIGN",
        5: "U+201C LEFT DOUBLE QUOTATION MARK",
        7: "U+20AC EURO SIGN",
        8: "U+1F37F POPCORN",
    },
    "WIN1252": {8: "U+1F37F POPCORN"},
    "LATIN9": {
        3: "U+2013 EN DASH",
        4: "U+2122 TRADE MARK SIGN",
        5: "U+201C LEFT DOUBLE QUOTATION MARK",
        6: "U+00BD VULGAR FRACTION ONE HALF",
        8: "U+1F37F POPCORN",
    },
    "SQL_ASCII": {
        2: "U+00C9 LATIN CAPITAL LETTER E WITH ACUTE",
        3: "U+2013 EN DASH",
        4: "U+2122 TRADE MARK SIGN",
        5: "U+201C LEFT DOUBLE QUOTATION MARK",
        6: "U+00BD VULGAR FRACTION ONE HALF",
        7: "U+00BA MASCULINE ORDINAL INDICATOR",
        8: "U+1F37F POPCORN",
    },
    "UTF8": {},
}


def named(number: int, text: str) -> Sale:
    return sale(number, items=(item(1), msgspec.structs.replace(item(2), description=text)))


@contextmanager
def database(encoding: str) -> Iterator[str]:
    url = fresh_postgresql_url(encoding)
    erp = open_erp(url, lock_timeout_seconds=5)
    erp.create_structure()
    erp.close()
    try:
        yield url
    finally:
        discard_postgresql(url)


@pytest.fixture(params=sorted(REFUSED))
def encoding(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_one_round_books_what_can_be_written_and_rejects_the_rest_by_name(tmp_path: Path, encoding: str) -> None:
    transactions: list[int] = []

    def counted(erp: Erp, batch: Sequence[Posting]) -> list[Outcome]:
        transactions.append(len(batch))
        return erp.post(batch)

    with database(encoding) as url, open_shop(tmp_path, url) as shop:
        shop.accept(*(named(number, text) for number, text in TEXTS.items()))
        poster = shop.poster(erp=lambda: Passing(shop.erp(), counted))
        assert poster.step() == len(TEXTS)
        poster.close()
        found = {one.number: one for one in shop.documents()}
        rejected = {number: one.reason for number, one in found.items() if one.state == "rejected"}
        assert {number: one.facts["character"] for number, one in rejected.items() if one} == REFUSED[encoding]
        for reason in rejected.values():
            assert reason is not None
            assert reason.code == "erp_unencodable"
            assert reason.facts["field"] == "item[2].description"
            assert reason.facts["encoding"] == encoding
        assert all(one.state == "posted" for number, one in found.items() if number not in rejected)
        assert transactions == [len(TEXTS)]  # nobody had to look for the culprits
        # Not yet replayed, still not booked; and nothing of it half booked.
        tables = Tables(url)
        assert tables.counts()["posting_key"] == len(TEXTS) - len(rejected)
        tables.engine.dispose()


def test_a_store_may_prefer_the_nearest_letters_and_is_told(tmp_path: Path, encoding: str) -> None:
    with database(encoding) as url, open_shop(tmp_path, url) as shop:
        shop.accept(*(named(number, text) for number, text in TEXTS.items()))
        poster = shop.poster(erp=lambda: open_erp(shop.erp_url, lock_timeout_seconds=5, nearest_letters=True))
        assert poster.step() == len(TEXTS)
        # The same sales once more, in other files: the very same, whatever letters they were booked in.
        shop.accept(*(named(number, text) for number, text in TEXTS.items()))
        poster.drain()
        poster.close()
        assert shop.counted() == {"posted": 2 * len(TEXTS)}
        assert sum(one.duplicate for one in shop.documents()) == len(TEXTS)
        told = {one.number: adapted(shop, one.id) for one in shop.documents()[: len(TEXTS)]}
        assert {number: facts["character"] for number, facts in told.items() if facts} == REFUSED[encoding]
        tables = Tables(url)
        rows = tables.ask(SALE_TEXTS)
        tables.engine.dispose()
    booked = dict(rows)
    if encoding == "SQL_ASCII":
        assert [booked[number] for number in sorted(TEXTS)] == [
            "ACUCAR CRISTAL 1KG",
            "CAFE EM GRAO 500G",
            "QUEIJO - FATIADO 150G",
            "SHAMPOO ANTICASPATM 200ML",
            'CHOCOLATE "AO LEITE" 90G',
            "BISCOITO 1/2 PCT",
            "CHINELO No 38EUR",
            "PIPOCA ? 1 UN",
        ]
    if encoding == "UTF8":
        assert booked == TEXTS


def test_its_history_says_so_in_words() -> None:
    facts = Lack("item[2].description", "\u2013", "LATIN1").facts
    said = history_text.words(HistoryEvent(1.0, "system", "adapted", facts), "pt")
    assert said == "Lançado com as letras mais próximas: item[2].description: U+2013 EN DASH (LATIN1)"


def test_voids_and_cancellations_too() -> None:
    with database("LATIN1") as url:
        erp = open_erp(url, lock_timeout_seconds=5)
        undone = msgspec.structs.replace(cancellation(sale(1)), reason="desist\u00eancia \u2013 cliente")
        void = msgspec.structs.replace(number_void(2, 2), reason="erro\u2026")
        outcomes = erp.post(postings((sale(1), undone, void, number_void(3, 3))))
        assert [one.result for one in outcomes] == [Result.POSTED, Result.REFUSED, Result.REFUSED, Result.POSTED]
        assert [one.facts["field"] for one in outcomes[1:3]] == ["cancellation.reason", "number_void.reason"]
        erp.close()


def test_what_the_ledger_has_is_no_question_of_letters() -> None:
    """Booked when the store preferred the nearest letters, and met again after it changed its mind."""
    with database("LATIN1") as url:
        first = open_erp(url, lock_timeout_seconds=5, nearest_letters=True)
        assert post(first, named(3, TEXTS[3])) == [Result.POSTED]
        first.close()
        second = open_erp(url, lock_timeout_seconds=5)
        assert post(second, named(3, TEXTS[3])) == [Result.POSTED]
        assert post(second, named(3, TEXTS[3]), first_id=9) == [Result.DUPLICATE]
        second.close()


def test_no_database_of_this_kind_holds_a_nul(tmp_path: Path) -> None:
    with database("UTF8") as url, open_shop(tmp_path, url) as shop:
        shop.accept(named(1, "A"), named(2, "B\x00C"), named(3, "C"))
        poster = shop.poster()
        poster.step()
        poster.close()
        assert [one.state for one in shop.documents()] == ["posted", "rejected", "posted"]
        [reason] = [one.reason for one in shop.documents() if one.reason]
        assert reason.code == "erp_unencodable"
        assert reason.facts["field"] == "item[2].description"
        assert reason.facts["character"] == "U+0000"


@pytest.mark.parametrize(
    ("alteration", "poison", "field", "column"),
    [
        (
            "ALTER TABLE sale_item ALTER description TYPE varchar(40)",
            named(2, "X" * 41),
            "item[2].description",
            "sale_item.description",
        ),
        (
            "ALTER TABLE sale ALTER total TYPE numeric(6,2)",
            sale(2, items=(item(1, price="12345.67"),)),
            "sale.total",
            "sale.total",
        ),
        (
            "ALTER TABLE sale ALTER number TYPE smallint",
            sale(40_000),
            "sale.number",
            "sale.number",
        ),
    ],
)
def test_what_is_too_large_for_its_column_is_named(
    tmp_path: Path, alteration: str, poison: Sale, field: str, column: str
) -> None:
    with database("UTF8") as url, open_shop(tmp_path, url) as shop:
        tables = Tables(url)
        tables.run(alteration)
        tables.engine.dispose()
        shop.accept(sale(1), poison, sale(3))
        poster = shop.poster()
        poster.step()
        poster.close()
        assert [one.state for one in shop.documents()] == ["posted", "rejected", "posted"]
        [reason] = [one.reason for one in shop.documents() if one.reason]
        assert reason.code == "value_out_of_range"
        assert (reason.facts["field"], reason.facts["column"]) == (field, column)
        assert "XXX" not in str(reason.facts)


def adapted(shop: Shop, document_id: int) -> dict[str, str]:
    lines = history.lines_of(shop.engine, document_id)
    return next((line.facts for line in lines if line.what == "adapted"), {})


SALE_TEXTS = text(
    "SELECT sale.number, description FROM sale JOIN sale_item USING (access_key) WHERE sale_item.number = 2"
)


def test_a_fraction_is_one_in_other_letters_too() -> None:
    ascii_only = repertoire_of("SQL_ASCII")
    assert ascii_only is not None
    assert ascii_only.nearest("LEITE 2½ L, ⅓ PCT") == "LEITE 2 1/2 L, 1/3 PCT"
