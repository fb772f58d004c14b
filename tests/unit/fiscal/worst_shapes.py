"""The costliest documents that still are of a legal size: each shape repeats one cheap thing as often as it fits.

``SHAPES`` names each with a builder that takes the most bytes that the file may have. Every test of a cost (reading,
finding the envelopes, showing, the schema's advice) tries all of them, so a new shape goes here and nowhere else.
"""

from collections.abc import Callable, Iterator
from itertools import count

from tests.unit.fiscal import notes

LARGEST = 5_000_000  # bytes of a file, as the settings have it at first
_DEEPEST = 250  # below what the parser itself refuses

Shape = Callable[[int], bytes]


def _note() -> bytes:
    """Signed over another digest than was authorised: of all notes the one that most is done with."""
    before, mark, after = notes.build_note().partition(b"<digVal>")
    return before + mark + b"A" * 27 + b"=" + after.partition(b"=")[2]


def _filled(head: bytes, tail: bytes, parts: Iterator[bytes], size: int) -> bytes:
    """Head and tail with as many of the parts between as fit into ``size`` bytes."""
    left = size - len(head) - len(tail)
    taken: list[bytes] = []
    for part in parts:
        left -= len(part)
        if left < 0:
            break
        taken.append(part)
    return head + b"".join(taken) + tail


def _same(part: bytes) -> Iterator[bytes]:
    while True:
        yield part


def _numbered(form: str) -> Iterator[bytes]:
    return (form.replace("#", f"{number:x}").encode() for number in count())


def _split(mark: bytes, *, behind: bool = False) -> tuple[bytes, bytes]:
    """A sound note, cut before or behind ``mark``."""
    before, found, after = _note().partition(mark)
    assert found
    return (before + found, after) if behind else (before, found + after)


def _in_note(form: str, mark: bytes, *, behind: bool = False) -> Shape:
    def build(size: int) -> bytes:
        head, tail = _split(mark, behind=behind)
        return _filled(head, tail, _numbered(form), size)

    return build


def _in_root(root: str, part: Callable[[], bytes] | bytes) -> Shape:
    def build(size: int) -> bytes:
        one = part if isinstance(part, bytes) else part()
        return _filled(f'<{root} xmlns="{notes.NAMESPACE}">'.encode(), f"</{root}>".encode(), _same(one), size)

    return build


def _without_declaration() -> bytes:
    return _note().removeprefix(notes.DECLARATION.encode())


def _deep(size: int) -> bytes:
    """A note with a deep tree after each other, as many as fit: depth and width at once."""
    tree = b"<a>" * _DEEPEST + b"</a>" * _DEEPEST
    head, tail = _split(b"<det ")
    return _filled(head, tail, _same(tree), size)


