"""The XML of a file as people read it: indented, line by line, the offending places marked.

What a file says is text here and never markup: the templates escape it. A stranger decides how large, wide and deep it
is, so reading ends where enough is shown, and whatever is cut says so: the whole can be downloaded.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
from lxml import etree

from malote.fiscal.problems import Problem

MOST_LINES = 2500
MOST_BYTES = 1_000_000  # read of a file
LONGEST_TEXT = 4000  # characters shown of one; a certificate has fewer
MOST_ATTRIBUTES = 50  # shown of one element, and as many of its namespaces
DEEPEST_INDENT = 40
_CHUNK = 32_768  # bytes
_CUT = "…"

# Where to look for a problem that names no field of its own.
_PLACES: dict[str, tuple[str, ...]] = {
    "key_missing": ("infNFe", "infCFe"),
    "key_malformed": ("infNFe", "infCFe", "chNFe"),
    "key_check_digit": ("infNFe", "infCFe", "cDV"),
    "protocol_key_disagrees": ("chNFe",),
    "protocol_status": ("cStat",),
    "denied": ("cStat",),
    "model_unknown": ("mod",),
    "layout_unknown": ("infNFe",),
    "environment_missing": ("tpAmb",),
    "test_environment": ("tpAmb",),
    "issue_time_invalid": ("dhEmi", "dEmi"),
    "issuer_malformed": ("emit",),
    "issuer_missing": ("emit",),
    "issuer_check_digit": ("emit",),
    "issuer_unknown": ("emit",),
    "series_unassigned": ("serie",),
    "series_of_another_till": ("serie",),
    "series_asked": ("serie",),
    "series_owner_awaited": ("serie",),
    "folder_shared": ("serie",),
    "items_missing": ("infNFe",),
    "items_sum": ("vNF", "vCFe"),
    "payments_sum": ("pag", "vNF"),
    "payments_missing": ("pag",),
    "total_missing": ("total",),
    "operations_split": ("CFOP",),
    "operation_paid": ("CFOP", "tPag"),
    "sale_refers_to_receipt": ("CFOP", "NFref"),
    "cfop_malformed": ("CFOP",),
}
_ITEM = re.compile(r"det (\d+)")
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9]*")


class MarkupLine(msgspec.Struct, frozen=True):
    indent: str
    opening: str = ""  # a tag
    text: str = ""
    closing: str = ""
    marked: bool = False


class Markup(msgspec.Struct, frozen=True):
    lines: list[MarkupLine]
    shortened: bool = False

    @property
    def marked(self) -> bool:
        return any(line.marked for line in self.lines)


def show(content: bytes, problems: Sequence[Problem]) -> Markup:
    """The file's lines; as it is where it is no well-formed XML."""
    lines: list[MarkupLine] = []
    drawing = _Drawing(_Places(problems))
    try:
        for line in drawing.lines(content):
            if len(lines) == MOST_LINES:
                return Markup(lines, shortened=True)
            lines.append(line)
    except (etree.XMLSyntaxError, ValueError):
        return _raw(content, problems)
    return Markup(lines, shortened=drawing.cut)


def _raw(content: bytes, problems: Sequence[Problem]) -> Markup:
    numbers = {problem.facts.get("line", "") for problem in problems}
    texts = content[:MOST_BYTES].decode("utf-8", "replace").splitlines()
    lines = [
        MarkupLine("", text=_shown(text), marked=str(number) in numbers)
        for number, text in enumerate(texts[:MOST_LINES], start=1)
    ]
    longest = max(map(len, texts[:MOST_LINES]), default=0)
    return Markup(lines, len(texts) > MOST_LINES or len(content) > MOST_BYTES or longest > LONGEST_TEXT)


