"""Whatever the bytes: no exception, at least one reading, and a reason for what isn't a document."""

from datetime import datetime
from xml.sax.saxutils import escape

from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from malote import rejection
from malote.fiscal import documents
from malote.fiscal.reader import read, summary
from malote.fiscal.schema import findings
from tests.unit.fiscal.notes import BASKET, build_cancellation, build_note, build_void, key_of
from tests.unit.fiscal.sat import build_sat, build_sat_cancellation

SEEDS = [
    build_note(items=BASKET[:3], consumer="11144477735"),
    build_note(emission=9),
    build_cancellation(key_of(build_note())),
    build_cancellation(key_of(build_note()), event="110112", substitute=key_of(build_note(number=2))),
    build_void(),
    build_sat(),
    build_sat_cancellation(key_of(build_sat())),
]
HOSTILE = [
    "", " ", "-1", "1e999", "NaN", "9" * 400, "0", "\u0661\u0662", "2026-02-30T25:61:61-99:99", "20/13/2026", "\n",
    "' OR 1=1 --", "../../etc/passwd", "A" * 44, "0" * 44, "35" + "Z" * 42, "\ud7ff", "\U0001f600", "<", "&", "]]>",
    "9999-12-31T23:59:59-23:59", "2000-01-01T00:00:00+23:59", "1.005", "0x10", "true", "None", "\u202e",
]  # fmt: skip
quick = settings(deadline=None, max_examples=150)
seeds = st.sampled_from(SEEDS)


def check(raw: bytes) -> None:
    """What must hold of every reading of anything."""
    readings = read(raw)
    assert readings
    for reading in readings:
        kept = any(problem.severity == "keep" for problem in reading.problems)
        assert reading.document is not None or reading.rejected or kept
        assert reading.document is None or reading.kind == documents.kind(reading.document)
        for problem in reading.problems:
            assert "?" not in rejection.cause(problem.code, dict.fromkeys(problem.facts, ""))
            assert rejection.entry(problem.code) is not rejection.entry("unknown_reason")
        seen = summary(reading)
        assert seen.issued_at is None or datetime.fromisoformat(seen.issued_at).utcoffset() is not None
        if reading.document is not None:
            assert documents.decode(documents.encode([reading.document])) == [reading.document]
            documents.content_hash(reading.document)
            documents.identity(reading.document)


@quick
@given(st.binary(max_size=2000))
def test_any_bytes(raw: bytes) -> None:
    check(raw)
    assert findings(raw) == []


@quick
@given(st.text(max_size=500), st.sampled_from(["utf-8", "utf-16", "iso-8859-1", "utf-16-le", "utf-32"]))
def test_any_text(text: str, encoding: str) -> None:
    check(f"<NFe>{escape(text)}</NFe>".encode(encoding, "replace"))
    check(text.encode(encoding, "replace"))


@quick
@given(seeds, st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 255)), min_size=1, max_size=8))
def test_flipped_bytes(seed: bytes, flips: list[tuple[int, int]]) -> None:
    raw = bytearray(seed)
    for place, byte in flips:
        raw[place % len(raw)] = byte
    check(bytes(raw))


@quick
@given(seeds, st.integers(0, 10**6), st.integers(0, 10**6))
def test_a_part_cut_out(seed: bytes, first: int, second: int) -> None:
    start, end = sorted((first % len(seed), second % len(seed)))
    check(seed[:start])
    check(seed[:start] + seed[end:])
    check(seed[start:end])


@quick
@given(seeds, st.data())
def test_elements_dropped_doubled_moved_and_filled(seed: bytes, data: st.DataObject) -> None:
    root = etree.fromstring(seed)
    for _ in range(data.draw(st.integers(1, 4))):
        elements = [element for element in root.iter() if element.getparent() is not None]
        if not elements:
            break
        element, other = data.draw(st.sampled_from(elements)), data.draw(st.sampled_from(elements))
        _change(element, other, data)
    raw = etree.tostring(root, xml_declaration=data.draw(st.booleans()), encoding="UTF-8")
    check(raw)
    findings(raw)


def _change(element: etree._Element, other: etree._Element, data: st.DataObject) -> None:
    parent = element.getparent()
    assert parent is not None
    way = data.draw(st.sampled_from(["drop", "double", "move", "fill", "attribute", "rename"]))
    if way == "drop":
        parent.remove(element)
    elif way == "double":
        parent.append(etree.fromstring(etree.tostring(element, with_tail=False)))
    elif way == "move" and other not in [element, *element.iter(), *element.iterancestors()]:
        other.append(element)
    elif way == "fill":
        element.text = data.draw(st.sampled_from(HOSTILE))
    elif way == "attribute":
        element.set(
            data.draw(st.sampled_from(["Id", "versao", "nItem", "chCanc"])), data.draw(st.sampled_from(HOSTILE))
        )
    elif way == "rename":
        element.tag = data.draw(st.sampled_from(["det", "pag", "NFe", "infNFe", "evento", "protNFe", "CFe", "x"]))


@quick
@given(seeds, st.data())
def test_hostile_values_in_any_place(seed: bytes, data: st.DataObject) -> None:
    root = etree.fromstring(seed)
    leaves = [element for element in root.iter() if len(element) == 0]
    for leaf in data.draw(st.lists(st.sampled_from(leaves), min_size=1, max_size=5)):
        leaf.text = data.draw(st.sampled_from(HOSTILE))
    check(etree.tostring(root))


def test_every_truncation_of_a_note() -> None:
    seed = SEEDS[0]
    for length in range(0, len(seed), 23):
        check(seed[:length])


def test_every_element_missing_and_every_value_hostile() -> None:
    for seed in SEEDS:
        for place in range(1, sum(1 for _ in etree.fromstring(seed).iter())):
            root = etree.fromstring(seed)
            element = list(root.iter())[place]
            parent = element.getparent()
            assert parent is not None
            parent.remove(element)
            check(etree.tostring(root))
