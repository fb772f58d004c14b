"""What the ERP's own tables hold of sales, whoever wrote them, as far as a profile tells how to read them.

Malote works out what it would write of a sale, column by column, and compares it with what stands there. Columns that
need a question to the ERP, or the ERP's own keys, are left out of the comparison.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, tzinfo
from decimal import Decimal
from typing import Any

import msgspec
from sqlalchemy import Connection, and_, or_, select, type_coerce
from sqlalchemy.sql.expression import ColumnElement
from sqlalchemy.types import NULLTYPE

from malote.erp import rows, statements
from malote.erp.connecting import classified
from malote.erp.mapping import ErpTables, MappedTable
from malote.erp.ordinary import payments_of
from malote.erp.profiles.compiled_expression import Row
from malote.erp.profiles.profile import Part
from malote.erp.profiles.syntax import PART_OF_KEY
from malote.erp.protocol import ErpError
from malote.erp.side_by_side import is_compared, plainly
from malote.erp.targets import CANCELLED, ITEM_KEY, KEY, PROTOCOL, STAMPED, ColumnTarget
from malote.erp.values import Money
from malote.fiscal.amounts import money
from malote.fiscal.documents import Sale

_STEP = 2000  # rows in memory
_NOT_COMPARED = {"till", STAMPED, KEY, ITEM_KEY, *CANCELLED, *PROTOCOL}
_OF_KEY = "of_key_"
_SEVERAL_AT_ONCE = 100  # keys of several columns in one statement
_LINES: tuple[Part, ...] = ("item", "payment")


class HeldSale(msgspec.Struct, frozen=True):
    """A sale that the ERP's tables hold. ``total`` in cents; None where the profile can't read it."""

    access_key: str
    total: int | None
    cancelled: bool
    key: tuple[Any, ...] = ()  # what the ERP calls it
    columns: Mapping[str, Any] = {}  # by the name that they go by in the mapping


class SalesReader:
    """Over one transaction that can write nothing."""

    def __init__(self, tables: ErpTables, connection: Connection) -> None:
        """Raises ``ErpError`` (``shadow_unreadable``) where sales can't be found by their access key."""
        if tables.profile.post is not None or "access_key" not in tables.sale.columns:
            raise ErpError("shadow_unreadable", detail=tables.profile.name)
        self._tables = tables
        self._connection = connection
        self._compared = _comparable(tables.sale)
        self._cancelled = next((one for one in tables.sale.targets if _fields(one) == CANCELLED), None)

    # ---- what is there ----

    def held(self, access_keys: Collection[str]) -> dict[str, HeldSale]:
        """Those of the sales that the ERP has, by access key."""
        found: dict[str, HeldSale] = {}
        columns = self._tables.sale.columns
        for keys in statements.steps(access_keys) if access_keys else ():
            with classified(self._tables.sale.name):
                read = self._connection.execute(self._select().where(columns.access_key.in_(keys))).mappings()
                found |= {sale.access_key: sale for sale in map(self._sale, read)}
        return found

    def of_time(self, begin: datetime, end: datetime, zone: tzinfo) -> Iterator[HeldSale] | None:
        """All sales issued from ``begin`` on and before ``end``; None where the profile can't tell when one was."""
        target = next((one for one in self._tables.sale.targets if _tells_time(one)), None)
        if target is None:
            return None
        if target.compiled.shape.kind == "clock":
            begin, end = (at.astimezone(zone).replace(tzinfo=None) for at in (begin, end))
        column = self._tables.sale.columns[target.key]
        return self._within(self._select().where(column >= begin, column < end))

    def _within(self, query: Any) -> Iterator[HeldSale]:
        with classified(self._tables.sale.name):
            for row in self._connection.execution_options(yield_per=_STEP).execute(query).mappings():
                yield self._sale(row)

    def _select(self) -> Any:
        named = {one.key for one in self._compared} | {"access_key"}
        named |= {one.key for one in (self._cancelled,) if one is not None}
        columns = self._tables.sale.columns
        return select(*(columns[name].label(name) for name in sorted(named)), *_as_held(self._tables.sale))

    def _sale(self, row: Mapping[Any, Any]) -> HeldSale:
        total = self._tables.sale.read("total", row["total"]) if "total" in row and self._reads_total else None
        key = str(row["access_key"]).strip()
        found = self._tables.sale.of_sale
        own = tuple(_bare(row[f"{_OF_KEY}{place}"]) for place in range(len(found.targets) if found else 0))
        return HeldSale(key, total, self._is_cancelled(row), own, dict(row))

    @property
    def _reads_total(self) -> bool:
        return "total" in self._tables.sale.readable(exactly=True)

    def _is_cancelled(self, row: Mapping[Any, Any]) -> bool:
        if self._cancelled is None:
            return False
        standing = self._cancelled.compiled.value(dict.fromkeys(CANCELLED), {})
        return bool(plainly(row[self._cancelled.key]) != plainly(standing))

    # ---- and what is otherwise ----

    def differences(self, sales: Mapping[int, Sale], held: Mapping[str, HeldSale]) -> dict[int, list[str]]:
        """Of each sale that is held, what Malote would have written otherwise: ``venda.valor_liquido 10.00 ≠ 12.00``.

        ``sales`` by whatever the caller calls them. Texts are only named, since they may be a consumer's.
        """
        known = {name: sale for name, sale in sales.items() if sale.access_key in held}
        fields = {name: rows.sale_row(sale, "") for name, sale in known.items()}
        found: dict[int, list[str]] = {}
        for name, sale in known.items():
            expected = [(one, one.compiled.value(fields[name], fields[name])) for one in self._compared]
            found[name] = _differing(self._tables.sale.name, expected, held[sale.access_key].columns)
        for part in _LINES:
            if mapped := self._tables.part(part):
                self._compare_lines(mapped, known, fields, held, found)
        return found

    def _compare_lines(
        self,
        mapped: MappedTable,
        sales: Mapping[int, Sale],
        fields: Mapping[int, Row],
        held: Mapping[str, HeldSale],
        found: dict[int, list[str]],
    ) -> None:
        compared = _comparable(mapped)
        if mapped.of_sale is None or not compared or not sales:
            return
        by_key = mapped.of_sale.fields != ("access_key",)
        owners = {(held[one.access_key].key if by_key else (one.access_key,)): one.access_key for one in sales.values()}
        there = self._lines(mapped, compared, owners)
        for name, sale in sales.items():
            lines = rows.item_rows(sale) if mapped.part == "item" else payments_of(sale)
            expected = [tuple(plainly(one.compiled.value(line, fields[name])) for one in compared) for line in lines]
            found[name] += _differing_lines(mapped, compared, expected, there.get(sale.access_key, []))

    def _lines(
        self, mapped: MappedTable, compared: Sequence[ColumnTarget], names: Mapping[tuple[Any, ...], str]
    ) -> dict[str, list[tuple[Any, ...]]]:
        assert mapped.of_sale is not None  # noqa: S101 asked before
        keys = _as_held(mapped)
        columns = [mapped.columns[one.key] for one in compared]
        there: dict[str, list[tuple[Any, ...]]] = defaultdict(list)
        by_key = {tuple(map(plainly, key)): access_key for key, access_key in names.items()}
        wanted = sorted(names, key=str)
        at_once = statements.SIZES[-1] if len(keys) == 1 else _SEVERAL_AT_ONCE
        for start in range(0, len(wanted), at_once):
            with classified(mapped.name):
                some = _among(keys, wanted[start : start + at_once])
                for row in self._connection.execute(select(*keys, *columns).where(some)):
                    there[by_key[tuple(map(plainly, row[: len(keys)]))]].append(tuple(map(plainly, row[len(keys) :])))
        return there


