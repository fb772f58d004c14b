"""Long lists in statements of bounded size."""

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import ColumnElement, and_, tuple_

CHUNK = 500  # parameters of one statement; every engine takes as many


def chunks(values: Sequence[Any]) -> Iterable[Sequence[Any]]:
    return (values[start : start + CHUNK] for start in range(0, len(values), CHUNK))


def among(columns: Sequence[ColumnElement[Any]], keys: Sequence[tuple[Any, ...]]) -> ColumnElement[bool]:
    """Whether these columns together are one of the keys.

    Each column's values are named beside them: by a list of rows alone SQLite (3.40) walks the whole table.
    """
    each = [column.in_(sorted(set(values))) for column, values in zip(columns, zip(*keys, strict=True), strict=False)]
    return and_(tuple_(*columns).in_(keys), *each)
