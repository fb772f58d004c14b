"""What a user must be granted on MariaDB, and nothing else but EXECUTE on the ERP's own procedures."""

from sqlalchemy.sql.compiler import IdentifierPreparer

from malote.erp.grants import Grant, uses
from malote.erp.mapping import ErpTables


def needed(tables: ErpTables, database: str, user: str, preparer: IdentifierPreparer) -> list[Grant]:
    """UPDATE is granted on whole tables: SELECT … FOR UPDATE asks for one on the table."""
    quote = preparer.quote_identifier
    named = "'" + user.replace("\\", "\\\\").replace("'", "''") + "'@'%'"
    return [
        Grant(use.verb, f"{quote(use.schema or tables.schema or database)}.{quote(use.table)}", named, table=use.table)
        for use in uses(tables)
    ]
