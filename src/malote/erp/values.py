"""How an ERP's columns hold money, quantities, words and moments, exactly, on every engine.

PostgreSQL has NUMERIC and timestamps with a zone; Oracle has them too, under other names, and no flags. MariaDB has no
zones: moments are in UTC there. SQLite has
neither: there, amounts are integers of the column's last digit (cents, ten-thousandths) and moments are ISO 8601 text
in UTC, so that nothing passes through binary fractions.
"""

from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    DateTime,
    Dialect,
    Integer,
    LargeBinary,
    Numeric,
    SmallInteger,
    Text,
    TypeDecorator,
)
from sqlalchemy.dialects import mysql, oracle
from sqlalchemy.dialects.postgresql import TEXT, TIMESTAMP
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql import func, literal_column
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.expression import BindParameter, ColumnElement
from sqlalchemy.types import TypeEngine, UserDefinedType

_INTEGER_DIGITS = {2: 13, 4: 11, 10: 11}  # before the decimal point, by decimals after it
_DIGITS = 28  # beyond, Decimal's own arithmetic would round
_WORDS = 255  # characters, where a column must have a length
_ORACLE_DIGITS = {SmallInteger: 5, Integer: 10, BigInteger: 19}

_ORACLE_WRITTEN: ColumnElement[str] = literal_column("'YYYY-MM-DD\"T\"HH24:MI:SS.FF6TZH:TZM'")
_ORACLE_READ: ColumnElement[str] = literal_column('\'YYYY-MM-DD"T"HH24:MI:SS.FF6"+00:00"\'')


class OutOfRangeError(ValueError):
    """A value that no column can hold without changing it. ``column`` says which; the value itself is never told."""

    def __init__(self, column: str) -> None:
        super().__init__(column)
        self.column = column


def _number(digits: int, places: int) -> TypeEngine[Any]:
    return oracle.NUMBER(digits, places)  # type: ignore[no-untyped-call]


class Money(TypeDecorator[int]):
    """Cents in Python; NUMERIC(15,2) or, on SQLite, an integer of cents."""

    impl = BigInteger
    cache_ok = True
    places = 2

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        match dialect.name:
            case "postgresql" | "mysql":
                return dialect.type_descriptor(Numeric(15, 2))
            case "oracle":
                return _number(15, 2)
        return dialect.type_descriptor(BigInteger())

    def process_bind_param(self, value: int | None, dialect: Dialect) -> Decimal | int | None:
        if value is None:
            return None
        if dialect.name != "sqlite":
            return Decimal(value).scaleb(-2)
        if abs(value) >= 10**15:
            raise OutOfRangeError("an amount")
        return value

    def process_result_value(self, value: Any | None, dialect: Dialect) -> int | None:
        if value is None or dialect.name == "sqlite":
            return value
        return int(Decimal(str(value)).scaleb(2))


class Exact(TypeDecorator[Decimal]):
    """A decimal number of at most ``places`` decimals; a finer one is refused, never rounded."""

    impl = BigInteger
    cache_ok = True

    def __init__(self, places: int, integer_digits: int | None = None) -> None:
        super().__init__()
        self.places = places
        self.integer_digits = integer_digits or _INTEGER_DIGITS.get(places, 11)

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        digits = self.integer_digits + self.places
        match dialect.name:
            case "postgresql" | "mysql":
                return dialect.type_descriptor(Numeric(digits, self.places))
            case "oracle":
                return _number(digits, self.places)
        return dialect.type_descriptor(BigInteger())

    def process_bind_param(self, value: Decimal | None, dialect: Dialect) -> Decimal | int | None:
        if value is None or dialect.name == "postgresql":
            return value
        whole = scaled(value, self.places, "a decimal number")
        limit = 10 ** (self.integer_digits + self.places)
        decimal = dialect.name in ("oracle", "mysql")  # these round silently what is finer than the column
        if abs(whole) >= (limit if decimal else min(limit, 2**63)):
            raise OutOfRangeError("a decimal number")
        return value if decimal else whole

    def process_result_value(self, value: Any | None, dialect: Dialect) -> Decimal | None:
        if value is None or isinstance(value, Decimal):
            return value
        return Decimal(value).scaleb(-self.places) if dialect.name == "sqlite" else Decimal(str(value))


class Words(TypeDecorator[str]):
    """Text whose absence is NULL in the database and "" in Python, since Oracle knows no empty text either.

    ``length``, in characters, is for engines on which a text has one.
    """

    impl = Text
    cache_ok = True

    def __init__(self, length: int | None = None) -> None:
        super().__init__()
        self.length = length

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        if dialect.name == "oracle":
            return oracle.VARCHAR2(self.length or _WORDS)
        return dialect.type_descriptor(Text())

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        return value or None

    def process_result_value(self, value: str | None, dialect: Dialect) -> str:
        return value or ""


