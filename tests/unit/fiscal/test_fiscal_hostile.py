"""Input that means harm: refused with a reason, without a crash, an expansion, a connection or a wait."""

import socket

import pytest

from malote.fiscal import form_recognition
from malote.fiscal.reader import Limits, read, summary
from malote.fiscal.schema import findings
from malote.fiscal.tree import LOCAL_NAMES
from tests.unit.fiscal.notes import Line, build_note, key_of
from tests.unit.fiscal.support import only, problems_of, replaced, sale_in

NOTE = build_note()
BODY = NOTE.partition(b"?>")[2]


@pytest.fixture(autouse=True)
def _no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("a document made a connection")

    monkeypatch.setattr(socket.socket, "connect", refuse)


@pytest.mark.parametrize(
    "dtd",
    [
        "<!DOCTYPE nfeProc>",
        '<!DOCTYPE a [<!ENTITY x "y">]>',
        '<!DOCTYPE a SYSTEM "http://example.com/a.dtd">',
        '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]>',
        '<!-- first --><?pos x?> <!DOCTYPE a [<!ENTITY % x SYSTEM "http://example.com/x"> %x;]>',
    ],
)
def test_no_dtd(dtd: str) -> None:
    for encoding in ("utf-8", "utf-16"):
        raw = (dtd + BODY.decode()).encode(encoding)
        assert problems_of(raw) == ["dtd_forbidden"]
        assert findings(raw) == []


def test_the_billion_laughs() -> None:
    entities = '<!ENTITY a0 "ha">' + "".join(f'<!ENTITY a{level} "{f"&a{level - 1};" * 10}">' for level in range(1, 12))
    assert problems_of(f"<!DOCTYPE x [{entities}]><x>&a11;</x>".encode()) == ["dtd_forbidden"]


def test_an_entity_nobody_declared() -> None:
    assert problems_of(replaced(NOTE, "<natOp>VENDA", "<natOp>&venda;")) == ["xml_malformed"]


def test_the_word_doctype_in_a_comment_is_no_dtd() -> None:
    assert sale_in(b"<!-- <!DOCTYPE a> -->" + BODY) == sale_in(NOTE)


def test_many_unclosed_comments_take_no_time() -> None:
    assert problems_of(b"<!-- -->" * 20_000 + b"<!DOCTYP" + b"<!--" * 20_000) == ["xml_malformed"]


def test_ten_thousand_levels() -> None:
    assert problems_of(b"<a>" * 10_000 + b"</a>" * 10_000) == ["too_deep"]


def test_wrappers_without_end() -> None:
    assert problems_of(b"<a>" * 200 + BODY + b"</a>" * 200) == ["root_unknown"]


def test_a_huge_attribute_and_a_huge_text() -> None:
    huge = "x" * 4_000_000
    assert sale_in(replaced(NOTE, "<ide>", f'<ide x="{huge}">')) == sale_in(NOTE)
    assert sale_in(build_note(items=[Line(description=huge)])).items[0].description == huge


def test_two_hundred_megabytes() -> None:
    reading = only(b" " * 200_000_000)
    assert [problem.code for problem in reading.problems] == ["file_too_large"]
    assert reading.problems[0].facts == {"size": "200000000", "limit": "5000000"}


def test_the_limit_is_a_setting() -> None:
    assert only(NOTE, Limits(max_bytes=len(NOTE))).problems == []
    assert [one.code for one in only(NOTE, Limits(max_bytes=len(NOTE) - 1)).problems] == ["file_too_large"]


def test_thousands_of_little_documents() -> None:
    assert problems_of(b"<x>" + b"<NFe/>" * 5_000 + b"</x>") == ["too_many_documents_in_file"]
    assert problems_of(b"<x>" + b"<evento/><retEvento/>" * 2_500 + b"</x>") == ["too_many_documents_in_file"]
    assert problems_of(b"<x>" + b"<protNFe/>" * 100_000 + b"</x>") == ["element_crowded"]


