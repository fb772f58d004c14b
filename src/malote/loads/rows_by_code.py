"""The rows of some products, or of some barcodes, at some versions: one question for many of both.

Keys are JSON arrays, compared byte by byte: those that begin with the same code stand together in the index of
``load_row``, and no others among them.
"""

import functools
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, CursorResult, Select, bindparam, or_, select

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

    def has(self, version: int) -> bool:
        """Whether anything is known of the entity at one of the versions that were asked for."""
        return version in self._entity_ids

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
            some = wanted[start : start + CODES_AT_ONCE]
            for row in of_codes(connection, entity_id, some, min(its), max(its)):
                content = by_column(declared, tuple(msgspec.json.decode(row.content)))
                put_off = bool(row.erp_key)  # one that is over at the ERP, and stays for a while, has begun
                one = CodeRow(bytes(row.key).decode(), content, row.version_from, row.version_to, put_off)
                rows.setdefault((entity_id, msgspec.json.decode(row.key)[0]), []).append(one)
    return CodeRows(entity_ids, rows)


def beginning(code: str) -> tuple[bytes, bytes]:
    """Keys that begin with it are from the one on and before the other."""
    first = msgspec.json.encode([code])[:-1]
    return first, first + b"\xff"


def of_codes(connection: Connection, entity_id: int, codes: Sequence[str], first: int, last: int) -> CursorResult[Any]:
    """Rows of these codes that there were at any time from one version to the other, in no order."""
    within: dict[str, Any] = {}
    for number, (begins, ends) in enumerate(map(beginning, codes)):
        within |= {f"begins_{number}": begins, f"ends_{number}": ends}
    return connection.execute(query_of(len(codes)), {"entity_id": entity_id, "first": first, "last": last, **within})


@functools.lru_cache(maxsize=4)  # made anew it costs more than what it finds; most ask for as many as may be
def query_of(count: int) -> Select[Any]:
    """Of so many codes."""
    mine, key = load_row.c.entity_id == bindparam("entity_id"), load_row.c.key
    # Named with each code: beside all of them it leads SQLite to another index, and by that to all rows of the entity.
    within = (
        mine & (key >= bindparam(f"begins_{number}")) & (key < bindparam(f"ends_{number}")) for number in range(count)
    )
    # A sum, so that SQLite doesn't take the index of versions, which leads to all rows of the catalogue.
    was_there = (load_row.c.version_from + 0 <= bindparam("last")) & (
        load_row.c.version_to.is_(None) | (load_row.c.version_to > bindparam("first"))
    )
    columns = (key, load_row.c.content, load_row.c.version_from, load_row.c.version_to, load_row.c.erp_key)
    return select(*columns).where(or_(*within), was_there)
