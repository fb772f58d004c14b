"""How an ERP's columns hold money, quantities, words and moments, exactly, on every engine.

Here is what they are in Python; what each engine makes of them stands in its folder, in ``types``.
"""

from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Protocol

from sqlalchemy import BigInteger, Boolean, DateTime, Dialect, Integer, LargeBinary, Text, TypeDecorator
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.expression import ColumnElement
from sqlalchemy.types import TypeEngine, UserDefinedType

from malote.erp.engine_loader import has_part, part_of
from malote.erp_engines import ENGINES

_INTEGER_DIGITS = {2: 13, 4: 11, 10: 11}  # before the decimal point, by decimals after it
_DIGITS = 28  # beyond, Decimal's own arithmetic would round
_WORDS = 255  # characters, where a column must have a length


class OutOfRangeError(ValueError):
    """A value that no column can hold without changing it. ``column`` says which; the value itself is never told."""

    def __init__(self, column: str) -> None:
        super().__init__(column)
        self.column = column


class Types(Protocol):
    """What the module ``types`` of an engine's folder gives: its own types, with the conversions that they need."""

    NOW: str  # the database's clock, in SQL
    TIMES_AS_TEXT: bool  # whether it has no type for days and hours
    ANY_TYPE: bool  # whether a column holds and compares values of any type

    def money(self) -> TypeEngine[Any]:
        """Of cents in Python."""
        ...

    def exact(self, digits: int, places: int) -> TypeEngine[Any]:
        """Of decimals with at most so many digits, ``places`` of them after the point; nothing is ever rounded."""
        ...

    def words(self, length: int) -> TypeEngine[Any]:
        """Of text; ``length`` in characters, for engines on which it must have one. An absent one is NULL."""
        ...

    def whole(self, kind: type[Integer]) -> TypeEngine[Any]: ...

    def flag(self) -> TypeEngine[Any]: ...

    def moment(self) -> TypeEngine[Any]: ...

    def clock(self) -> TypeEngine[Any]: ...

    def key(self, length: int) -> TypeEngine[Any]:
        """Of text compared byte by byte."""
        ...

    def digest(self) -> TypeEngine[Any]: ...

    def numbered(self) -> TypeEngine[Any]:
        """Of a key that the database makes by itself."""
        ...


def types_of(dialect: Dialect) -> Types:
    """A dialect that no ERP runs on (SQLAlchemy's own, for a statement in a message) is spelled as the last one is."""
    types: Types = part_of(dialect.name if has_part(dialect.name, "types") else ENGINES[-1].name, "types")
    return types


class Money(TypeDecorator[int]):
    """Cents in Python; a decimal number of two places, or an integer of cents where there is none."""

    impl = BigInteger
    cache_ok = True
    places = 2

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return types_of(dialect).money()


class Exact(TypeDecorator[Decimal]):
    """A decimal number of at most ``places`` decimals; a finer one is refused, never rounded."""

    impl = BigInteger
    cache_ok = True

    def __init__(self, places: int, integer_digits: int | None = None) -> None:
        super().__init__()
        self.places = places
        self.integer_digits = integer_digits or _INTEGER_DIGITS.get(places, 11)

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return types_of(dialect).exact(self.integer_digits + self.places, self.places)


class Words(TypeDecorator[str]):
    """Text whose absence is NULL in the database and "" in Python, since not every engine knows an empty text.

    ``length``, in characters, is for engines on which a text has one.
    """

    impl = Text
    cache_ok = True

    def __init__(self, length: int | None = None) -> None:
        super().__init__()
        self.length = length

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return types_of(dialect).words(self.length or _WORDS)

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        return value or None

    def process_result_value(self, value: str | None, dialect: Dialect) -> str:
        return value or ""


class Whole(TypeDecorator[int]):
    """An integer, whatever the driver makes of it."""

    impl = BigInteger
    cache_ok = True

    def __init__(self, kind: type[Integer] = BigInteger) -> None:
        super().__init__()
        self.kind = kind

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return types_of(dialect).whole(self.kind)

    def process_result_value(self, value: Any | None, dialect: Dialect) -> int | None:
        return None if value is None else int(value)


class Flag(TypeDecorator[bool]):
    """Yes or no."""

    impl = Boolean(create_constraint=False)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return types_of(dialect).flag()

    def process_result_value(self, value: Any | None, dialect: Dialect) -> bool | None:
        return None if value is None else bool(value)


class ZonedTime(TypeDecorator[datetime]):
    """A moment with its zone."""

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return types_of(dialect).moment()


class WallTime(TypeDecorator[datetime]):
    """What a clock on the wall showed, without a zone. Written only, never read."""

    impl = DateTime
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return types_of(dialect).clock()


class KeyText(TypeDecorator[str]):
    """Text of a key: compared byte by byte, which is both quicker and the same order everywhere."""

    impl = Text
    cache_ok = True

    def __init__(self, size: int = _WORDS) -> None:
        """``size``, in characters, is for engines on which a text has one."""
        super().__init__()
        self.size = size

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return types_of(dialect).key(self.size)


class Digest(TypeDecorator[bytes]):
    """A SHA-256."""

    impl = LargeBinary
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return types_of(dialect).digest()


class GeneratedKey(TypeDecorator[int]):
    """A key that the database makes."""

    impl = BigInteger
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return types_of(dialect).numbered()


class AsHeld(UserDefinedType[Any]):
    """What another column holds, in the words of SQL: the database itself makes it what the column is."""

    cache_ok = False

    def __init__(self, held: TypeEngine[Any]) -> None:
        self.held = held


@compiles(AsHeld)
def _as_held(element: AsHeld, compiler: Any, **options: Any) -> str:
    return str(element.held.compile(dialect=compiler.dialect))


class DatabaseNow(ColumnElement[datetime]):
    """The database's own clock, so that several posters stamp by one."""

    inherit_cache = True


@compiles(DatabaseNow)
def _now(element: DatabaseNow, compiler: SQLCompiler, **options: Any) -> str:
    return types_of(compiler.dialect).NOW


def scaled(value: Decimal, places: int, column: str) -> int:
    """``value`` as an integer of its ``places``-th decimal. Raises ``OutOfRangeError`` if that would change it."""
    if len(value.as_tuple().digits) > _DIGITS:
        raise OutOfRangeError(column)
    try:
        moved = value.scaleb(places)
        whole = int(moved)
    except (InvalidOperation, ValueError, OverflowError) as error:
        raise OutOfRangeError(column) from error
    if whole != moved:
        raise OutOfRangeError(column)
    return whole
