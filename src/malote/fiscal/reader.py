"""Reads any file that a till may send: what it is, what it says, and everything wrong with it."""

import re

from lxml import etree
from msgspec.structs import replace

from malote.fiscal import form_recognition
from malote.fiscal.cfe import read_sat, read_sat_cancellation
from malote.fiscal.encoding import to_utf8
from malote.fiscal.envelopes import CrowdedError, Envelope, envelopes
from malote.fiscal.events import read_event
from malote.fiscal.findings import ambiguous, named
from malote.fiscal.learned_forms import Unknown
from malote.fiscal.nfce import read_note
from malote.fiscal.note_protocol import has_another_digest
from malote.fiscal.note_rows import NoteRow, note_row
from malote.fiscal.problems import Problem, reject
from malote.fiscal.protocols import read_answer, read_reply
from malote.fiscal.reading_limits import Limits
from malote.fiscal.reading_result import Reading, Summary, named_by_key, summary, unreadable
from malote.fiscal.signatures import signs
from malote.fiscal.single_fields import said_twice
from malote.fiscal.tree import LOCAL_NAMES, MOST_CHILDREN, is_crowded, parse
from malote.fiscal.voids import read_void

__all__ = ["Limits", "Reading", "Summary", "read", "summary"]

_STANDARD = Limits()
MOST_ELEMENTS = 250_000  # in a file: a note of the largest size has one in 22 bytes
MOST_ATTRIBUTES = 100_000  # "=" in a file, those of namespaces and of texts included: ten times what notes have
_UNCOUNTED = 500_000  # bytes, in which so many of either have no room
_KEY_WITHIN = re.compile(rb"""(?:Id=["'](?:NFe|CFe)|<chNFe>)([0-9]{6}[A-Z0-9]{12}[0-9]{26})["'<]""")
# A note itself, by its start or, where that is lost, its end; nothing about it. What a fragment has, the whole has too.
_OF_NOTE = re.compile(
    rb"""<(?:\w+:)?(?:infNFe|infCFe)\b[^>]*\bId=["'](?:NFe|CFe)[0-9]{6}[A-Z0-9]{12}[0-9]{26}["']"""
    rb"""|</(?:\w+:)?(?:infNFe|infCFe)>"""
)
_CANCELS = re.compile(rb"\bchCanc=|<(?:\w+:)?(?:infEvento|CFeCanc)\b")
# What lands in a till's folder under the name of an XML file, by how it begins.
_OTHER_KINDS = {
    b"PK\x03\x04": "ZIP", b"\x1f\x8b": "GZIP", b"Rar!": "RAR", b"7z\xbc\xaf": "7z", b"%PDF": "PDF", b"\x89PNG": "PNG",
    b"\xff\xd8\xff": "JPEG", b"MZ": "EXE", b"SQLite format 3": "SQLite", b"{": "JSON",
}  # fmt: skip
_WITHIN = frozenset({None, "TAG_NAME_MISMATCH", "DOCUMENT_END"})  # faults of the parser's that no cut makes
_BEHIND_THE_END = frozenset({"DOCUMENT_END", "RESERVED_XML_NAME"})  # where there is more than one XML may have
_DECLARATION = re.compile(rb"<\?xml\s[^<>]{0,200}\?>")
# Elements whose text is the XML of a document. The parser's own code looks, for there may be many.
_kept_as_text = etree.XPath(
    "//*[contains(text(), '<') and (contains(text(), 'infNFe') or contains(text(), 'infCFe')"
    " or contains(text(), 'infEvento') or contains(text(), 'infInut') or contains(text(), 'infProt'))]"
)
# The name of the first element, behind any declaration.
_ROOT = re.compile(rb"(?:\xef\xbb\xbf)?\s*(?:<\?[^>]{0,200}>\s*)?<([A-Za-z_][\w:.-]{0,80})")


def read(raw: bytes, limits: Limits = _STANDARD) -> list[Reading]:
    """All documents of a file, in its order; at least one reading, whatever the bytes. Never raises."""
    if len(raw) > limits.max_bytes:
        return [unreadable([reject("file_too_large", size=len(raw), limit=limits.max_bytes)])]
    known = form_recognition.recognise(raw)
    if isinstance(known, form_recognition.Rest):
        reading = _read_rest(known, limits) if len(raw) <= _UNCOUNTED else None
        return _parse(raw, limits, known.unknown) if reading is None else [reading]
    if not isinstance(known, form_recognition.KnownRows):
        return _parse(raw, limits, known)
    # Whose digest is right can be told from the tree alone.
    if has_another_digest(known.row):
        return _parse(raw, limits)
    return [_told(read_note(known.row, limits), known.problems)]


def _told(reading: Reading, problems: list[Problem]) -> Reading:
    """With what is wrong with the file itself."""
    return replace(reading, problems=[*reading.problems, *problems]) if problems else reading


def _read_rest(rest: form_recognition.Rest, limits: Limits) -> Reading | None:
    """A note of which only what isn't known is parsed; None when the whole must be, to tell what is wrong."""
    root = parse(rest.content)
    if isinstance(root, Problem) or is_crowded(root):
        return None
    try:
        found = envelopes(root, limits.max_depth, limits.max_documents)
    except CrowdedError:
        return None
    if len(found) != 1 or found[0].kind != "note" or found[0].request is None or said_twice(found[0]):
        return None
    row = form_recognition.put_back(note_row(found[0].request, found[0].answer), rest.items)
    if row is None or has_another_digest(row):
        return None
    if rest.unknown is not None:
        form_recognition.note(rest.unknown)
    return _told(read_note(row, limits), rest.problems)


