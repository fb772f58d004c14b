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
    columns = ", ".join(f"t.{one}" for one in part.columns)
    place = f"{part.sale} AS s JOIN {part.table} AS t ON {part.joined}" if part.sale else f"{part.table} AS t"
    key = f"{'s' if part.sale else 't'}.{part.key}"
    statement = f"SELECT count(*), {_FUNCTION}({columns}) FROM {place} WHERE {key} >= ? AND {key} <= ?"  # noqa: S608 names of  # the profile
    found: list[Print] = []
    for bounds in ranges:
        count, total = driver.execute(statement, bounds).fetchone()
        found.append((count, int(total or 0)))
    return found
