"""The rows of some products, or of some barcodes, at some versions: one question for many of both.

Keys are JSON arrays, compared byte by byte: those that begin with the same code stand together in the index of
``load_row``, and no others among them.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, Select, or_, select

from malote.database.load_tables import load_row
from malote.loads import entity_rows
from malote.loads.published_rows import by_column

CODES_AT_ONCE = 200  # two parameters each
NEWEST = 2**62  # a version after all


class CodeRow(msgspec.Struct, frozen=True):
    """``values`` by column; ``key``: the text of the key; ``version_from``: the version that brought the row."""

    key: str
    values: dict[str, Any]
    version_from: int
    version_to: int | None
    is_put_off: bool = False  # its beginning waits, or waited, for the shelf

    def is_of(self, version: int) -> bool:
        return self.version_from <= version and (self.version_to is None or self.version_to > version)


class CodeRows:
    """What was found: of a code at a version its rows, by key."""

    def __init__(self, entity_ids: Mapping[int, int], rows: Mapping[tuple[int, str], Sequence[CodeRow]]) -> None:
        """``entity_ids``: by version; ``rows``: by entity's id and code."""
        self._entity_ids = entity_ids
        self._rows = rows

    def at(self, code: str, version: int) -> list[CodeRow]:
        rows = self._rows.get((self._entity_ids.get(version, 0), code), ())
        return sorted((one for one in rows if one.is_of(version)), key=lambda one: one.key)


def find(connection: Connection, entity: str, codes: Iterable[str], versions: Collection[int]) -> CodeRows:
    """``codes``: values of the first column of the entity's key. Of what nothing was loaded there is nothing."""
    wanted = sorted({code for code in codes if code})
    entity_ids: dict[int, int] = {}
    for version in versions:
        state = entity_rows.state_of(connection, entity, version)
        if state is not None:
            entity_ids[version] = state[0]
    rows: dict[tuple[int, str], list[CodeRow]] = {}
    for entity_id in set(entity_ids.values()):
        declared = entity_rows.entity_of(connection, entity_id)
        its = [version for version, of in entity_ids.items() if of == entity_id]
        for start in range(0, len(wanted), CODES_AT_ONCE):
            found = connection.execute(of_codes(entity_id, wanted[start : start + CODES_AT_ONCE], min(its), max(its)))
            for row in found:
                content = by_column(declared, tuple(msgspec.json.decode(row.content)))
                put_off = bool(row.erp_key)  # one that is over at the ERP, and stays for a while, has begun
                one = CodeRow(bytes(row.key).decode(), content, row.version_from, row.version_to, put_off)
                rows.setdefault((entity_id, msgspec.json.decode(row.key)[0]), []).append(one)
    return CodeRows(entity_ids, rows)


def beginning(code: str) -> tuple[bytes, bytes]:
    """Keys that begin with it are from the one on and before the other."""
    first = msgspec.json.encode([code])[:-1]
    return first, first + b"\xff"


def of_codes(entity_id: int, codes: Sequence[str], first: int, last: int) -> Select[Any]:
    """Rows of these codes that there were at any time from one version to the other, in no order."""
    within = or_(*((load_row.c.key >= begins) & (load_row.c.key < ends) for begins, ends in map(beginning, codes)))
    # A sum, so that SQLite doesn't take the index of versions, which leads to all rows of the catalogue.
    was_there = (load_row.c.version_from + 0 <= last) & (
        load_row.c.version_to.is_(None) | (load_row.c.version_to > first)
    )
    columns = (load_row.c.key, load_row.c.content, load_row.c.version_from, load_row.c.version_to, load_row.c.erp_key)
    mine = load_row.c.entity_id == entity_id
    return select(*columns).where(mine, within, was_there)
