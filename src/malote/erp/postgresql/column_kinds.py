"""What the columns of a table of the ERP's are: how each is read from a JSON, compared and hashed."""

from typing import Any, NamedTuple

import psycopg

# Behind a domain stands its own type, however many domains lie between. 403 and 405 are btree and hash: a type without
# either (json, xml, a point) has no equality, and what isn't there by its own type is there by its family.
_COLUMNS = """
    WITH RECURSIVE own AS (
        SELECT attname, atttypid, atttypmod FROM pg_attribute
         WHERE attrelid = to_regclass(%s) AND attnum > 0 AND NOT attisdropped),
    behind AS (
        SELECT DISTINCT atttypid, atttypmod, atttypid AS type, atttypmod AS modifier FROM own
         UNION ALL SELECT atttypid, atttypmod, d.typbasetype, d.typtypmod
           FROM behind JOIN pg_type d ON d.oid = behind.type AND d.typtype = 'd')
    SELECT attname, format_type(atttypid, atttypmod), format_type(t.oid, modifier), t.typname,
        t.typcategory = 'S' OR t.typtype IN ('e', 'r', 'm'), t.typcategory IN ('A', 'C'),
        ARRAY(SELECT opcmethod::int FROM pg_opclass WHERE opcdefault AND opcintype = t.oid AND opcmethod IN (403, 405))
      FROM own JOIN behind USING (atttypid, atttypmod) JOIN pg_type t ON t.oid = behind.type AND t.typtype <> 'd'
"""
_HASH = 405


class ColumnKind(NamedTuple):
    """``declared`` is the type as which it is read from a JSON, ``bound`` the same without a domain's rules; the others
    follow the column's name where it is written, compared or hashed."""

    declared: str = "text"  # of a column that isn't there, too: the statement itself says so
    bound: str = "text"
    written: str = ""
    compared: str = ""
    hashed: str = ""


UNKNOWN = ColumnKind()


def columns_of(driver: psycopg.Connection[Any], table: str) -> dict[str, ColumnKind]:
    """By column; ``table`` is quoted. Empty where there is none."""
    return {name: _kind(*told) for name, *told in driver.execute(_COLUMNS, (table,))}


def _kind(declared: str, bound: str, base: str, by_family: bool, nested: bool, methods: list[int]) -> ColumnKind:
    if base in ("json", "jsonb"):
        # Read as JSON it would be a text in quotes.
        return ColumnKind("text", "text", f"::{declared}", "::jsonb", "::jsonb")
    hashed = "" if by_family or _HASH in methods else "::text"
    return ColumnKind(declared, bound, "", "" if by_family or nested or methods else "::text", hashed)
