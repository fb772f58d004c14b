"""Rows of the ERP's own tables by ordinary statements, for engines that have no quicker way: ``erp.records.Records``.

Values go by the columns' types as Malote knows them; what was written is compared with what is there in this program.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from sqlalchemy import Connection, Insert, bindparam, delete, insert, literal, null, select, text, update

from malote.erp import statements
from malote.erp.connecting import classified
from malote.erp.mapping import MappedTable
from malote.erp.plain_text import plainly
from malote.erp.profiles.functions import Row
from malote.erp.profiles.queries import Query
from malote.erp.protocol import ErpError
from malote.erp.records import Differing, Lacking, Total
from malote.erp.targets import Target

_ASKED_AT_ONCE = 100  # questions in one statement


class PlainRecords:
    """Over one connection, within its open transaction."""

    def __init__(self, connection: Connection, adding: Callable[[MappedTable], Insert], next_number: str = "") -> None:
        """``adding`` as in ``BaseErp``; ``next_number``: SQL for a sequence's, with ``{}`` for its name."""
        self._connection = connection
        self._adding = adding
        self._next_number = next_number

    def copy(self, mapped: MappedTable, rows: Sequence[Row]) -> None:
        if rows:
            with classified(mapped.name):
                self._connection.execute(insert(mapped.table), [dict(row) for row in rows])

    def insert(self, mapped: MappedTable, rows: Sequence[Row], back: Sequence[Target]) -> list[tuple[Any, ...]]:
        returned = [mapped.columns[one.key] for one in back]
        with classified(mapped.name):
            answered = self._connection.execute(insert(mapped.table).returning(*returned), [dict(row) for row in rows])
            return [tuple(row) for row in answered]

    def update(self, mapped: MappedTable, rows: Sequence[Row], changed: Sequence[Target], found: Target) -> None:
        if not changed or not rows:
            return
        values: dict[Any, Any] = {mapped.columns[one.key]: bindparam(f"to_{one.key}") for one in changed}
        statement = update(mapped.table).where(mapped.columns[found.key] == bindparam("of_found")).values(values)
        given = [{"of_found": row[found.key], **{f"to_{one.key}": row[one.key] for one in changed}} for row in rows]
        with classified(mapped.name):
            self._connection.execute(statement, given)

    def remove(self, mapped: MappedTable, rows: Sequence[Row], found: Target) -> None:
        statement = delete(mapped.table).where(mapped.columns[found.key] == bindparam("of_found"))
        if rows:
            with classified(mapped.name):
                self._connection.execute(statement, [{"of_found": row[found.key]} for row in rows])

    def present(self, mapped: MappedTable, rows: Sequence[Row], found: Target) -> set[str]:
        column = mapped.columns[found.key]
        there: set[str] = set()
        with classified(mapped.name):
            for some in _steps({row[found.key] for row in rows}):
                there |= {str(value) for value in self._connection.scalars(select(column).where(column.in_(some)))}
        return there

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
        self, name: str, query: Query, types: Sequence[str], given: Sequence[tuple[Any, ...]]
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

    def totals(self, sale: MappedTable, found: Target, total: Target | None, values: Sequence[str]) -> list[Total]:
        column = sale.columns[found.key]
        sum_there = sale.columns[total.key] if total else null()
        answers: list[Total] = []
        with classified(sale.name):
            for some in _steps(set(values)):
                rows = self._connection.execute(select(column, sum_there).where(column.in_(some)))
                answers += [(str(value), None if cents is None else Decimal(cents).scaleb(-2)) for value, cents in rows]
        return answers

    def differing(
        self, mapped: MappedTable, rows: Sequence[Row], told: Sequence[Target], found: Target
    ) -> Iterable[Differing]:
        held = self._held(mapped, told, found, {str(row[found.column]) for row in rows})
        for row in rows:
            own = str(row[found.column])
            yield from (
                (own, True, [one for one, there in zip(told, line, strict=True) if _alike(row[one.column]) != there])
                for line in held[own]
            )
            if not held[own]:
                yield own, False, []

    def lacking(
        self, mapped: MappedTable, rows: Sequence[Row], told: Sequence[Target], of_sale: Target, sales: Sequence[str]
    ) -> Iterable[Lacking]:
        written: dict[str, Counter[tuple[Any, ...]]] = defaultdict(Counter)
        for row in rows:
            written[str(row[of_sale.column])][tuple(_alike(row[one.column]) for one in told)] += 1
        for sale, lines in self._held(mapped, told, of_sale, set(sales)).items():
            mine, theirs = written[sale], Counter(lines)
            lacking, extra = (mine - theirs).total(), (theirs - mine).total()
            if lacking or extra:
                yield sale, lacking, extra

    def _held(
        self, mapped: MappedTable, told: Sequence[Target], found: Target, values: set[str]
    ) -> dict[str, list[tuple[Any, ...]]]:
        """The rows that have one of the ``values`` in ``found``, each value in a form in which equal ones are equal."""
        held: dict[str, list[tuple[Any, ...]]] = {value: [] for value in values}
        place = mapped.columns[found.key]
        columns = [mapped.columns[one.key] for one in told]
        writers = [plainly(one.compiled.shape) for one in told]
        with classified(mapped.name):
            for some in _steps(values):
                for key, *line in self._connection.execute(select(place, literal(1), *columns).where(place.in_(some))):
                    own = tuple(_alike(write(value)) for write, value in zip(writers, line[1:], strict=True))
                    held.setdefault(str(key).rstrip(), []).append(own)
        return held


def _steps(values: set[Any]) -> Iterator[list[Any]]:
    yield from statements.steps({str(value) for value in values}) if values else ()


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
