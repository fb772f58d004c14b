"""What the ERP's own triggers do: columns that they fill before a row is written, and their sources."""

import re
from collections.abc import Iterator

from sqlalchemy import Connection, text

_TRIGGERS = text(
    "SELECT event_object_table, action_statement, action_timing, event_manipulation FROM information_schema.triggers"
    " WHERE trigger_schema = coalesce(:schema, database())"
)
_NAME = r"new\s*\.\s*(`(?:[^`]|``)+`|\w+)"
_ASSIGNED = re.compile(rf"(?:\bset\b|,)\s*{_NAME}\s*:?=\s*([^;]*)", re.IGNORECASE)


def filled(connection: Connection, schema: str | None) -> dict[str, frozenset[str]]:
    """By table, the columns that a trigger BEFORE INSERT gives a value that isn't made of what they had."""
    found: dict[str, frozenset[str]] = {}
    for table, source, timing, event in connection.execute(_TRIGGERS, {"schema": schema}):
        if (timing, event) == ("BEFORE", "INSERT"):
            given = {name.strip("`") for name, value in _ASSIGNED.findall(source) if not _speaks_of(value, name)}
            found[table] = found.get(table, frozenset()) | given
    return found


def sources(connection: Connection, schema: str | None) -> Iterator[tuple[str, str]]:
    """Each trigger's table and text."""
    for table, source, *_ in connection.execute(_TRIGGERS, {"schema": schema}):
        yield table, source


def _speaks_of(value: str, name: str) -> bool:
    value = re.sub(rf"\b(?:coalesce|ifnull)\s*\(\s*new\s*\.\s*{re.escape(name)}\s*,", "", value, flags=re.IGNORECASE)
    return re.search(rf"\bnew\s*\.\s*{re.escape(name)}(?!\w)", value, re.IGNORECASE) is not None
