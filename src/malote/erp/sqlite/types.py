"""SQLite has neither decimal numbers nor moments: amounts are integers of the column's last digit (cents,
ten-thousandths), so that nothing passes through binary fractions, and moments are ISO 8601 text in UTC. See
``erp.values.Types``."""

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import BigInteger, Boolean, DateTime, Dialect, Integer, LargeBinary, Text, TypeDecorator
from sqlalchemy.types import TypeEngine

from malote.erp.values import OutOfRangeError, scaled

NOW = "(strftime('%Y-%m-%dT%H:%M:%f+00:00', 'now'))"
TIMES_AS_TEXT = True
ANY_TYPE = True
_MOST = 10**15  # cents
_LIMIT = 2**63


class _Cents(TypeDecorator[int]):
    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: int | None, dialect: Dialect) -> int | None:
        if value is not None and abs(value) >= _MOST:
            raise OutOfRangeError("an amount")
        return value


class _Scaled(TypeDecorator[Decimal]):
    impl = BigInteger
    cache_ok = True

    def __init__(self, digits: int, places: int) -> None:
        super().__init__()
        self._limit = min(10**digits, _LIMIT)
        self._places = places

    def process_bind_param(self, value: Decimal | None, dialect: Dialect) -> int | None:
        if value is None:
            return None
        whole = scaled(value, self._places, "a decimal number")
        if abs(whole) >= self._limit:
            raise OutOfRangeError("a decimal number")
        return whole

    def process_result_value(self, value: Any | None, dialect: Dialect) -> Decimal | None:
        return value if value is None or isinstance(value, Decimal) else Decimal(value).scaleb(-self._places)


class _Written(TypeDecorator[datetime]):
    impl = Text
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> str | None:
        try:
            return None if value is None else value.astimezone(UTC).isoformat()
        except OverflowError as error:
            raise OutOfRangeError("a date") from error

    def process_result_value(self, value: Any | None, dialect: Dialect) -> datetime | None:
        return datetime.fromisoformat(value) if isinstance(value, str) else value


class _Bytes(LargeBinary):
    """SQLite lets anybody write a text into a column of bytes: it is read as its letters' bytes, which say nothing that
    the ledger knows, as other damaged bytes do."""

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], bytes | None]:
        return lambda value: value if value is None or isinstance(value, bytes) else str(value).encode()


def money() -> TypeEngine[Any]:
    return _Cents()


def exact(digits: int, places: int) -> TypeEngine[Any]:
    return _Scaled(digits, places)


def words(length: int) -> TypeEngine[Any]:
    return Text()


def whole(kind: type[Integer]) -> TypeEngine[Any]:
    return kind()


def flag() -> TypeEngine[Any]:
    return Boolean(create_constraint=False)


def moment() -> TypeEngine[Any]:
    return _Written()


def clock() -> TypeEngine[Any]:
    return DateTime()


def key(length: int) -> TypeEngine[Any]:
    return Text()


def digest() -> TypeEngine[Any]:
    return _Bytes()


def numbered() -> TypeEngine[Any]:
    return Integer()  # as BIGINT it would be no key of its own making
