import re
from random import Random

import pytest

from malote.fiscal import form_recognition, reader
from malote.fiscal.reader import read
from tests.unit.fiscal.notes import BASKET, Line, build_note
from tests.unit.fiscal.support import problems_of, sale_in, the_long_way

ITEMS = [Line(description="PÃO FRANCÊS")]
UTF8 = build_note(items=ITEMS)


def declared(name: str, encoding: str) -> bytes:
    return build_note(items=ITEMS, declaration=f'<?xml version="1.0" encoding="{name}"?>', encoding=encoding)


@pytest.mark.parametrize(
    ("name", "encoding"),
    [
        ("UTF-8", "utf-8"),
        ("utf8", "utf-8-sig"),
        ("ISO-8859-1", "iso-8859-1"),
        ("latin1", "iso-8859-1"),
        ("windows-1252", "cp1252"),
        ("cp850", "cp850"),
        ("UTF-16", "utf-16"),
        ("UTF-16", "utf-16-le"),
        ("UTF-16BE", "utf-16-be"),
        ("UTF-32", "utf-32"),
    ],
)
def test_encodings(name: str, encoding: str) -> None:
    raw = declared(name, encoding)
    assert sale_in(raw) == sale_in(UTF8)
    assert problems_of(raw) == []


@pytest.mark.parametrize(
    ("name", "encoding"),
    [("UTF-8", "iso-8859-1"), ("ISO-8859-1", "utf-8"), ("UTF-16", "iso-8859-1"), ("nonsense", "utf-8")],
)
def test_a_wrong_declaration_is_seen_through(name: str, encoding: str) -> None:
    raw = declared(name, encoding)
    assert sale_in(raw).items[0].description == "PÃO FRANCÊS"
    assert problems_of(raw) == ["encoding_wrong"]


def test_text_declared_utf_16_by_a_careless_program_is_utf_8() -> None:
    assert problems_of(declared("utf-16", "utf-8")) == []


def test_no_declaration_in_another_encoding() -> None:
    for encoding in ("utf-16", "utf-16-le", "utf-16-be"):
        assert sale_in(build_note(items=ITEMS, declaration="", encoding=encoding)) == sale_in(UTF8)
    raw = build_note(items=ITEMS, declaration="", encoding="iso-8859-1")
    assert sale_in(raw) == sale_in(UTF8)
    assert problems_of(raw) == ["encoding_wrong"]


def test_white_space_before_the_declaration() -> None:
    assert sale_in(b"\r\n " + UTF8 + b"\n\n") == sale_in(UTF8)


def test_bytes_that_mean_nothing() -> None:
    assert problems_of(b"\xff\xfe<\0\0\xd8a\0") == ["encoding_unreadable"]


@pytest.mark.parametrize(
    "name", ["UTF-8", "ISO-8859-1", "iso-8859-15", "windows-1252", "nonsense", "us-ascii", "UTF-16"]
)
def test_what_a_windows_pos_writes_is_read_as_such(name: str) -> None:
    text = "CAFÉ – “EXTRA” ‘D’ 5€ ™ … •"
    raw = build_note(
        items=[Line(description=text)],
        declaration=f'<?xml version="1.0" encoding="{name}"?>',
        encoding="cp1252",
    )
    assert sale_in(raw).items[0].description == text
    assert problems_of(raw) == ([] if name == "windows-1252" else ["encoding_wrong"])


@pytest.mark.parametrize("written", ["A\x96B", "A&#150;B", "A&#x96;B", "A&#x0096;B", "A&#00150;B"])
def test_a_control_character_in_the_place_of_a_dash_is_the_dash(written: str) -> None:
    raw = build_note(items=[Line(description=written)])
    for _ in range(9):
        assert sale_in(raw).items[0].description == "A–B"
        assert problems_of(raw) == ["encoding_wrong"]


