"""Columns of a MariaDB that hold less than all of Unicode: what does not fit is told by name, or in other letters."""

import msgspec
import pytest

from malote.erp.factory import open_erp
from malote.erp.protocol import Erp, Outcome, Result
from malote.fiscal.documents import Sale
from tests.engines import mariadb_support as server
from tests.engines.sales import item, postings, sale

TEXTS = ("CAF\u00c9 \u20ac", "QUEIJO \u2153", "PIPOCA \U0001f37f")


@pytest.fixture(scope="module")
def url() -> str:
    made = server.fresh_mariadb_url()
    own = open_erp(made, lock_timeout_seconds=5)
    own.create_structure()
    own.close()
    return made


@pytest.fixture(params=["latin1", "utf8mb3"])
def charset(request: pytest.FixtureRequest, url: str) -> str:
    own = str(request.param)
    server.run(
        url,
        *(f"DELETE FROM {table}" for table in ("sale_item", "payment", "sale", "stock", "posting_key")),
        f"ALTER TABLE sale_item MODIFY description TEXT CHARACTER SET {own}",
        f"ALTER TABLE sale_item MODIFY product_code VARCHAR(60) CHARACTER SET {own} NOT NULL",
    )
    return own


def named(number: int, text: str) -> Sale:
    return sale(number, items=(msgspec.structs.replace(item(1), description=text),))


def booked(url: str, *sales: Sale, nearest: bool = False) -> list[Outcome]:
    erp: Erp = open_erp(url, lock_timeout_seconds=5, nearest_letters=nearest)
    try:
        return erp.post(postings(sales))
    finally:
        erp.close()


REFUSED = {"latin1": {2: "U+2153 VULGAR FRACTION ONE THIRD", 3: "U+1F37F POPCORN"}, "utf8mb3": {3: "U+1F37F POPCORN"}}


def test_field_character_and_encoding_are_named(url: str, charset: str) -> None:
    outcomes = booked(url, *(named(number, text) for number, text in enumerate(TEXTS, 1)))
    told = {place: one.facts for place, one in enumerate(outcomes, 1) if one.result is Result.REFUSED}
    assert {place: facts["character"] for place, facts in told.items()} == REFUSED[charset]
    assert {one.code for one in outcomes if one.result is Result.REFUSED} == {"erp_unencodable"}
    assert {facts["field"] for facts in told.values()} == {"item[1].description"}
    assert {facts["encoding"] for facts in told.values()} == {charset}


def test_a_store_may_prefer_the_nearest_letters_for_words_and_not_for_codes(url: str, charset: str) -> None:
    code = sale(4, items=(msgspec.structs.replace(item(1), product_code="A\U0001f37f1"),))
    outcomes = booked(url, *(named(number, text) for number, text in enumerate(TEXTS, 1)), code, nearest=True)
    assert [one.result for one in outcomes] == [*[Result.POSTED] * 3, Result.REFUSED]
    assert outcomes[3].facts["field"] == "item[1].product_code"
    texts = {text for (text,) in server.ask(url, "SELECT description FROM sale_item")}
    assert texts == {"CAF\u00c9 \u20ac", "QUEIJO 1/3" if charset == "latin1" else "QUEIJO \u2153", "PIPOCA ?"}
