"""The structure of a database as data: tables, columns, keys and indexes, the same for every engine.

A structure travels from the server to the tills as JSON; what an older program can't read it refuses by ``format``.
Types are portable names: ``integer``, ``bigint``, ``smallint``, ``double``, ``boolean``, ``text``, ``key`` (text that
is compared byte by byte), ``binary``, ``moment`` (a time with its zone), ``clock`` (one without), ``date`` and
``decimal(precision,scale)``.
"""

import hashlib
import re
from collections.abc import Iterator
from typing import Literal

import msgspec

from malote.explained_error import ExplainedError

FORMAT = 1  # raised only when an older program would misread a structure

Scope = Literal["till", "store", "erp"]
SCOPES: tuple[Scope, ...] = ("till", "store", "erp")

_PLAIN_TYPES = frozenset(
    {"integer", "bigint", "smallint", "double", "boolean", "text", "key", "binary", "moment", "clock", "date"}
)
_DECIMAL = re.compile(r"decimal\((\d{1,2}),(\d{1,2})\)")
# Names are put into statements: whatever a file from elsewhere says must not get further than this.
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_$]{0,127}")
_DEFAULT = re.compile(r"now|true|false|-?\d{1,15}(\.\d{1,10})?|'[A-Za-z0-9_ .:/-]{0,200}'|'\{\}'|'\[\]'")
_CONDITION = re.compile(r"[A-Za-z0-9_ ='<>\[\]]{1,200}")


class StructureError(ExplainedError):
    """What was asked can't be done, or a structure can't be used; nothing was changed by it."""


class Column(msgspec.Struct, frozen=True, omit_defaults=True):
    """``default``: ``now``, ``true``, ``false``, a number or a quoted text.

    ``fill``: the constant, written as a default is, that rows from before the column hold in it.
    """

    name: str
    type: str
    nullable: bool = True
    default: str | None = None
    fill: str | None = None


class Index(msgspec.Struct, frozen=True, omit_defaults=True):
    """``where``: the condition of an index over a part of the table."""

    name: str
    columns: tuple[str, ...]
    unique: bool = False
    where: str | None = None


class Table(msgspec.Struct, frozen=True, omit_defaults=True):
    """``uniques``: unique keys besides the primary one, by name."""

    name: str
    columns: tuple[Column, ...]
    primary_key: tuple[str, ...] = ()
    uniques: dict[str, tuple[str, ...]] = {}
    indexes: tuple[Index, ...] = ()


class Structure(msgspec.Struct, frozen=True):
    """``version`` counts up with every change of the scope's declaration, from 1."""

    format: int
    scope: Scope
    version: int
    tables: tuple[Table, ...]

    def table(self, name: str) -> Table | None:
        return next((table for table in self.tables if table.name == name), None)


class _Envelope(msgspec.Struct, frozen=True):
    format: int


def encode(structure: Structure) -> bytes:
    """The structure as JSON, always the same bytes for the same structure."""
    return msgspec.json.encode(structure, order="deterministic")


def fingerprint(structure: Structure) -> str:
    """SHA-256 of the JSON form, in hex."""
    return hashlib.sha256(encode(structure)).hexdigest()


def decode(text: bytes | str) -> Structure:
    """Raises ``StructureError``: ``structure_newer`` for another format, ``structure_unreadable`` for anything odd."""
    try:
        found = msgspec.json.decode(text, type=_Envelope).format
        if found > FORMAT:
            raise StructureError("structure_newer", found=str(found), newest=str(FORMAT))
        structure = msgspec.json.decode(text, type=Structure)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise StructureError("structure_unreadable", detail=str(error)[:200]) from error
    odd = next(_oddities(structure), None)
    if odd is not None:
        raise StructureError("structure_unreadable", detail=odd[:200])
    return structure


def decimal_parts(portable: str) -> tuple[int, int] | None:
    """Precision and scale of a decimal type; None for any other."""
    found = _DECIMAL.fullmatch(portable)
    return (int(found[1]), int(found[2])) if found else None


def _oddities(structure: Structure) -> Iterator[str]:
    """Whatever in it can't be put into a statement safely, or makes no sense."""
    for table in structure.tables:
        names = {column.name for column in table.columns}
        for name in (table.name, *names, *table.uniques, *(index.name for index in table.indexes)):
            if not _NAME.fullmatch(name):
                yield f"name {name!r}"
        if len(names) != len(table.columns) or not names:
            yield f"columns of {table.name}"
        yield from (f"{table.name}.{column.name}" for column in table.columns if not _is_sound(column))
        keys = [table.primary_key, *table.uniques.values(), *(index.columns for index in table.indexes)]
        if not all(set(key) <= names for key in keys):
            yield f"a key of {table.name}"
        for index in table.indexes:
            if index.where is not None and not _CONDITION.fullmatch(index.where):
                yield f"condition of {index.name}"


def _is_sound(column: Column) -> bool:
    if column.type not in _PLAIN_TYPES and decimal_parts(column.type) is None:
        return False
    constants = [constant for constant in (column.default, column.fill) if constant is not None]
    return all(_DEFAULT.fullmatch(constant) for constant in constants)