class _Places:
    """Where the problems are: by an element's name, and the item it is in, or whatever item."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self._items: dict[str, set[str | None]] = {}
        for problem in problems:
            field = problem.facts.get("field") or problem.facts.get("fields") or ""
            item = _ITEM.search(field)
            for name in {*_NAME.findall(_ITEM.sub("", field)), *_PLACES.get(problem.code, ())}:
                self._items.setdefault(name, set()).add(item.group(1) if item else None)

    def has(self, name: str, item: str | None) -> bool:
        items = self._items.get(name, ())
        return None in items or (item is not None and item in items)


class _Drawing:
    """Turns a file into lines while it is being parsed. ``cut``: whether something of it isn't shown."""

    def __init__(self, places: _Places) -> None:
        self.cut = False
        self._places = places
        self._namespaces: list[str] = []  # declared by the element that begins next
        self._open: tuple[etree._Element, str, bool] | None = None  # begun, and not known yet whether it has children
        self._depth = 0
        self._items: list[tuple[int, str | None]] = []  # depth and number of the items around

    def lines(self, content: bytes) -> Iterator[MarkupLine]:
        """Raises ``XMLSyntaxError``, ``ValueError``."""
        self.cut = len(content) > MOST_BYTES
        # Input of strangers: nothing is expanded, nothing is fetched.
        parser = etree.XMLPullParser(
            events=("start-ns", "start", "end"),
            resolve_entities=False,
            load_dtd=False,
            no_network=True,
            huge_tree=False,
            remove_comments=True,
            remove_pis=True,
        )
        for start in range(0, min(len(content), MOST_BYTES), _CHUNK):
            parser.feed(content[start : min(start + _CHUNK, MOST_BYTES)])
            for event, what in parser.read_events():
                yield from self._line(event, what)
        if not self.cut:
            parser.close()
            for event, what in parser.read_events():
                yield from self._line(event, what)

    def _line(self, event: str, what: Any) -> Iterator[MarkupLine]:
        if event == "start-ns":
            prefix, address = what
            if len(self._namespaces) < MOST_ATTRIBUTES:
                self._namespaces.append(f' xmlns{f":{prefix}" if prefix else ""}="{self._text(address)}"')
            else:
                self.cut = True
        elif event == "start":
            yield from self._begun()
            self._begin(what)
        elif self._open is not None:
            yield from self._begun(closing=f"</{self._name(what)}>")
            self._end()
        else:
            self._end()
            yield MarkupLine(_indent(self._depth), closing=f"</{self._name(what)}>")

    def _begin(self, element: etree._Element) -> None:
        name = _local(element)
        if name == "det":
            self._items.append((self._depth, element.get("nItem")))
        marked = self._places.has(name, self._items[-1][1] if self._items else None)
        attributes = "".join(self._attributes(element))
        opening = f"<{self._name(element)}{''.join(self._namespaces)}{attributes}>"
        self._namespaces = []
        self._open = element, opening, marked
        self._depth += 1

    def _end(self) -> None:
        self._depth -= 1
        if self._items and self._items[-1][0] == self._depth:
            self._items.pop()

    def _begun(self, closing: str = "") -> Iterator[MarkupLine]:
        """The line of the element that began last, now that its first text is known."""
        if self._open is not None:
            element, opening, marked = self._open
            self._open = None
            yield MarkupLine(
                _indent(self._depth - 1), opening, self._text((element.text or "").strip()), closing, marked
            )

    def _attributes(self, element: etree._Element) -> Iterator[str]:
        # By names: to ask for all values at once costs the square of their number.
        for number, name in enumerate(element.attrib):
            if number == MOST_ATTRIBUTES:
                self.cut = True
                return
            yield f' {self._text(str(name).rpartition("}")[2])}="{self._text(element.get(name, ""))}"'

    def _text(self, text: str) -> str:
        self.cut = self.cut or len(text) > LONGEST_TEXT
        return _shown(text)

    def _name(self, element: etree._Element) -> str:
        name = self._text(_local(element))
        return f"{self._text(element.prefix)}:{name}" if element.prefix else name


def _shown(text: str) -> str:
    return text if len(text) <= LONGEST_TEXT else text[:LONGEST_TEXT] + _CUT


def _indent(depth: int) -> str:
    return "  " * min(depth, DEEPEST_INDENT)


def _local(element: etree._Element) -> str:
    return str(element.tag).rpartition("}")[2]
