"""The text of a file as a form may have it: whole, of legal characters, and without what differs for nothing."""

import re
from codecs import BOM_UTF8
from typing import NamedTuple

from malote.fiscal.encoding import HIGH_CONTROL, to_utf8
from malote.fiscal.problems import Problem

_CDATA_END = "]]>"
_QR_START, _QR_END, _NO_QR = "<qrCode><![CDATA[", "]]></qrCode>", "<qrCode>-</qrCode>"
_ANSWER_START = "<infProt "
_CONTROLS = bytes(code for code in range(32) if code not in b"\t\n\r")
_DECLARATION = re.compile(
    r"""<\?xml version=["']1\.0["'](?: encoding=["'](?i:utf-8)["'])?(?: standalone="\w+")? ?\?>"""
)
_UNKNOWN_ENTITY = re.compile("&(?!(?:amp|lt|gt|quot|apos);)")
# The protocol's number as an attribute, which nobody reads: it would make a form of every file.
_ANSWER_ID = re.compile(r'(<infProt(?: xmlns="[^"<>&]*")?) Id="[A-Za-z0-9]{1,60}"((?: xmlns="[^"<>&]*")?>)')


class Plain(NamedTuple):
    """The text of a file from its root's start to its end."""

    text: str
    content: bytes  # in UTF-8, of which the text was made
    problems: list[Problem]  # with how the file is encoded


def plain_of(raw: bytes, within: bytes) -> Plain | None:
    """None when it can't be in any form. ``within`` is in each that can: what isn't UTF-8 is only then made so."""
    try:
        text = raw.removeprefix(BOM_UTF8).decode()
    except UnicodeDecodeError:
        return _transcoded(raw) if within in raw else None
    if text.startswith("<?xml"):
        declaration = _DECLARATION.match(text)
        if declaration is None:
            return _transcoded(raw) if within in raw else None
        text = text[declaration.end() :]
    return _plain(text, raw, [])


def _transcoded(raw: bytes) -> Plain | None:
    """Of a file in another encoding, or that says so: the very bytes that would be parsed."""
    decoded = to_utf8(raw)
    if isinstance(decoded, Problem):
        return None
    return _plain(decoded.content.decode(), decoded.content, decoded.problems)


def _plain(text: str, content: bytes, problems: list[Problem]) -> Plain | None:
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    text = _without_cdata(text.strip("\n\t "))
    return Plain(text, content, problems) if text.startswith("<") and text.endswith(">") else None


def is_legal(content: bytes, text: str) -> bool:
    """Whether every character of a file may stand in XML as it is."""
    if any(map(content.__contains__, _CONTROLS)):  # each is looked for faster than all are taken off
        return False
    # U+FFFE and U+FFFF, with some that are legal; and U+0080 to U+009F, which ``encoding`` mends.
    if not content.isascii() and (b"\xef\xbf" in content or HIGH_CONTROL.search(content)):
        return False
    if "]" in text and _CDATA_END in text:
        return False
    return "&" not in text or _UNKNOWN_ENTITY.search(text) is None


def _without_cdata(text: str) -> str:
    """The text without the CDATA section that most notes have around the QR code's address, which nobody reads."""
    start = text.rfind(_QR_START)
    end = text.find(_CDATA_END, start)
    if start < 0 or not text.startswith(_QR_END, end):
        return text
    return f"{text[:start]}{_NO_QR}{text[end + len(_QR_END) :]}"


def without_answer_id(text: str) -> str:
    """The text without the number of the last answer in it that is an attribute."""
    # It stands near the end.
    start = text.rfind(_ANSWER_START)
    found = None if start < 0 else _ANSWER_ID.match(text, start)
    return text if found is None else f"{text[:start]}{found[1]}{found[2]}{text[found.end() :]}"