class Whole(TypeDecorator[int]):
    """An integer; NUMBER on Oracle, whose driver must not make it a float."""

    impl = BigInteger
    cache_ok = True

    def __init__(self, kind: type[Integer] = BigInteger) -> None:
        super().__init__()
        self.kind = kind

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        if dialect.name == "oracle":
            return _number(_ORACLE_DIGITS[self.kind], 0)
        return dialect.type_descriptor(self.kind())

    def process_result_value(self, value: Any | None, dialect: Dialect) -> int | None:
        return None if value is None else int(value)


class Flag(TypeDecorator[bool]):
    """Yes or no; 1 or 0 on Oracle, which had no such type for forty years."""

    impl = Boolean(create_constraint=False)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        if dialect.name == "oracle":
            return _number(1, 0)
        return dialect.type_descriptor(Boolean(create_constraint=False))

    def process_bind_param(self, value: bool | None, dialect: Dialect) -> bool | int | None:
        return int(value) if value is not None and dialect.name == "oracle" else value

    def process_result_value(self, value: Any | None, dialect: Dialect) -> bool | None:
        return None if value is None else bool(value)


class Moment(TypeDecorator[datetime]):
    """A moment with its zone."""

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        match dialect.name:
            case "postgresql":
                return dialect.type_descriptor(TIMESTAMP(timezone=True))
            case "oracle":
                return _OracleMoment()
            case "mysql":
                return dialect.type_descriptor(mysql.DATETIME(fsp=6))  # no zones there: in UTC
        return dialect.type_descriptor(Text())

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | str | None:
        if value is None or dialect.name == "postgresql":
            return value
        if dialect.name == "oracle":
            return value.isoformat(timespec="microseconds")
        try:
            utc = value.astimezone(UTC)
            return utc.replace(tzinfo=None) if dialect.name == "mysql" else utc.isoformat()
        except OverflowError as error:
            raise OutOfRangeError("a date") from error

    def process_result_value(self, value: Any | None, dialect: Dialect) -> datetime | None:
        if isinstance(value, datetime) and dialect.name == "mysql":
            return value.replace(tzinfo=UTC)
        return datetime.fromisoformat(value) if isinstance(value, str) else value


class _OracleMoment(UserDefinedType[Any]):
    """Written and read as text, since the driver's own timestamps lose their zone."""

    cache_ok = True

    def get_col_spec(self, **_: Any) -> str:
        return "TIMESTAMP WITH TIME ZONE"

    def bind_expression(self, bindvalue: BindParameter[Any]) -> ColumnElement[Any]:
        return func.to_timestamp_tz(bindvalue, _ORACLE_WRITTEN)

    def column_expression(self, colexpr: ColumnElement[Any]) -> ColumnElement[Any]:
        return func.to_char(func.sys_extract_utc(colexpr), _ORACLE_READ)


class Clock(TypeDecorator[datetime]):
    """What a clock on the wall showed, without a zone. Written only, never read."""

    impl = DateTime
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(oracle.TIMESTAMP() if dialect.name == "oracle" else DateTime())


def key_text(length: int = _WORDS) -> TypeEngine[str]:
    """Text of a key: compared byte by byte, which is both quicker and the same order everywhere."""
    text = Text().with_variant(TEXT(collation="C"), "postgresql")
    text = text.with_variant(mysql.VARCHAR(length, charset="utf8mb4", collation="utf8mb4_bin"), "mysql")
    return text.with_variant(oracle.VARCHAR2(length), "oracle")


def digest() -> TypeEngine[bytes]:
    """A SHA-256."""
    return LargeBinary().with_variant(oracle.RAW(32), "oracle").with_variant(mysql.VARBINARY(32), "mysql")


class DatabaseNow(ColumnElement[datetime]):
    """The database's own clock, so that several posters stamp by one."""

    inherit_cache = True


@compiles(DatabaseNow, "postgresql")
def _now_postgresql(element: DatabaseNow, compiler: SQLCompiler, **options: Any) -> str:
    return "now()"


@compiles(DatabaseNow, "oracle")
def _now_oracle(element: DatabaseNow, compiler: SQLCompiler, **options: Any) -> str:
    return "SYSTIMESTAMP"


@compiles(DatabaseNow, "mysql")
def _now_mysql(element: DatabaseNow, compiler: SQLCompiler, **options: Any) -> str:
    return "(UTC_TIMESTAMP(6))"


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
