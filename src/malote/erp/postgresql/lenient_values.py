"""Values that PostgreSQL has and Python hasn't: days without an end or before Christ, and money by its locale.

An ERP's rows are read with them, each at the end of the calendar that it lies beyond: one such day would make the
whole table unreadable.
"""

import re
from datetime import MAXYEAR, MINYEAR, UTC, date, datetime
from decimal import Decimal
from typing import Any

from psycopg import Connection, DataError
from psycopg.adapt import Buffer, Loader
from psycopg.types.datetime import DateLoader, TimestampLoader, TimestamptzLoader

_MONEY = re.compile(r"[^\d-]*(-?)[^\d-]*(\d[\d.,\s\u00a0\u202f']*)\)?\s*")
_CENTS = re.compile(r"[.,](\d\d)$")


def _is_before_all(data: Buffer) -> bool:
    text = bytes(data)
    return text.startswith(b"-") or text.endswith(b"BC")


def _end(data: Buffer) -> datetime:
    """Of the calendar."""
    return datetime(MINYEAR, 1, 1, tzinfo=UTC) if _is_before_all(data) else datetime(MAXYEAR, 12, 31, tzinfo=UTC)


class _Date(DateLoader):
    def load(self, data: Buffer) -> date:
        try:
            return super().load(data)
        except DataError:
            return date.min if _is_before_all(data) else date.max


class _Timestamp(TimestampLoader):
    def load(self, data: Buffer) -> datetime:
        try:
            return super().load(data)
        except DataError:
            return _end(data).replace(tzinfo=None)


class _Timestamptz(TimestamptzLoader):
    def load(self, data: Buffer) -> datetime:
        try:
            return super().load(data)
        except DataError:
            return _end(data)


class _Money(Loader):
    """Exactly; what no pair of cents ends, which a locale may have so, stays as it was written."""

    def load(self, data: Buffer) -> Decimal | str:
        return amount(bytes(data).decode())


def amount(written: str) -> Decimal | str:
    """Of ``$1,234.56``, ``R$ 1.234,56``, ``-R$ 1,00`` or ``($1.00)``."""
    found = _MONEY.fullmatch(written.strip())
    if found is None or not (cents := _CENTS.search(found[2].strip())):
        return written
    whole = re.sub(r"\D", "", found[2].strip()[: cents.start()])
    is_negative = bool(found[1]) or written.strip().startswith("(")
    return Decimal(f"{'-' if is_negative else ''}{whole}.{cents[1]}")


_LOADERS: dict[str, type[Loader]] = {
    "date": _Date,
    "timestamp": _Timestamp,
    "timestamptz": _Timestamptz,
    "money": _Money,
}


def register(connection: Connection[Any]) -> None:
    """For what is read on it from now on."""
    for name, loader in _LOADERS.items():
        connection.adapters.register_loader(name, loader)
