"""From differences to statements, in the order in which they run. Pure. Nothing here drops what somebody else made."""

from collections.abc import Iterator, Sequence

import msgspec

from malote.schema.definition import Column, Index, Structure, Table
from malote.schema.dialects import Dialect, quoted
from malote.schema.drift import INVALID
from malote.schema.found_tables import Found
from malote.schema.structure_reports import StructureDifference, StructurePlan, StructureStep

HEAVY_ROWS = 100_000  # from here on an index takes long enough to say so


def plan(wanted: Structure, found: Found, lines: Sequence[StructureDifference], dialect: Dialect) -> StructurePlan:
    """The steps that mend what can be mended: tables, then columns, which sales need first, then keys and indexes."""
    missing = [one for one in lines if one.severity == "missing"]
    refused = [one for one in lines if one.severity == "conflict"]
    steps: list[StructureStep] = []
    for make in (_tables, _columns, _altered, _indexes):
        for step in make(wanted, found, missing, dialect):
            table = found.get(step.table)
            if table is None or table.alterable:
                steps.append(msgspec.structs.replace(step, number=len(steps) + 1))
            else:
                refused.append(_not_ours(step))
    return StructurePlan(wanted.scope, dialect.name, wanted.version, steps, refused)


def create_table(table: Table, dialect: Dialect) -> str:
    """The statement that makes the whole table, without its indexes."""
    parts = [_column(column, dialect) for column in table.columns]
    if table.primary_key:
        parts.append(f"CONSTRAINT {quoted(f'{table.name}_pkey')} PRIMARY KEY ({_names(table.primary_key)})")
    parts += [f"CONSTRAINT {quoted(name)} UNIQUE ({_names(columns)})" for name, columns in table.uniques.items()]
    return f"CREATE TABLE IF NOT EXISTS {quoted(table.name)} ({', '.join(parts)})"


def create_index(table: str, index: Index, dialect: Dialect) -> str:
    """``CONCURRENTLY`` where the engine has it. Without IF NOT EXISTS: an invalid one must not pass for this one."""
    unique = "UNIQUE " if index.unique else ""
    beside = "CONCURRENTLY " if dialect.online else ""
    where = f" WHERE {index.where}" if index.where else ""
    return f"CREATE {unique}INDEX {beside}{quoted(index.name)} ON {quoted(table)} ({_names(index.columns)}){where}"


def _tables(
    wanted: Structure, found: Found, missing: Sequence[StructureDifference], dialect: Dialect
) -> Iterator[StructureStep]:
    del found
    for one in missing:
        table = wanted.table(one.table)
        if one.what == "table" and table is not None:
            yield _step(create_table(table, dialect), one.table, [one.table])
            for index in table.indexes:
                sql = create_index(one.table, index, dialect)
                yield _step(sql, one.table, [index.name], concurrent=dialect.online)


def _columns(
    wanted: Structure, found: Found, missing: Sequence[StructureDifference], dialect: Dialect
) -> Iterator[StructureStep]:
    """All new columns of a table in one statement where the engine can: one lock instead of many."""
    del found
    for table in wanted.tables:
        absent = {one.name for one in missing if one.what == "column" and one.table == table.name}
        columns = [column for column in table.columns if column.name in absent]
        groups = [columns] if dialect.online else [[column] for column in columns]
        for group in groups:
            if not group:
                continue
            added = [f"ADD COLUMN {_column(column, dialect, fills=True)}" for column in group]
            sql = f"ALTER TABLE {quoted(table.name)} {', '.join(added)}"
            yield _step(sql, table.name, [f"{table.name}.{column.name}" for column in group], locking="moment")


def _altered(
    wanted: Structure, found: Found, missing: Sequence[StructureDifference], dialect: Dialect
) -> Iterator[StructureStep]:
    del wanted, found, dialect
    for one in missing:
        if one.what == "nullability":
            change = "DROP NOT NULL"
        elif one.what == "default":
            change = f"SET DEFAULT {one.wanted}"
        else:
            continue
        sql = f"ALTER TABLE {quoted(one.table)} ALTER COLUMN {quoted(one.name)} {change}"
        yield _step(sql, one.table, [f"{one.table}.{one.name}"], locking="moment")


def _indexes(
    wanted: Structure, found: Found, missing: Sequence[StructureDifference], dialect: Dialect
) -> Iterator[StructureStep]:
    for one in missing:
        table = wanted.table(one.table)
        if one.what not in ("index", "unique", "primary_key") or table is None:
            continue
        rows = found[one.table].rows
        if one.found == INVALID:
            # What is left of a try that failed: it was ours to make, and answers nothing.
            sql = f"DROP INDEX CONCURRENTLY IF EXISTS {quoted(one.name)}"
            yield _step(sql, one.table, [one.name], concurrent=True)
        sql = create_index(one.table, _wanted_index(table, one), dialect)
        step = _step(sql, one.table, [one.name], locking="none" if dialect.online else "write", rows=rows)
        yield msgspec.structs.replace(step, concurrent=dialect.online)


def _wanted_index(table: Table, one: StructureDifference) -> Index:
    """A missing key of a table that is there becomes a unique index, which needs no lock that holds anybody up."""
    if one.what == "primary_key":
        return Index(one.name, table.primary_key, unique=True)
    if one.name in table.uniques:
        return Index(one.name, table.uniques[one.name], unique=True)
    return next(index for index in table.indexes if index.name == one.name)


def _column(column: Column, dialect: Dialect, *, fills: bool = False) -> str:
    """``fills``: the table may hold rows, which get the column's constant."""
    text = f"{quoted(column.name)} {dialect.type_of(column.type)}"
    default = column.default if column.default is not None or not fills else column.fill
    if default is not None:
        text += f" DEFAULT {dialect.default_of(default)}"
    return text if column.nullable else f"{text} NOT NULL"


def _not_ours(step: StructureStep) -> StructureDifference:
    facts = {"object": step.table, "sql": step.sql}
    return StructureDifference(
        "conflict", "privilege", step.table, "OWNER", "owner", "", "structure_needs_owner", facts
    )


def _step(
    sql: str,
    table: str,
    adds: list[str],
    *,
    locking: str = "none",
    rows: int = 0,
    concurrent: bool = False,
) -> StructureStep:
    return msgspec.convert(
        {
            "number": 0,
            "sql": sql,
            "table": table,
            "adds": adds,
            "locking": locking,
            "rows": rows,
            "heavy": rows >= HEAVY_ROWS,
            "concurrent": concurrent,
        },
        StructureStep,
    )


def _names(columns: Sequence[str]) -> str:
    return ", ".join(quoted(name) for name in columns)
