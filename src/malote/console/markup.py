"""The XML of a file as people read it: indented, line by line, the offending places marked.

What a file says is text here and never markup: the templates escape it.
"""

import re
from collections.abc import Iterable, Iterator, Sequence

import msgspec
from lxml import etree

from malote.fiscal.problems import Problem

MOST_LINES = 4000
MOST_BYTES = 1_000_000  # of a file that is no well-formed XML

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


class Line(msgspec.Struct, frozen=True):
    indent: str
    opening: str = ""  # a tag
    text: str = ""
    closing: str = ""
    marked: bool = False


class Markup(msgspec.Struct, frozen=True):
    lines: list[Line]
    shortened: bool = False

    @property
    def marked(self) -> bool:
        return any(line.marked for line in self.lines)


def show(content: bytes, problems: Sequence[Problem]) -> Markup:
    """The file's lines; as it is where it is no well-formed XML."""
    # Input of strangers: nothing is expanded, nothing is fetched.
    parser = etree.XMLParser(resolve_entities=False, load_dtd=False, no_network=True, huge_tree=False)
    try:
        root = etree.fromstring(content, parser)
    except (etree.XMLSyntaxError, ValueError):
        return _raw(content, problems)
    marked = set(_places(root, problems))
    lines: list[Line] = []
    for line in _lines(root, marked):
        if len(lines) == MOST_LINES:
            return Markup(lines, shortened=True)
        lines.append(line)
    return Markup(lines)


def _raw(content: bytes, problems: Sequence[Problem]) -> Markup:
    numbers = {problem.facts.get("line", "") for problem in problems}
    texts = content[:MOST_BYTES].decode("utf-8", "replace").splitlines()
    lines = [
        Line("", text=text, marked=str(number) in numbers) for number, text in enumerate(texts[:MOST_LINES], start=1)
    ]
    return Markup(lines, shortened=len(texts) > MOST_LINES or len(content) > MOST_BYTES)


def _places(root: etree._Element, problems: Sequence[Problem]) -> Iterator[etree._Element]:
    for problem in problems:
        field = problem.facts.get("field") or problem.facts.get("fields") or ""
        item = _ITEM.search(field)
        names = set(_NAME.findall(_ITEM.sub("", field))) | set(_PLACES.get(problem.code, ()))
        for element in _named(root, names):
            if item is None or _item_of(element) == item.group(1):
                yield element


def _named(root: etree._Element, names: set[str]) -> Iterator[etree._Element]:
    if names:
        yield from (element for element in root.iter("{*}*") if _local(element) in names)


def _item_of(element: etree._Element) -> str | None:
    for above in element.iterancestors("{*}det"):
        return above.get("nItem")
    return None


def _lines(root: etree._Element, marked: set[etree._Element]) -> Iterator[Line]:
    """In the order of the document, without recursion: a stranger decides how deep it is."""
    steps: list[tuple[etree._Element, int, bool]] = [(root, 0, False)]
    while steps:
        element, depth, closes = steps.pop()
        indent = "  " * depth
        if closes:
            yield Line(indent, closing=f"</{_name(element)}>")
            continue
        text = (element.text or "").strip()
        opening = f"<{_name(element)}{''.join(_attributes(element))}>"
        is_marked = element in marked
        children = list(element.iterchildren("{*}*"))
        if not children:
            yield Line(indent, opening, text, f"</{_name(element)}>", is_marked)
            continue
        yield Line(indent, opening, text, marked=is_marked)
        steps.append((element, depth, True))
        steps.extend((child, depth + 1, False) for child in reversed(children))


def _attributes(element: etree._Element) -> Iterable[str]:
    above = element.getparent()
    inherited = above.nsmap if above is not None else {}
    for prefix, address in element.nsmap.items():
        if inherited.get(prefix) != address:
            yield f' xmlns{f":{prefix}" if prefix else ""}="{address}"'
    for name, value in element.attrib.items():
        yield f' {etree.QName(str(name)).localname}="{value!s}"'


def _name(element: etree._Element) -> str:
    return f"{element.prefix}:{_local(element)}" if element.prefix else _local(element)


def _local(element: etree._Element) -> str:
    return etree.QName(element).localname
