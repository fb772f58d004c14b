"""One table of the ERP, read and written past all conversions, so that a month of rows is compared within seconds."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from operator import getitem, itemgetter
from typing import Any

from sqlalchemy import Connection, Dialect, select, type_coerce
from sqlalchemy.types import NullType

from malote.erp import statements
from malote.erp.mapping import MappedTable
from malote.erp.profiles.compiled_expression import Row
from malote.erp.protocol import GONE, TWICE
from malote.erp.side_by_side import alike, by_number, is_compared, lacking_and_extra, tells_protocol
from malote.erp.targets import ColumnTarget

_MOST_REMEMBERED = 20_000  # values of a column, as they are written


class _Bound(dict[Any, Any]):
    """Values of a column as the driver is given them. They are remembered: a shop uses few prices and rates."""

    def __init__(self, bind: Callable[[Any], Any]) -> None:
        super().__init__()
        self._bind = bind

    def __missing__(self, value: Any) -> Any:
        if len(self) >= _MOST_REMEMBERED:
            self.clear()
        made = self[value] = self._bind(value)
        return made


class TableSide:
    """One table of the ERP, read and written past all conversions.

    This runs for every row of every sale: the columns that are converted come first, so that no step is Python's own.
    """

    def __init__(self, mapped: MappedTable, dialect: Dialect) -> None:
        self._mapped = mapped
        bound: list[tuple[ColumnTarget, _Bound]] = []
        others: list[ColumnTarget] = []
        for one in mapped.targets:
            if not is_compared(one) and not (mapped.part == "sale" and tells_protocol(one)):
                continue
            bind = mapped.columns[one.key].type.dialect_impl(dialect).bind_processor(dialect)
            if bind is None:
                others.append(one)
            else:
                bound.append((one, _Bound(bind)))
        self._targets = [*(target for target, _ in bound), *others]
        self._bound = [values for _, values in bound]
        self._names = [one.bare or next(iter(sorted(field.name for field in one.compiled.fields)), one.key)
                       for one in self._targets]  # fmt: skip
        self._plain = _picking([one.key for one in self._targets]) if mapped.plain else None
        self._number = self._names.index("number") if mapped.part != "sale" and "number" in self._names else None

    def read(self, connection: Connection, keys: Sequence[str]) -> Mapping[str, list[tuple[Any, ...]]]:
        """The rows of these sales, by key."""
        found: dict[str, list[tuple[Any, ...]]] = defaultdict(list)
        columns = [type_coerce(self._mapped.columns[one.key], NullType()) for one in self._targets]
        key = self._mapped.columns.access_key
        for some in statements.steps(keys):
            for row in connection.execute(select(key, *columns).where(statements.Among(key, some))).all():
                found[row[0]].append(row[1:])
        return found

    def written(self, row: Row, sale: Row) -> tuple[Any, ...]:
        """A row as it was given to the driver. Raises ``OutOfRangeError`` and ``UnmappedError``."""
        if self._plain is not None:
            values = self._plain(row)
        else:
            values = tuple([target.compiled.value(row, sale) for target in self._targets])
        return (*map(getitem, self._bound, values), *values[len(self._bound) :])

    def differing(self, row: Row, sale: Row, held: Sequence[tuple[Any, ...]]) -> list[str]:
        """Of a table that has one row for it."""
        if len(held) != 1:
            return [TWICE] if held else [GONE]
        return self._fields(self.written(row, sale), held[0])

    def differing_lines(self, name: str, lines: Sequence[Row], sale: Row, held: Sequence[tuple[Any, ...]]) -> list[str]:
        written = [self.written(row, sale) for row in lines]
        if self._number is None:
            return lacking_and_extra(name, written, held)
        if written == held:  # in the order in which they were written, as nearly always
            return []
        at = self._number
        return by_number(name, written, held, lambda row: row[at], self._fields)

    def _fields(self, written: tuple[Any, ...], held: tuple[Any, ...]) -> list[str]:
        if written == held:
            return []
        pairs = zip(self._names, written, held, strict=True)
        return list(dict.fromkeys(name for name, one, other in pairs if one != other and not alike(one, other)))


def _picking(names: list[str]) -> Callable[[Row], tuple[Any, ...]]:
    if len(names) < 2:
        return lambda row: tuple([row[name] for name in names])
    return itemgetter(*names)