def _parse(raw: bytes, limits: Limits, unknown: Unknown | None = None) -> list[Reading]:
    """The long way: as XML. The unknown form is noted when the file is one note."""
    decoded = to_utf8(raw)
    if isinstance(decoded, Problem):
        return [unreadable([decoded])]
    too_much = _too_much(decoded.content)
    if too_much:
        return [unreadable([too_much])]
    root = parse(decoded.content)
    if isinstance(root, Problem):
        damage = _damage(raw, decoded.content, root)
        if damage is not None and _is_of_one_note(decoded.content):
            damage = replace(damage, facts={**damage.facts, "of": "note"})
        fault = damage or _joined_files(decoded.content, root) or root
        return [unreadable([fault, *decoded.problems], _named_within(decoded.content))]
    if is_crowded(root):
        return [unreadable([reject("element_crowded", limit=MOST_CHILDREN)])]
    try:
        found = envelopes(root, limits.max_depth, limits.max_documents)
    except CrowdedError as crowded:
        return [unreadable([crowded.problem])]
    readings = [_read(envelope, limits) for envelope in found] or [_unknown(root)]
    if unknown is not None and len(found) == 1 and found[0].kind == "note":
        form_recognition.note(unknown)
    return [_told(reading, decoded.problems) for reading in readings]


def _too_much(content: bytes) -> Problem | None:
    """Counted before it is parsed, for each element and attribute costs far more than its bytes."""
    if len(content) <= _UNCOUNTED:
        return None
    ends = content.count(b"</")
    elements = max(ends, content.count(b"<") - ends)
    if elements > MOST_ELEMENTS:
        return reject("too_many_elements", found=elements, limit=MOST_ELEMENTS)
    attributes = content.count(b"=")
    if attributes > MOST_ATTRIBUTES:
        return reject("too_many_attributes", found=attributes, limit=MOST_ATTRIBUTES)
    return None


def _read(envelope: Envelope, limits: Limits) -> Reading:
    twice = said_twice(envelope)
    if twice:
        return _unsure(_read_one(envelope, limits), twice)
    return _read_one(envelope, limits)


def _unsure(reading: Reading, twice: list[str]) -> Reading:
    """Without its document: nobody can tell which of two values is true."""
    return replace(reading, document=None, problems=[ambiguous(twice)], partial=summary(reading))


def _read_one(envelope: Envelope, limits: Limits) -> Reading:
    kind, request, answer, _ = envelope
    if kind == "event":
        return read_event(request, answer)
    if kind == "void":
        return read_void(request, answer)
    if request is None:
        assert answer is not None  # noqa: S101 an envelope holds at least one of them
        return read_answer(answer)
    if kind == "note":
        row = note_row(request, answer)
        return read_note(row, limits, resigned=_is_resigned(request, row))
    return read_sat(request, limits) if kind == "sat" else read_sat_cancellation(request)


def _is_resigned(note: etree._Element, row: NoteRow) -> bool:
    """Whether the note is signed anew over another content than was authorised; not asked of one that is refused."""
    return not row.twice and has_another_digest(row) and signs(note, row.signature.digest)


def _damage(raw: bytes, content: bytes, fault: Problem) -> Problem | None:
    """What a power cut or a full disk does to a file that can't be parsed: zeros in it, or no end. Or it is another
    kind of file altogether."""
    kind = next((kind for mark, kind in _OTHER_KINDS.items() if raw.startswith(mark)), None)
    if kind is not None:
        return reject("file_of_another_kind", kind=kind)
    zeros = raw.count(b"\0")
    if zeros and b"<\0" not in raw[:64] and b"\0<" not in raw[:64]:
        return reject("file_damaged", detail=f"{zeros} × 0x00")
    root = _ROOT.match(content)
    if root and b"</" + root[1] not in content and fault.facts.get("detail") not in _WITHIN:
        return reject("file_damaged", detail="EOF")
    return None


def _joined_files(content: bytes, fault: Problem) -> Problem | None:
    """Whole files that stand one behind the other in one, each well-formed; what is between them is white space."""
    if fault.facts.get("detail") not in _BEHIND_THE_END or not _KEY_WITHIN.search(content):
        return None
    together = parse(b"<files>" + _DECLARATION.sub(b"", content) + b"</files>")
    if isinstance(together, Problem) or len(together) < 2 or any((child.tail or "").strip() for child in together):
        return None
    return reject("files_joined", count=len(together))


def _is_of_one_note(content: bytes) -> bool:
    """Whether what is left of a file is of a note, of one, and of nothing about it."""
    if _OF_NOTE.search(content) is None or _CANCELS.search(content):
        return False
    return len(set(_KEY_WITHIN.findall(content))) == 1


def _named_within(content: bytes) -> Summary | None:
    """The key in a file that can't be parsed, such as one cut short, for people to find its sale by."""
    found = _KEY_WITHIN.search(content)
    return named_by_key(None, found[1].decode("ascii")) if found else None


def _unknown(root: etree._Element) -> Reading:
    reply = read_reply(root)
    if reply is not None:
        return reply
    kept = _kept_as_text(root)
    if isinstance(kept, list) and kept:
        return unreadable([reject("document_kept_as_text", root=named(LOCAL_NAMES[root.tag]), count=len(kept))])
    return unreadable([reject("root_unknown", root=named(LOCAL_NAMES[root.tag]))])
