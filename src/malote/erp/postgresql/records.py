"""Rows of the ERP's own tables on PostgreSQL: ``erp.records.Records``.

What is written goes as text: by COPY, or as one JSON that is read as rows of that table's columns (``arriving``).
So the database itself makes each value what its column is, a number, a moment, an enumeration, a domain.
"""

from collections.abc import Iterable, Sequence
from typing import Any
from weakref import WeakKeyDictionary

import msgspec
import psycopg

from malote.erp.connecting import classified
from malote.erp.mapping import MappedTable
from malote.erp.plain_text import plainly
from malote.erp.postgresql.arriving import PLACE, ArrivingRows
from malote.erp.postgresql.arriving import quote as _quote
from malote.erp.postgresql.arriving import table_name as _table
from malote.erp.postgresql.copy_text import writer
from malote.erp.profiles.compiled_expression import Row
from malote.erp.profiles.queries import ProfileQuery
from malote.erp.records import Differing, Found, Lacking, Total
from malote.erp.targets import ColumnTarget

_PER_BLOCK = 500  # rows
_TAKES_COPY = """SELECT NOT (row_security_active(c.oid) OR c.relkind = 'v' AND NOT EXISTS (
    SELECT FROM pg_trigger t WHERE t.tgrelid = c.oid AND t.tgtype & 68 = 68))
    FROM pg_class c WHERE c.oid = to_regclass(%s)"""
# By connection, what each table said: 68 is a trigger INSTEAD OF INSERT.
_COPIED: WeakKeyDictionary[psycopg.Connection[Any], dict[str, bool]] = WeakKeyDictionary()


