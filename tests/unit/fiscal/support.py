"""What the tests of the reader share."""

import base64
import hashlib
import re
from xml.etree import ElementTree

from malote.fiscal import form_recognition
from malote.fiscal.documents import Cancellation, NumberVoid, Sale
from malote.fiscal.reader import Limits, Reading, read


def only(raw: bytes, limits: Limits | None = None) -> Reading:
    """The one reading of a file."""
    readings = read(raw, limits) if limits else read(raw)
    assert len(readings) == 1
    return readings[0]


def sale_in(raw: bytes) -> Sale:
    document = only(raw).document
    assert isinstance(document, Sale), only(raw).problems
    return document


def cancellation_in(raw: bytes) -> Cancellation:
    document = only(raw).document
    assert isinstance(document, Cancellation), only(raw).problems
    return document


def void_in(raw: bytes) -> NumberVoid:
    document = only(raw).document
    assert isinstance(document, NumberVoid), only(raw).problems
    return document


def codes(reading: Reading, severity: str | None = None) -> list[str]:
    """The codes found, in order."""
    return [problem.code for problem in reading.problems if severity in (None, problem.severity)]


def problems_of(raw: bytes, severity: str | None = None) -> list[str]:
    return codes(only(raw), severity)


def replaced(raw: bytes, old: str, new: str) -> bytes:
    """The file with the first ``old`` as ``new``; it must be there."""
    assert old.encode() in raw
    return raw.replace(old.encode(), new.encode(), 1)


def the_long_way(raw: bytes) -> list[Reading]:
    """What parsing alone makes of a file."""
    form_recognition.forget()
    readings = read(raw)
    form_recognition.forget()
    return readings


def without(raw: bytes, start: str, end: str) -> bytes:
    """The file without what lies from ``start`` to ``end``."""
    text = raw.decode()
    first, last = text.index(start), text.index(end) + len(end)
    return (text[:first] + text[last:]).encode()


def signed_anew(text: str, algorithm: str = "sha1") -> str:
    """The note with the digest that its content has, as a POS that signs writes it."""
    content = text[text.index("<infNFe") : text.index("</infNFe>") + 9]
    inherited = content.replace("<infNFe", '<infNFe xmlns="http://www.portalfiscal.inf.br/nfe"', 1)
    canonical = ElementTree.canonicalize(inherited)
    digest = base64.b64encode(hashlib.new(algorithm, canonical.encode()).digest()).decode()
    return re.sub("<DigestValue>[^<]*", f"<DigestValue>{digest}", text)
