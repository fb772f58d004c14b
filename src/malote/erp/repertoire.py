"""Which characters a database can hold, looked at before it is asked: one text it lacks a letter for concerns one
document, and must not undo a batch.

Most databases hold all of Unicode, and most documents are ASCII: then nothing is looked at twice.
"""

import codecs
import re
import sys
import unicodedata
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import msgspec

from malote.erp import rows
from malote.erp.profiles.profile import Part
from malote.fiscal.documents import Cancellation, Document, NumberVoid, Sale

_Struct = TypeVar("_Struct", bound=msgspec.Struct)

# What the database calls them, and Python otherwise. A database of SQL_ASCII says nothing of what its bytes above 127
# mean, so that only ASCII reads the same for everybody.
_ALL_OF_UNICODE = frozenset({"UTF8", "UNICODE", "AL32UTF8", "AL16UTF16"})
_CODECS = {
    "SQL_ASCII": "ascii",
    "US7ASCII": "ascii",
    "WIN": "cp1251",
    "ALT": "cp866",
    "WE8MSWIN1252": "cp1252",
    "WE8PC850": "cp850",
    "WE8ISO8859P1": "latin-1",
    "WE8ISO8859P9": "iso8859-9",
    "WE8ISO8859P15": "iso8859-15",
}

# Where the nearest letters are not those that Unicode itself takes a character apart into.
_NEAREST = str.maketrans(
    {
        **dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2015\u2212", "-"),
        **dict.fromkeys("\u2018\u2019\u201a\u2032\u00b4", "'"),
        **dict.fromkeys("\u201c\u201d\u201e\u2033\u00ab\u00bb", '"'),
        "\u2022": "*",
        "\u2044": "/",
        "\u00b7": ".",
        "\u00d7": "x",
        "\u20ac": "EUR",
        "\u00a9": "(c)",
        "\u00ae": "(R)",
        "\u00df": "ss",
        "\u00c6": "AE",
        "\u00e6": "ae",
        "\u0152": "OE",
        "\u0153": "oe",
        "\u00d8": "O",
        "\u00f8": "o",
        "\x00": "",
        "\ufeff": "",
        "\u200b": "",
        "\u00ad": "",
    }
)
_UNKNOWN = "?"


class Lack(msgspec.Struct, frozen=True):
    """The first character of a document that the database can't hold. ``field`` as in ``item[2].description``."""

    field: str
    character: str
    encoding: str
    constant: str = ""  # of the profile, where it is no text of the document; ``field`` is a column then

    @property
    def facts(self) -> dict[str, str]:
        named = named_character(self.character)
        own = {"constant": self.constant} if self.constant else {}
        shown = f"{self.field} = '{self.constant}'" if self.constant else self.field
        detail = f"{shown}: {named} ({self.encoding})"
        return {"detail": detail, "field": self.field, "character": named, "encoding": self.encoding, **own}


class Repertoire(msgspec.Struct, frozen=True):
    """The characters of one encoding. ``encoding`` is the database's own name for it, ``codec`` Python's; ``highest``
    where it ends before Unicode does."""

    encoding: str
    codec: str
    highest: str = chr(sys.maxunicode)

    def lacks(self, text: str) -> str | None:
        """The first character that isn't in it."""
        try:
            text.encode(self.codec)
        except UnicodeEncodeError as error:
            return text[error.start]
        return next((one for one in text if one > self.highest), None) if text and max(text) > self.highest else None

    def nearest(self, text: str) -> str:
        """The text in characters that are in it; what has no near letter becomes a question mark."""
        if self.lacks(text) is None:
            return text
        said = ""
        for one in text:
            near = one if self.lacks(one) is None else self._instead(one)
            # Two and a half is not twenty-one halves.
            said += f" {near}" if len(near) > 1 and near[0].isdigit() and said[-1:].isdigit() else near
        return said

    def _instead(self, character: str) -> str:
        for candidate in (character.translate(_NEAREST), _taken_apart(character)):
            if candidate != character and self.lacks(candidate) is None:
                return candidate
        return _UNKNOWN


def repertoire_of(encoding: str) -> Repertoire | None:
    """None where it holds all of Unicode, or where nothing is known of it: then the database itself is asked."""
    name = encoding.upper()
    if name in _ALL_OF_UNICODE:
        return None
    codec = _CODECS.get(name) or re.sub(r"^WIN(?=\d)", "cp", name)
    try:
        return Repertoire(encoding, codecs.lookup(codec).name)
    except LookupError:
        return None


def named_character(character: str) -> str:
    """``U+2013 EN DASH``."""
    name = unicodedata.name(character, "")
    return f"U+{ord(character):04X}" + (f" {name}" if name else "")


def is_ascii(document: Document) -> bool:
    """Whether it holds nothing but ASCII: then every database can take all of its texts."""
    return msgspec.json.encode(document).isascii()


def rows_of(document: Document, till: str) -> Iterator[tuple[Part, int, rows.Row]]:
    """Every row that is written for a document, by field, with its part; lines are numbered from 1, others have 0."""
    match document:
        case Sale():
            yield "sale", 0, rows.sale_row(document, till)
            for number, row in enumerate(rows.item_rows(document), 1):
                yield "item", number, row
            for number, row in enumerate(rows.payment_rows(document), 1):
                yield "payment", number, row
        case Cancellation():
            yield "cancellation", 0, rows.cancellation_row(document, till)
        case NumberVoid():
            yield "number_void", 0, rows.void_row(document, till)


def with_texts(document: _Struct, change: Callable[[str], str]) -> _Struct:
    """The same with every text in it changed; what it holds that isn't text stays."""
    values = msgspec.structs.asdict(document)
    return msgspec.structs.replace(document, **{name: _changed(value, change) for name, value in values.items()})


def _changed(value: Any, change: Callable[[str], str]) -> Any:
    match value:
        case str():
            return change(value)
        case tuple():
            return tuple(_changed(part, change) for part in value)
        case msgspec.Struct():
            return with_texts(value, change)
    return value


def _taken_apart(character: str) -> str:
    """Its letters without their marks: ``é`` is ``e``, the sign of a trade mark is ``TM``, a half ``1/2``."""
    apart = unicodedata.normalize("NFKD", character)
    return "".join(one for one in apart if not unicodedata.combining(one)).translate(_NEAREST)
