"""Which prices of a look at the ERP wait for the shelf (``shelf_first``): product by product, among those that changed.

Done once the look has seen all it sees, so that the other rows of a product are known. Its cost follows the change.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, Engine, func, select

from malote.batches import batches
from malote.database.engine import reading
from malote.database.load_tables import load_row
from malote.load_format.digest import row_hash
from malote.load_format.entity import Entity, Row
from malote.loads import shelf_first
from malote.loads.rows_by_code import CODES_AT_ONCE, NEWEST, beginning, of_codes
from malote.loads.seen_rows import CHANGED, GONE, KEPT, NEW, NOT_HELD, REFUSED, SAME
from malote.loads.shelf_first import ENDED, LoadedRow, Rises

LoadedRows = dict[bytes, LoadedRow]
SeenRow = tuple[bytes, int, bytes | None, str | None]  # key, kind, content, code


class ErpChanges(msgspec.Struct):
    """How many rows differ from what the ERP said last, of ``held``, whenever they become valid: what a person judges
    by."""

    held: int = 0
    new: int = 0
    changed: int = 0
    gone: int = 0


class RisesPutOff:
    """Over what one look saw of prices. Raises ``StoreError``."""

    def __init__(
        self, engine: Engine, aside: sqlite3.Connection, entity: Entity, entity_id: int, *, whole: bool
    ) -> None:
        self._engine, self._aside, self._entity, self._id, self._whole = engine, aside, entity, entity_id, whole
        self._changes = ErpChanges()

    def concerns(self, rises: Rises) -> bool:
        """Whether anything may have to wait, or waits."""
        if rises.at is not None:
            return True
        with reading(self._engine) as connection:
            return connection.execute(_put_off(self._id).limit(1)).first() is not None

    def changes(self, held: int) -> ErpChanges:
        """``held``: rows that are loaded; a price that waits stands beside the one it follows."""
        with reading(self._engine) as connection:
            beside = connection.execute(select(func.count()).select_from(_put_off(self._id).subquery())).scalar_one()
        return msgspec.structs.replace(self._changes, held=held - beside)

    def apply(self, rises: Rises) -> None:
        """What was seen becomes what tills shall have."""
        for codes in batches(self._products(rises), CODES_AT_ONCE):
            loaded, seen = loaded_rows(self._engine, self._id, codes), self._seen(codes)
            for code in codes:
                self._product(loaded.get(code, {}), seen.get(code, []), rises)

    def _products(self, rises: Rises) -> Iterator[str]:
        last = object()
        query = "SELECT key FROM seen WHERE kind IN (?, ?, ?) OR (? AND kind = ? AND code = ?) ORDER BY key"
        # Of those that are gone and not loaded one may wait; a look at all rows sees that by itself.
        given = (NEW, CHANGED, GONE, not self._whole, SAME, NOT_HELD)
        urgent = set(rises.urgent)
        for (key,) in self._aside.execute(query, given).fetchall():
            code = msgspec.json.decode(key)[0]
            if code != last:
                urgent.discard(code)
                yield code
            last = code
        yield from sorted(urgent)

    def _seen(self, codes: Sequence[str]) -> dict[str, list[SeenRow]]:
        query = "SELECT key, kind, content, code FROM seen WHERE key >= ? AND key < ?"
        return {code: self._aside.execute(query, beginning(code)).fetchall() for code in codes}

    def _product(self, loaded: LoadedRows, seen: list[SeenRow], rises: Rises) -> None:
        known = shelf_first.as_the_erp_has(self._entity, loaded)
        alone = {key for key, kind, *_ in seen if kind == REFUSED} | _kept(loaded, seen)
        erp = {key: row for key, row in known.items() if not self._whole or key in alone}
        for key, kind, content, code in seen:
            if kind in (NEW, CHANGED):
                assert content is not None  # noqa: S101 both have
                erp[key] = tuple(msgspec.json.decode(content))
            elif kind == SAME and code != NOT_HELD:
                erp[key] = loaded[key].row
            elif kind in (GONE, SAME) and (key not in loaded or loaded[key].erp_key is None):
                erp.pop(key, None)
        # Of what is over at the ERP, and stays for a while, was counted that it is.
        self._count(known, {key: row for key, row in erp.items() if key not in loaded or loaded[key].erp_key != ENDED})
        wanted = shelf_first.to_load(self._entity, loaded, erp, rises, alone)
        for key in {*loaded, *wanted, *(key for key, *_ in seen)} - alone:
            self._put(key, loaded.get(key), wanted.get(key))

    def _count(self, known: dict[bytes, Row], erp: dict[bytes, Row]) -> None:
        self._changes.new += len(erp.keys() - known.keys())
        self._changes.gone += len(known.keys() - erp.keys())
        self._changes.changed += sum(known[key] != erp[key] for key in known.keys() & erp.keys())

    def _put(self, key: bytes, old: LoadedRow | None, new: LoadedRow | None) -> None:
        kind, content, digest = SAME, None, None
        if new is None:
            kind = SAME if old is None else GONE
        elif new != old:
            kind, content, digest = NEW if old is None else CHANGED, msgspec.json.encode(new.row), row_hash(new.row)
        put_off = (new.erp_key, shelf_first.waits_until(self._entity, new)) if new is not None else (None, None)
        self._aside.execute(_PUT, (key, kind, content, digest, *put_off))


_PUT = "INSERT OR REPLACE INTO seen (key, kind, content, hash, erp_key, put_off_to) VALUES (?, ?, ?, ?, ?, ?)"


def _kept(loaded: LoadedRows, seen: list[SeenRow]) -> set[bytes]:
    """The ERP's keys of the rows that stay though it has them no longer."""
    given = {key for key, kind, *_ in seen if kind != KEPT}
    return {loaded[key].erp_key or key for key, kind, *_ in seen if kind == KEPT} - given


def loaded_rows(engine: Engine, entity_id: int, codes: Sequence[Any]) -> dict[Any, LoadedRows]:
    """Of the newest version, by code and key; a code that it hasn't is left out. Raises ``StoreError``."""
    with reading(engine) as connection:
        rows = of_codes(connection, entity_id, codes, NEWEST, NEWEST).all()
    found: dict[Any, LoadedRows] = {}
    for row in rows:
        key, erp_key = bytes(row.key), bytes(row.erp_key) if row.erp_key is not None else None
        code = msgspec.json.decode(key)[0]
        found.setdefault(code, {})[key] = LoadedRow(tuple(msgspec.json.decode(row.content)), erp_key)
    return found


def _put_off(entity_id: int) -> Any:
    there = load_row.c.put_off_to.is_not(None) & load_row.c.version_to.is_(None)
    return select(load_row.c.put_off_to).where(load_row.c.entity_id == entity_id, there)


def waiting(connection: Connection, entity_id: int, now: str) -> tuple[int, str]:
    """How many prices wait, and when the first of them begins; ``now``: as rows have instants."""
    mine = _put_off(entity_id).where(load_row.c.put_off_to > now).subquery()
    count, first = connection.execute(select(func.count(), func.min(mine.c.put_off_to)).select_from(mine)).one()
    return count, first or ""
