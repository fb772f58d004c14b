"""What a page shows of a document is bounded, whatever its shape, and says when it is cut."""

import statistics
import time
from collections.abc import Callable

import pytest
from lxml import etree

from malote.console import markup, receipt
from malote.fiscal import schema
from malote.fiscal.excerpts import MOST_ELEMENTS, excerpt_of
from malote.fiscal.problems import reject
from malote.fiscal.tree import parse_as_is
from tests.unit.fiscal.notes import build_note
from tests.unit.fiscal.worst_shapes import SHAPES

PROBLEMS = [reject("items_sum"), reject("field_missing", field="det 2 CEST")]
SIZES = (30_000, 900_000, 1_900_000)  # within and beyond what is read; all else is cut before it is parsed


def shown(document: bytes) -> None:
    markup.show(document, PROBLEMS)
    schema.findings(document)
    receipt.issuer_of(document, 0)


def cost(act: Callable[[bytes], object], document: bytes) -> float:
    began = time.process_time()
    act(document)
    return time.process_time() - began


@pytest.fixture(scope="module")
def plain() -> float:
    """The processor time of parsing five megabytes of plain elements, on this machine now."""
    shown(build_note(total=3))  # the schema is compiled once
    document = SHAPES["wide, elements with text"](5_000_000)
    return statistics.median(cost(parse_as_is, document) for _ in range(5))


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", SHAPES)
def test_a_page_costs_no_more_than_a_few_parses(name: str, size: int, plain: float) -> None:
    """What it was: 13 s for 20,000 attributes, 7.5 s for 4,000 empty items."""
    document = SHAPES[name](size)
    assert any(cost(shown, document) < 8 * plain for _ in range(2))


@pytest.mark.parametrize("size", [900_000, 5_000_000])
@pytest.mark.parametrize("name", SHAPES)
def test_what_is_shown_is_bounded_and_says_when_it_is_cut(name: str, size: int) -> None:
    drawn = markup.show(SHAPES[name](size), PROBLEMS)
    letters = sum(len(line.indent) + len(line.opening) + len(line.text) + len(line.closing) for line in drawn.lines)
    assert len(drawn.lines) <= markup.MOST_LINES
    assert letters <= 3 * markup.MOST_BYTES
    if size > markup.MOST_BYTES:
        assert drawn.shortened


def test_twenty_thousand_attributes_are_cut_to_a_few() -> None:
    attributes = "".join(f' a{number}="1"' for number in range(20_000))
    drawn = markup.show(f"<a{attributes}><b>1</b></a>".encode(), [])
    assert drawn.shortened
    assert drawn.lines[0].opening.count("=") == markup.MOST_ATTRIBUTES
    assert [line.text for line in drawn.lines] == ["", "1", ""]


def test_a_note_is_shown_whole() -> None:
    note = build_note()
    drawn = markup.show(note, [reject("field_missing", field="det 1 NCM")])
    assert not drawn.shortened
    marked = [line for line in drawn.lines if line.marked]
    assert [line.opening for line in marked] == ["<NCM>"]
    root = etree.fromstring(note)
    text = "".join(line.opening + line.text + line.closing for line in drawn.lines)
    again = etree.fromstring(text.encode())
    assert [each.tag for each in again.iter()] == [each.tag for each in root.iter()]
    assert [each.text for each in again.iter() if each.text] == [each.text for each in root.iter() if each.text]
    assert [dict(each.attrib) for each in again.iter()] == [dict(each.attrib) for each in root.iter()]


def test_a_place_is_that_of_its_own_item() -> None:
    document = b'<x><det nItem="1"><CEST>1</CEST></det><det nItem="2"><CEST>2</CEST></det><CEST>3</CEST></x>'
    drawn = markup.show(document, [reject("field_missing", field="det 2 CEST")])
    assert [line.text for line in drawn.lines if line.marked] == ["2"]


def test_an_excerpt_keeps_order_names_and_lines() -> None:
    root = etree.fromstring(b"<a xmlns='u:a'>\n" + b"<b/>" * 300 + b"\n<c k='v'>t</c></a>")
    excerpt = excerpt_of(root)
    assert excerpt is not None
    assert [child.tag for child in excerpt] == ["{u:a}b"] * 50 + ["{u:a}c"]
    assert (excerpt[-1].text, excerpt[-1].get("k"), str(excerpt[-1].sourceline)) == ("t", "v", "3")


@pytest.mark.parametrize("name", SHAPES)
def test_an_excerpt_is_small_whatever_it_is_of(name: str) -> None:
    root = parse_as_is(SHAPES[name](900_000))
    if isinstance(root, etree._Element):
        excerpt = excerpt_of(root)
        assert excerpt is None or sum(1 for _ in excerpt.iter()) <= MOST_ELEMENTS + 1
