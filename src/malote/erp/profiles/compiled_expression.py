"""An expression, ready for use, and what is made of one by a function: its shape, its inverse, what it asks."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from malote.erp.profiles.queries import Ask, ProfileQuery
from malote.erp.profiles.shapes import Kind, Shape
from malote.erp.profiles.syntax import ExpressionError, Field

Row = Mapping[str, Any]
Value = Callable[[Row, Row], Any]  # of a row and of its sale's row
Inverse = Callable[[Any], Any]


class UnmappedError(ValueError):
    """A value of a document is in no lookup table of the profile. ``column`` says where; the value is never told."""

    def __init__(self, column: str, lookup: str, given: str) -> None:
        super().__init__(column, lookup)
        self.given = (given,)
        self.column = column
        self.lookup = lookup


class Compiled(msgspec.Struct, frozen=True):
    """An expression, ready for use. ``value`` may raise ``OutOfRangeError`` and ``UnmappedError``."""

    shape: Shape
    value: Value
    fields: frozenset[Field]
    inverse: Inverse | None = None
    exact: bool = False
    asks: tuple[Ask, ...] = ()

    @property
    def readable(self) -> str | None:
        """The one field of the row that the column's value leads back to."""
        if self.inverse is None or len(self.fields) != 1:
            return None
        field = next(iter(self.fields))
        return None if field.of_sale else field.name


class ExpressionNames(msgspec.Struct, frozen=True):
    """What an expression may refer to. ``column`` is for messages: the ERP's table and column."""

    column: str
    row: Mapping[str, Shape]
    sale: Mapping[str, Shape]
    lookups: Mapping[str, Mapping[str, str | int]]
    queries: Mapping[str, ProfileQuery] = {}


def only(arguments: Sequence[Compiled], *kinds: Kind) -> Compiled:
    if len(arguments) != 1:
        raise ExpressionError("one value is expected in the brackets")
    if arguments[0].shape.kind not in kinds:
        raise ExpressionError(f"expected is a value of kind {' or '.join(kinds)}, not {arguments[0].shape}")
    return arguments[0]


def derived(
    inner: Compiled, shape: Shape, change: Callable[[Any], Any], inverse: Inverse | None = None, *, exact: bool = False
) -> Compiled:
    """``change`` of what ``inner`` gives; what is absent stays so."""
    given = inner.value

    def value(row: Row, sale: Row) -> Any:
        before = given(row, sale)
        return None if before is None else change(before)

    back = after(inner.inverse, inverse) if inverse and inner.inverse else None
    return Compiled(shape, value, inner.fields, back, exact=exact and inner.exact, asks=inner.asks)


def together(parts: Sequence[Compiled], shape: Shape, value: Value) -> Compiled:
    """Of several, which can't be told apart again."""
    asks = tuple(ask for part in parts for ask in part.asks)
    return Compiled(shape, value, frozenset().union(*(part.fields for part in parts)), asks=asks)


def after(outer: Inverse, inner: Inverse) -> Inverse:
    return lambda value: None if value is None else outer(inner(value))


def with_number(arguments: Sequence[Compiled], most: int, *kinds: Kind) -> tuple[Compiled, int]:
    if len(arguments) != 2 or arguments[1].shape.kind != "integer" or arguments[1].fields:
        raise ExpressionError("a value and a whole number are expected in the brackets")
    number = int(arguments[1].value({}, {}))
    if not 0 <= number <= most:
        raise ExpressionError(f"the number must be from 0 to {most}")
    return only(arguments[:1], *kinds), number
