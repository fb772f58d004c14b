"""Wanted minus found. Pure: it takes both as data, and asks the rows themselves only where that decides."""

from collections.abc import Collection, Iterator, Sequence

from malote.schema.definition import Column, Index, Structure, Table
from malote.schema.dialects import Dialect, same_text
from malote.schema.found_tables import IDENTITY, Found, FoundColumn, FoundKey, FoundTable, Probe
from malote.schema.structure_reports import Severity, StructureDifference, What

_MIGRATIONS = "alembic_version"  # the store database's own
INVALID = "invalid"  # of an index whose making failed half way


def differences(
    wanted: Structure,
    found: Found,
    dialect: Dialect,
    probe: Probe,
    *,
    whole: bool = False,
    creates: Collection[str] | None = None,
    foreign: Collection[str] = (),
) -> list[StructureDifference]:
    """Everything that differs, table by table.

    ``whole``: the database holds nothing but the wanted tables, so that others are worth a line. ``creates``: the
    tables that are made where they are absent (None: all); the absence of another is for a person to look into.
    ``foreign``: tables of somebody else's, whose types and keys are theirs; only what is absent counts.
    """
    lines: list[StructureDifference] = []
    for table in wanted.tables:
        there = found.get(table.name)
        if there is None:
            made = creates is None or table.name in creates
            lines.append(_absent(table, made=made, ours=table.name not in foreign))
        else:
            comparison = _Comparison(table, there, dialect, probe)
            lines += comparison.presence() if table.name in foreign else comparison.lines()
    if whole:
        known = {*(table.name for table in wanted.tables), _MIGRATIONS}
        lines += [
            StructureDifference("extra", "table", name, name, "", "table")
            for name in sorted(found)
            if name not in known
        ]
    return lines


def _absent(table: Table, *, made: bool, ours: bool) -> StructureDifference:
    if made:
        return StructureDifference("missing", "table", table.name, table.name, "table", "")
    # An empty table in place of one that was lost would only hide the loss.
    code = "structure_table_lost" if ours else "structure_table_foreign"
    facts = {"object": table.name}
    return StructureDifference("conflict", "table", table.name, table.name, "table", "", code, facts)


