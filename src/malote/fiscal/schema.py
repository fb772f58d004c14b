"""What the official XSD says of a document: an explanation of rejected files for who has to mend them, never a gate.

The schemas are those of the tax authority that ship in nfelib. They exist here for layout 4.00 of NF-e and NFC-e, their
cancellation and voided numbers; of other documents nothing is said.
"""

import re
from collections.abc import Iterable
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import cast

import msgspec
from lxml import etree

from malote.fiscal.encoding import to_utf8
from malote.fiscal.findings import named
from malote.fiscal.problems import Problem
from malote.fiscal.tree import LOCAL_NAMES, parse_as_is

_MOST = 50  # findings of one document
_DEPTH = 8  # of wrappers
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
    """Where the document departs from the official layout; nothing where there is none for it. Never raises."""
    root = _root(raw)
    if root is None:
        return []
    schema = _schema(_SCHEMAS[LOCAL_NAMES[root.tag]])
    if schema is None:
        return []
    # Out of its wrapper: a schema judges a root.
    document = etree.ElementTree(root)
    log = _violations(schema, document)
    found = [SchemaFinding(error.line, _path(document, error.path), _message(error)) for error in log]
    return list(dict.fromkeys(found))[:_MOST]


def _root(raw: bytes) -> etree._Element | None:
    """The element that a schema speaks of, as a document of its own."""
    decoded = to_utf8(raw)
    if isinstance(decoded, Problem):
        return None
    root = parse_as_is(decoded.content)
    if isinstance(root, Problem):
        return None
    found = _find(root, _DEPTH)
    return found if found is not None and _is_covered(found) else None


def _find(element: etree._Element, depth: int) -> etree._Element | None:
    if LOCAL_NAMES[element.tag] in _SCHEMAS:
        return element
    if depth == 0:
        return None
    candidates = (_find(child, depth - 1) for child in element)
    return next((found for found in candidates if found is not None), None)


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


def _violations(schema: etree.XMLSchema, document: etree._ElementTree) -> list[etree._LogEntry]:
    try:
        schema.assertValid(document)
    except etree.DocumentInvalid as invalid:
        return list(cast(Iterable[etree._LogEntry], invalid.error_log))
    return []


def _path(document: etree._ElementTree, position: str | None) -> str:
    """The place of a finding by the names of its elements; numbered among several of one name."""
    try:
        found = document.xpath(position) if position else []
    except etree.XPathError:  # a prefix that only the element itself declares
        return ""
    if not isinstance(found, list) or not found or not isinstance(found[0], etree._Element):
        return ""
    steps = []
    for element in [found[0], *found[0].iterancestors()]:
        name = LOCAL_NAMES[element.tag]
        parent = element.getparent()
        alike = [] if parent is None else [child for child in parent if LOCAL_NAMES[child.tag] == name]
        steps.append(f"{named(name)}[{alike.index(element) + 1}]" if len(alike) > 1 else named(name))
    return "/".join(reversed(steps))


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
