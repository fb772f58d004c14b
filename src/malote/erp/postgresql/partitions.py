"""Which tables are only parts of another, split one."""

from sqlalchemy import Connection, text

_PARTITIONS = text(
    "SELECT c.relname, whole.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid"
    " JOIN pg_class whole ON whole.oid = i.inhparent WHERE c.relispartition"
    " AND c.relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = coalesce(:schema, current_schema()))"
)


def wholes(connection: Connection, schema: str | None) -> dict[str, str]:
    """By part, the table that it is a part of."""
    return {row[0]: row[1] for row in connection.execute(_PARTITIONS, {"schema": schema})}
