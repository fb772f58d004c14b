"""What the ERP says now of an entity, against what the newest version has: which rows are new, changed, gone, refused.

What differs is kept aside in a temporary file that nobody else sees and that ends with its process: the store database
is only read. Memory stays that of a batch.
"""

from collections.abc import Collection, Iterator, Sequence
from typing import Any, Literal

import msgspec
from sqlalchemy import Connection, Engine, select

from malote.database.chunks import chunks
from malote.database.engine import reading
from malote.database.load_tables import load_row
from malote.load_format.digest import bucket_of, key_bytes, row_hash
from malote.load_format.entity import Row
from malote.loads import event_conflicts, replaced_rows, seen_rows, shelf_first, spared_rows
from malote.loads.declarations import Loaded
from malote.loads.erp_rows import ErpRows, Read
from malote.loads.event_conflicts import DatedRow
from malote.loads.replaced_rows import NewRow
from malote.loads.rises_put_off import ErpChanges, RisesPutOff, loaded_rows
from malote.loads.rows_by_code import CODES_AT_ONCE, beginning
from malote.loads.seen_rows import (
    ADD,
    ADD_MISSING,
    CHANGED,
    END_FLAGGED,
    FLAGGED,
    GONE,
    HELD,
    NEW,
    NOT_HELD,
    REFUSED,
    SAME,
)
from malote.loads.shelf_first import Rises
from malote.loads.watermarks import Watermark

_TWICE = "load_key_twice"
_CONFLICT = "load_event_conflict"
_PAGE = 2000  # rows of the newest version, looked through for those that are gone
_MOST_ASKED = 50_000  # changed rows whose keys are looked for a second time


class Difference(msgspec.Struct, frozen=True):
    """``content`` and ``hash`` are None of a row that is gone; ``erp_key`` and ``put_off_to`` are there of a price that
    waits for the shelf."""

    kind: Literal["new", "changed", "gone"]
    key: bytes
    bucket: int
    content: bytes | None
    hash: bytes | None
    erp_key: bytes | None = None
    put_off_to: str | None = None


class RefusedRow(msgspec.Struct, frozen=True):
    key: bytes
    code: str
    facts: str  # JSON


class Counts(msgspec.Struct, frozen=True):
    """``held``: rows of the newest version; ``read``: those that the ERP was asked for now."""

    held: int
    read: int
    new: int
    changed: int
    gone: int
    refused: int

    @property
    def rows(self) -> int:
        """Of the version that they make."""
        return self.held + self.new - self.gone


