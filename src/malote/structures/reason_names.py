"""The names that a reason of the catalogue uses for what a database lacks: ``sale_item``, ``sale_item.cbs_rate``."""

from collections.abc import Iterable

from malote.schema.definition import Structure
from malote.schema.structure_reports import StructureDifference


def of(structure: Structure) -> frozenset[str]:
    """Every table and column of the structure."""
    columns = {f"{table.name}.{column.name}" for table in structure.tables for column in table.columns}
    return frozenset(columns | {table.name for table in structure.tables})


def missing(lines: Iterable[StructureDifference]) -> frozenset[str]:
    """The tables and columns among differences that are absent, or can't take what is written to them."""
    found: set[str] = set()
    for one in lines:
        if one.severity not in ("missing", "conflict"):
            continue
        if one.what == "table":
            found.add(one.table)
        elif one.what in ("column", "type"):
            found.add(f"{one.table}.{one.name}")
    return frozenset(found)
