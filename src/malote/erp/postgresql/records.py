"""Rows of the ERP's own tables on PostgreSQL: ``erp.records.Records``.

What is written goes as text: by COPY, or as one JSON that ``json_populate_recordset`` reads as rows of that very table.
So the database itself makes each value what its column is, a number, a moment, an enumeration, a domain.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
import psycopg

from malote.erp.connecting import classified
from malote.erp.mapping import MappedTable
from malote.erp.plain_text import plainly
from malote.erp.postgresql.copy_text import writer
from malote.erp.postgresql.dialect import DIALECT
from malote.erp.profiles.functions import Row
from malote.erp.profiles.queries import Query
from malote.erp.records import Differing, Lacking, Total
from malote.erp.targets import Target

_PER_BLOCK = 500  # rows
_quote = DIALECT.identifier_preparer.quote


class PostgresqlRecords:
    """Over the driver's connection, within its open transaction. Methods raise ``ErpError``."""

    def __init__(self, driver: psycopg.Connection[Any]) -> None:
        self._driver = driver

    def copy(self, mapped: MappedTable, rows: Sequence[Row]) -> None:
        """The quickest way, for what gives nothing back. Rows by the targets' keys."""
        if not rows:
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

    def insert(self, mapped: MappedTable, rows: Sequence[Row], back: Sequence[Target]) -> list[tuple[Any, ...]]:
        """Writes the rows; returns these columns of each, in any order, as the database has them now."""
        columns = ", ".join(_quote(target.column) for target in mapped.inserted)
        returned = ", ".join(_quote(target.column) for target in back)
        statement = (
            f"INSERT INTO {_table(mapped)} ({columns}) SELECT {columns}"  # noqa: S608 names from the profile, quoted
            f" FROM json_populate_recordset(NULL::{_table(mapped)}, %s) RETURNING {returned}"
        )
        with classified(mapped.name):
            return self._driver.execute(statement.encode(), (_json(rows, mapped.inserted),)).fetchall()

    def update(self, mapped: MappedTable, rows: Sequence[Row], changed: Sequence[Target], found: Target) -> None:
        """Sets the columns ``changed`` of the rows that have what each of ``rows`` has in ``found``."""
        if not changed or not rows:
            return
        sets = ", ".join(f"{_quote(one.column)} = arriving.{_quote(one.column)}" for one in changed)
        statement = (
            f"UPDATE {_table(mapped)} AS held SET {sets}"  # noqa: S608 names from the profile, quoted
            f" FROM json_populate_recordset(NULL::{_table(mapped)}, %s) AS arriving"
            f" WHERE held.{_quote(found.column)} = arriving.{_quote(found.column)}"
        )
        with classified(mapped.name):
            self._driver.execute(statement.encode(), (_json(rows, [*changed, found]),))

    def remove(self, mapped: MappedTable, rows: Sequence[Row], found: Target) -> None:
        """Removes the rows that have what one of ``rows`` has in ``found``."""
        statement = (
            f"DELETE FROM {_table(mapped)} AS held"  # noqa: S608 names from the profile, quoted
            f" USING json_populate_recordset(NULL::{_table(mapped)}, %s) AS arriving"
            f" WHERE held.{_quote(found.column)} = arriving.{_quote(found.column)}"
        )
        with classified(mapped.name):
            self._driver.execute(statement.encode(), (_json(rows, [found]),))

    def present(self, mapped: MappedTable, rows: Sequence[Row], found: Target) -> set[str]:
        """What the table has in the column ``found`` of what ``rows`` have there, as text."""
        column = _quote(found.column)
        statement = (
            f"SELECT held.{column}::text FROM {_table(mapped)} AS held"  # noqa: S608 names from the profile, quoted
            f" JOIN json_populate_recordset(NULL::{_table(mapped)}, %s) AS arriving"
            f" ON held.{column} = arriving.{column}"
        )
        with classified(mapped.name):
            return {row[0] for row in self._driver.execute(statement.encode(), (_json(rows, [found]),))}

    def add_to(self, mapped: MappedTable, rows: Sequence[Row]) -> None:
        """Adds ``quantity`` to the rows of the same key, in the order given; one that isn't there starts from zero."""
        columns = ", ".join(_quote(target.column) for target in mapped.inserted)
        key = ", ".join(_quote(target.column) for target in mapped.inserted if target.key != "quantity")
        quantity = _quote(next(target.column for target in mapped.inserted if target.key == "quantity"))
        statement = (
            f"INSERT INTO {_table(mapped)} AS held ({columns}) SELECT {columns}"  # noqa: S608 as above
            f" FROM json_populate_recordset(NULL::{_table(mapped)}, %s)"
            f" ON CONFLICT ({key}) DO UPDATE SET {quantity} = held.{quantity} + excluded.{quantity}"
        )
        with classified(mapped.name):
            self._driver.execute(statement.encode(), (_json(rows, mapped.inserted),))

    def draw(self, sequence: str, count: int) -> list[int]:
        """The next numbers of a sequence: one round trip for all of them."""
        with classified(sequence):
            found = self._driver.execute("SELECT nextval(%s) FROM generate_series(1, %s)", (sequence, count))
            return [row[0] for row in found]

    def ask(
        self, name: str, query: Query, types: Sequence[str], given: Sequence[tuple[Any, ...]]
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

    def totals(self, sale: MappedTable, found: Target, total: Target | None, values: Sequence[str]) -> list[Total]:
        column, name = _quote(found.column), _table(sale)
        statement = (
            f"SELECT held.{column}::text, {f'held.{_quote(total.column)}' if total else 'NULL'}"  # noqa: S608
            f" FROM {name} AS held JOIN json_populate_recordset(NULL::{name}, %s) AS asked"
            f" ON held.{column} = asked.{column}"
        )
        asked = _written([{found.column: value} for value in values])
        with classified(sale.name):
            return [(row[0], row[1]) for row in self._driver.execute(statement.encode(), (asked,))]

    def differing(
        self, mapped: MappedTable, rows: Sequence[Row], told: Sequence[Target], found: Target
    ) -> Iterable[Differing]:
        differ = ", ".join(
            f"held.{column} IS DISTINCT FROM arriving.{column}" for one in told for column in [_quote(one.column)]
        )
        place = _quote(found.column)
        statement = (
            f"SELECT arriving.{place}::text, held.{place} IS NOT NULL, ARRAY[{differ}]::bool[]"  # noqa: S608 names of
            f" FROM json_populate_recordset(NULL::{_table(mapped)}, %s) AS arriving"  # the profile, quoted
            f" LEFT JOIN {_table(mapped)} AS held ON held.{place} = arriving.{place}"
        )
        with classified(mapped.name):
            for value, there, differs in self._driver.execute(statement.encode(), (_written(rows),)):
                yield value.rstrip(), there, [one for one, other in zip(told, differs, strict=True) if other]

    def lacking(
        self, mapped: MappedTable, rows: Sequence[Row], told: Sequence[Target], of_sale: Target, sales: Sequence[str]
    ) -> Iterable[Lacking]:
        columns = ", ".join(_quote(one.column) for one in [of_sale, *told])
        place, table = _quote(of_sale.column), _table(mapped)
        given = f"json_populate_recordset(NULL::{table}, %s)"
        statement = (
            f"WITH arriving AS (SELECT {columns} FROM {given}), held AS (SELECT {columns} FROM {table}"  # noqa: S608
            f" WHERE {place} IN (SELECT {place} FROM {given})),"
            " lacking AS (SELECT * FROM arriving EXCEPT ALL SELECT * FROM held),"
            " extra AS (SELECT * FROM held EXCEPT ALL SELECT * FROM arriving)"
            f" SELECT {place}::text, sum(one)::int, sum(other)::int FROM (SELECT {place}, 1 AS one, 0 AS other"
            f" FROM lacking UNION ALL SELECT {place}, 0, 1 FROM extra) AS both_sides GROUP BY {place}"
        )
        keys = _written([{of_sale.column: value} for value in sales])
        with classified(mapped.name):
            for value, lacking, extra in self._driver.execute(statement.encode(), (_written(rows), keys)):
                yield value.rstrip(), lacking, extra


def _written(rows: Sequence[Row]) -> str:
    return msgspec.json.encode(rows).decode()


def _json(rows: Sequence[Row], targets: Sequence[Target]) -> str:
    writers = [(target.column, target.key, plainly(target.compiled.shape)) for target in targets]
    return msgspec.json.encode(
        [{column: write(row[key]) or None for column, key, write in writers} for row in rows]
    ).decode()


def _table(mapped: MappedTable) -> str:
    return DIALECT.identifier_preparer.format_table(mapped.table)
