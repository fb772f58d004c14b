"""Amounts and quantities as decimal numbers of the database: for engines that have them."""

from decimal import Decimal
from typing import Any

from sqlalchemy import Dialect, Numeric, TypeDecorator
from sqlalchemy.types import TypeEngine

from malote.erp.values import OutOfRangeError, scaled


class DecimalMoney(TypeDecorator[int]):
    """Cents in Python."""

    impl = Numeric
    cache_ok = True

    def __init__(self, column: TypeEngine[Any]) -> None:
        super().__init__()
        self._column = column

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return self._column

    def process_bind_param(self, value: int | None, dialect: Dialect) -> Decimal | None:
        return None if value is None else Decimal(value).scaleb(-2)

    def process_result_value(self, value: Any | None, dialect: Dialect) -> int | None:
        return None if value is None else int(Decimal(str(value)).scaleb(2))


class CheckedDecimal(TypeDecorator[Decimal]):
    """For engines that round silently what is finer than the column: that is refused here."""

    impl = Numeric
    cache_ok = True

    def __init__(self, column: TypeEngine[Any], digits: int, places: int) -> None:
        super().__init__()
        self._column = column
        self._limit = 10**digits
        self._places = places

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return self._column

    def process_bind_param(self, value: Decimal | None, dialect: Dialect) -> Decimal | None:
        if value is not None and abs(scaled(value, self._places, "a decimal number")) >= self._limit:
            raise OutOfRangeError("a decimal number")
        return value

    def process_result_value(self, value: Any | None, dialect: Dialect) -> Decimal | None:
        return value if value is None or isinstance(value, Decimal) else Decimal(str(value))
