"""The extracted form: what comes back is what went in, and content is compared as fiscal content."""

from datetime import UTC, datetime
from decimal import Decimal

import msgspec

from malote.fiscal.documents import (
    Answer,
    Cancellation,
    Event,
    Item,
    NumberVoid,
    Payment,
    Protocol,
    Sale,
    Taxes,
    Totals,
    content_hash,
    decode,
    encode,
    has_content,
    identity,
)

AT = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
KEY = "3526050X0J92JY000196570010000006041448679011"
ITEM = Item(1, "10", "", "CAFE", "09012100", "5102", "KG", Decimal("0.1234"), Decimal("9.99"), 123, 0, 0, 0, 0, True,
            Taxes(icms_status="00", icms_rate=Decimal("18.00"), reform_status="000"))  # fmt: skip
SALE = Sale(KEY, "65", "4.00", "0X0J92JY000196", 1, 604, AT, 1, 1, "", (ITEM,), (Payment("17", 123),), 0,
            Totals(123, 0, 0, 0, 0, 22, 0, 0, 0, 0, 0, 0, 1, 123))  # fmt: skip
CANCELLATION = Cancellation(KEY, "110111", 1, "0X0J92JY000196", AT, 1, "135", Protocol("136", 135, AT), "erro")
EVENT = Event(KEY, "110110", 2, "0X0J92JY000196", AT, 1, "Carta de Correcao", Protocol("137", 135, AT), "a cor")
ANSWER = Answer(KEY, 100, Protocol("1352600", 100, AT, (("1", "revise"),)), AT, 1, "1352600", "3zO5Hm8A=")
VOID = NumberVoid("0X0J92JY000196", "65", 1, 2026, 7, 9, 1, "falha", None)


def test_documents_survive_the_way_through_the_spool() -> None:
    every = [SALE, None, CANCELLATION, VOID, EVENT, ANSWER]
    assert decode(encode(every)) == every


def test_the_protocol_is_no_fiscal_content() -> None:
    authorised = msgspec.structs.replace(SALE, protocol=Protocol("1352600", 100, AT))
    assert content_hash(authorised) == content_hash(SALE)
    assert authorised.authorised
    assert not SALE.authorised


def test_what_a_sale_says_of_others_is_no_fiscal_content() -> None:
    other = msgspec.structs.replace(SALE, purpose=2, direction=0, references=(KEY,), operation="VENDA")
    assert content_hash(other) == content_hash(SALE)


# What the version with sales of the first form (no single-phase taxes, no finNFe, no norm) made of SALE.
FIRST = bytes.fromhex("bddcece823e6a9dbdbc23c059ae4163dfa38e11b39491f7cb078ee944efc424d")


def test_a_sale_is_known_by_what_an_older_version_wrote_of_it() -> None:
    assert content_hash(SALE) != FIRST
    assert has_content(SALE, FIRST)
    assert has_content(msgspec.structs.replace(SALE, protocol=Protocol("1352600", 100, AT), norm="NT2025.002"), FIRST)
    assert has_content(SALE, content_hash(SALE))
    assert not has_content(msgspec.structs.replace(SALE, change=1), FIRST)
    assert not has_content(VOID, FIRST)
    assert not has_content(SALE, None)


def test_a_cent_is_fiscal_content() -> None:
    other = msgspec.structs.replace(SALE, payments=(Payment("17", 124),))
    assert content_hash(other) != content_hash(SALE)


def test_what_can_happen_once_has_one_identity() -> None:
    assert identity(SALE) == KEY
    by_substitution = msgspec.structs.replace(CANCELLATION, event="110112", sequence=2)
    assert identity(CANCELLATION) == identity(by_substitution) == f"cancel:{KEY}"
    assert identity(EVENT) == f"event:{KEY}:110110:2"
    assert identity(ANSWER) == f"answer:{KEY}:100:1352600"
    assert identity(VOID) == "void:0X0J92JY000196:65:1:2026:7-9"


def test_an_offline_contingency_note_is_a_sale_before_its_protocol() -> None:
    assert not SALE.bookable
    assert msgspec.structs.replace(SALE, emission=9).bookable
