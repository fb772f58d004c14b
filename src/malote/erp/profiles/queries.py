"""Look-ups by query: what an expression asks the ERP's own tables for, and what came back.

A row of a table of ordinary design carries its answers under ``ANSWERS``: they were asked for before, all of a batch
in one statement, within the transaction that books it.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from malote.erp.profiles.errors import ProfileError

ANSWERS = "?"  # no field is called so
AMBIGUOUS = object()  # several rows that say different things

_TYPES = {
    "text": "text",
    "integer": "bigint",
    "decimal": "numeric",
    "date": "date",
    "clock": "timestamp",
    "any": "text",
}
KINDS = tuple(_TYPES)
_BIND = re.compile(r"'(?:[^']|'')*'|\"[^\"]*\"|(?<![:\w]):(?P<name>[a-z_][a-z0-9_]*)")
_BEGINS = re.compile(r"\s*(select|with)\b", re.IGNORECASE)
_PART = r'(?:[^\W\d][\w$]*|"(?:[^"]|"")+")'
_TABLE = re.compile(rf"\b(?:from|join)\s+({_PART}(?:\s*\.\s*{_PART})*)(?![\w$.]|\s*\()", re.IGNORECASE)
_PARTS = re.compile(_PART)


class ProfileQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One SELECT of one column. ``values`` are the names that it has for what ``query`` is given, in order.

    ``absent``: what is said of a document for which it finds nothing; ``:name`` in it is a value of ``values``.
    """

    sql: str
    values: list[str]
    absent: str = ""

    def refuse_unusable(self, where: str) -> None:
        """Raises ``ProfileError``."""
        if ";" in self.sql or not _BEGINS.match(self.sql):
            raise ProfileError(where, "must be one SELECT, without a semicolon")
        used = set(_names(self.sql))
        if used != set(self.values) or not used or len(set(self.values)) != len(self.values):
            raise ProfileError(where, "values must name what the SELECT has as :name, each once")

    def placed(self, alias: str) -> str:
        """The SELECT with the columns ``v0``, ``v1`` of ``alias`` in the places of its values."""
        columns = {name: f"{alias}.v{place}" for place, name in enumerate(self.values)}
        return _BIND.sub(lambda found: columns[found["name"]] if found["name"] else found[0], self.sql)

    def bound(self, place: int) -> str:
        """The SELECT with binds of its own, ``:name_3`` for the third question: so that many stand in one statement."""
        return _BIND.sub(lambda found: f":{found['name']}_{place}" if found["name"] else found[0], self.sql)

    def tables(self) -> list[tuple[str, str]]:
        """Which tables it reads, as far as its text tells: what a user needs SELECT on. Schema, "" where it has none,
        and name; in small letters what is not in quotes, as profiles have what the database folds."""
        local = {name.lower() for name in re.findall(r"(\w+)\s+as\s*\(", self.sql, re.IGNORECASE)}
        found = {tuple(map(bare, _PARTS.findall(name)[-2:])) for name in _TABLE.findall(self.sql)}
        named = {("", *parts)[-2:] for parts in found}
        return sorted((schema, name) for schema, name in named if schema or name not in local)

    def words(self, given: tuple[Any, ...]) -> str:
        """What is said when nothing is found."""
        known = dict(zip(self.values, given, strict=True))
        return re.sub(r":([a-z_][a-z0-9_]*)", lambda found: str(known.get(found[1], found[0]) or ""), self.absent)


def bare(name: str) -> str:
    """A name as SQL has it, without its quotes; in small letters where it has none."""
    return name[1:-1].replace('""', '"') if name.startswith('"') else name.lower()


def _names(sql: str) -> list[str]:
    return [found["name"] for found in _BIND.finditer(sql) if found["name"]]


class Ask(msgspec.Struct, frozen=True):
    """One call of ``query`` in an expression. ``values`` give what it is asked with, of a row and its sale's row."""

    name: str
    types: tuple[str, ...]
    values: tuple[Callable[[Mapping[str, Any], Mapping[str, Any]], Any], ...]

    def given(self, row: Mapping[str, Any], sale: Mapping[str, Any]) -> tuple[Any, ...]:
        """Absent is None, which nothing in a database is equal to."""
        found = (value(row, sale) for value in self.values)
        return tuple(None if one in ("", None) else str(one) for one in found)


class UnansweredError(ValueError):
    """A query found nothing, or several things, for a document. ``said`` are the profile's words for nothing, ``given``
    is what it was asked with, which is never told."""

    def __init__(self, column: str, query: str, said: str, given: Sequence[str], *, several: bool) -> None:
        super().__init__(column, query)
        self.column = column
        self.query = query
        self.said = said
        self.given = tuple(given)
        self.several = several


def types_of(kinds: list[str]) -> tuple[str, ...]:
    """What PostgreSQL calls what a query is given."""
    return tuple(_TYPES[kind] for kind in kinds)
