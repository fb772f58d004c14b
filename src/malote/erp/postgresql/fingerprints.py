"""One table's rows of whole ranges of keys, added up by PostgreSQL: see ``erp.fingerprints``."""

from collections.abc import Sequence
from typing import Any

import msgspec
import psycopg

from malote.erp.fingerprints import WRAP, Print, Range, Rows
from malote.erp.postgresql.column_kinds import UNKNOWN, columns_of

_RECORDS_SINCE = 140_000  # hashes of records are there from this version on


def fingerprint(driver: psycopg.Connection[Any], part: Rows, ranges: Sequence[Range]) -> list[Print]:
    """The bounds go as what the key is, so that the table's index on it is used; a domain's rules aren't theirs: what
    ends a range need be no key."""
    keyed, held = (part.sale, "s") if part.sale else (part.table, "t")
    kinds = columns_of(driver, part.table)
    hashed_columns = (f"t.{one}{kinds.get(_bare(one), UNKNOWN).hashed}" for one in part.columns)
    record = f"ROW({', '.join(hashed_columns)})"
    hashed = (
        f"hash_record_extended({record}, 0)"
        if driver.info.server_version >= _RECORDS_SINCE
        else f"hashtextextended({record}::text, 0)"
    )
    key = (columns_of(driver, keyed) if part.sale else kinds).get(_bare(part.key), UNKNOWN).bound
    bounds = f"ROWS FROM (json_to_recordset(%s) AS ({part.key} {key})) WITH ORDINALITY"
    within = f"{held}.{part.key} >= a.{part.key} AND {held}.{part.key} <= b.{part.key}"
    lines = f" JOIN {part.table} AS t ON {part.joined}" if part.sale else ""
    statement = (
        f"SELECT a.ordinality, count(*), sum({hashed}) FROM {bounds} AS a"  # noqa: S608 names of the profile
        f" JOIN {bounds} AS b ON a.ordinality = b.ordinality"
        f" JOIN {keyed} AS {held} ON {within}{lines} GROUP BY 1"
    )
    given = [msgspec.json.encode([{_bare(part.key): one[at]} for one in ranges]).decode() for at in (0, 1)]
    answered = {place: (count, int(total) % WRAP) for place, count, total in driver.execute(statement.encode(), given)}
    return [answered.get(place, (0, 0)) for place in range(1, len(ranges) + 1)]


def _bare(quoted: str) -> str:
    return quoted.strip('"')
