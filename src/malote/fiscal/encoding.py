"""From bytes to UTF-8: what a file's encoding is, whatever its declaration says."""

import codecs
import re
from typing import NamedTuple

from malote.fiscal.findings import named
from malote.fiscal.problems import Problem, reject, warning

_DECLARED = re.compile(rb"""^\s*<\?xml[^>]{0,80}?encoding\s*=\s*["']([A-Za-z0-9._\-]{1,40})["']""")
_DECLARATION = re.compile(r"<\?xml\s[^>]{0,200}\?>")
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16, whose mark begins alike
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
    (b"<\0", "utf-16-le"),
    (b"\0<", "utf-16-be"),
)
_DOS = frozenset({"cp437", "cp850", "cp858", "cp860"})
_ISO = frozenset({"iso8859-1", "iso8859-15"})
_HIGH = bytes(range(0x80, 0xA0))  # control characters of ISO-8859
HIGH_CONTROL = re.compile(rb"\xc2[\x80-\x9f]")  # the same in UTF-8
_REFERENCE = re.compile("&#(?:0{0,8}1(?:2[89]|[34][0-9]|5[0-9])|x0{0,8}[89][0-9A-Fa-f]);")
_END_OF_FILE = "\x1a"  # behind the text, as programs of the days of DOS write it
_UNICODE = frozenset({"utf-8", "ascii", "utf-16", "utf-16-le", "utf-16-be"})


class Decoded(NamedTuple):
    content: bytes  # UTF-8, without declaration and outer white space
    problems: list[Problem]


def to_utf8(raw: bytes) -> Decoded | Problem:
    """The content as UTF-8; the reason when nothing says what its bytes mean.

    What the bytes are goes before what they are declared to be: a file that reads as UTF-8 is UTF-8, and one that
    doesn't is a Windows POS's: its dashes, quotes and € are Windows-1252, where ISO-8859-1 has control characters that
    nobody writes. A declaration that was wrong is a warning.
    """
    for mark, encoding in _MARKS:
        if raw.startswith(mark):
            # A file that was cut within a character is read as far as it goes: what is missing shows in its markup.
            return _decode(raw[: len(raw) - len(raw) % (4 if encoding == "utf-32" else 2)], encoding, [])
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
    dashes = len(raw.translate(None, _HIGH)) < len(raw)
    if canonical in _DOS or (canonical in _ISO and not dashes):
        return _decode(raw, canonical, [])
    problems = [] if canonical == "cp1252" else [warning("encoding_wrong", declared=named(name), used="Windows-1252")]
    return _decode(raw, "cp1252", problems, "replace")  # five bytes of it mean nothing


def _decode(raw: bytes, encoding: str, problems: list[Problem], errors: str = "strict") -> Decoded | Problem:
    try:
        text = raw.decode(encoding, errors)
    except UnicodeDecodeError:
        return reject("encoding_unreadable", declared=encoding)
    text = text.removeprefix("\ufeff").strip().rstrip(_END_OF_FILE).rstrip()
    # Matched, not substituted: a pattern for the beginning alone would be tried at every character.
    declared = _DECLARATION.match(text)
    if declared:
        text = text[declared.end() :]
    content = text.encode()
    # One byte is found in a fiftieth of the time of two.
    if (b"\xc2" in content and HIGH_CONTROL.search(content)) or (b"&" in content and b"&#" in content):
        mended = _without_controls(text)
        if mended != text:
            wrong = warning("encoding_wrong", declared=encoding.upper(), used="Windows-1252")
            return Decoded(mended.encode(), [*problems, wrong])
    return Decoded(content, problems)


def _without_controls(text: str) -> str:
    """The characters between U+0080 and U+009F, written or by number, as who wrote them meant them: Windows-1252."""
    text = _REFERENCE.sub(lambda found: _MEANT_BY[found[0]], text)
    # One after the other: a call for each place takes a file full of them three seconds and 200 MB.
    for written, meant in _MEANT.items():
        text = text.replace(written, meant)
    return text


class _References(dict[str, str]):
    """What a reference means. Remembered: there are few, and each may stand in a file a million times."""

    def __missing__(self, reference: str) -> str:
        number = reference[2:-1]
        code = int(number[1:], 16) if number.startswith("x") else int(number)
        meant = self[reference] = _MEANT[chr(code)]
        return meant


_MEANT = {chr(code): bytes([code]).decode("cp1252", "replace") for code in range(0x80, 0xA0)}
_MEANT_BY = _References()


def _canonical(name: str) -> str:
    try:
        return codecs.lookup(name).name
    except LookupError:
        return name.lower()
