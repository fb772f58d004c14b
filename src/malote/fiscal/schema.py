"""What the official XSD says of a document: an explanation of rejected files for who has to mend them, never a gate.

The schemas are those of the tax authority that ship in nfelib. They exist here for layout 4.00 of NF-e and NFC-e, their
cancellation and voided numbers; of other documents nothing is said. A stranger decides how large a file is, so
what is compared is an excerpt of it.
"""

import re
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from typing import cast

import msgspec
from lxml import etree

from malote.fiscal.encoding import to_utf8
from malote.fiscal.excerpts import excerpt_of
from malote.fiscal.findings import named
from malote.fiscal.problems import Problem
from malote.fiscal.reading_limits import LARGEST_SALE
from malote.fiscal.tree import LOCAL_NAMES, parse_as_is

_MOST = 50  # findings of one document
_MOST_ERRORS = 200  # looked at to find them
_DEPTH = 8  # of wrappers
_WRAPPERS = 1000  # elements looked at to find the document
_LONGEST_RULE = 80  # characters of a rule that still explains something
_NOTES = "nfe/schemas/v4_0"
_EVENTS = "nfe_evento_cancel/schemas/v1_0"
_SCHEMAS = {
    "nfeProc": f"{_NOTES}/procNFe_v4.00.xsd",
    "NFe": f"{_NOTES}/nfe_v4.00.xsd",
    "enviNFe": f"{_NOTES}/enviNFe_v4.00.xsd",
    "inutNFe": f"{_NOTES}/inutNFe_v4.00.xsd",
    "procInutNFe": f"{_NOTES}/procInutNFe_v4.00.xsd",
    "ProcInutNFe": f"{_NOTES}/procInutNFe_v4.00.xsd",
    "procEventoNFe": f"{_EVENTS}/procEventoCancNFe_v1.00.xsd",
    "envEvento": f"{_EVENTS}/envEventoCancNFe_v1.00.xsd",
    "evento": f"{_EVENTS}/eventoCancNFe_v1.00.xsd",
}
_LAYOUTS = ("4.00", "1.00", None)
_CANCELLATION = "110111"
_PLAIN = {
    etree.ErrorTypes.SCHEMAV_CVC_COMPLEX_TYPE_2_3: "text between the elements",
    etree.ErrorTypes.SCHEMAV_CVC_COMPLEX_TYPE_3_2_1: "an attribute is not expected here",
    etree.ErrorTypes.SCHEMAV_CVC_COMPLEX_TYPE_4: "a required attribute is missing",
    etree.ErrorTypes.SCHEMAV_CVC_DATATYPE_VALID_1_2_1: "the value has another form than the layout's",
    etree.ErrorTypes.SCHEMAV_CVC_ELT_1: "no document of this layout begins like this",
}
_FACET = re.compile(r"\[facet '(\w+)'\]")
_NAMESPACE = re.compile(r"\{[^}]*\}")


class SchemaFinding(msgspec.Struct, frozen=True):
    """One departure from the layout. Neither field quotes a value of the document."""

    line: int
    path: str  # from the file's root: "nfeProc/NFe/infNFe/det[2]/prod/CEST"
    message: str  # in English, as the schema's own terms are


def findings(raw: bytes) -> list[SchemaFinding]:
    """Where the document departs from the official layout; nothing where there is none for it. Never raises.

    Of a file much larger than any sale nothing is said, and of the parts that repeat only the first are compared.
    """
    found = _document(raw)
    excerpt = None if found is None else excerpt_of(found)
    if found is None or excerpt is None or not _is_covered(excerpt):
        return []
    schema = _schema(_SCHEMAS[LOCAL_NAMES[excerpt.tag]])
    if schema is None:
        return []
    # Out of its wrapper: a schema judges a root.
    document = etree.ElementTree(excerpt)
    around = _steps(found)
    told: dict[SchemaFinding, None] = {}
    for error in islice(_violations(schema, document), _MOST_ERRORS):
        told[SchemaFinding(error.line, _path(document, error.path, around), _message(error))] = None
    return list(told)[:_MOST]


