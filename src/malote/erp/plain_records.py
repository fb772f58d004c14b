"""Rows of the ERP's own tables by ordinary statements, for engines that have no quicker way: ``erp.records.Records``.

Values go by the columns' types as Malote knows them; what was written is compared with what is there in this program.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from sqlalchemy import (
    Connection,
    Insert,
    String,
    and_,
    bindparam,
    delete,
    func,
    insert,
    literal,
    null,
    or_,
    select,
    text,
    type_coerce,
    update,
)
from sqlalchemy.sql.expression import ColumnElement
from sqlalchemy.types import NULLTYPE

from malote.erp import statements
from malote.erp.connecting import classified
from malote.erp.mapping import MappedTable
from malote.erp.plain_text import plainly
from malote.erp.profiles.compiled_expression import Row
from malote.erp.profiles.queries import ProfileQuery
from malote.erp.protocol import ErpError
from malote.erp.records import Differing, Found, Lacking, Total
from malote.erp.targets import ColumnTarget

Key = tuple[Any, ...]  # of a row, in a form in which equal ones are equal
_ASKED_AT_ONCE = 100  # questions in one statement


class PlainRecords:
    """Over one connection, within its open transaction."""

    as_columns = False

    def __init__(self, connection: Connection, adding: Callable[[MappedTable], Insert], next_number: str = "") -> None:
        """``adding`` as in ``BaseErp``; ``next_number``: SQL for a sequence's, with ``{}`` for its name."""
        self._connection = connection
        self._adding = adding
        self._next_number = next_number

    def copy(self, mapped: MappedTable, rows: Sequence[Row]) -> None:
        if rows:
            with classified(mapped.name):
                self._connection.execute(insert(mapped.table), [dict(row) for row in rows])

    def insert(self, mapped: MappedTable, rows: Sequence[Row], back: Sequence[ColumnTarget]) -> list[tuple[str, ...]]:
        returned = [mapped.columns[one.key] for one in back]
        with classified(mapped.name):
            answered = self._connection.execute(insert(mapped.table).returning(*returned), [dict(row) for row in rows])
            return [tuple("" if value is None else str(value) for value in row) for row in answered]

    def update(self, mapped: MappedTable, rows: Sequence[Row], changed: Sequence[ColumnTarget], found: Found) -> None:
        if not changed or not rows:
            return
        values: dict[Any, Any] = {mapped.columns[one.key]: bindparam(f"to_{one.key}") for one in changed}
        statement = update(mapped.table).where(_bound(mapped, found)).values(values)
        given = [_bind(row, found) | {f"to_{one.key}": row[one.key] for one in changed} for row in rows]
        with classified(mapped.name):
            self._connection.execute(statement, given)

    def remove(self, mapped: MappedTable, rows: Sequence[Row], found: Found) -> None:
        statement = delete(mapped.table).where(_bound(mapped, found))
        if rows:
            with classified(mapped.name):
                self._connection.execute(statement, [_bind(row, found) for row in rows])

    def present(self, mapped: MappedTable, rows: Sequence[Row], found: Found) -> set[int]:
        keys = [_key(row[one.key] for one in found) for row in rows]
        held = self._held(mapped, [], found, [tuple(row[one.key] for one in found) for row in rows])
        return {place for place, key in enumerate(keys) if held[key]}

    def greatest(self, mapped: MappedTable, rows: Sequence[Row], within: Found, column: ColumnTarget) -> dict[int, int]:
        counted, most = mapped.columns[column.key], {}
        with classified(mapped.name):
            for place, row in enumerate(rows):
                asked = select(func.max(counted)).where(_bound(mapped, within)).with_for_update()
                found = self._connection.scalar(asked, _bind(row, within))
                if found is not None:
                    most[place] = int(found)
        return most

    def add_to(self, mapped: MappedTable, rows: Sequence[Row]) -> None:
        with classified(mapped.name):
            self._connection.execute(self._adding(mapped), [dict(row) for row in rows])

    def draw(self, sequence: str, count: int) -> list[int]:
        if not self._next_number:
            raise ErpError("erp_profile_invalid", transient=True, detail=f"{sequence}: no sequences here")
        one = self._next_number.format(self._connection.dialect.identifier_preparer.quote(sequence))
        drawn: list[int] = []
        with classified(sequence):
            while len(drawn) < count:
                some = text(" UNION ALL ".join([one] * min(_ASKED_AT_ONCE, count - len(drawn))))
                drawn += [int(number) for number in self._connection.scalars(some)]
        return drawn

    def ask(
        self, name: str, query: ProfileQuery, types: Sequence[str], given: Sequence[tuple[Any, ...]]
    ) -> Iterable[tuple[int, Any]]:
        for start in range(0, len(given), _ASKED_AT_ONCE):
            some = list(enumerate(given[start : start + _ASKED_AT_ONCE], start))
            parts = [f"SELECT {place} AS place, found.* FROM ({query.bound(place)}) found" for place, _ in some]  # noqa: S608 the
            values = {
                f"{bind}_{place}": one for place, row in some for bind, one in zip(query.values, row, strict=True)
            }
            with classified(f"query.{name}"):  # profile's own words, whose author may write what he likes
                for row in self._connection.execute(text(" UNION ALL ".join(parts)), values):
                    yield row[0], row[1]

    # ---- beside what was written ----

    def totals(self, sale: MappedTable, found: Found, total: ColumnTarget | None, asked: Sequence[Row]) -> list[Total]:
        given = [tuple(row[one.column] for one in found) for row in asked]
        sum_there = sale.columns[total.key] if total else null()
        places = {_key(values): place for place, values in enumerate(given)}
        answers: list[Total] = []
        with classified(sale.name):
            for key, cents in self._read(sale, found, given, [sum_there]):
                answers.append((places[key], None if cents is None else Decimal(cents).scaleb(-2)))
        return answers

    def differing(
        self, mapped: MappedTable, rows: Sequence[Row], told: Sequence[ColumnTarget], found: Found
    ) -> Iterable[Differing]:
        given = [tuple(row[one.column] for one in found) for row in rows]
        held = self._held(mapped, told, found, given)
        for place, (row, own) in enumerate(zip(rows, map(_key, given), strict=True)):
            yield from (
                (place, True, [one for one, there in zip(told, line, strict=True) if _alike(row[one.column]) != there])
                for line in held[own]
            )
            if not held[own]:
                yield place, False, []

    def lacking(
        self,
        mapped: MappedTable,
        rows: Sequence[Row],
        told: Sequence[ColumnTarget],
        of_sale: Found,
        sales: Sequence[Row],
    ) -> Iterable[Lacking]:
        written: dict[Key, Counter[tuple[Any, ...]]] = defaultdict(Counter)
        for row in rows:
            written[_key(row[one.column] for one in of_sale)][tuple(_alike(row[one.column]) for one in told)] += 1
        given = [tuple(row[one.column] for one in of_sale) for row in sales]
        held = self._held(mapped, told, of_sale, given)
        for place, sale in enumerate(map(_key, given)):
            mine, theirs = written[sale], Counter(held[sale])
            lacking, extra = (mine - theirs).total(), (theirs - mine).total()
            if lacking or extra:
                yield place, lacking, extra

    def _held(
        self, mapped: MappedTable, told: Sequence[ColumnTarget], found: Found, given: Sequence[tuple[Any, ...]]
    ) -> dict[Key, list[tuple[Any, ...]]]:
        """The rows that have one of ``given`` in ``found``, each value in a form in which equal ones are equal."""
        held: dict[Key, list[tuple[Any, ...]]] = {_key(values): [] for values in given}
        columns = [mapped.columns[one.key] for one in told]
        writers = [plainly(one.compiled.shape) for one in told]
        with classified(mapped.name):
            for key, *line in self._read(mapped, found, given, columns):
                own = tuple(_alike(write(value)) for write, value in zip(writers, line, strict=True))
                held.setdefault(key, []).append(own)
        return held

    def _read(
        self, mapped: MappedTable, found: Found, given: Sequence[tuple[Any, ...]], columns: Sequence[Any]
    ) -> Iterator[tuple[Any, ...]]:
        """Of the rows that have one of ``given`` in ``found``: that, and the columns."""
        keys = [type_coerce(mapped.columns[one.key], NULLTYPE) for one in found]
        for some in _conditions(mapped, found, given):
            # Several columns at least: a single one would come without its tuple.
            for row in self._connection.execute(select(*keys, literal(1), *columns).where(some)):
                yield _key(row[: len(keys)]), *row[len(keys) + 1 :]


