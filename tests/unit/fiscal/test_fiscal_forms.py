"""A known form is read without a parser, and must say exactly what the parser says."""

import re
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from malote.fiscal import form_recognition, learned_forms, reader
from malote.fiscal.note_rows import NoteRow
from malote.fiscal.reader import Reading, read
from tests.unit.fiscal.notes import BASKET, MORNING, Line, build_note
from tests.unit.fiscal.support import problems_of, replaced, sale_in, the_long_way

NOTE = build_note(items=BASKET, consumer="11144477735")
PIECES = [
    "<", ">", "&", "&amp;", "&#65;", "&x;", "]]>", "<![CDATA[x]]>", "<!-- x -->", "<?x?>", '"', "'", "\0", "\1", "\x7f",
    "\r\n", "\ufffe", "\ue000", "\ue100", "é", "<det/>", '<det nItem="9">', "</det>", "</infNFe>", ' x="1"',
    "<a b='>'/>", "<x></x>", "<prod>", "\ud7ff", "\u2028", "0", "<qrCode><![CDATA[", "]]></qrCode>",
]  # fmt: skip


OFTEN = 12  # enough to learn a frame and three forms of items, and to make patterns of them


class Known(NamedTuple):
    blanks: learned_forms.Blanks


def recognised(raw: bytes) -> NoteRow | None:
    """The rows of a file in known forms."""
    known = form_recognition.recognise(raw)
    return known.row if isinstance(known, form_recognition.KnownRows) else None


def read_often(raw: bytes) -> list[list[Reading]]:
    """A file read until its forms are known, if they can be."""
    return [read(raw) for _ in range(OFTEN + 1)]


