"""In which schema Malote's tables are: where the ledger is. Found once for a connection, and never guessed by a name.

PostgreSQL looks a bare name up along the search path, whose first entry is a schema called like the user. One that is
made afterwards must not take the ledger's place: so the ledger's own schema is put before it.
"""

from typing import Any

import psycopg

from malote.erp.postgresql.dialect import DIALECT
from malote.erp.protocol import ErpError

AMBIGUOUS = "erp_ledger_ambiguous"

# The path as it is, a schema called like the posting user where somebody else is connected, and the one booked into
# before: a path that somebody changed afterwards doesn't make a ledger disappear.
_LEDGERS = b"""
    SELECT n.nspname
      FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE c.relname = %s AND c.relkind = ANY('{r,p,v,f}')
       AND n.nspname = ANY(current_schemas(false) || ARRAY[%s, %s]::name[])
     ORDER BY array_position(current_schemas(false), n.nspname)
"""


def schema_of(driver: psycopg.Connection[Any], ledger: str, *, remembered: str = "", user: str = "") -> str:
    """The schema of the ledger; "" where there is none yet.

    ``remembered`` decides between several. Raises ``ErpError`` with ``erp_ledger_ambiguous`` where nothing does.
    """
    found = [row[0] for row in driver.execute(_LEDGERS, (ledger, user, remembered))]
    if len(found) > 1 and remembered not in found:
        raise ErpError(AMBIGUOUS, detail=", ".join(f"{schema}.{ledger}" for schema in found))
    return remembered if remembered in found else "".join(found)


def path_with(schema: str, path: str) -> str:
    """``path`` with ``schema`` before everything else in it."""
    quoted = DIALECT.identifier_preparer.quote_identifier(schema)
    return f"{quoted}, {path}" if path.strip() else quoted


def settle(driver: psycopg.Connection[Any], ledger: str, *, remembered: str = "", user: str = "") -> str:
    """Puts the ledger's schema first for this session; "" where there is no ledger yet, and nothing is changed."""
    schema = schema_of(driver, ledger, remembered=remembered, user=user)
    if schema:
        path = str(next(iter(driver.execute("SHOW search_path")))[0])
        driver.execute("SELECT set_config('search_path', %s, false)", (path_with(schema, path),))
    return schema