def _conditions(mapped: MappedTable, found: Found, given: Sequence[tuple[Any, ...]]) -> Iterator[ColumnElement[bool]]:
    """A key of one column is asked for in steps; of several, whatever their types, a few at a time."""
    columns = [mapped.columns[one.key] for one in found]
    if len(found) == 1:
        values = {str(value) for (value,) in given}
        yield from (columns[0].in_(some) for some in (statements.steps(values) if values else ()))
        return
    wanted = sorted({tuple(map(str, values)) for values in given})
    for start in range(0, len(wanted), _ASKED_AT_ONCE):
        some = wanted[start : start + _ASKED_AT_ONCE]
        yield or_(
            *(and_(*(_is(one, literal(v, String())) for one, v in zip(columns, row, strict=True))) for row in some)
        )


def _bound(mapped: MappedTable, found: Found) -> ColumnElement[bool]:
    """Whether a row has in ``found`` what is bound by ``_bind``."""
    if len(found) == 1:
        return mapped.columns[found[0].key] == bindparam("of_0")  # type: ignore[no-any-return]
    named = enumerate(mapped.columns[one.key] for one in found)
    return and_(*(_is(column, bindparam(f"of_{place}", type_=String())) for place, column in named))


def _bind(row: Row, found: Found) -> dict[str, Any]:
    return {f"of_{place}": row[one.key] for place, one in enumerate(found)}


def _is(column: Any, value: Any) -> ColumnElement[bool]:
    """Compared as the database does it: a key's values are in the words of SQL, whatever the columns' types."""
    return type_coerce(column, NULLTYPE) == value  # type: ignore[no-any-return]


def _key(values: Iterable[Any]) -> Key:
    """Of one column it is the text itself; of several the numbers and days in them may be written in several ways."""
    given = [None if value is None else str(value).rstrip() for value in values]
    return tuple(given) if len(given) == 1 else tuple(map(_alike, given))


def _alike(written: str | None) -> Any:
    """Numbers by what they are, moments by when they are, texts without the blanks that a column fills up with."""
    if written is None or written == "":
        return None
    try:
        return Decimal(written)
    except InvalidOperation:
        pass
    try:
        moment = datetime.fromisoformat(written)
    except ValueError:
        return written.rstrip()
    return moment.astimezone(UTC) if moment.tzinfo else moment