@pytest.mark.parametrize("more", [b"<x/>", b"<x>1</x>", b"<card><tBand>01</tBand></card>"])
def test_a_payment_with_more_in_it_than_any_says_nothing(more: bytes) -> None:
    """Forty-nine of them, each with thousands, cost most of all readings; however often such a note comes."""
    assert problems_of(replaced(NOTE, "<detPag>", "<detPag>" + "<x/>" * 5)) == []
    for _ in range(4):
        found = problems_of(NOTE.replace(b"<detPag>", b"<detPag>" + more * 501, 1))
        assert "payment_method_invalid" in found


@pytest.mark.parametrize("raw", [b"", b" \r\n\t", b"\xef\xbb\xbf", b"\xff\xfe", b'<?xml version="1.0"?>\n'])
def test_nothing(raw: bytes) -> None:
    assert problems_of(raw) == ["empty_file"]


@pytest.mark.parametrize(
    "raw", [b"PK\x03\x04", b"%PDF-1.7", b"\0" * 1000, b"venda", b"<", b"<a", b"<a></b>", b"<a/><b/>", bytes(range(256))]
)
def test_what_is_no_xml(raw: bytes) -> None:
    assert problems_of(raw)[0] in ("xml_malformed", "encoding_unreadable", "file_damaged", "file_of_another_kind")
    assert only(raw).kind is None


def test_a_file_cut_short_still_tells_its_key() -> None:
    reading = only(NOTE[: len(NOTE) // 2])
    assert [problem.code for problem in reading.problems] == ["file_damaged"]
    assert reading.kind is None
    assert summary(reading).access_key == key_of(NOTE)


@pytest.mark.parametrize("part", [0.3, 0.6, 0.9, 0.99])
def test_wherever_a_file_is_cut_it_is_damaged(part: float) -> None:
    for root in (NOTE, b"\xef\xbb\xbf" + NOTE, NOTE.partition(b"?>")[2]):
        assert problems_of(root[: int(len(root) * part)]) == ["file_damaged"]


def test_a_file_of_zeros_is_damaged() -> None:
    assert problems_of(b"\0" * 4096) == ["file_damaged"]


def test_a_whole_file_that_is_malformed_is_not_damaged() -> None:
    assert problems_of(NOTE.replace(b"</ide>", b"")) == ["xml_malformed"]
    assert problems_of(NOTE + b"x") == ["xml_malformed"]


def test_a_file_filled_up_with_zeros_by_a_power_cut() -> None:
    reading = only(NOTE + b"\0" * 100)
    assert [problem.code for problem in reading.problems] == ["file_damaged"]
    assert summary(reading).access_key == key_of(NOTE)


@pytest.mark.parametrize("name", ["NFe", "evento", "retEvento", "inutNFe", "CFe", "CFeCanc", "protNFe", "infNFe"])
def test_empty_documents_of_every_kind(name: str) -> None:
    for raw in (f"<{name}/>", f"<{name}><x/></{name}>", f"<x><{name}/></x>"):
        readings = read(raw.encode())
        assert all(reading.rejected and reading.document is None for reading in readings)


def test_many_different_names_are_not_remembered_for_ever() -> None:
    names = [f"<n{number}/>" for number in range(20_000)]
    raw = "<x>" + "".join(f"<a>{''.join(names[at : at + 4_000])}</a>" for at in range(0, 20_000, 4_000)) + "</x>"
    assert problems_of(raw.encode()) == ["root_unknown"]
    assert len(LOCAL_NAMES) <= 5_000


def test_problems_quote_no_consumer() -> None:
    name = "MARIA DA SILVA"
    for field in ("dhEmi", "serie", "vNF", "tpAmb", "mod"):
        raw = NOTE.replace(f"<{field}>".encode(), f"<{field}>{name}".encode(), 1)
        facts = [value for problem in only(raw).problems for value in problem.facts.values()]
        assert not any("MARIA" in value for value in facts)


def test_reading_keeps_nothing_of_what_it_refused() -> None:
    before = len(form_recognition._frames)
    for number in range(50):
        read(f"<x{number}>".encode())
    assert len(form_recognition._frames) == before
