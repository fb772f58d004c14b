"""PostgreSQL has decimal numbers and moments with a zone. See ``erp.values.Types``."""

from typing import Any

from sqlalchemy import BigInteger, Boolean, DateTime, Integer, LargeBinary, Numeric, Text
from sqlalchemy.dialects.postgresql import TEXT, TIMESTAMP
from sqlalchemy.types import TypeEngine

from malote.erp.decimals import DecimalMoney

NOW = "now()"
TIMES_AS_TEXT = False
ANY_TYPE = False


def money() -> TypeEngine[Any]:
    return DecimalMoney(Numeric(15, 2))


def exact(digits: int, places: int) -> TypeEngine[Any]:
    return Numeric(digits, places)


def words(length: int) -> TypeEngine[Any]:
    return Text()


def whole(kind: type[Integer]) -> TypeEngine[Any]:
    return kind()


def flag() -> TypeEngine[Any]:
    return Boolean(create_constraint=False)


def moment() -> TypeEngine[Any]:
    return TIMESTAMP(timezone=True)


def clock() -> TypeEngine[Any]:
    return DateTime()


def key(length: int) -> TypeEngine[Any]:
    return TEXT(collation="C")


def digest() -> TypeEngine[Any]:
    return LargeBinary()


def numbered() -> TypeEngine[Any]:
    return BigInteger()
