"""MariaDB has decimal numbers, and moments without a zone: they are in UTC there. See ``erp.values.Types``."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import BigInteger, Boolean, DateTime, Dialect, Integer, Numeric, Text, TypeDecorator
from sqlalchemy.dialects import mysql
from sqlalchemy.types import TypeEngine

from malote.erp.decimals import CheckedDecimal, DecimalMoney
from malote.erp.values import OutOfRangeError

NOW = "(UTC_TIMESTAMP(6))"
TIMES_AS_TEXT = False
ANY_TYPE = False


class _InUtc(TypeDecorator[datetime]):
    impl = mysql.DATETIME(fsp=6)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        try:
            return None if value is None else value.astimezone(UTC).replace(tzinfo=None)
        except OverflowError as error:
            raise OutOfRangeError("a date") from error

    def process_result_value(self, value: Any | None, dialect: Dialect) -> datetime | None:
        return value.replace(tzinfo=UTC) if isinstance(value, datetime) else None


def money() -> TypeEngine[Any]:
    return DecimalMoney(Numeric(15, 2))


def exact(digits: int, places: int) -> TypeEngine[Any]:
    return CheckedDecimal(Numeric(digits, places), digits, places)


def words(length: int) -> TypeEngine[Any]:
    return Text()


def whole(kind: type[Integer]) -> TypeEngine[Any]:
    return kind()


def flag() -> TypeEngine[Any]:
    return Boolean(create_constraint=False)


def moment() -> TypeEngine[Any]:
    return _InUtc()


def clock() -> TypeEngine[Any]:
    return DateTime()


def key(length: int) -> TypeEngine[Any]:
    return mysql.VARCHAR(length, charset="utf8mb4", collation="utf8mb4_bin")


def digest() -> TypeEngine[Any]:
    return mysql.VARBINARY(32)


def numbered() -> TypeEngine[Any]:
    return BigInteger()