def learned_in(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The markup of every form that will be learned from now on."""
    found: list[str] = []
    learn = learned_forms.Forms.learn

    def noting(kind: "learned_forms.Forms[learned_forms.Learned]", markup: str, parts: list[str]) -> None:
        found.append(markup)
        learn(kind, markup, parts)

    monkeypatch.setattr(learned_forms.Forms, "learn", noting)
    return found


def pretty(raw: bytes, space: bytes) -> bytes:
    """The file with white space between its tags, as many programs write it."""
    return re.sub(rb"(?<!\]\])><(?!!)", b">" + space + b"<", raw)


@pytest.fixture(autouse=True)
def _known() -> None:
    form_recognition.forget()
    read_often(NOTE)


def test_a_form_is_learned_when_it_comes_again(monkeypatch: pytest.MonkeyPatch) -> None:
    form_recognition.forget()
    learned = learned_in(monkeypatch)
    one_item_form = build_note()
    counts = []
    for _ in range(5):
        read(one_item_form)
        counts.append(len(learned))
    # Seen, learned: first what is around the items, then the item.
    assert counts == [0, 1, 1, 2, 2]
    assert recognised(one_item_form) is not None


def test_forms_that_never_come_again_are_never_learned(monkeypatch: pytest.MonkeyPatch) -> None:
    learned = learned_in(monkeypatch)
    for number in range(50):
        read(replaced(NOTE, "<natOp>", f"<x{number}/><natOp>"))
        read(replaced(NOTE, "<xProd>", f"<x{number}/><xProd>"))
        read(replaced(NOTE, "</nfeProc>", f"<x{number}/></nfeProc>"))
    assert learned == []


def test_a_file_teaches_one_form_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    learned = learned_in(monkeypatch)
    many = NOTE
    for place in range(1, 9):
        many = replaced(many, f'<det nItem="{place}"><prod>', f'<det nItem="{place}"><prod><x{place}/>')
    counts = []
    for _ in range(4):
        read(many)
        counts.append(len(learned))
    assert counts == [0, 1, 1, 2]


def test_what_is_noted_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(form_recognition, "_NOTED", 20)
    for number in range(30):
        read(replaced(NOTE, "<natOp>", f"<x{number}/><natOp>"))
    assert len(form_recognition._noted) == 20


def test_a_flood_of_unknown_forms_is_hardly_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    looked_at: list[bytes] = []
    take_apart = form_recognition._take_apart

    def counting(raw: bytes) -> form_recognition._Pieces | None:
        looked_at.append(raw)
        return take_apart(raw)

    monkeypatch.setattr(form_recognition, "_take_apart", counting)
    form_recognition._luck.forget()
    for number in range(432):
        read(NOTE.replace(b"<natOp>", b"<x%d/><natOp>" % number).replace(b"<prod>", b"<prod><x%d/>" % number))
    assert len(looked_at) == 32 + 400 // 8
    # What is known is noticed again, and soon all of it.
    looked_at.clear()
    for _ in range(108):
        read(NOTE)
    assert len(looked_at) == 101


def test_a_malformed_file_teaches_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    learned, noted = learned_in(monkeypatch), dict(form_recognition._noted)
    for raw in (replaced(NOTE, "</ide>", ""), NOTE[:-1], replaced(NOTE, "<xMun>", "<xMun>\x01")):
        read_often(raw)
    assert learned == []
    assert form_recognition._noted == noted


def test_other_texts_and_another_order_are_the_same_form() -> None:
    assert recognised(NOTE) is not None
    other = build_note(items=BASKET[::-1], consumer="11144477735", number=2, emission=1, issuer="12ABC34501DE35")
    assert recognised(other) is not None
    assert read(other) == the_long_way(other)


def test_a_known_form_needs_no_parser(monkeypatch: pytest.MonkeyPatch) -> None:
    expected = the_long_way(NOTE)
    read_often(NOTE)
    monkeypatch.delattr(reader, "parse")
    assert read(NOTE) == expected


def test_another_number_of_items_is_the_same_form() -> None:
    assert recognised(build_note(items=[*BASKET, *BASKET], consumer="11144477735")) is not None


@pytest.mark.parametrize(
    "raw",
    [
        build_note(items=BASKET),
        build_note(items=BASKET, emission=9),
        build_note(items=BASKET, payments=[("03", 1000), ("17", 500)]),
        build_note(items=[Line(other=3)]),
        build_note(declaration="", protocol=False),
        build_note(items=[Line(description="CAFÉ &amp; CIA &gt; 1\t2")]),
        build_note(items=[Line(description='TV 32" > 30"')]),
        pretty(build_note(items=BASKET), b"\n"),
        pretty(build_note(items=BASKET), b"\r\n\t"),
        b"\xef\xbb\xbf" + NOTE + b"\n",
        build_note(model="55"),
    ],
)
def test_other_forms_are_learned_and_say_the_same(raw: bytes) -> None:
    expected = the_long_way(raw)
    assert read_often(raw) == [expected] * (OFTEN + 1)
    assert recognised(raw) is not None


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("<nfeProc", "<!-- x --><nfeProc"),
        ("<ide>", "<ide><?x y?>"),
        ("<vNF>", "<vNF><!-- x -->"),
        ("<natOp>VENDA", "<natOp><![CDATA[VENDA]]>"),
        ("<natOp>", "<natOp x='1'>"),
        ("<natOp>", '<natOp x="a>b">'),
        ("<natOp>VENDA", "<natOp>VENDA &#69;"),
        ("<natOp>VENDA", "<natOp>VENDA ]]>"),
        ("<natOp>VENDA", "<natOp>VENDA \ufffe"),
        ("<natOp>VENDA", "<natOp>VENDA \x02"),
        ('nItem="2"', 'nItem="<2"'),
        ('nItem="2"', 'nItem="2&amp;"'),
        ("</nfeProc>", "</nfeProc><a/>"),
        ("</nfeProc>", "</nfeProc>x"),
    ],
)
def test_what_is_no_form_goes_the_long_way(old: str, new: str) -> None:
    raw = replaced(NOTE, old, new)
    readings = read_often(raw)
    assert recognised(raw) is None
    assert readings == [the_long_way(raw)] * (OFTEN + 1)


def test_a_total_in_a_cdata_section_is_read() -> None:
    raw = replaced(build_note(), "<vNF>25.90</vNF>", "<vNF><![CDATA[25.90]]></vNF>")
    assert sale_in(raw).totals.total == 2590


def test_a_frame_and_items_of_different_files_go_together_only_where_they_fit() -> None:
    protocolled, bare = build_note(), build_note(protocol=False)
    read_often(protocolled)
    read_often(bare)
    mixed = bare[: bare.index(b"</infNFe>")] + protocolled[protocolled.index(b"</infNFe>") :]
    assert problems_of(mixed) == ["xml_malformed"]


@pytest.mark.parametrize("start", ['Id="ID9"', 'xmlns="x" Id="ID9"', 'Id="ID9" xmlns="x"'])
def test_the_answer_s_own_id_makes_no_new_form(start: str) -> None:
    raw = replaced(NOTE, 'infProt Id="ID135260000000001"', f"infProt {start}")
    read_often(raw)
    other = replaced(raw, "ID9", "ID8")
    assert recognised(other) is not None
    assert read(other) == the_long_way(other)


def test_two_ids_are_malformed_whatever_is_known() -> None:
    read_often(replaced(NOTE, 'Id="ID135260000000001"', 'Id="a-b"'))
    assert problems_of(replaced(NOTE, 'Id="ID135260000000001"', 'Id="ID1" Id="a-b"')) == ["xml_malformed"]


def test_a_key_that_stands_elsewhere_too() -> None:
    raw = replaced(NOTE, "<chNFe>", "<chNFe>1")
    assert recognised(raw) is not None
    assert read(raw) == the_long_way(raw)
    assert "protocol_key_disagrees" in problems_of(raw)


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(form_recognition._frames, "_limit", 5)
    monkeypatch.setattr(form_recognition._items, "_limit", 3)
    for number in range(8):
        read_often(replaced(NOTE, "<natOp>", f"<x{number}/><natOp>"))
        read_often(replaced(NOTE, "<xProd>", f"<x{number}/><xProd>"))
    assert (len(form_recognition._frames), len(form_recognition._items)) == (5, 3)
    assert sale_in(NOTE) == sale_in(replaced(NOTE, "<natOp>", "<x0/><natOp>"))


def test_many_threads_learn_at_once() -> None:
    files = [build_note(number=n, items=BASKET[: n % 8 + 1]) for n in range(1, 65)]
    expected = [the_long_way(file) for file in files]
    with ThreadPoolExecutor(8) as pool:
        for _ in range(3):
            assert list(pool.map(read, files)) == expected


@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, len(NOTE.decode()) - 1), st.sampled_from(PIECES), st.integers(0, 3))
def test_any_piece_anywhere_reads_the_same_both_ways(place: int, piece: str, dropped: int) -> None:
    text = NOTE.decode()
    raw = (text[:place] + piece + text[place + dropped :]).encode()
    read_often(NOTE)
    readings = read_often(raw)
    assert readings == [the_long_way(raw)] * (OFTEN + 1)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(min_size=1, max_size=30), st.sampled_from(["natOp", "xNome", "xProd", "vNF", "dhEmi", "chNFe", "qCom"]))
def test_any_text_in_a_field_reads_the_same_both_ways(text: str, field: str) -> None:
    start = NOTE.index(f"<{field}>".encode()) + len(field) + 2
    end = NOTE.index(f"</{field}>".encode())
    raw = NOTE[:start] + text.encode("utf-8", "surrogatepass") + NOTE[end:]
    read_often(NOTE)
    readings = read_often(raw)
    assert readings == [the_long_way(raw)] * (OFTEN + 1)


def test_later_the_same_day() -> None:
    for hour in range(3):
        raw = build_note(items=BASKET, consumer="11144477735", issued_at=MORNING.replace(hour=hour))
        assert sale_in(raw).issued_at.hour == hour


def numbered(attributes: str) -> bytes:
    """The note with these attributes of its protocol."""
    return replaced(NOTE, ' Id="ID135260000000001"', attributes)


@pytest.mark.parametrize("attributes", [' Id="ID{}"', ' Id="ID{}" xmlns="http://www.portalfiscal.inf.br/nfe"'])
def test_a_protocol_that_is_numbered_in_its_tag_is_the_same_form_each_time(attributes: str) -> None:
    read_often(numbered(attributes.format(135260000000002)))
    second = numbered(attributes.format(135260000000003))
    assert recognised(second) is not None
    assert read(second) == the_long_way(second)


def test_two_numbers_in_a_tag_are_still_malformed() -> None:
    read_often(numbered(' Id="ID1"'))
    assert problems_of(numbered(' Id="ID1" Id="ID2"')) == ["xml_malformed"]


def test_a_form_met_often_is_known_by_a_pattern_that_takes_what_the_markup_tells() -> None:
    text = '"><a>1</a><b>2</b><c> > 3</c><d></d>\n</det>'
    parts = re.split(">([^<]+)", text)
    kind = learned_forms.Forms[Known](
        5, lambda parts: Known(learned_forms.Blanks(parts, {0: learned_forms.CODE, 2: learned_forms.ANY}))
    )
    kind.learn("\0".join(parts[::2]), parts)
    ways = []
    for _ in range(6):
        often = kind.at(f"..{text}", 2, 2 + len(text))
        found = kind.find(text) if often is None else (often[0], often[1].groups())
        assert isinstance(found, tuple)
        assert found[1] == ("1", " > 3")
        ways.append(often is not None)
    # The first times by its markup: a pattern costs more than many readings.
    assert ways == [False] * 4 + [True] * 2
    assert kind.at(text.replace("<a>1", "<a> 1"), 0, len(text) + 1) is None, "no code, as it stands"
    assert isinstance(kind.find(text.replace("<c>", "<c><x/>")), learned_forms.Unknown)