def test_no_control_character_is_left_in_a_text() -> None:
    controls = [chr(code) for code in (9, 10, 0x7F, *range(0x80, 0xA0), 0x2028)]
    for control in controls:
        raw = build_note(items=[Line(description=f"A{control}B", code=f"1{control}2")])
        raw = raw.replace(b"<natOp>VENDA", f"<natOp>VEN{control}DA".encode())
        for _ in range(5):
            sale = sale_in(raw)
            said = (sale.items[0].description, sale.items[0].product_code, sale.operation)
            assert all(text.isprintable() for text in said), hex(ord(control))


def test_a_prefixed_namespace() -> None:
    text = UTF8.decode().replace(' xmlns="http://www.portalfiscal.inf.br/nfe"', "")
    start = text.index("<nfeProc")
    signature = text[text.index("<Signature") : text.index("</Signature>") + 12]
    body = text[start:].replace(signature, "")
    prefixed = re.sub(r"<(/?)(\w)", r"<\1n:\2", body)
    prefixed = prefixed.replace("<n:nfeProc", '<n:nfeProc xmlns:n="http://www.portalfiscal.inf.br/nfe"', 1)
    assert sale_in(prefixed.encode()) == sale_in(UTF8)


def test_no_namespace_at_all() -> None:
    raw = UTF8.replace(b' xmlns="http://www.portalfiscal.inf.br/nfe"', b"")
    assert sale_in(raw) == sale_in(UTF8)


# Of a shop that sells bread, and "pão" isn't UTF-8 there.
_BAKERY = build_note(items=[*BASKET, *ITEMS], declaration="").decode()
_DECLARED = [
    ("ISO-8859-1", "iso-8859-1"),
    ("iso-8859-15", "iso-8859-15"),
    ("windows-1252", "cp1252"),
    ("cp850", "cp850"),
    ("UTF-8", "cp1252"),  # as Windows programs do it
    ("ISO-8859-1", "cp1252"),
    ("ISO-8859-1", "utf-8"),
    ("ISO-8859-1", "ascii"),
    ("nonsense", "cp1252"),
    ("", "cp1252"),
]
_TEXTS = ["€ 2", "–", "é&amp;ç", "]]>", "&#150;", "&x;", "<!-- à -->", "<x>ã</x>", "\x85", "\0", " ", "ÿþ", "ï¿¾"]


def _written(text: str, name: str, encoding: str) -> bytes:
    declaration = f'<?xml version="1.0" encoding="{name}"?>' if name else ""
    return (declaration + text).encode(encoding, "replace")


@pytest.mark.parametrize(("name", "encoding"), _DECLARED)
def test_what_is_not_utf_8_is_read_by_its_form_as_by_the_parser(
    name: str, encoding: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw = _written(_BAKERY, name, encoding)
    expected = the_long_way(raw)
    for _ in range(13):
        assert read(raw) == expected
    assert isinstance(form_recognition.recognise(raw), form_recognition.KnownRows)
    other = _written(_BAKERY.replace("PÃO FRANCÊS", "PÃO-DE-LÓ"), name, encoding)
    expected = the_long_way(other)
    for _ in range(13):
        read(raw)
    monkeypatch.setattr(reader, "_parse", None)
    assert read(other) == expected


@pytest.mark.parametrize(("name", "encoding"), _DECLARED)
def test_whatever_stands_in_it_both_ways_say_the_same(name: str, encoding: str) -> None:
    dice = Random(f"{name}{encoding}")
    raw = _written(_BAKERY, name, encoding)
    mutants = []
    for text in _TEXTS:
        place = dice.choice([found.end() for found in re.finditer("<(xProd|natOp|cProd|xNome)>", _BAKERY)])
        mutants.append(_written(_BAKERY[:place] + text + _BAKERY[place:], name, encoding))
    garbled = bytearray(raw)
    garbled[dice.randrange(len(raw))] = dice.randrange(128, 256)
    mutants.append(bytes(garbled))
    expected = [the_long_way(mutant) for mutant in mutants]
    for _ in range(13):
        read(raw)
    assert [read(mutant) for mutant in mutants] == expected
