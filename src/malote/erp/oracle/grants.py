"""What a user must be granted on Oracle, and nothing else."""

from sqlalchemy.sql.compiler import IdentifierPreparer

from malote.erp.grants import Grant, Use, uses
from malote.erp.mapping import ErpTables


def needed(tables: ErpTables, user: str, preparer: IdentifierPreparer) -> list[Grant]:
    """UPDATE is granted on whole tables, since whether a column's is enough for FOR UPDATE was never tried."""

    def owner_of(use: Use) -> str:
        schema = use.schema or tables.schema
        return f"{preparer.quote(schema)}." if schema else ""

    named = preparer.quote(user)
    return [Grant("CREATE SESSION", "", named)] + [
        Grant(use.verb, f"{owner_of(use)}{preparer.quote(use.table)}", named, table=use.table) for use in uses(tables)
    ]
