"""What booking into tables of ordinary design asks of an engine: rows of the ERP's own tables, many in one statement,
whatever the types of their columns.

Rows are by the targets' keys, or by their columns' names where that is said. Every method raises ``ErpError``.
"""

from collections.abc import Iterable, Sequence
from typing import Any, Protocol

from malote.erp.mapping import MappedTable
from malote.erp.profiles.functions import Row
from malote.erp.profiles.queries import Query
from malote.erp.targets import Target

Total = tuple[str, Any]  # what it was found by, as text, and its total as the database has it, or None
Differing = tuple[str, bool, list[Target]]  # what it is found by, whether it is there, and which columns differ
Lacking = tuple[str, int, int]  # of which sale, how many lines are lacking, and how many are too much


class Records(Protocol):
    """Within one open transaction."""

    def copy(self, mapped: MappedTable, rows: Sequence[Row]) -> None:
        """The quickest way, for what gives nothing back."""
        ...

    def insert(self, mapped: MappedTable, rows: Sequence[Row], back: Sequence[Target]) -> list[tuple[Any, ...]]:
        """Writes the rows; returns these columns of each, in any order, as the database has them now."""
        ...

    def update(self, mapped: MappedTable, rows: Sequence[Row], changed: Sequence[Target], found: Target) -> None:
        """Sets the columns ``changed`` of the rows that have what each of ``rows`` has in ``found``."""
        ...

    def remove(self, mapped: MappedTable, rows: Sequence[Row], found: Target) -> None:
        """Removes the rows that have what one of ``rows`` has in ``found``."""
        ...

    def present(self, mapped: MappedTable, rows: Sequence[Row], found: Target) -> set[str]:
        """What the table has in the column ``found`` of what ``rows`` have there, as text."""
        ...

    def add_to(self, mapped: MappedTable, rows: Sequence[Row]) -> None:
        """Adds ``quantity`` to the rows of the same key, in the order given; one that isn't there starts from zero."""
        ...

    def draw(self, sequence: str, count: int) -> list[int]:
        """The next numbers of a sequence, in a few round trips at most."""
        ...

    def ask(
        self, name: str, query: Query, types: Sequence[str], given: Sequence[tuple[Any, ...]]
    ) -> Iterable[tuple[int, Any]]:
        """What the query gives for each of ``given``, by its place; once for each row found."""
        ...

    # ---- beside what was written: values by the names of columns, as they are written ----

    def totals(self, sale: MappedTable, found: Target, total: Target | None, values: Sequence[str]) -> list[Total]:
        """Of the sales that have one of the ``values`` in ``found``: that, and what they come to, by row."""
        ...

    def differing(
        self, mapped: MappedTable, rows: Sequence[Row], told: Sequence[Target], found: Target
    ) -> Iterable[Differing]:
        """Each of ``rows`` beside the rows that have what it has in ``found``."""
        ...

    def lacking(
        self, mapped: MappedTable, rows: Sequence[Row], told: Sequence[Target], of_sale: Target, sales: Sequence[str]
    ) -> Iterable[Lacking]:
        """The lines of these ``sales`` (values of ``of_sale``) beside ``rows``: those with a difference."""
        ...
