"""Reads any file that a till may send: what it is, what it says, and everything wrong with it."""

import re

from lxml import etree
from msgspec.structs import replace

from malote.fiscal import forms
from malote.fiscal.cfe import read_sat, read_sat_cancellation
from malote.fiscal.encoding import to_utf8
from malote.fiscal.envelopes import Envelope, envelopes
from malote.fiscal.events import read_event
from malote.fiscal.findings import named
from malote.fiscal.nfce import has_another_digest, read_note
from malote.fiscal.problems import Problem, reject
from malote.fiscal.protocols import read_answer, read_reply
from malote.fiscal.readings import Limits, Reading, Summary, named_by_key, summary, unreadable
from malote.fiscal.rows import NoteRow, note_row
from malote.fiscal.signatures import signs
from malote.fiscal.tree import LOCAL_NAMES, parse
from malote.fiscal.voids import read_void

__all__ = ["Limits", "Reading", "Summary", "read", "summary"]

_STANDARD = Limits()
_KEY_WITHIN = re.compile(rb"""Id=["'](?:NFe|CFe)([0-9]{6}[A-Z0-9]{12}[0-9]{26})["']""")


def read(raw: bytes, limits: Limits = _STANDARD) -> list[Reading]:
    """All documents of a file, in its order; at least one reading, whatever the bytes. Never raises."""
    if len(raw) > limits.max_bytes:
        return [unreadable([reject("file_too_large", size=len(raw), limit=limits.max_bytes)])]
    known = forms.recognise(raw)
    if not isinstance(known, NoteRow):
        return _parse(raw, limits, known)
    # Whose digest is right can be told from the tree alone.
    return _parse(raw, limits) if has_another_digest(known) else [read_note(known, limits)]


def _parse(raw: bytes, limits: Limits, unknown: forms.Unknown | None = None) -> list[Reading]:
    """The long way: as XML. The unknown form is noted when the file is one note."""
    decoded = to_utf8(raw)
    if isinstance(decoded, Problem):
        return [unreadable([decoded])]
    root = parse(decoded.content)
    if isinstance(root, Problem):
        return [unreadable([root, *decoded.problems], _named_within(decoded.content))]
    found = envelopes(root, limits.max_depth)
    if len(found) > limits.max_documents:
        return [unreadable([reject("too_many_documents_in_file", found=len(found), limit=limits.max_documents)])]
    readings = [_read(envelope, limits) for envelope in found] or [_unknown(root)]
    if decoded.problems:
        return [replace(reading, problems=[*reading.problems, *decoded.problems]) for reading in readings]
    if unknown is not None and len(found) == 1 and found[0].kind == "note":
        forms.note(unknown)
    return readings


def _read(envelope: Envelope, limits: Limits) -> Reading:
    kind, request, answer = envelope
    if kind == "event":
        return read_event(request, answer)
    if kind == "void":
        return read_void(request, answer)
    if request is None:
        assert answer is not None  # noqa: S101 an envelope holds at least one of them
        return read_answer(answer)
    if kind == "note":
        row = note_row(request, answer)
        return read_note(row, limits, resigned=has_another_digest(row) and signs(request, row.signature.digest))
    return read_sat(request, limits) if kind == "sat" else read_sat_cancellation(request)


def _named_within(content: bytes) -> Summary | None:
    """The key in a file that can't be parsed, such as one cut short, for people to find its sale by."""
    found = _KEY_WITHIN.search(content)
    return named_by_key(None, found[1].decode("ascii")) if found else None


def _unknown(root: etree._Element) -> Reading:
    reply = read_reply(root)
    if reply is not None:
        return reply
    return unreadable([reject("root_unknown", root=named(LOCAL_NAMES[root.tag]))])
