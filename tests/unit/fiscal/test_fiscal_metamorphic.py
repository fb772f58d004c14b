"""What a document says doesn't depend on how its file is written: the reading of each other form is the same.

Metamorphic: nothing is said here of what the reading should be, but that it stays.
"""

import itertools
import re
from collections.abc import Callable

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from malote.fiscal import form_recognition
from malote.fiscal.documents import encode
from malote.fiscal.reader import read
from tests.unit.fiscal.notes import BASKET, DECLARATION, NAMESPACE, build_cancellation, build_note, build_void, key_of

Rewrite = Callable[[str], str]

SIGNED = {"a signed note": build_note(items=BASKET, consumer="52998224725", number=3)}
UNSIGNED = {
    "a note": build_note(items=BASKET, number=4, signed=False, change=130, payments=[("01", 10_000_000)]),
    "a note offline": build_note(number=5, signed=False, emission=9, protocol=False),
    "a note whose sums differ": build_note(number=6, signed=False, total=1),
    "a cancellation": build_cancellation(key_of(build_note(number=4))),
    "a void": build_void(),
}


def said(content: bytes) -> list[tuple[bytes | None, list[tuple[str, str]]]]:
    """Every document with every problem. As if no form had been met before: what is learned must decide nothing."""
    form_recognition.forget()
    return [
        (
            encode([one.document]) if one.document is not None else None,
            [(each.code, each.severity) for each in one.problems],
        )
        for one in read(content)
    ]


# ---- other forms of one document ----


def attributes_reversed(text: str) -> str:
    def turned(tag: re.Match[str]) -> str:
        attributes = re.findall(r'\s+[\w:]+="[^"]*"', tag[2])
        return f"<{tag[1]}{''.join(reversed(attributes))}{tag[3]}>"

    return re.sub(r'<([\w:]+)((?:\s+[\w:]+="[^"]*")+)\s*(/?)>', turned, text)


def single_quotes(text: str) -> str:
    return re.sub(r'([\w:]+)="([^"\']*)"', r"\1='\2'", text)


def commented(text: str) -> str:
    """A comment between any two elements, and before the first; none within a text."""
    return re.sub(r"><(?=[/\w])", "><!-- PDV 4.1 - caixa --><", text)


def empty_elements_opened(text: str) -> str:
    return re.sub(r"<([\w:]+)([^<>]*?)\s*/>", r"<\1\2></\1>", text)


def spaced_tags(text: str) -> str:
    return re.sub(r"</([\w:]+)>", r"</\1 >", text)


def indented(text: str) -> str:
    return re.sub(r"><(?=[/\w])", ">\r\n\t  <", text)


def prefixed(text: str) -> str:
    """The fiscal namespace under a prefix; the signature's stays as it is."""
    own = re.sub(r"<(/?)(?!ds:|\?|!)(\w+)(?=[\s/>])", r"<\1nfe:\2", text)
    return re.sub(rf"xmlns=([\"']){re.escape(NAMESPACE)}\1", rf"xmlns:nfe=\1{NAMESPACE}\1", own)


def in_references(text: str) -> str:
    """Digits of amounts as character references."""
    return re.sub(r"<(vNF|vProd|nNF|tPag)>(\d)", lambda found: f"<{found[1]}>&#{ord(found[2])};", text)


# Of these a signature says the same: what is signed is the canonical form.
HARMLESS: dict[str, Rewrite] = {
    "attributes in another order": attributes_reversed,
    "single quotes": single_quotes,
    "comments": commented,
    "empty elements opened": empty_elements_opened,
    "spaces in tags": spaced_tags,
    "characters by number": in_references,
}
# These change what a signature is over, and nothing of what an unsigned document says.
OF_UNSIGNED: dict[str, Rewrite] = {**HARMLESS, "indented": indented, "a prefix": prefixed}
ENCODINGS: dict[str, Callable[[str], bytes]] = {
    "UTF-8": lambda text: text.encode(),
    "UTF-8 with a mark": lambda text: b"\xef\xbb\xbf" + text.encode(),
    "UTF-8 undeclared": lambda text: text.removeprefix(DECLARATION).encode(),
    "ISO-8859-1": lambda text: text.replace('"UTF-8"', '"ISO-8859-1"', 1).encode("iso-8859-1"),
    "UTF-16": lambda text: text.replace('"UTF-8"', '"UTF-16"', 1).encode("utf-16"),
}


def declared(content: bytes) -> str:
    text = content.decode()
    return text if text.startswith("<?xml") else DECLARATION + text


@pytest.mark.parametrize("rewrite", HARMLESS.values(), ids=HARMLESS)
@pytest.mark.parametrize("content", SIGNED.values(), ids=SIGNED)
def test_what_a_signature_does_not_mind_changes_no_reading(content: bytes, rewrite: Rewrite) -> None:
    other = rewrite(declared(content))
    assert other != declared(content)
    assert said(other.encode()) == said(content)


@pytest.mark.parametrize("rewrite", OF_UNSIGNED.values(), ids=OF_UNSIGNED)
@pytest.mark.parametrize("content", UNSIGNED.values(), ids=UNSIGNED)
def test_another_form_is_read_the_same(content: bytes, rewrite: Rewrite) -> None:
    assert said(rewrite(declared(content)).encode()) == said(content)


@pytest.mark.parametrize("encoded", ENCODINGS.values(), ids=ENCODINGS)
@pytest.mark.parametrize("content", [*SIGNED.values(), *UNSIGNED.values()], ids=[*SIGNED, *UNSIGNED])
def test_another_encoding_is_read_the_same(content: bytes, encoded: Callable[[str], bytes]) -> None:
    assert said(encoded(declared(content))) == said(content)


@settings(max_examples=20, deadline=None)
@given(
    st.sampled_from(sorted(UNSIGNED)),
    st.lists(st.sampled_from(sorted(OF_UNSIGNED)), max_size=4, unique=True),
    st.sampled_from(sorted(ENCODINGS)),
)
def test_forms_together_are_read_the_same(which: str, rewrites: list[str], encoding: str) -> None:
    text = declared(UNSIGNED[which])
    for name in rewrites:
        text = OF_UNSIGNED[name](text)
    assert said(ENCODINGS[encoding](text)) == said(UNSIGNED[which])


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_notes_of_one_file_say_the_same_in_any_order(order: tuple[int, ...]) -> None:
    notes = [build_note(number=number, signed=False) for number in (7, 8, 9)]
    lot = "".join(re.sub(r"^<\?xml[^>]*\?>", "", notes[place].decode()) for place in order)
    found = said(f'{DECLARATION}<lote xmlns="{NAMESPACE}">{lot}</lote>'.encode())
    assert sorted(found, key=msgspec.msgpack.encode) == sorted(
        (one for note in notes for one in said(note)), key=msgspec.msgpack.encode
    )
    assert found == [said(notes[place])[0] for place in order], "in the order of the file"


@pytest.mark.parametrize("first", [True, False])
def test_what_is_learned_of_one_file_decides_nothing_of_the_next(first: bool) -> None:
    """The same files in another order: a form that was met before leads another way, to the same."""
    notes = [build_note(number=number, items=BASKET, signed=False) for number in (1, 2)]
    rewritten = [*notes, indented(declared(notes[1])).encode(), prefixed(declared(notes[0])).encode()]
    form_recognition.forget()
    files = rewritten if first else list(reversed(rewritten))
    found = {content: [encode([one.document]) for one in read(content) if one.document] for content in files}
    assert found == {content: [document for document, _ in said(content)] for content in files}
