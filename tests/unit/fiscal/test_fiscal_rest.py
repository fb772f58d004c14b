"""Of a file that isn't known whole only the rest is parsed, and must say exactly what the parser says of the whole."""

import re
from random import Random

import pytest

from malote.fiscal import form_recognition, reader
from malote.fiscal.reader import read
from tests.unit.fiscal.notes import BASKET, Line, build_note
from tests.unit.fiscal.support import problems_of, replaced, sale_in, the_long_way

NOTE = build_note(items=BASKET, consumer="11144477735")
SECOND = '<det nItem="2">'
TEXTS = [
    "0", " 1", "1 ", "", "1.00", "\x7f", "\x85", "PÇ", "&amp;", "&#65;", "]]>", "A-1", "40", "é " * 20, "\ue001", "\n",
]  # fmt: skip
PIECES = [
    "<", "&", "<!-- x -->", "<x/>", "\n", "\0", "<![CDATA[a]]>", "<?p?>", "</det>", SECOND, '<det nItem="\ue001"/>',
]  # fmt: skip


@pytest.fixture(autouse=True)
def _known() -> None:
    form_recognition.forget()
    for _ in range(13):
        read(NOTE)


def rest_of(raw: bytes) -> form_recognition.Rest | None:
    found = form_recognition.recognise(raw)
    return found if isinstance(found, form_recognition.Rest) else None


@pytest.mark.parametrize(
    ("old", "new", "taken"),
    [
        ("<natOp>", "<x/><natOp>", len(BASKET)),
        ("<nfeProc", "<!-- x --><nfeProc", len(BASKET)),
        ("<natOp>VENDA", "<natOp><![CDATA[VENDA]]>", None),
        (f"{SECOND}<prod>", f"{SECOND}<prod><x/>", len(BASKET) - 1),
        (f"{SECOND}<prod>", f"{SECOND}<prod><!-- x -->", len(BASKET) - 1),
    ],
)
def test_only_what_is_not_known_is_parsed(old: str, new: str, taken: int | None) -> None:
    raw = replaced(NOTE, old, new)
    rest = rest_of(raw)
    assert (len(rest.items) if rest else None) == taken
    readings = read(raw)
    assert readings == the_long_way(raw)
    assert readings[0].document is not None


def test_an_item_that_is_taken_out_is_unescaped() -> None:
    raw = replaced(replaced(NOTE, "<natOp>", "<x/><natOp>"), "<xProd>", "<xProd>CAMA &amp; ")
    assert rest_of(raw) is not None
    assert sale_in(raw).items[0].description.startswith("CAMA & ")
    assert read(raw) == the_long_way(raw)


def test_the_rest_is_parsed_and_the_whole_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = replaced(NOTE, "<natOp>", "<x/><natOp>")
    expected = sale_in(raw)
    for _ in range(13):
        read(NOTE)
    monkeypatch.setattr(reader, "_parse", None)
    assert sale_in(replaced(NOTE, "<natOp>", "<y/><natOp>")) == expected


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (SECOND, f"<!-- --><q>{SECOND}"),  # closed below
        (SECOND, f"<!-- {SECOND}"),
        (SECOND, f"<![CDATA[{SECOND}"),
        (SECOND, f'<det nItem="\ue001"/>{SECOND}'),
        (SECOND, f"<det/>{SECOND}"),
        (SECOND, f"<x>{SECOND}"),
        ("</infNFe>", "</infNFe><infNFe/>"),
    ],
)
def test_an_item_that_is_none_of_the_note_s_is_never_taken_for_one(old: str, new: str) -> None:
    closed = {"<!-- --><q>": "</q>", "<!-- ": "-->", "<![CDATA[": "]]>", "<x>": "</x>"}
    raw = replaced(NOTE, old, new)
    for start, end in closed.items():
        if new == f"{start}{SECOND}":
            raw = re.sub(rb'(<det nItem="2">.*?</det>)', rb"\1" + end.encode(), raw, count=1)
    expected = the_long_way(raw)
    for _ in range(13):
        read(NOTE)
        assert read(raw) == expected


def test_an_item_of_the_note_that_stands_behind_one_that_is_none() -> None:
    raw = re.sub(rb'(<det nItem="1">.*?</det>)', rb"<q>\1</q>", build_note(items=[Line(), Line(code="1002")]))
    expected = the_long_way(raw)
    # Read so often that what is around the first of them would be known, the second within it.
    assert [read(raw) for _ in range(13)] == [expected] * 13


def test_what_is_wrong_is_told_of_the_whole() -> None:
    raw = replaced(NOTE, "</ide>", "")
    assert rest_of(raw) is not None
    assert read(raw) == the_long_way(raw)
    assert problems_of(raw) == ["xml_malformed"]


def test_mutants_say_the_same_both_ways() -> None:
    dice = Random(9)
    ways = set()
    for _ in range(150):
        raw = _mutant(dice, NOTE.decode()).encode()
        expected = the_long_way(raw)
        for _ in range(12):
            read(NOTE)
        ways.add(type(form_recognition.recognise(raw)))
        for turn in range(dice.choice([1, 1, 1, 13])):
            assert read(raw) == expected, (turn, raw)
    assert {form_recognition.KnownRows, form_recognition.Rest} <= ways


def _mutant(dice: Random, text: str) -> str:
    """The text with one or two things deleted, doubled, wrapped or altered in it."""
    for _ in range(dice.choice([1, 1, 2])):
        leaves = list(re.finditer(r"<(\w+)[^<>]*>([^<]*)</\1>", text))
        groups = list(re.finditer(r"<(det|prod|imposto|ide|pag|total|infProt|gIBSCBS)\b.*?</\1>", text, re.DOTALL))
        found = dice.choice([*leaves, *(groups * 4)])
        place = dice.randrange(len(text))
        text = dice.choice(
            [
                text[: found.start()] + text[found.end() :],
                text[: found.end()] + found[0] + text[found.end() :],
                f"{text[: found.start()]}<w>{found[0]}</w>{text[found.end() :]}",
                f"{text[: found.start()]}<!--{found[0]}-->{text[found.end() :]}",
                text[:place] + found[0] + text[place:],
                text[:place] + dice.choice(PIECES) + text[place:],
                text.replace(f">{found[0][-20:]}", f">{dice.choice(TEXTS)}<", 1),
                re.sub(rf"(<{found[1]}>)[^<]*", lambda start: start[1] + dice.choice(TEXTS), text, count=1),
                text[:place] + text[place + dice.randrange(1, 40) :],
            ]
        )
    return text
