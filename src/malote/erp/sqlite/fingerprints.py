"""One table's rows of whole ranges of keys, added up by SQLite with a function of Malote's own: see
``erp.fingerprints``."""

import hashlib
import sqlite3
from collections.abc import Sequence
from typing import Any

from malote.erp.fingerprints import WRAP, Print, Range, Rows

_FUNCTION = "malote_rows"


def add_function(connection: sqlite3.Connection) -> None:
    """At each new connection."""
    connection.create_aggregate(_FUNCTION, -1, _Sum)  # type: ignore[arg-type]


class _Sum:
    def __init__(self) -> None:
        self._sum = 0

    def step(self, *values: Any) -> None:
        self._sum += int.from_bytes(hashlib.blake2b(repr(values).encode(), digest_size=8).digest(), "big")

    def finalize(self) -> str:
        return str(self._sum % WRAP)


def fingerprint(driver: sqlite3.Connection, part: Rows, ranges: Sequence[Range]) -> list[Print]:
    statement = (
        f"SELECT count(*), {_FUNCTION}({', '.join(part.columns)}) FROM {part.table}"  # noqa: S608 names of the profile
        f" WHERE {part.key} >= ? AND {part.key} <= ?"
    )
    found: list[Print] = []
    for first, last in ranges:
        count, total = driver.execute(statement, (part.mark + first, part.mark + last)).fetchone()
        found.append((count, int(total or 0)))
    return found