class EntityComparison:
    """Of one entity. To be closed, after which nothing of it is left."""

    def __init__(self, loaded: Loaded, rows: ErpRows, *, entity_id: int | None, held: int, whole: bool) -> None:
        """``entity_id``: in the store database; None of one that there was nothing of, or that is declared anew.
        ``held``: how many rows its newest version has. ``whole``: whether all rows are read, so that one that isn't
        among them is gone."""
        self.loaded = loaded
        self.whole = whole
        self._rows = rows
        self._entity_id = entity_id
        self._held = held
        self._read = 0
        self._has_spared = False
        self._new: list[NewRow] = []
        self._aside = seen_rows.opened()
        self._erp_changes: ErpChanges | None = None

    def close(self) -> None:
        self._aside.close()

    @property
    def watermark(self) -> Watermark | None:
        """The newest change that was read; None: what was read is read again, since of what the ERP says is no more
        something stays."""
        return None if self._has_spared and not self.whole else self._rows.watermark

    def compare(
        self,
        engine: Engine,
        erp: Connection,
        since: Watermark | None,
        now: str | None = None,
        rises: Rises | None = None,
    ) -> None:
        """Reads all that there is to read. ``now``: as rows have instants; events that overlap later stay out; None:
        they don't. ``rises``: which prices wait. Raises ``StoreError``, and the driver's errors of the ERP."""
        fresh: list[tuple[Any, ...]] = []
        for batch in self._rows.read(erp, since):
            self._read += len(batch)
            changed = self._take(engine, batch)
            if not self.whole and len(fresh) < _MOST_ASKED:
                fresh += changed
        for values in self._rows.doubled(erp, fresh):
            key = self._rows.key_of(values)
            if key is not None:
                self._aside.execute(ADD, (key, REFUSED, None, None, _TWICE, None))
        if not self.whole and self._entity_id is not None:
            self._flag_replaced(engine, erp, self._entity_id)
        self._aside.execute(END_FLAGGED)
        if self.whole and self._entity_id is not None:
            self._find_gone(engine)
        self._spare(engine)
        if now is not None and event_conflicts.is_of_events(self.loaded.entity):
            self._find_conflicts(engine, now)
            self._spare(engine)
        if rises is not None and self._entity_id is not None and self.loaded.entity.name == shelf_first.ENTITY:
            prices = RisesPutOff(engine, self._aside, self.loaded.entity, self._entity_id, whole=self.whole)
            if prices.concerns(rises):
                prices.apply(rises)
                self._erp_changes = prices.changes(self._held)
        self._aside.commit()

    def counts(self) -> Counts:
        found = dict(self._aside.execute("SELECT kind, count(*) FROM seen GROUP BY kind"))
        return Counts(
            held=self._held,
            read=self._read,
            new=found.get(NEW, 0),
            changed=found.get(CHANGED, 0),
            gone=found.get(GONE, 0),
            refused=found.get(REFUSED, 0),
        )

    def judged(self) -> Counts:
        """``counts`` of the ERP's rows, each once, whenever it becomes valid."""
        found = self._erp_changes
        if found is None:
            return self.counts()
        return msgspec.structs.replace(self.counts(), **msgspec.structs.asdict(found))

    @property
    def put_off(self) -> int:
        """How many prices wait for the shelf by this."""
        query = "SELECT count(*) FROM seen WHERE erp_key IS NOT NULL AND kind IN (?, ?)"
        ((count,),) = self._aside.execute(query, (NEW, CHANGED))
        return int(count)

    def differences(self) -> Iterator[Difference]:
        """In the order of their keys."""
        kinds: dict[int, Literal["new", "changed", "gone"]] = {NEW: "new", CHANGED: "changed", GONE: "gone"}
        query = "SELECT key, kind, content, hash, erp_key, put_off_to FROM seen WHERE kind IN (?, ?, ?) ORDER BY key"
        for key, kind, content, digest, *put_off in self._aside.execute(query, list(kinds)):
            yield Difference(kinds[kind], key, bucket_of(key), content, digest, *put_off)

    def refused(self) -> Iterator[RefusedRow]:
        query = "SELECT key, code, facts FROM seen WHERE kind = ? ORDER BY key"
        for key, code, facts in self._aside.execute(query, [REFUSED]):
            yield RefusedRow(key, code, facts if code != _TWICE else self._facts_of_twice(key))

    def accepted_keys(self) -> Iterator[bytes]:
        """Of rows that were read and are fit."""
        for (key,) in self._aside.execute("SELECT key FROM seen WHERE kind IN (?, ?, ?, ?)", range(4)):
            yield key

    # ---- how rows are taken ----

    def _take(self, engine: Engine, batch: list[Read]) -> list[tuple[Any, ...]]:
        """The values of those that are new or changed."""
        entity = self.loaded.entity
        keyed: list[tuple[bytes, Row, tuple[Any, ...]]] = []
        seen: list[tuple[bytes, int, bytes | None, bytes | None, str | None, str | None]] = []
        gone: list[bytes] = []
        for one in batch:
            if one.refused is not None:
                key = self._rows.key_of(one.values)
                key = key or spared_rows.key_without(self._rows.thing_of(one.values) or b"", one.values)
                seen.append((key, REFUSED, None, None, one.refused.code, _facts(one.refused.facts)))
            elif one.gone is not None:
                gone.append(key_bytes(entity, one.gone))
            elif one.row is not None:
                keyed.append((key_bytes(entity, one.row), one.row, one.values))
        held = self._held_hashes(engine, [key for key, _, _ in keyed] + gone)
        for key in gone:
            self._put_gone(key, is_held=key in held)
        fresh = []
        for key, row, values in keyed:
            digest = row_hash(row)
            kind = NEW if key not in held else SAME if held[key] == digest else CHANGED
            content = None if kind == SAME else msgspec.json.encode(row)
            seen.append((key, kind, content, digest, None, None))
            if kind != SAME:
                fresh.append(values)
            if kind == NEW and not self.whole and len(self._new) < _MOST_ASKED:
                self._new.append((key, values))
        self._aside.executemany(ADD, seen)
        return fresh

    def _put_gone(self, key: bytes, *, is_held: bool) -> None:
        """Beside it may stand another with its key, which took its place."""
        self._aside.execute(ADD_MISSING, (key, FLAGGED, HELD if is_held else NOT_HELD))

    def _flag_replaced(self, engine: Engine, erp: Connection, entity_id: int) -> None:
        refused = {key for (key,) in self._aside.execute("SELECT key FROM seen WHERE kind = ?", (REFUSED,))}
        new = [one for one in self._new if one[0] not in refused]
        for one in replaced_rows.find(engine, erp, self._rows, entity_id, new):
            self._put_gone(one.key, is_held=one.is_loaded)

    def _facts_of_twice(self, key: bytes) -> str:
        entity = self.loaded.entity
        is_personal = any(entity.columns[place].personal for place in entity.key_places)
        shown = "•••" if is_personal else ", ".join(str(one) for one in msgspec.json.decode(key))[:200]
        return _facts({"entity": entity.name, "key": shown})

    def _held_hashes(self, engine: Engine, keys: list[bytes]) -> dict[bytes, bytes]:
        if self._entity_id is None:
            return {}
        found: dict[bytes, bytes] = {}
        mine = (load_row.c.entity_id == self._entity_id) & load_row.c.version_to.is_(None)
        with reading(engine) as connection:
            for some in chunks(keys):
                query = select(load_row.c.key, load_row.c.hash).where(mine & load_row.c.key.in_(some))
                found |= {bytes(key): bytes(digest) for key, digest in connection.execute(query)}
        return found

    def _find_gone(self, engine: Engine) -> None:
        after = b""
        mine = (load_row.c.entity_id == self._entity_id) & load_row.c.version_to.is_(None)
        while True:
            query = select(load_row.c.key).where(mine & (load_row.c.key > after)).order_by(load_row.c.key).limit(_PAGE)
            with reading(engine) as connection:
                keys = [bytes(key) for key in connection.scalars(query)]
            self._aside.executemany(ADD_MISSING, [(key, GONE, "") for key in keys])
            if len(keys) < _PAGE:
                return
            after = keys[-1]

    def _spare(self, engine: Engine) -> None:
        if spared_rows.spare(self._aside, self.loaded.entity, lambda keys: self._held_hashes(engine, keys)):
            self._has_spared = True

    # ---- events that overlap ----

    def _find_conflicts(self, engine: Engine, now: str) -> None:
        """Among those of the products of which something changed: the cost follows the change."""
        for products in self._products():
            fresh, known = self._seen_of(products)
            if self._entity_id is not None:
                known |= self._held_of(engine, products, set(fresh) | set(known))
            rows = [DatedRow(key, row, is_new=True) for key, row in fresh.items()]
            rows += [DatedRow(key, row, is_new=False) for key, row in known.items() if row]
            for one in event_conflicts.conflicts(self.loaded.entity, rows, now):
                refused = (REFUSED, _CONFLICT, _facts(one.facts), one.key)
                self._aside.execute("UPDATE seen SET kind = ?, code = ?, facts = ? WHERE key = ?", refused)

    def _products(self) -> Iterator[list[str]]:
        """Codes of those that something new of may stand in another's way, some at once."""
        entity, last = self.loaded.entity, ""
        query = "SELECT key, content FROM seen WHERE kind IN (?, ?) ORDER BY key"
        some: list[str] = []
        for key, content in self._aside.execute(query, (NEW, CHANGED)).fetchall():
            code = msgspec.json.decode(key)[0]
            if code != last and event_conflicts.may_conflict(entity, msgspec.json.decode(content)):
                some, last = [*some, code], code
            if len(some) == CODES_AT_ONCE:
                yield some
                some = []
        if some:
            yield some

    def _seen_of(self, products: Sequence[str]) -> tuple[dict[bytes, Row], dict[bytes, Row]]:
        """Rows that are new or changed; and keys of those that are gone, with no row."""
        fresh: dict[bytes, Row] = {}
        gone: dict[bytes, Row] = {}
        for first, last in map(beginning, products):
            query = "SELECT key, kind, content FROM seen WHERE key >= ? AND key < ? AND kind IN (?, ?, ?)"
            for key, kind, content in self._aside.execute(query, (first, last, NEW, CHANGED, GONE)):
                if kind == GONE:
                    gone[key] = ()
                else:
                    fresh[key] = tuple(msgspec.json.decode(content))
        return fresh, gone

    def _held_of(self, engine: Engine, products: Sequence[str], seen: Collection[bytes]) -> dict[bytes, Row]:
        """Of the newest version."""
        assert self._entity_id is not None  # noqa: S101 asked by whoever looked
        held: dict[bytes, Row] = {}
        for loaded in loaded_rows(engine, self._entity_id, products).values():
            held |= shelf_first.as_the_erp_has(self.loaded.entity, loaded)
        return {key: row for key, row in held.items() if key not in seen}


def _facts(facts: dict[str, str]) -> str:
    return msgspec.json.encode(facts).decode()
