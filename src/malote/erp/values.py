"""How an ERP's columns hold money, quantities, words and moments, exactly, on every engine.

PostgreSQL has NUMERIC and timestamps with a zone. SQLite has neither: there, amounts are integers of the column's last
digit (cents, ten-thousandths) and moments are ISO 8601 text in UTC, so that nothing passes through binary fractions.
"""

from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from sqlalchemy import BigInteger, Dialect, Numeric, Text, TypeDecorator
from sqlalchemy.dialects.postgresql import TEXT, TIMESTAMP
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.expression import ColumnElement
from sqlalchemy.types import TypeEngine

_INTEGER_DIGITS = {2: 13, 4: 11, 10: 11}  # before the decimal point, by decimals after it
_DIGITS = 28  # beyond, Decimal's own arithmetic would round


class OutOfRangeError(ValueError):
    """A value that no column can hold without changing it. ``column`` says which; the value itself is never told."""

    def __init__(self, column: str) -> None:
        super().__init__(column)
        self.column = column


class Money(TypeDecorator[int]):
    """Cents in Python; NUMERIC(15,2) or, on SQLite, an integer of cents."""

    impl = BigInteger
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(Numeric(15, 2) if dialect.name == "postgresql" else BigInteger())

    def process_bind_param(self, value: int | None, dialect: Dialect) -> Decimal | int | None:
        if value is None:
            return None
        if dialect.name == "postgresql":
            return Decimal(value).scaleb(-2)
        if abs(value) >= 10**15:
            raise OutOfRangeError("an amount")
        return value

    def process_result_value(self, value: Any | None, dialect: Dialect) -> int | None:
        return int(value.scaleb(2)) if isinstance(value, Decimal) else value


class Exact(TypeDecorator[Decimal]):
    """A decimal number of at most ``places`` decimals; a finer one is refused, never rounded."""

    impl = BigInteger
    cache_ok = True

    def __init__(self, places: int, integer_digits: int | None = None) -> None:
        super().__init__()
        self.places = places
        self.integer_digits = integer_digits or _INTEGER_DIGITS[places]

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        if dialect.name == "postgresql":
            return dialect.type_descriptor(Numeric(self.integer_digits + self.places, self.places))
        return dialect.type_descriptor(BigInteger())

    def process_bind_param(self, value: Decimal | None, dialect: Dialect) -> Decimal | int | None:
        if value is None or dialect.name == "postgresql":
            return value
        whole = scaled(value, self.places, "a decimal number")
        if abs(whole) >= min(10 ** (self.integer_digits + self.places), 2**63):
            raise OutOfRangeError("a decimal number")
        return whole

    def process_result_value(self, value: Any | None, dialect: Dialect) -> Decimal | None:
        return Decimal(value).scaleb(-self.places) if isinstance(value, int) else value


class Words(TypeDecorator[str]):
    """Text whose absence is NULL in the database and "" in Python, since Oracle knows no empty text either."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        return value or None

    def process_result_value(self, value: str | None, dialect: Dialect) -> str:
        return value or ""


class Moment(TypeDecorator[datetime]):
    """A moment with its zone."""

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(TIMESTAMP(timezone=True) if dialect.name == "postgresql" else Text())

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | str | None:
        if value is None or dialect.name == "postgresql":
            return value
        try:
            return value.astimezone(UTC).isoformat()
        except OverflowError as error:
            raise OutOfRangeError("a date") from error

    def process_result_value(self, value: Any | None, dialect: Dialect) -> datetime | None:
        return datetime.fromisoformat(value) if isinstance(value, str) else value


def key_text() -> TypeEngine[str]:
    """Text of a key: compared byte by byte, which is both quicker and the same order everywhere."""
    return Text().with_variant(TEXT(collation="C"), "postgresql")


class DatabaseNow(ColumnElement[datetime]):
    """The database's own clock, so that several posters stamp by one."""

    inherit_cache = True


@compiles(DatabaseNow, "postgresql")
def _now_postgresql(element: DatabaseNow, compiler: SQLCompiler, **options: Any) -> str:
    return "now()"


@compiles(DatabaseNow)
def _now_elsewhere(element: DatabaseNow, compiler: SQLCompiler, **options: Any) -> str:
    return "(strftime('%Y-%m-%dT%H:%M:%f+00:00', 'now'))"


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
