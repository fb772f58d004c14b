"""Privileges on PostgreSQL: the statements that give them, and which of them the present user lacks."""

from sqlalchemy import Connection, text

from malote.erp.grants import USAGE, Grant, uses
from malote.erp.mapping import ErpTables
from malote.erp.postgresql.dialect import DIALECT

# Looked up by name in every schema, since without USAGE a schema's tables are not visible at all.
_TABLES = text(
    "SELECT n.nspname, c.relname, c.oid, has_schema_privilege(n.oid, 'USAGE')"
    "  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
    " WHERE c.relname = ANY(:names) AND c.relkind = ANY('{r,p,v,f}')"
    "   AND n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema'"
    "   AND (n.nspname = :schema OR (CAST(:schema AS text) IS NULL AND n.nspname = ANY("
    "        SELECT replace(btrim(part, ' \"'), '$user', current_user::text)"
    "          FROM unnest(string_to_array(current_setting('search_path'), ',')) AS part)))"
    # The first on the path is the one that is used: it comes last here, and overwrites the others.
    " ORDER BY array_position(current_schemas(false), n.nspname) DESC NULLS FIRST"
)
_TABLE_PRIVILEGE = text("SELECT has_table_privilege(CAST(:oid AS oid), :verb)")
# No row where there is no such column, which is another matter.
_COLUMN_PRIVILEGE = text(
    "SELECT has_column_privilege(attrelid, attnum, :verb) FROM pg_attribute"
    " WHERE attrelid = CAST(:oid AS oid) AND attname = :column AND NOT attisdropped"
)


def needed(tables: ErpTables, user: str) -> list[Grant]:
    """What ``user`` must be granted. CONNECT is left out, which PUBLIC has by default."""
    quote = DIALECT.identifier_preparer.quote
    named, schema = quote(user), tables.schema or "public"
    needs = uses(tables)
    schemas = [schema, *sorted({use.schema for use in needs} - {"", schema})]
    granted = [Grant("USAGE", f"SCHEMA {quote(one)}", named) for one in schemas]
    for use in needs:
        columns = tuple(quote(column) for column in use.columns)
        target = f"{quote(use.schema or schema)}.{quote(use.table)}"
        target = f"SEQUENCE {target}" if use.verb == USAGE else target
        granted.append(Grant(use.verb, target, named, columns, use.table))
    return granted


def lacking(connection: Connection, tables: ErpTables) -> list[str]:
    """What the present user may not do, as ``UPDATE ON sale`` or ``USAGE ON SCHEMA vendas``."""
    found = {
        name: (schema, oid, usable)
        for schema, name, oid, usable in connection.execute(
            _TABLES, {"names": sorted({use.table for use in uses(tables)}), "schema": tables.schema}
        )
    }
    refused = [f"USAGE ON SCHEMA {schema}" for schema in sorted({one[0] for one in found.values() if not one[2]})]
    if refused:
        return refused
    for use in uses(tables):
        if use.schema or use.table not in found:
            continue  # absent, or elsewhere, which is another matter
        oid = found[use.table][1]
        if use.columns:
            asked = [
                connection.scalar(_COLUMN_PRIVILEGE, {"oid": oid, "column": column, "verb": use.verb})
                for column in use.columns
            ]
        else:
            asked = [connection.scalar(_TABLE_PRIVILEGE, {"oid": oid, "verb": use.verb})]
        if any(one is False for one in asked):
            refused.append(f"{use.verb} ON {use.table}")
    return refused
