"""Oracle has decimal numbers and moments with a zone under names of its own, no empty text, and no flags. See
``erp.values.Types``."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Dialect, Integer, SmallInteger, TypeDecorator
from sqlalchemy.dialects import oracle
from sqlalchemy.sql import func, literal_column
from sqlalchemy.sql.expression import BindParameter, ColumnElement
from sqlalchemy.types import TypeEngine, UserDefinedType

from malote.erp.decimals import CheckedDecimal, DecimalMoney

NOW = "SYSTIMESTAMP"
TIMES_AS_TEXT = False
ANY_TYPE = False
_DIGITS = {SmallInteger: 5, Integer: 10, BigInteger: 19}

_WRITTEN: ColumnElement[str] = literal_column("'YYYY-MM-DD\"T\"HH24:MI:SS.FF6TZH:TZM'")
_READ: ColumnElement[str] = literal_column('\'YYYY-MM-DD"T"HH24:MI:SS.FF6"+00:00"\'')


class _ZonedText(UserDefinedType[Any]):
    """Written and read as text, since the driver's own timestamps lose their zone."""

    cache_ok = True

    def get_col_spec(self, **_: Any) -> str:
        return "TIMESTAMP WITH TIME ZONE"

    def bind_expression(self, bindvalue: BindParameter[Any]) -> ColumnElement[Any]:
        return func.to_timestamp_tz(bindvalue, _WRITTEN)

    def column_expression(self, colexpr: ColumnElement[Any]) -> ColumnElement[Any]:
        return func.to_char(func.sys_extract_utc(colexpr), _READ)


class _Zoned(TypeDecorator[datetime]):
    impl = _ZonedText
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> str | None:
        return None if value is None else value.isoformat(timespec="microseconds")

    def process_result_value(self, value: Any | None, dialect: Dialect) -> datetime | None:
        return datetime.fromisoformat(value) if isinstance(value, str) else value


class _Digit(TypeDecorator[bool]):
    """1 or 0: there was no such type for forty years."""

    impl = oracle.NUMBER(1, 0)  # type: ignore[no-untyped-call]
    cache_ok = True

    def process_bind_param(self, value: bool | None, dialect: Dialect) -> int | None:
        return None if value is None else int(value)


def _number(digits: int, places: int) -> TypeEngine[Any]:
    return oracle.NUMBER(digits, places)  # type: ignore[no-untyped-call]


def money() -> TypeEngine[Any]:
    return DecimalMoney(_number(15, 2))


def exact(digits: int, places: int) -> TypeEngine[Any]:
    return CheckedDecimal(_number(digits, places), digits, places)


def words(length: int) -> TypeEngine[Any]:
    return oracle.VARCHAR2(length)


def whole(kind: type[Integer]) -> TypeEngine[Any]:
    return _number(_DIGITS[kind], 0)  # as anything else its driver makes a float of it


def flag() -> TypeEngine[Any]:
    return _Digit()


def moment() -> TypeEngine[Any]:
    return _Zoned()


def clock() -> TypeEngine[Any]:
    return oracle.TIMESTAMP()


def key(length: int) -> TypeEngine[Any]:
    return oracle.VARCHAR2(length)


def digest() -> TypeEngine[Any]:
    return oracle.RAW(32)


def numbered() -> TypeEngine[Any]:
    return _number(19, 0)