class _Comparison:
    """One table that is there."""

    def __init__(self, wanted: Table, found: FoundTable, dialect: Dialect, probe: Probe) -> None:
        self._wanted = wanted
        self._found = found
        self._dialect = dialect
        self._probe = probe

    def presence(self) -> Iterator[StructureDifference]:
        """What is absent of it, and what would refuse every row."""
        for column in self._wanted.columns:
            if column.name not in self._found.columns:
                yield self._column_absent(column)
        yield from (one for one in self._extra_columns() if one.severity == "conflict")
        yield from self._privileges()

    def lines(self) -> Iterator[StructureDifference]:
        """Everything."""
        for column in self._wanted.columns:
            there = self._found.columns.get(column.name)
            if there is None:
                yield self._column_absent(column)
            else:
                yield from self._column(column, there)
        yield from self._extra_columns()
        if self._found.is_table:
            yield from self._keys()
        yield from self._privileges()

    def _privileges(self) -> Iterator[StructureDifference]:
        for privilege in self._found.lacking:
            grant = f"GRANT {privilege} ON {self._wanted.name}"
            yield self._say("conflict", "privilege", privilege, privilege, "", "privilege_missing", {"grant": grant})

    # ---- columns ----

    def _column_absent(self, column: Column) -> StructureDifference:
        wanted = _described(column, self._dialect)
        if self._dialect.can_add(column) or (self._dialect.online and self._probe.is_empty(self._wanted.name)):
            return self._say("missing", "column", column.name, wanted, "")
        return self._say("conflict", "column", column.name, wanted, "", "column_needs_value")

    def _column(self, column: Column, there: FoundColumn) -> Iterator[StructureDifference]:
        if not self._dialect.fits(column.type, there.type):
            wanted = self._dialect.type_of(column.type)
            facts = {"wanted": wanted, "found": there.type}
            yield self._say("conflict", "type", column.name, wanted, there.type, "column_type_differs", facts)
            return
        yield from self._nullability(column, there)
        yield from self._default(column, there)

    def _nullability(self, column: Column, there: FoundColumn) -> Iterator[StructureDifference]:
        if column.nullable and not there.nullable and column.name not in self._wanted.primary_key:
            severity, code = self._mendable()
            yield self._say(severity, "nullability", column.name, "NULL", "NOT NULL", code)
        elif not column.nullable and there.nullable and column.name not in self._wanted.primary_key:
            yield self._say("loose", "nullability", column.name, "NOT NULL", "NULL")

    def _default(self, column: Column, there: FoundColumn) -> Iterator[StructureDifference]:
        wanted = self._dialect.default_of(column.default) if column.default is not None else None
        if wanted is None:
            # The constant of rows from before the column may have stayed as its default.
            expected = self._dialect.default_of(column.fill) if column.fill is not None else None
            odd = there.default not in (None, IDENTITY)
            if odd and (expected is None or not same_text(expected, str(there.default))):
                yield self._say("extra", "default", column.name, "", str(there.default))
        elif there.default is None:
            severity, code = self._mendable()
            yield self._say(severity, "default", column.name, wanted, "", code)
        elif not same_text(wanted, there.default):
            yield self._say("loose", "default", column.name, wanted, there.default)

    def _mendable(self) -> tuple[Severity, str]:
        """Only engines that alter columns in place can mend one."""
        return ("missing", "") if self._dialect.online else ("conflict", "column_not_alterable")

    def _extra_columns(self) -> Iterator[StructureDifference]:
        known = {column.name for column in self._wanted.columns}
        for name, there in self._found.columns.items():
            if name in known:
                continue
            if there.nullable or there.default is not None:
                yield self._say("extra", "column", name, "", there.type)
            else:
                # Every row that Malote writes would be refused for it.
                yield self._say("conflict", "column", name, "", f"{there.type} NOT NULL", "column_demands_value")

    # ---- keys and indexes ----

    def _keys(self) -> Iterator[StructureDifference]:
        used: set[str] = set()
        wanted = self._wanted
        if wanted.primary_key:
            yield from self._unique("primary_key", f"{wanted.name}_pkey", wanted.primary_key, used)
        for name, columns in wanted.uniques.items():
            yield from self._unique("unique", name, columns, used)
        for index in wanted.indexes:
            if index.unique:
                yield from self._unique("unique", index.name, index.columns, used, index.where)
            else:
                yield from self._index(index, used)
        for key in self._found.keys:
            if key.name not in used and key.valid:
                kind: What = "unique" if key.unique else "index"
                yield self._say("extra", kind, key.name, "", ", ".join(key.columns))

    def _unique(
        self, what: What, name: str, columns: Sequence[str], used: set[str], where: str | None = None
    ) -> Iterator[StructureDifference]:
        same = [
            key
            for key in self._found.keys
            if key.valid and key.unique and set(key.columns) == set(columns) and _same_where(where, key.where)
        ]
        used.update(key.name for key in same)
        if same:
            return
        shown = ", ".join(columns)
        blocked = self._blocked(name, shown, what)
        if blocked is not None:
            used.add(name)
            yield blocked
            return
        absent = not set(columns) <= self._found.columns.keys()
        duplicates = [] if absent else self._probe.duplicates(self._wanted.name, columns)
        if duplicates:
            facts = {"columns": shown, "keys": "; ".join(duplicates)}
            yield self._say("conflict", what, name, shown, "", "unique_has_duplicates", facts)
        else:
            yield self._say("missing", what, name, shown, self._leftover(name))

    def _index(self, index: Index, used: set[str]) -> Iterator[StructureDifference]:
        same = [key for key in self._found.keys if key.valid and _serves(key, index)]
        used.update(key.name for key in same if key.name == index.name or key.columns == index.columns)
        if same:
            return
        shown = ", ".join(index.columns)
        blocked = self._blocked(index.name, shown, "index")
        used.add(index.name)
        yield blocked or self._say("missing", "index", index.name, shown, self._leftover(index.name))

    def _blocked(self, name: str, shown: str, what: What) -> StructureDifference | None:
        """Somebody gave the name to another index."""
        other = next((key for key in self._found.keys if key.name == name and key.valid), None)
        if other is None:
            return None
        found = ", ".join(other.columns)
        facts = {"wanted": shown, "found": found}
        return self._say("conflict", what, name, shown, found, "index_differs", facts)

    def _leftover(self, name: str) -> str:
        return INVALID if any(key.name == name and not key.valid for key in self._found.keys) else ""

    def _say(
        self,
        severity: Severity,
        what: What,
        name: str,
        wanted: str,
        found: str,
        code: str = "",
        facts: dict[str, str] | None = None,
    ) -> StructureDifference:
        named = {"object": f"{self._wanted.name}.{name}", **(facts or {})} if code else {}
        return StructureDifference(severity, what, self._wanted.name, name, wanted, found, code, named)


def _serves(key: FoundKey, index: Index) -> bool:
    """Whether an index does at least what the wanted one would."""
    return key.columns[: len(index.columns)] == index.columns and _same_where(index.where, key.where)


def _same_where(wanted: str | None, found: str | None) -> bool:
    if wanted is None or found is None:
        return wanted == found
    return same_text(wanted, found)


def _described(column: Column, dialect: Dialect) -> str:
    return dialect.type_of(column.type) + ("" if column.nullable else " NOT NULL")
