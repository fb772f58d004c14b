"""What an entity of a load is: its columns, its key, and how a value of each kind is written.

A value has one spelling only, so that equal rows have equal hashes wherever they were read:

========= ===========================================================================================
text      as it is; nothing in it that doesn't show: control characters, marks of no width or of direction
integer   64 bits, signed
decimal   a string with exactly ``scale`` digits behind the point: ``"12.50"``; never a float
boolean   true, false
date      ``"2026-11-28"``
instant   ``"2026-11-28T09:30:00Z"``: UTC, whole seconds
========= ===========================================================================================
"""

import re
import unicodedata
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any, Literal

import msgspec

from malote.explained_error import ExplainedError

Name = Annotated[str, msgspec.Meta(pattern=r"^[a-z][a-z0-9_]{0,39}$")]  # of an entity or a column, in snake case
ColumnKind = Literal["text", "integer", "decimal", "boolean", "date", "instant"]
Value = str | int | bool | None
Row = tuple[Value, ...]  # in the order of the entity's columns

ALWAYS = "1970-01-01T00:00:00Z"  # in a key, which has no NULL: of what was valid from the beginning (``entities.toml``)
MOST_COLUMNS = 100
LONGEST_TEXT = 4000
MOST_DIGITS = 18  # of a decimal, on both sides of the point: what 64 bits hold as units of its last digit
_LARGEST_INTEGER = 2**63 - 1
_DIGITS_OF_FLOAT = 15  # decimal ones, that every float keeps
_LONGEST_SPELLING = 24  # of a decimal, a date or an instant
_LONGEST_REASON = 100  # characters: some errors repeat the value, whatever the ERP has there
_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})  # categories of Unicode; "Cf": U+202E, U+200B, the soft hyphen
INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


class UnfitValueError(ExplainedError):
    """A value that its column can't hold; facts: entity, column, and why (``reason``), without what is personal."""


class EntityColumn(msgspec.Struct, frozen=True, omit_defaults=True):
    name: Name
    kind: ColumnKind = "text"
    required: bool = False  # whether null is refused; those of the key are
    scale: Annotated[int, msgspec.Meta(ge=0, le=10)] = 2  # of a decimal
    longest: Annotated[int, msgspec.Meta(ge=1, le=LONGEST_TEXT)] = LONGEST_TEXT  # characters of a text
    personal: bool = False  # a consumer's or an operator's: never in logs, lists, evidence

    def told(self, value: Value) -> Value:
        """As people and programs are told it: None of a validity that has no beginning."""
        is_always = self.name == "valid_from" and isinstance(value, str) and value[:10] <= ALWAYS[:10]
        return None if is_always else value