def _as_held(mapped: MappedTable) -> list[Any]:
    """The columns by which a sale or its lines are found, as the database itself gives them."""
    found = mapped.of_sale
    columns = [mapped.columns[one.key] for one in found.targets] if found else []
    return [type_coerce(column, NULLTYPE).label(f"{_OF_KEY}{place}") for place, column in enumerate(columns)]


def _among(keys: Sequence[Any], some: Sequence[tuple[Any, ...]]) -> ColumnElement[bool]:
    bare = [key.element for key in keys]
    if len(bare) == 1:
        return bare[0].in_([value for (value,) in some])  # type: ignore[no-any-return]
    return or_(*(and_(*(one == value for one, value in zip(bare, values, strict=True))) for values in some))


def _bare(value: Any) -> Any:
    return value.rstrip() if isinstance(value, str) else value


def _fields(target: ColumnTarget) -> frozenset[str]:
    return frozenset(field.name for field in target.compiled.fields if not field.of_sale)


def _tells_time(target: ColumnTarget) -> bool:
    return _fields(target) == {"issued_at"} and target.compiled.shape.kind in ("moment", "clock")


def _comparable(mapped: MappedTable) -> list[ColumnTarget]:
    """Columns whose value Malote can work out from the document alone."""
    return [
        one
        for one in mapped.targets
        if one.compiled.fields
        and is_compared(one)
        and not {field.name for field in one.compiled.fields} & _NOT_COMPARED
        and not any(field.name.startswith(PART_OF_KEY) for field in one.compiled.fields)
    ]


def _differing(table: str, expected: Sequence[tuple[ColumnTarget, Any]], found: Mapping[str, Any]) -> list[str]:
    pairs = ((one, plainly(value), plainly(found[one.key])) for one, value in expected)
    return [_said(f"{table}.{one.column}", one, ours, theirs) for one, ours, theirs in pairs if ours != theirs]


def _differing_lines(
    mapped: MappedTable,
    compared: Sequence[ColumnTarget],
    ours: Sequence[tuple[Any, ...]],
    theirs: Sequence[tuple[Any, ...]],
) -> list[str]:
    if Counter(ours) == Counter(theirs):
        return []
    if len(ours) != len(theirs):
        return [f"{mapped.name} {len(ours)} ≠ {len(theirs)}"]
    place = next((at for at, one in enumerate(compared) if one.bare == "number"), None)
    if place is None:
        left = list((Counter(ours) - Counter(theirs)).elements()), list((Counter(theirs) - Counter(ours)).elements())
        pairs: Iterable[tuple[tuple[Any, ...], tuple[Any, ...]]] = zip(*left, strict=True)
    else:
        numbered = {line[place]: line for line in theirs}
        pairs = ((line, numbered[line[place]]) for line in ours if line[place] in numbered)
    return [
        _said(f"{mapped.name}.{one.column}", one, line[at], other[at])
        for line, other in pairs
        for at, one in enumerate(compared)
        if line[at] != other[at]
    ]


def _said(name: str, target: ColumnTarget, ours: Any, theirs: Any) -> str:
    if isinstance(ours, str) or isinstance(theirs, str):
        return name
    is_money = target.compiled.shape.kind == "money" or isinstance(target.compiled.shape.column_type(), Money)
    return f"{name} {_shown(ours, is_money)} ≠ {_shown(theirs, is_money)}"


def _shown(value: Any, is_money: bool) -> str:
    if value is None:
        return "–"
    if is_money:
        return money(int(value))  # cents
    return format(value.normalize(), "f") if isinstance(value, Decimal) else str(value)
