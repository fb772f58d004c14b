"""One table of the ERP, read and written past all conversions, so that a month of rows is compared within seconds."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Dialect, select, type_coerce
from sqlalchemy.types import NullType

from malote.erp import statements
from malote.erp.mapping import MappedTable
from malote.erp.profiles.functions import Row
from malote.erp.protocol import GONE, TWICE
from malote.erp.side_by_side import alike, by_number, is_compared, lacking_and_extra

_MOST_REMEMBERED = 20_000  # values of a column, as they are written


class Side:
    """One table of the ERP, read and written past all conversions."""

    def __init__(self, mapped: MappedTable, dialect: Dialect) -> None:
        self._mapped = mapped
        self._targets = [one for one in mapped.targets if is_compared(one)]
        self._names = [one.bare or next(iter(sorted(field.name for field in one.compiled.fields)), one.key)
                       for one in self._targets]  # fmt: skip
        self._binders = [mapped.columns[one.key].type.dialect_impl(dialect).bind_processor(dialect)
                         for one in self._targets]  # fmt: skip
        self._remembered: list[dict[Any, Any]] = [{} for _ in self._targets]
        self._number = self._names.index("number") if mapped.part != "sale" and "number" in self._names else None

    def read(self, connection: Connection, keys: Sequence[str]) -> Mapping[str, list[tuple[Any, ...]]]:
        """The rows of these sales, by key."""
        found: dict[str, list[tuple[Any, ...]]] = defaultdict(list)
        columns = [type_coerce(self._mapped.columns[one.key], NullType()) for one in self._targets]
        key = self._mapped.columns.access_key
        for some in statements.steps(keys):
            for row in connection.execute(select(key, *columns).where(key.in_(some))):
                found[row[0]].append(tuple(row)[1:])
        return found

    def written(self, row: Row, sale: Row) -> tuple[Any, ...]:
        """A row as it was given to the driver. Raises ``OutOfRangeError`` and ``UnmappedError``."""
        made = []
        for target, bind, remembered in zip(self._targets, self._binders, self._remembered, strict=True):
            value = row[target.key] if self._mapped.plain else target.compiled.value(row, sale)
            if bind is None:
                made.append(value)
                continue
            if value not in remembered:
                if len(remembered) > _MOST_REMEMBERED:
                    remembered.clear()
                remembered[value] = bind(value)
            made.append(remembered[value])
        return tuple(made)

    def differing(self, row: Row, sale: Row, held: Sequence[tuple[Any, ...]]) -> list[str]:
        """Of a table that has one row for it."""
        if len(held) != 1:
            return [TWICE] if held else [GONE]
        return self._fields(self.written(row, sale), held[0])

    def differing_lines(self, name: str, lines: Sequence[Row], sale: Row, held: Sequence[tuple[Any, ...]]) -> list[str]:
        written = [self.written(row, sale) for row in lines]
        if self._number is None:
            return lacking_and_extra(name, written, held)
        at = self._number
        return by_number(name, written, held, lambda row: row[at], self._fields)

    def _fields(self, written: tuple[Any, ...], held: tuple[Any, ...]) -> list[str]:
        if written == held:
            return []
        pairs = zip(self._names, written, held, strict=True)
        return list(dict.fromkeys(name for name, one, other in pairs if one != other and not alike(one, other)))