def _document(raw: bytes) -> etree._Element | None:
    """The element that a schema speaks of, where it is."""
    decoded = None if len(raw) > LARGEST_SALE else to_utf8(raw)
    if decoded is None or isinstance(decoded, Problem):
        return None
    root = parse_as_is(decoded.content)
    return None if isinstance(root, Problem) else _find(root)


def _find(root: etree._Element) -> etree._Element | None:
    """The first element that a schema speaks of, in the order of the document and not too deep."""
    waiting = [(root, 0)]
    for _ in range(_WRAPPERS):
        if not waiting:
            break
        element, depth = waiting.pop()
        if LOCAL_NAMES[element.tag] in _SCHEMAS:
            return element
        if depth < _DEPTH:
            waiting += [(child, depth + 1) for child in reversed([*islice(element, _WRAPPERS)])]
    return None


def _is_covered(root: etree._Element) -> bool:
    """Whether the layout is one whose schema is here; a cancellation by substitution has none."""
    note = next((child for child in root.iter() if LOCAL_NAMES[child.tag] == "infNFe"), root)
    event = next((child for child in root.iter() if LOCAL_NAMES[child.tag] == "tpEvento"), None)
    return note.get("versao") in _LAYOUTS and (event is None or event.text == _CANCELLATION)


@cache
def _schema(path: str) -> etree.XMLSchema | None:
    """The compiled schema, once it is needed; None where nfelib isn't installed as files."""
    # Not imported: the package would load its whole binding generator.
    package = find_spec("nfelib")
    if package is None or not package.submodule_search_locations:
        return None
    file = Path(package.submodule_search_locations[0], path)
    if not file.is_file():
        return None
    return etree.XMLSchema(etree.parse(file, etree.XMLParser(no_network=True, resolve_entities=False)))


def _violations(schema: etree.XMLSchema, document: etree._ElementTree) -> Iterator[etree._LogEntry]:
    try:
        schema.assertValid(document)
    except etree.DocumentInvalid as invalid:
        yield from cast(Iterable[etree._LogEntry], invalid.error_log)


def _path(document: etree._ElementTree, position: str | None, around: list[str]) -> str:
    """The place of a finding by the names of its elements; ``around`` are the steps to the document's own root."""
    try:
        found = document.xpath(position) if position else []
    except etree.XPathError:  # a prefix that only the element itself declares
        return ""
    if not isinstance(found, list) or not found or not isinstance(found[0], etree._Element):
        return ""
    return "/".join([*around, *_steps(found[0])[1:]])


def _steps(element: etree._Element) -> list[str]:
    """The names from the root to the element; numbered among several of one name."""
    steps = []
    for each in [element, *element.iterancestors()]:
        name = LOCAL_NAMES[each.tag]
        parent = each.getparent()
        alike = (
            [] if parent is None else [child for child in islice(parent, _WRAPPERS) if LOCAL_NAMES[child.tag] == name]
        )
        numbered = len(alike) > 1 and each in alike
        steps.append(f"{named(name)}[{alike.index(each) + 1}]" if numbered else named(name))
    return steps[::-1]


def _message(error: etree._LogEntry) -> str:
    """What the schema wants, without what the document says."""
    message = error.message
    facet = _FACET.search(message)
    if facet is not None:
        # A value stands before these words, never after them.
        wanted = message.rpartition("is not accepted by the pattern ")[2] if facet[1] == "pattern" else ""
        wanted = message.rpartition("is not an element of the set ")[2] if facet[1] == "enumeration" else wanted
        shown = f": {wanted.rstrip('.')}" if 0 < len(wanted) <= _LONGEST_RULE else ""
        return f"the value breaks the layout's {facet[1]}{shown}"
    if error.type == etree.ErrorTypes.SCHEMAV_ELEMENT_CONTENT:
        start = "something is missing" if "Missing child" in message else "not expected here"
        wanted = _NAMESPACE.sub("", message.rpartition("Expected is ")[2]) if "Expected is " in message else ""
        return start + (f"; expected: {wanted.removeprefix('one of ').strip(' ().')}" if wanted else "")
    return _PLAIN.get(error.type, "the layout is not kept")
