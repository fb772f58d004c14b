"""XML parsed as hostile input, and looked at by local names only."""

import re
from threading import local as per_thread

from lxml import etree

from malote.fiscal.problems import Problem, reject

MOST_CHILDREN = 5_000  # of one element; a note has a thousand items at most
_REMEMBERED = 5_000
_USUAL_NAMESPACE = b' xmlns="http://www.portalfiscal.inf.br/nfe"'
# A DTD, behind any comments and instructions. The group never gives back what it took.
_DTD = re.compile(rb"(?>\s+|<!--.*?-->|<\?.*?\?>)*+<!DOCTYPE", re.DOTALL)


class _LocalNames(dict[str, str]):
    """The local name of a tag: whatever namespace or prefix a file uses, or none."""

    def __missing__(self, tag: str) -> str:
        name = tag[tag.rfind("}") + 1 :]
        if len(self) < _REMEMBERED:
            self[tag] = name
        return name


LOCAL_NAMES = _LocalNames()
_ERROR_NAMES: dict[int, str] = {code: name for name, code in vars(etree.ErrorTypes).items() if isinstance(code, int)}
_has_crowd = etree.XPath(f"boolean(descendant-or-self::*/*[{MOST_CHILDREN + 1}])")
_parsers = per_thread()


def parse(content: bytes) -> etree._Element | Problem:
    """The root of a UTF-8 document whatever its declaration says; the reason when it may not or can't be parsed.

    The namespace of fiscal documents is taken out beforehand: it doesn't matter here, and tags without one are read
    faster.
    """
    return parse_as_is(content.replace(_USUAL_NAMESPACE, b""))


def parse_as_is(content: bytes) -> etree._Element | Problem:
    """As ``parse``, with all its namespaces."""
    if not content.strip():
        return reject("empty_file")
    # Before any parser sees it: an entity can't be expanded that was never declared.
    if _DTD.match(content):
        return reject("dtd_forbidden")
    try:
        return etree.fromstring(content, _parser())
    except etree.XMLSyntaxError as error:
        return _explain(error)


def is_crowded(root: etree._Element) -> bool:
    """Whether an element has more children than any of a fiscal document's. The parser's own code looks: whoever goes
    through such children in Python takes ten times as long as it took to parse them."""
    return bool(_has_crowd(root))


def fields_of(element: etree._Element) -> dict[str, str]:
    """The texts of the element's children by local name, without the white space around them."""
    return {LOCAL_NAMES[child.tag]: (child.text or "").strip() for child in element}


def child_of(element: etree._Element, name: str) -> etree._Element | None:
    """The first child of that local name."""
    for child in element:
        if LOCAL_NAMES[child.tag] == name:
            return child
    return None


def children_of(element: etree._Element, name: str) -> list[etree._Element]:
    return list(element.iterchildren(f"{{*}}{name}"))  # picked by the parser's own code


def _parser() -> etree.XMLParser:
    parser: etree.XMLParser | None = getattr(_parsers, "parser", None)
    if parser is None:
        parser = _parsers.parser = etree.XMLParser(
            encoding="utf-8",
            resolve_entities=False,
            load_dtd=False,
            no_network=True,
            huge_tree=False,
            collect_ids=False,
            remove_comments=True,
            remove_pis=True,
        )
    return parser


def _explain(error: etree.XMLSyntaxError) -> Problem:
    # The parser's own words may quote the document; its error codes don't.
    line, column = error.position
    code: int = getattr(error, "code", 0)
    if code == etree.ErrorTypes.ERR_RESOURCE_LIMIT:
        return reject("too_deep", line=line)
    name = _ERROR_NAMES.get(code, "UNKNOWN")
    return reject("xml_malformed", line=line, column=column, detail=name.removeprefix("ERR_"))
