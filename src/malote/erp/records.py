"""What booking into tables of ordinary design asks of an engine: rows of the ERP's own tables, many in one statement,
whatever the types of their columns.

Rows are by the targets' keys, or by their columns' names where that is said. Every method raises ``ErpError``.
"""

from collections.abc import Iterable, Sequence
from typing import Any, Protocol

from malote.erp.mapping import MappedTable
from malote.erp.profiles.compiled_expression import Row
from malote.erp.profiles.queries import ProfileQuery
from malote.erp.targets import ColumnTarget

Found = Sequence[ColumnTarget]  # columns by which rows are found
# The first of each is the place of what was asked about among what was given.
Total = tuple[int, Any]  # and its total as the database has it, or None
Differing = tuple[int, bool, list[ColumnTarget]]  # and whether it is there, and which columns differ
Lacking = tuple[int, int, int]  # and how many lines of that sale are lacking, and how many are too much


class Records(Protocol):
    """Within one open transaction."""

    @property
    def as_columns(self) -> bool:
        """Whether the database itself makes each value what its column is before it compares: rounded and cut alike."""
        ...

    def copy(self, mapped: MappedTable, rows: Sequence[Row]) -> None:
        """The quickest way, for what gives nothing back."""
        ...

    def insert(self, mapped: MappedTable, rows: Sequence[Row], back: Sequence[ColumnTarget]) -> list[tuple[str, ...]]:
        """Writes the rows; returns these columns of each, in any order, as text, as the database has them now."""
        ...

    def update(self, mapped: MappedTable, rows: Sequence[Row], changed: Sequence[ColumnTarget], found: Found) -> None:
        """Sets the columns ``changed`` of the rows that have what each of ``rows`` has in ``found``."""
        ...

    def remove(self, mapped: MappedTable, rows: Sequence[Row], found: Found) -> None:
        """Removes the rows that have what one of ``rows`` has in ``found``."""
        ...

    def present(self, mapped: MappedTable, rows: Sequence[Row], found: Found) -> set[int]:
        """The places of those of ``rows`` for which the table has a row with the same in ``found``."""
        ...

    def add_to(self, mapped: MappedTable, rows: Sequence[Row]) -> None:
        """Adds ``quantity`` to the rows of the same key, in the order given; one that isn't there starts from zero."""
        ...

    def draw(self, sequence: str, count: int) -> list[int]:
        """The next numbers of a sequence, in a few round trips at most."""
        ...

    def greatest(self, mapped: MappedTable, rows: Sequence[Row], within: Found, column: ColumnTarget) -> dict[int, int]:
        """The greatest number that ``column`` has beside what each of ``rows`` has in ``within``, by its place; of
        nothing there is none. Until the transaction ends nobody else writes such a row."""
        ...

    def ask(
        self, name: str, query: ProfileQuery, types: Sequence[str], given: Sequence[tuple[Any, ...]]
    ) -> Iterable[tuple[int, Any]]:
        """What the query gives for each of ``given``, by its place; once for each row found."""
        ...

    # ---- beside what was written: values by the names of columns, as they are written ----

    def totals(self, sale: MappedTable, found: Found, total: ColumnTarget | None, asked: Sequence[Row]) -> list[Total]:
        """Of the sales that have in ``found`` what one of ``asked`` has: which, and what they come to, by row."""
        ...

    def differing(
        self, mapped: MappedTable, rows: Sequence[Row], told: Sequence[ColumnTarget], found: Found
    ) -> Iterable[Differing]:
        """Each of ``rows`` beside the rows that have what it has in ``found``."""
        ...

    def lacking(
        self,
        mapped: MappedTable,
        rows: Sequence[Row],
        told: Sequence[ColumnTarget],
        of_sale: Found,
        sales: Sequence[Row],
    ) -> Iterable[Lacking]:
        """The lines of these ``sales`` (by what they have in ``of_sale``) beside ``rows``: those with a difference."""
        ...
