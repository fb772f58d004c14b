"""What the ERP's own triggers do: columns that they fill before a row is written, which nobody else need give a value,
and their sources."""

import re
from collections.abc import Iterator

from sqlalchemy import Connection, text

from malote.erp.profiles.queries import bare

_BEFORE_INSERT = text(
    "SELECT c.relname, p.prosrc FROM pg_trigger t"
    " JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_proc p ON p.oid = t.tgfoid"
    " WHERE NOT t.tgisinternal AND (t.tgtype & 6) = 6"  # before a row is written, on INSERT
    " AND c.relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = coalesce(:schema, current_schema()))"
)
_ALL = text(
    "SELECT c.relname, p.prosrc FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid"
    " JOIN pg_proc p ON p.oid = t.tgfoid WHERE NOT t.tgisinternal"
    " AND c.relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = coalesce(:schema, current_schema()))"
)
_NAME = r'new\s*\.\s*("(?:[^"]|"")+"|\w+)'
_ASSIGNED = re.compile(rf"{_NAME}\s*:=\s*([^;]*)", re.IGNORECASE)
_SELECTED = re.compile(rf"\binto\s+(?:strict\s+)?{_NAME}", re.IGNORECASE)


def filled(connection: Connection, schema: str | None) -> dict[str, frozenset[str]]:
    """By table. What a trigger only changes (``new.chave := trim(new.chave)``) isn't among them."""
    found: dict[str, frozenset[str]] = {}
    for table, source in connection.execute(_BEFORE_INSERT, {"schema": schema}):
        found[table] = found.get(table, frozenset()) | assigned(source)
    return found


def sources(connection: Connection, schema: str | None) -> Iterator[tuple[str, str]]:
    """Each trigger's table, and what it runs."""
    yield from ((row[0], row[1]) for row in connection.execute(_ALL, {"schema": schema}))


def assigned(source: str) -> frozenset[str]:
    """The columns that a trigger's source gives a value that isn't made of what they had."""
    given = {bare(name) for name, value in _ASSIGNED.findall(source) if not _speaks_of(value, name)}
    return frozenset(given | {bare(name) for name in _SELECTED.findall(source)})


def _speaks_of(value: str, name: str) -> bool:
    value = re.sub(rf"\bcoalesce\s*\(\s*new\s*\.\s*{re.escape(name)}\s*,", "", value, flags=re.IGNORECASE)
    return re.search(rf"\bnew\s*\.\s*{re.escape(name)}(?!\w)", value, re.IGNORECASE) is not None
