"""What is said in words may be booked in other letters, where the store prefers that; what says *which* never is."""

from typing import Any

import msgspec
import pytest

from malote import rejection
from malote.erp import letters
from malote.erp.fitting import FREE_TEXTS, Fitted, code_of, fitted
from malote.erp.letters import Letters
from malote.erp.mapping import BUILT_IN, ErpTables
from malote.erp.mariadb import charsets
from malote.erp.repertoire import Repertoire
from malote.fiscal import documents
from malote.fiscal.documents import Document, Payment
from tests.engines.sales import cancellation, item, number_void, posting, sale

# Every other text of a document: what it says is one of a set that somebody keeps, and its neighbour is another of it.
CODES = {
    *(
        "access_key",
        "model",
        "layout",
        "issuer",
        "consumer",
        "event",
        "sale_protocol",
        "substitute",
        "norm",
        "references",
    ),
    *("product_code", "gtin", "ncm", "cfop", "unit", "method", "acquirer", "brand", "authorisation"),
    *("number", "digest", "other_key", "alerts"),
    *("icms_origin", "icms_status", "pis_status", "cofins_status", "reform_status", "reform_class"),
}


class Latin:
    tables = BUILT_IN
    nearest_letters = True

    def letters(self, connection: Any) -> Letters:
        return Letters(self.tables, Repertoire("LATIN1", "latin-1"))


def fit(document: Document) -> Fitted:
    nowhere: Any = None
    return fitted([posting(document)], Latin(), nowhere)


def test_every_text_of_a_document_is_a_free_text_or_a_code() -> None:
    structs = [getattr(documents, name) for name in ("Sale", "Item", "Payment", "Taxes", "Protocol", "Cancellation")]
    structs += [documents.NumberVoid, documents.Event, documents.Answer]
    fields = [field for one in structs for field in msgspec.structs.fields(one)]
    texts = {one.name for one in fields if one.type is str or "str" in str(one.type)}
    assert texts == CODES | FREE_TEXTS


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"product_code": "A\u20131"}, "item[1].product_code"),
        ({"gtin": "789\u20131"}, "item[1].gtin"),
        ({"unit": "CX\u2013"}, "item[1].unit"),
        ({"product_code": "A\u20131", "description": "QUEIJO \u2013 FATIADO"}, "item[1].product_code"),
    ],
)
def test_a_sale_whose_code_the_encoding_lacks_is_refused_by_name(changes: dict[str, str], field: str) -> None:
    sold = sale(1, items=(msgspec.structs.replace(item(1), **changes),))
    found = fit(sold)
    assert found.unfit == {
        1: {
            "detail": f"{field}: U+2013 EN DASH (LATIN1)",
            "field": field,
            "character": "U+2013 EN DASH",
            "encoding": "LATIN1",
        }
    }
    assert (found.adapted, [one.document for one in found.batch]) == ({}, [sold])


def test_so_is_one_whose_way_of_payment_it_lacks() -> None:
    sold = sale(1)
    paid = (Payment("0\u20131", sold.totals.total),)
    assert fit(msgspec.structs.replace(sold, payments=paid)).unfit[1]["field"] == "payment[1].method"


def test_words_are_booked_in_the_nearest_letters_and_codes_stay() -> None:
    named = msgspec.structs.replace(item(1), description="QUEIJO \u2013 FATIADO", product_code="CAF\u00c9")
    found = fit(sale(1, items=(named,)))
    (booked,) = found.batch
    assert isinstance(booked.document, documents.Sale)
    assert [(one.product_code, one.description) for one in booked.document.items] == [("CAF\u00c9", "QUEIJO - FATIADO")]
    assert found.unfit == {}
    assert found.adapted[1]["field"] == "item[1].description"


@pytest.mark.parametrize("undone", [cancellation(sale(1)), number_void(2, 2)], ids=["cancellation", "void"])
def test_reasons_are_words(undone: Any) -> None:
    (booked,) = fit(msgspec.structs.replace(undone, reason="erro \u2026 cliente")).batch
    assert isinstance(booked.document, documents.Cancellation | documents.NumberVoid)
    assert booked.document.reason == "erro ... cliente"


def profile_of(text: str) -> ErpTables:
    """Malote's own tables, and in the sale's a column that the profile fills by itself."""
    sold = BUILT_IN.profile.sale
    sold = msgspec.structs.replace(sold, columns={**sold.columns, "origem": text})
    lookup: dict[str, dict[str, str | int]] = {"modelos": {"65": "NFC\u2011e", "55": "NF-e"}}
    return ErpTables(msgspec.structs.replace(BUILT_IN.profile, sale=sold, lookup=lookup))


@pytest.mark.parametrize(
    ("text", "model", "constant"),
    [
        ("'PDV \u2013 1'", "65", "PDV \u2013 1"),
        ("lookup(model, 'modelos')", "65", "NFC\u2011e"),
        ("lookup(model, 'modelos')", "55", ""),  # another of its texts
    ],
)
def test_a_text_of_the_profile_is_told_beforehand_and_names_itself(text: str, model: str, constant: str) -> None:
    latin = Latin()
    latin.tables = profile_of(text)
    nowhere: Any = None
    sold = msgspec.structs.replace(sale(1), model=model)
    assert [(one.kind, f"{one.table}.{one.column}") for one in letters.faults(latin.letters(nowhere))] == [
        ("text_unencodable", "sale.origem")
    ]
    found = fitted([posting(sold)], latin, nowhere)
    assert [facts["constant"] for facts in found.unfit.values()] == ([constant] if constant else [])
    for facts in found.unfit.values():
        assert (code_of(facts), facts["field"], facts["encoding"]) == ("profile_unencodable", "sale.origem", "LATIN1")
        assert constant in rejection.cause(code_of(facts), facts, "pt")


def test_every_column_has_its_own_letters() -> None:
    """As on MariaDB: what one column lacks is no question of another."""
    column = BUILT_IN.parts
    names = {mapped.part: mapped.table.name for mapped in column}
    own = {
        (names["item"], "description"): charsets.repertoire_of("latin1"),
        (names["payment"], "description"): charsets.repertoire_of("utf8mb3"),
    }
    latin = Latin()
    made = Letters(BUILT_IN, None, {column: one for column, one in own.items() if one})
    latin.letters = lambda connection: made  # type: ignore[method-assign]
    nowhere: Any = None
    named = msgspec.structs.replace(item(1), description="\u20ac \u2013 \u2153", product_code="\u2153")
    paid = sale(1, items=(named,))
    paid = msgspec.structs.replace(paid, payments=(Payment("01", paid.totals.total, description="\u2153 \U0001f37f"),))
    (booked,) = fitted([posting(paid)], latin, nowhere).batch
    assert isinstance(booked.document, documents.Sale)
    [line], [way] = booked.document.items, booked.document.payments
    # The euro sign and the dash are in what the server calls latin1.
    assert (line.description, line.product_code) == ("\u20ac \u2013 1/3", "\u2153")
    assert way.description == "\u2153 ?"
