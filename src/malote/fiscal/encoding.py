"""From bytes to UTF-8: what a file's encoding is, whatever its declaration says."""

import codecs
import re
from typing import NamedTuple

from malote.fiscal.findings import named
from malote.fiscal.problems import Problem, reject, warning

_DECLARED = re.compile(rb"""^\s*<\?xml[^>]{0,80}?encoding\s*=\s*["']([A-Za-z0-9._\-]{1,40})["']""")
_DECLARATION = re.compile(r"^<\?xml\s[^>]{0,200}\?>")
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16, whose mark begins alike
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
    (b"<\0", "utf-16-le"),
    (b"\0<", "utf-16-be"),
)
_SINGLE_BYTE = frozenset({"iso8859-1", "iso8859-15", "cp1252", "cp850", "cp437"})
_UNICODE = frozenset({"utf-8", "ascii", "utf-16", "utf-16-le", "utf-16-be"})


class Decoded(NamedTuple):
    content: bytes  # UTF-8, without declaration and outer white space
    problems: list[Problem]


def to_utf8(raw: bytes) -> Decoded | Problem:
    """The content as UTF-8; the reason when nothing says what its bytes mean.

    What the bytes are goes before what they are declared to be: a file that reads as UTF-8 is UTF-8, and one that
    doesn't is a Windows POS's ISO-8859-1. A declaration that was wrong is a warning.
    """
    for mark, encoding in _MARKS:
        if raw.startswith(mark):
            return _decode(raw, encoding, [])
    raw = raw.removeprefix(codecs.BOM_UTF8)
    declared = _DECLARED.match(raw)
    name = declared[1].decode("ascii") if declared else "utf-8"
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError:
        return _single_byte(raw, name)
    wrong = not raw.isascii() and _canonical(name) not in _UNICODE
    return _decode(raw, "utf-8", [warning("encoding_wrong", declared=named(name), used="UTF-8")] if wrong else [])


def _single_byte(raw: bytes, name: str) -> Decoded | Problem:
    canonical = _canonical(name)
    if canonical in _SINGLE_BYTE:
        return _decode(raw, canonical, [])
    if canonical in _UNICODE:
        return _decode(raw, "iso8859-1", [warning("encoding_wrong", declared=named(name), used="ISO-8859-1")])
    return reject("encoding_unreadable", declared=named(name))


def _decode(raw: bytes, encoding: str, problems: list[Problem]) -> Decoded | Problem:
    try:
        text = raw.decode(encoding)
    except UnicodeDecodeError:
        return reject("encoding_unreadable", declared=encoding)
    text = text.removeprefix("\ufeff").strip()
    return Decoded(_DECLARATION.sub("", text, count=1).encode(), problems)


def _canonical(name: str) -> str:
    try:
        return codecs.lookup(name).name
    except LookupError:
        return name.lower()