class PostgresqlRecords:
    """Over the driver's connection, within its open transaction. Methods raise ``ErpError``."""

    as_columns = True

    def __init__(self, driver: psycopg.Connection[Any]) -> None:
        self._driver = driver
        self._arriving = ArrivingRows(driver)

    def copy(self, mapped: MappedTable, rows: Sequence[Row]) -> None:
        """The quickest way, for what gives nothing back. Rows by the targets' keys."""
        if not rows:
            return
        if not self._takes_copy(mapped):
            self.insert(mapped, rows, [])
            return
        writers = [(target.key, writer(target.compiled.shape)) for target in mapped.inserted]
        columns = ", ".join(_quote(target.column) for target in mapped.inserted)
        statement = f"COPY {_table(mapped)} ({columns}) FROM STDIN (FORMAT text, NULL '')".encode()
        with classified(mapped.name), self._driver.cursor() as cursor, cursor.copy(statement) as copy:
            for start in range(0, len(rows), _PER_BLOCK):
                lines = (
                    "\t".join([write(row[key]) for key, write in writers]) for row in rows[start : start + _PER_BLOCK]
                )
                copy.write("\n".join(lines) + "\n")

    def _takes_copy(self, mapped: MappedTable) -> bool:
        """Not with row-level security over this user, nor through a view without a trigger INSTEAD OF INSERT."""
        known = _COPIED.setdefault(self._driver, {})
        name = _table(mapped)
        if name not in known:
            with classified(mapped.name):
                found = self._driver.execute(_TAKES_COPY, (name,)).fetchone()
            known[name] = found is None or bool(found[0])
        return known[name]

    def insert(self, mapped: MappedTable, rows: Sequence[Row], back: Sequence[ColumnTarget]) -> list[tuple[str, ...]]:
        """Writes the rows; returns these columns of each, in any order, as text, as the database has them now."""
        returned = ", ".join(f"{_quote(target.column)}::text" for target in back) or "true"
        statement = f"{self._inserting(mapped)} RETURNING {returned}"
        with classified(mapped.name):
            return self._driver.execute(statement.encode(), (_json(rows, mapped.inserted),)).fetchall()

    def update(self, mapped: MappedTable, rows: Sequence[Row], changed: Sequence[ColumnTarget], found: Found) -> None:
        """Sets the columns ``changed`` of the rows that have what each of ``rows`` has in ``found``."""
        if not changed or not rows:
            return
        columns = [one.column for one in changed]
        written = zip(map(_quote, columns), self._arriving.written(mapped, columns), strict=True)
        sets = ", ".join(f"{name} = {value}" for name, value in written)
        given = self._arriving.given(mapped, _columns(changed, found))
        statement = f"UPDATE {_table(mapped)} AS held SET {sets} FROM {given} WHERE {_same(found)}"  # noqa: S608 the
        # profile's names, quoted
        with classified(mapped.name):
            self._driver.execute(statement.encode(), (_json(rows, [*changed, *found], texts=found),))

    def remove(self, mapped: MappedTable, rows: Sequence[Row], found: Found) -> None:
        """Removes the rows that have what one of ``rows`` has in ``found``."""
        given = self._arriving.given(mapped, _columns(found))
        statement = f"DELETE FROM {_table(mapped)} AS held USING {given} WHERE {_same(found)}"  # noqa: S608 as above
        with classified(mapped.name):
            self._driver.execute(statement.encode(), (_json(rows, found, texts=found),))

    def present(self, mapped: MappedTable, rows: Sequence[Row], found: Found) -> set[int]:
        """The places of those of ``rows`` for which the table has a row with the same in ``found``."""
        given = self._arriving.given(mapped, _columns(found))
        statement = f"SELECT {PLACE} FROM {_table(mapped)} AS held JOIN {given} ON {_same(found)}"  # noqa: S608 as above
        with classified(mapped.name):
            found_at = self._driver.execute(statement.encode(), (_json(rows, found, texts=found),))
            return {row[0] - 1 for row in found_at}

    def greatest(self, mapped: MappedTable, rows: Sequence[Row], within: Found, column: ColumnTarget) -> dict[int, int]:
        """The greatest number that ``column`` has beside what each of ``rows`` has in ``within``, by its place. Until
        the transaction ends nobody else writes to the table: two would count the same."""
        given = self._arriving.given(mapped, _columns(within))
        statement = (
            f"SELECT {PLACE}, max(held.{_quote(column.column)})::bigint"  # noqa: S608 as above
            f" FROM {_table(mapped)} AS held JOIN {given} ON {_same(within)} GROUP BY 1"
        )
        with classified(mapped.name):
            self._driver.execute(f"LOCK TABLE {_table(mapped)} IN SHARE ROW EXCLUSIVE MODE".encode())
            counted = self._driver.execute(statement.encode(), (_json(rows, within, texts=within),))
            return {place - 1: most for place, most in counted if most is not None}

    def add_to(self, mapped: MappedTable, rows: Sequence[Row]) -> None:
        """Adds ``quantity`` to the rows of the same key, in the order given; one that isn't there starts from zero."""
        key = ", ".join(_quote(target.column) for target in mapped.inserted if target.key != "quantity")
        quantity = _quote(next(target.column for target in mapped.inserted if target.key == "quantity"))
        statement = (
            f"{self._inserting(mapped)} ORDER BY {PLACE}"
            f" ON CONFLICT ({key}) DO UPDATE SET {quantity} = held.{quantity} + excluded.{quantity}"
        )
        with classified(mapped.name):
            self._driver.execute(statement.encode(), (_json(rows, mapped.inserted),))

    def _inserting(self, mapped: MappedTable) -> str:
        columns = _columns(mapped.inserted)
        written = ", ".join(self._arriving.written(mapped, columns))
        return (
            f"INSERT INTO {_table(mapped)} AS held ({', '.join(map(_quote, columns))})"  # noqa: S608 as above
            f" SELECT {written} FROM {self._arriving.given(mapped, columns)}"
        )

    def draw(self, sequence: str, count: int) -> list[int]:
        """The next numbers of a sequence: one round trip for all of them."""
        with classified(sequence):
            found = self._driver.execute("SELECT nextval(%s) FROM generate_series(1, %s)", (sequence, count))
            return [row[0] for row in found]

    def ask(
        self, name: str, query: ProfileQuery, types: Sequence[str], given: Sequence[tuple[Any, ...]]
    ) -> Iterable[tuple[int, Any]]:
        """What the query gives for each of ``given``, by its place; once for each row found."""
        columns = ", ".join(f"v{place} {kind}" for place, kind in enumerate(types))
        arriving = [{"place": place} | {f"v{at}": one for at, one in enumerate(row)} for place, row in enumerate(given)]
        sql = query.placed("asked").replace("%", "%%")
        statement = (
            f"SELECT asked.place, found.* FROM json_to_recordset(%s) AS asked (place int, {columns})"  # noqa: S608 the
            f" CROSS JOIN LATERAL ({sql}) AS found"  # profile's own words, whose author may write what he likes
        )
        with classified(f"query.{name}"):
            for row in self._driver.execute(statement.encode(), (msgspec.json.encode(arriving).decode(),)):
                yield row[0], row[1]

    # ---- beside what was written: the database itself makes each value what its column is, and compares ----

    def totals(self, sale: MappedTable, found: Found, total: ColumnTarget | None, asked: Sequence[Row]) -> list[Total]:
        given = self._arriving.given(sale, _columns(found))
        statement = (
            f"SELECT {PLACE}, {f'held.{_quote(total.column)}' if total else 'NULL'}"  # noqa: S608 as above
            f" FROM {_table(sale)} AS held JOIN {given} ON {_same(found)}"
        )
        with classified(sale.name):
            return [(row[0] - 1, row[1]) for row in self._driver.execute(statement.encode(), (_written(asked),))]

    def differing(
        self, mapped: MappedTable, rows: Sequence[Row], told: Sequence[ColumnTarget], found: Found
    ) -> Iterable[Differing]:
        both = (self._arriving.compared(mapped, _columns(told), side) for side in ("held", "arriving"))
        differ = ", ".join(f"{held} IS DISTINCT FROM {arriving}" for held, arriving in zip(*both, strict=True))
        there = f"held.{_quote(found[0].column)} IS NOT NULL"
        given = self._arriving.given(mapped, _columns(told, found))
        statement = (
            f"SELECT {PLACE}, {there}, ARRAY[{differ}]::bool[]"  # noqa: S608 names of the profile, quoted
            f" FROM {given} LEFT JOIN {_table(mapped)} AS held ON {_same(found)}"
        )
        with classified(mapped.name):
            for place, is_there, differs in self._driver.execute(statement.encode(), (_written(rows),)):
                yield place - 1, is_there, [one for one, other in zip(told, differs, strict=True) if other]

    def lacking(
        self,
        mapped: MappedTable,
        rows: Sequence[Row],
        told: Sequence[ColumnTarget],
        of_sale: Found,
        sales: Sequence[Row],
    ) -> Iterable[Lacking]:
        columns = "".join(f", {one}" for one in self._arriving.compared(mapped, _columns(told), "held"))
        of_which = f"SELECT arriving.{PLACE} AS place{columns} FROM"
        sales_given = self._arriving.given(mapped, _columns(of_sale))
        lines_given = self._arriving.given(mapped, _columns(told, of_sale), "held")
        statement = (
            f"WITH arriving AS MATERIALIZED (SELECT * FROM {sales_given}), written AS ({of_which}"  # noqa: S608
            f" {lines_given} JOIN arriving ON {_same(of_sale)}),"
            f" found AS ({of_which} {_table(mapped)} AS held JOIN arriving ON {_same(of_sale)}),"
            " lacking AS (SELECT * FROM written EXCEPT ALL SELECT * FROM found),"
            " extra AS (SELECT * FROM found EXCEPT ALL SELECT * FROM written)"
            " SELECT place - 1, sum(one)::int, sum(other)::int FROM (SELECT place, 1 AS one, 0 AS other"
            " FROM lacking UNION ALL SELECT place, 0, 1 FROM extra) AS both_sides GROUP BY place"
        )
        with classified(mapped.name):
            yield from self._driver.execute(statement.encode(), (_written(sales), _written(rows)))


def _written(rows: Sequence[Row]) -> str:
    return msgspec.json.encode(rows).decode()


def _columns(*targets: Sequence[ColumnTarget]) -> list[str]:
    return [one.column for some in targets for one in some]


def _same(found: Found) -> str:
    return " AND ".join(f"held.{column} = arriving.{column}" for one in found for column in [_quote(one.column)])


def _json(rows: Sequence[Row], targets: Sequence[ColumnTarget], *, texts: Found = ()) -> str:
    """``texts``: columns whose values are in the words of SQL already, as those of a key are."""
    writers = [
        (target.column, target.key, _as_is if target in texts else plainly(target.compiled.shape)) for target in targets
    ]
    return msgspec.json.encode(
        [{column: write(row[key]) or None for column, key, write in writers} for row in rows]
    ).decode()


def _as_is(value: Any) -> str:
    return "" if value is None else str(value)
