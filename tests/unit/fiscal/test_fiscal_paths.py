"""Each field is fed by the element at its own path, and what is said in two ways is refused."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from malote.fiscal import form_recognition
from malote.fiscal.note_fields import HEAD, ITEM, PAYMENT, TOTALS
from malote.fiscal.reader import read
from tests.unit.fiscal.notes import BASKET, build_cancellation, build_note, build_void, key_of
from tests.unit.fiscal.sat import build_sat
from tests.unit.fiscal.support import only, problems_of, replaced, sale_in, the_long_way

NOTE = build_note()
_ITEM_TAXES = "<gIBSCBS>"


def both_ways(raw: bytes) -> bytes:
    """The file itself, after it was read so often that its form is known if it can be."""
    assert [read(raw) for _ in range(9)] == [the_long_way(raw)] * 9
    return raw


@pytest.mark.parametrize(
    ("name", "first", "second"),
    [
        ("vNF", "<vNF>25.90</vNF>", "<vNF>2.59</vNF>"),
        ("vProd", "<vUnCom>25.90</vUnCom><vProd>25.90</vProd>", "<vProd>2.59</vProd>"),
        ("vPag", "<vPag>25.90</vPag>", "<vPag>2.59</vPag>"),
        ("tPag", "<tPag>01</tPag>", "<tPag>03</tPag>"),
        ("tpAmb", "<tpAmb>1</tpAmb><finNFe>", "<tpAmb>2</tpAmb><finNFe>"),
        ("nProt", "<nProt>135260000000001</nProt>", "<nProt>135260000000002</nProt>"),
        ("xProd", "<xProd>ARROZ TIPO 1 5KG</xProd>", "<xProd>FEIJAO</xProd>"),
        ("vTroco", "<vTroco>0.00</vTroco>", "<vTroco>1.00</vTroco>"),
        ("CNPJ", "<emit><CNPJ>11222333000181</CNPJ>", "<CNPJ>12ABC34501DE35</CNPJ>"),
    ],
)
def test_a_field_said_in_two_ways_is_refused_by_name(name: str, first: str, second: str) -> None:
    for raw in (replaced(NOTE, first, first + second), replaced(NOTE, first, second + first)):
        if name in ("CNPJ", "tpAmb", "vProd"):
            raw = replaced(NOTE, first, first.removesuffix("<finNFe>") + second)
        reading = only(both_ways(raw))
        assert reading.document is None
        assert [(one.code, one.facts["fields"]) for one in reading.problems] == [("field_ambiguous", name)]


@pytest.mark.parametrize(
    ("group", "start", "end", "old", "new", "field"),
    [
        ("prod", "<prod>", "</prod>", "<vProd>25.90", "<vProd>2.59", "vProd"),
        ("imposto", "<imposto>", "</imposto>", "<vICMS>4.66", "<vICMS>0.66", "vICMS"),
        ("pag", "<pag>", "</pag>", "<vPag>25.90", "<vPag>25.90", "pag"),
        ("total", "<total>", "</total>", "<vNF>25.90", "<vNF>20.90", "vNF"),
        ("ide", "<ide>", "</ide>", "<nNF>1<", "<nNF>2<", "nNF"),
    ],
)
def test_a_group_written_twice_is_refused(group: str, start: str, end: str, old: str, new: str, field: str) -> None:
    text = NOTE.decode()
    first = text[text.index(start) : text.index(end) + len(end)]
    assert old in first, group
    raw = replaced(NOTE, first, first + first.replace(old, new))
    assert only(both_ways(raw)).problems[0].facts["fields"] == field


def test_two_bodies_in_one_note_are_refused() -> None:
    text = NOTE.decode()
    body = text[text.index("<infNFe ") : text.index("</infNFe>") + 9]
    assert problems_of(replaced(NOTE, body, body + body.replace("25.90", "35.90"))) == ["field_ambiguous"]


def test_a_field_said_twice_in_the_same_way_is_fine() -> None:
    raw = replaced(NOTE, "<vNF>25.90</vNF>", "<vNF>25.90</vNF><vNF> 25.90 </vNF><vNF/>")
    assert sale_in(both_ways(raw)) == sale_in(NOTE)


@pytest.mark.parametrize(
    ("after", "extra"),
    [
        ("</gIBSCBS>", "<gTransfCred><vIBS>9.99</vIBS><vCBS>9.99</vCBS></gTransfCred>"),
        (
            "</gIBSCBS>",
            "<gAjusteCompet><competApur>2026-11</competApur><vIBS>8.88</vIBS><vCBS>8.88</vCBS></gAjusteCompet>",
        ),
        ("</gIBSCBS>", "<gEstornoCred><vIBSEstCred>7.77</vIBSEstCred><vCBSEstCred>7.77</vCBSEstCred></gEstornoCred>"),
        ("<pCBS>0.9000</pCBS>", "<gDif><pDif>1.0000</pDif><vDif>0.01</vDif><vCBS>6.66</vCBS></gDif>"),
    ],
)
def test_amounts_of_other_groups_are_not_the_items(after: str, extra: str) -> None:
    taxes = sale_in(both_ways(replaced(NOTE, after, after + extra))).items[0].taxes
    assert (taxes.cbs_amount, taxes.ibs_state_amount) == (23, 3)


@pytest.mark.parametrize("letter", ["😀", "\U0010ffff", "\ufffd", "\uf900", "\ue0ff", "\ue100", "\uf8ff", "é"])
@pytest.mark.parametrize("place", ['versao="4.00"', 'nItem="1"', "<natOp>VENDA", "<xProd>ARROZ", "<vNF>25.90"])
def test_no_character_is_taken_for_a_sign(letter: str, place: str) -> None:
    odd = replaced(NOTE, place, place[:-1] + letter + place[-1:])
    both_ways(odd)


def test_a_class_of_rows_names_each_path_once() -> None:
    for paths in (HEAD, ITEM, PAYMENT, TOTALS):
        assert len(set(paths.of.values())) == len(paths.of)


def test_white_space_around_any_text_is_no_part_of_it() -> None:
    raw = build_note(items=BASKET, consumer="11144477735")
    spaced = raw.replace(b"</", b" </").replace(b"<qrCode>", b"<qrCode> ")
    for name in (b"tpNF", b"serie", b"CFOP", b"CST", b"tPag", b"cStat", b"nProt", b"CNPJ", b"xProd", b"vNF", b"chNFe"):
        spaced = spaced.replace(b"<%s>" % name, b"<%s>\n " % name)
    assert sale_in(both_ways(spaced)) == sale_in(raw)


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("chNFe", f"<chNFe>{key_of(NOTE)}</chNFe><dhEvento>", f"<chNFe>{'1' * 44}</chNFe><dhEvento>"),
        ("tpEvento", "<tpEvento>110111</tpEvento>", "<tpEvento>110112</tpEvento>"),
        ("tpAmb", "<tpAmb>1</tpAmb><CNPJ>", "<tpAmb>2</tpAmb><CNPJ>"),
        ("nProt", "<nProt>135260000000777</nProt>", "<nProt>135260000000778</nProt>"),
        ("cStat", "<cStat>135</cStat>", "<cStat>999</cStat>"),
    ],
)
def test_an_event_that_says_something_in_two_ways_is_refused(name: str, old: str, new: str) -> None:
    first = old.partition("</")[0] + f"</{name}>"
    raw = replaced(build_cancellation(key_of(NOTE)), old, first + new)
    reading = only(raw)
    assert (reading.document, reading.kind) == (None, "cancellation")
    assert [(one.code, one.facts) for one in reading.problems] == [("field_ambiguous", {"fields": name})]


def test_voided_numbers_and_answers_said_in_two_ways_are_refused() -> None:
    void = replaced(build_void(), "<nNFFin>12</nNFFin>", "<nNFFin>12</nNFFin><nNFFin>99</nNFFin>")
    assert problems_of(void) == ["field_ambiguous"]
    text = NOTE.decode()
    alone = text[text.index("<protNFe") : text.index("</protNFe>") + 10]
    assert problems_of(alone.encode()) == []
    twice = alone.replace("<cStat>100", "<cStat>101</cStat><cStat>100")
    assert problems_of(twice.encode()) == ["field_ambiguous"]


def test_two_answers_that_differ_about_one_note_are_refused() -> None:
    text = NOTE.decode()
    answer = text[text.index("<protNFe") : text.index("</protNFe>") + 10]
    for _ in range(9):
        assert problems_of(replaced(NOTE, answer, answer + answer)) == []
        for old, new in (("<cStat>100", "<cStat>101"), ("<nProt>1352", "<nProt>1351")):
            assert problems_of(replaced(NOTE, answer, answer + answer.replace(old, new))) == ["field_ambiguous"]


def test_a_cfe_that_says_something_in_two_ways_is_refused() -> None:
    for name, value in (("vCFe", "25.90"), ("vProd", "25.90"), ("cMP", "01"), ("vMP", "25.90"), ("tpAmb", "1")):
        raw = replaced(build_sat(), f"<{name}>{value}", f"<{name}>2</{name}><{name}>{value}")
        assert [one.facts for one in only(raw).problems if one.code == "field_ambiguous"] == [{"fields": name}]
    assert problems_of(replaced(build_sat(), 'nItem="1"', 'nItem="2"')) == ["item_numbers"]


_LETTERS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=4)


@settings(max_examples=150, deadline=None)
@given(
    _LETTERS, st.sampled_from(['versao="4.00"', 'nItem="1"', "<natOp>VENDA", "<xProd>ARROZ", "<tPag>01", "<xNome>M"])
)
def test_texts_of_all_of_unicode_read_the_same_both_ways(letters: str, place: str) -> None:
    form_recognition.forget()
    odd = replaced(NOTE, place, place[:-1] + letters + place[-1:])
    readings = [read(odd) for _ in range(6)]
    assert readings == [the_long_way(odd)] * 6


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=40), st.integers(0, len(NOTE)))
def test_reading_never_raises_whatever_the_bytes(piece: bytes, at: int) -> None:
    for _ in range(3):
        assert read(NOTE[:at] + piece + NOTE[at:])
    assert read(piece)


def test_white_space_is_no_part_of_a_code_in_events_and_voids_either() -> None:
    for raw in (build_cancellation(key_of(NOTE)), build_void(), build_sat()):
        spaced = re.sub(rb"<(\w+)>([^<>]+)</", rb"<\1>\n \2 </", raw)
        assert spaced != raw
        assert only(spaced).document == only(raw).document