class Entity(msgspec.Struct, frozen=True):
    """``key``: names of columns, in order; no two rows agree in all of them. Raises ``ValueError`` when it contradicts
    itself."""

    name: Name
    key: Annotated[tuple[Name, ...], msgspec.Meta(min_length=1, max_length=8)]
    columns: Annotated[tuple[EntityColumn, ...], msgspec.Meta(min_length=1, max_length=MOST_COLUMNS)]

    def __post_init__(self) -> None:
        names = [column.name for column in self.columns]
        if len(set(names)) < len(names):
            raise ValueError(f"{self.name}: a column is there twice")
        if len(set(self.key)) < len(self.key) or set(self.key) - set(names):
            raise ValueError(f"{self.name}: its key names what is no column, or one twice")

    @property
    def declaration(self) -> bytes:
        """Itself in its one spelling: part of its digest."""
        return msgspec.json.encode(self)

    @property
    def key_places(self) -> tuple[int, ...]:
        names = [column.name for column in self.columns]
        return tuple(names.index(name) for name in self.key)

    @property
    def row_type(self) -> Any:
        """The type of its rows, for msgspec."""
        kinds = [_typed(column, column.required or column.name in self.key) for column in self.columns]
        return tuple.__class_getitem__(tuple(kinds))

    def row(self, values: Sequence[Any]) -> Row:
        """The row with each value in its one spelling, whatever type a driver gave it. Raises ``UnfitValueError``."""
        if len(values) != len(self.columns):
            raise UnfitValueError("load_row_shape", entity=self.name, reason=f"{len(values)} / {len(self.columns)}")
        return tuple(self._spelt(column, value) for column, value in zip(self.columns, values, strict=True))

    def _spelt(self, column: EntityColumn, value: Any) -> Value:
        if value is None:
            if column.required or column.name in self.key:
                raise UnfitValueError("load_value_missing", entity=self.name, column=column.name)
            return None
        try:
            spelt = _SPELLINGS[column.kind](column, value)
        except (ValueError, TypeError, ArithmeticError) as error:
            reason = "•••" if column.personal else str(error)[:_LONGEST_REASON]
            raise UnfitValueError(
                "load_value_unfit", entity=self.name, column=column.name, kind=column.kind, reason=reason
            ) from None
        if column.kind == "text":
            self._refuse_hidden(column, str(spelt))
        return spelt

    def _refuse_hidden(self, column: EntityColumn, text: str) -> None:
        """A customer's receipt would show it as another text, and nobody finds by its name what has such a letter."""
        if text.isprintable():
            return
        for place, character in enumerate(text, 1):
            if unicodedata.category(character) in _HIDDEN:
                named, where = ("•••", "•••") if column.personal else (f"U+{ord(character):04X}", str(place))
                raise UnfitValueError(
                    "load_text_hidden", entity=self.name, column=column.name, character=named, place=where
                )


def _typed(column: EntityColumn, required: bool) -> Any:
    kind: Any
    match column.kind:
        case "integer":
            kind = int
        case "boolean":
            kind = bool
        case "text":
            kind = Annotated[str, msgspec.Meta(max_length=column.longest)]
        case "decimal" | "date" | "instant":
            kind = Annotated[str, msgspec.Meta(max_length=_LONGEST_SPELLING)]
    return kind if required else kind | None


def _text(column: EntityColumn, value: Any) -> str:
    text = str(value)
    if len(text) > column.longest:
        raise ValueError(f"{len(text)} > {column.longest}")
    return text


def _integer(_column: EntityColumn, value: Any) -> int:
    try:
        number = Decimal(value)
    except InvalidOperation:
        raise ValueError(str(value)[:40]) from None
    if number != number.to_integral_value() or abs(number) > _LARGEST_INTEGER:
        raise ValueError(str(value)[:40])
    return int(number)


def _decimal(column: EntityColumn, value: Any) -> str:
    last = Decimal(1).scaleb(-column.scale)
    try:
        if isinstance(value, float):  # what a sum of floats adds behind the digits that a float keeps is no value
            shortest = Decimal(repr(value))
            value = shortest if shortest == shortest.quantize(last) else format(value, f".{_DIGITS_OF_FLOAT}g")
        number = Decimal(value)
        exact = number.quantize(last)
    except InvalidOperation:
        raise ValueError(str(value)[:40]) from None
    if exact != number or len(exact.as_tuple().digits) > MOST_DIGITS:
        raise ValueError(str(value)[:40])
    return format(abs(exact) if exact == 0 else exact, "f")


def _boolean(_column: EntityColumn, value: Any) -> bool:
    if value in (0, 1):
        return bool(value)
    raise ValueError(str(value)[:40])


def _date(_column: EntityColumn, value: Any) -> str:
    if isinstance(value, datetime):
        value = value.date()
    return (value if isinstance(value, date) else date.fromisoformat(str(value)[:10])).isoformat()


def _instant(_column: EntityColumn, value: Any) -> str:
    moment = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    if moment.tzinfo is None:
        raise ValueError("no zone")
    return moment.astimezone(UTC).replace(microsecond=0, tzinfo=None).isoformat() + "Z"


_SPELLINGS: dict[ColumnKind, Callable[[EntityColumn, Any], Value]] = {
    "text": _text,
    "integer": _integer,
    "decimal": _decimal,
    "boolean": _boolean,
    "date": _date,
    "instant": _instant,
}
