"""The characters that a column of MariaDB's can hold: each has a character set of its own."""

import codecs

from sqlalchemy import Connection, bindparam, text

from malote.erp.letters import Columns
from malote.erp.mapping import ErpTables
from malote.erp.repertoire import Repertoire

_BASIC_PLANE = "\uffff"  # the highest of those that take two bytes in UTF-16
_TWO_BYTES = frozenset({"utf8", "utf8mb3", "ucs2"})
_ALL_OF_UNICODE = frozenset({"utf8mb4", "utf16", "utf16le", "utf32", "binary"})
# Where Python calls them otherwise. What the server calls latin1 is Windows' code page 1252.
_CODECS = {
    "latin1": "cp1252",
    "latin2": "iso8859-2",
    "latin5": "iso8859-9",
    "latin7": "iso8859-13",
    "greek": "iso8859-7",
    "hebrew": "iso8859-8",
    "koi8r": "koi8-r",
    "koi8u": "koi8-u",
    "macroman": "mac-roman",
    "sjis": "shift-jis",
    "ujis": "euc-jp",
    "euckr": "euc-kr",
}
_CHARSETS = text(
    "SELECT table_name AS held_by, column_name AS named, character_set_name AS charset FROM information_schema.columns"
    " WHERE table_schema = COALESCE(:place, DATABASE()) AND table_name IN :names AND character_set_name IS NOT NULL"
).bindparams(bindparam("names", expanding=True))


def columns(connection: Connection, tables: ErpTables) -> Columns:
    """Of the tables that are booked into, those that hold less than all of Unicode."""
    names = [str(mapped.table.name) for mapped in tables.parts]
    if not names:
        return {}
    found = connection.execute(_CHARSETS, {"place": tables.schema, "names": names})
    known = {(row.held_by.lower(), row.named.lower()): repertoire_of(row.charset) for row in found}
    return {column: repertoire for column, repertoire in known.items() if repertoire is not None}


def repertoire_of(charset: str) -> Repertoire | None:
    """None where it holds all of Unicode, or where nothing is known of it: then the database itself is asked."""
    name = charset.lower()
    if name in _ALL_OF_UNICODE:
        return None
    if name in _TWO_BYTES:
        return Repertoire(charset, "utf-8", _BASIC_PLANE)
    try:
        return Repertoire(charset, codecs.lookup(_CODECS.get(name, name)).name)
    except LookupError:
        return None