def _deep_wrappers(size: int) -> bytes:
    """Wrappers around wrappers, each with many children that aren't documents."""
    start, end = b"<w>" + b"<x/>" * 100, b"</w>"
    times = min(200, size // (len(start) + len(end)))
    return _filled(start * times, end * times, _same(b"<y><z/></y>"), size)


def _deep_then_wide(size: int) -> bytes:
    """All of the width at the bottom of the depth: every place below has a long way up."""
    return _filled(b"<a>" * _DEEPEST, b"</a>" * _DEEPEST, _same(b"<b/>"), size)


def _attributes(form: str) -> Shape:
    def build(size: int) -> bytes:
        head, tail = _split(b"<infNFe", behind=True)
        return _filled(head, tail, _numbered(form), size)

    return build


def _long_attribute(size: int) -> bytes:
    head, tail = _split(b"<infNFe", behind=True)
    return _filled(head + b' x="', b'"' + tail, _same(b"&lt;" * 1000), size)


def _long_text(unit: bytes) -> Shape:
    def build(size: int) -> bytes:
        head, tail = _split(b"<xProd>", behind=True)
        return _filled(head, tail, _same(unit), size)

    return build


def _long_name(size: int) -> bytes:
    """Names of 40,000 characters; the parser takes up to 50,000."""
    name = b"n" * 40_000
    head, tail = _split(b"<det ")
    return _filled(head, tail, _same(b"<" + name + b"/>"), size)


def _nested_namespaces(size: int) -> bytes:
    """Each of many levels declares more, and all of them are in force at the bottom."""
    levels, each = 100, 20
    opened = [
        "<a{}>".format("".join(f' xmlns:p{level}q{number}="u:{level}:{number}"' for number in range(each))).encode()
        for level in range(levels)
    ]
    while levels and sum(map(len, opened)) + 4 * levels > size // 2:
        levels //= 2
        opened = opened[:levels]
    head, tail = _split(b"<det ")
    return _filled(head + b"".join(opened), b"</a>" * levels + tail, _same(b"<b/>"), size)


def _below_the_counts(block: bytes, mark: bytes) -> Shape:
    """As many blocks as a file may have elements, then white space: what is counted first refuses none of it."""
    elements = block.count(b"<") - block.count(b"</")

    def build(size: int) -> bytes:
        head, tail = _split(mark)
        most = min(240_000 // elements, (size - len(head) - len(tail)) // len(block))
        rest = size - len(head) - len(tail) - most * len(block)
        return head + block * most + b" " * rest + tail

    return build


SHAPES: dict[str, Shape] = {
    "wide, empty items": _in_note('<det nItem="#"/>', b"<det "),
    "wide, items without number": _in_note("<det/>", b"<det "),
    "wide, unknown elements": _in_note("<a/>", b"<det "),
    "wide, every name another": _in_note("<a#/>", b"<det "),
    "wide, elements with text": _in_note("<a>1</a>", b"<det "),
    "wide, fields of one item": _in_note("<CEST>1</CEST>", b"<xProd>"),
    "wide, payments": _in_note("<detPag/>", b"</pag>"),
    "wide, protocols": _in_note("<protNFe/>", b"</nfeProc>"),
    "wide, namespaced": _in_note('<x xmlns="u:#"/>', b"<det "),
    "wide, a prefix each": _in_note('<p#:x xmlns:p#="u:#"/>', b"<det "),
    "crowds of payments": _below_the_counts(b"<pag>" + b"<vPag>1</vPag>" * 4_900 + b"</pag>", b"<pag>"),
    "one crowd": _below_the_counts(b"<infProt/>", b"</protNFe>"),
    "deep and wide": _deep,
    "deep, then wide": _deep_then_wide,
    "deep wrappers": _deep_wrappers,
    "many attributes": _attributes(' a#="1"'),
    "many prefixed attributes": _in_note('<a p:b="1" p:c="2" p:d="3" xmlns:p="u:p"/>', b"<det "),
    "many namespaces on one element": _attributes(' xmlns:n#="u:#"'),
    "many namespaces with attributes": _attributes(' xmlns:n#="http://u/#" n#:a="1"'),
    "many namespaces, nested": _nested_namespaces,
    "long attribute": _long_attribute,
    "long names": _long_name,
    "long text": _long_text(b"A" * 1000),
    "long text of references": _long_text(b"&#65;" * 200),
    "long text of two bytes each": _long_text("ç".encode() * 500),
    "long text of controls": _long_text(b"\x09\x0a" * 500),
    "long text of the controls of ISO-8859": _long_text("\x85\x96".encode() * 250),
    "long text of references to them": _long_text(b"&#133;" * 160),
    "many text nodes": _in_note("<a/>.", b"<det "),
    "many text nodes within one field": _long_text(b"x<b/>"),
    "many comments": _in_note("<!--#-->", b"<det "),
    "many comments in one text": _long_text(b"x<!---->"),
    "many instructions": _in_note("<?a #?>", b"<det "),
    "many CDATA sections": _long_text(b"<![CDATA[x]]>x"),
    "many notes": _in_root("enviNFe", _without_declaration),
    "many empty notes": _in_root("enviNFe", b"<NFe/>"),
    "many bodies": _in_root("enviNFe", b"<infNFe/>"),
    "many events": _in_root("envEvento", b"<evento/>"),
    "many voids": _in_root("x", b"<inutNFe/>"),
    "many coupons": _in_root("x", b"<CFe/>"),
    "many answers": _in_root("x", b"<protNFe/>"),
    "many notes and answers": _in_root("x", b"<NFe/><protNFe/>"),
    "many tiny containers": _in_root("x", b"<a><b/></a>"),
    "no XML at all": lambda size: (b"<" * 79 + b"\n") * (size // 80),
    "one line that is no XML": lambda size: b"A" * size,
    "unclosed": lambda size: b"<a>" * (size // 3),
    "unclosed comments": lambda size: b"<!---->" * (size // 7 - 1) + b"<!--",
    "only line feeds": lambda size: b"<a>" + b"\n" * (size - 3),
    "UTF-16": lambda size: ("\ufeff<a>" + "<b/>" * ((size - 20) // 8) + "</a>").encode("utf-16-le"),
}


def worst(size: int = LARGEST) -> Iterator[tuple[str, bytes]]:
    """Each shape with its document of at most ``size`` bytes."""
    for name, build in SHAPES.items():
        yield name, build(size)
