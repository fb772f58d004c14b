"""What the ERP says now of an entity, against what the newest version has: which rows are new, changed, gone, refused.

What differs is kept aside in a temporary file that nobody else sees and that ends with its process: the store database
is only read. Memory stays that of a batch.
"""

import hashlib
import sqlite3
from collections.abc import Collection, Iterator, Sequence
from typing import Any, Literal

import msgspec
from sqlalchemy import Connection, Engine, select

from malote.database.chunks import chunks
from malote.database.engine import reading
from malote.database.load_tables import load_row
from malote.load_format.digest import bucket_of, key_bytes, row_hash
from malote.load_format.entity import Row
from malote.loads import event_conflicts
from malote.loads.declarations import Loaded
from malote.loads.erp_rows import ErpRows, Read
from malote.loads.event_conflicts import DatedRow
from malote.loads.rows_by_code import CODES_AT_ONCE, NEWEST, beginning, of_codes
from malote.loads.watermarks import Watermark

# Of a row that was seen, as the statements below say them. Flagged: the ERP says that it is no more.
_SAME, _NEW, _CHANGED, _GONE, _REFUSED, _FLAGGED = 0, 1, 2, 3, 4, 5
_TWICE = "load_key_twice"
_CONFLICT = "load_event_conflict"
_PAGE = 2000  # rows of the newest version, looked through for those that are gone
_MOST_ASKED = 50_000  # changed rows whose keys are looked for a second time

_TABLE = """
    CREATE TABLE seen (key BLOB PRIMARY KEY, kind INTEGER NOT NULL, content BLOB, hash BLOB, code TEXT, facts TEXT)
    WITHOUT ROWID
"""
# A second row with a key refuses both; beside one that is no more, it is the only one.
_SEEN = """
    INSERT INTO seen VALUES (?, ?, ?, ?, ?, ?)
    ON CONFLICT (key) DO UPDATE SET
        kind = CASE kind WHEN 5 THEN excluded.kind ELSE 4 END,
        content = CASE kind WHEN 5 THEN excluded.content END,
        hash = CASE kind WHEN 5 THEN excluded.hash END,
        code = CASE kind WHEN 5 THEN excluded.code ELSE coalesce(code, 'load_key_twice') END,
        facts = CASE kind WHEN 5 THEN excluded.facts ELSE facts END
"""
_ENDED = "UPDATE seen SET kind = CASE code WHEN 'held' THEN 3 ELSE 0 END WHERE kind = 5"
_MISSING = "INSERT INTO seen (key, kind, code) VALUES (?, ?, ?) ON CONFLICT (key) DO NOTHING"


class Difference(msgspec.Struct, frozen=True):
    """``content`` and ``hash`` are None of a row that is gone."""

    kind: Literal["new", "changed", "gone"]
    key: bytes
    bucket: int
    content: bytes | None
    hash: bytes | None


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
        self._aside = sqlite3.connect("", check_same_thread=False)  # a file of its own, deleted by the system
        self._aside.execute(_TABLE)

    def close(self) -> None:
        self._aside.close()

    @property
    def watermark(self) -> Watermark | None:
        """The newest change that was read."""
        return self._rows.watermark

    def compare(self, engine: Engine, erp: Connection, since: Watermark | None, now: str | None = None) -> None:
        """Reads all that there is to read. ``now``: as rows have instants; events that overlap later stay out; None:
        they don't. Raises ``StoreError``, and the driver's errors of the ERP."""
        fresh: list[tuple[Any, ...]] = []
        for batch in self._rows.read(erp, since):
            self._read += len(batch)
            changed = self._take(engine, batch)
            if not self.whole and len(fresh) < _MOST_ASKED:
                fresh += changed
        for values in self._rows.doubled(erp, fresh):
            key = self._rows.key_of(values)
            if key is not None:
                self._aside.execute(_SEEN, (key, _REFUSED, None, None, _TWICE, None))
        self._aside.execute(_ENDED)
        if self.whole and self._entity_id is not None:
            self._find_gone(engine)
        if now is not None and event_conflicts.is_of_events(self.loaded.entity):
            self._find_conflicts(engine, now)
        self._aside.commit()

    def counts(self) -> Counts:
        found = dict(self._aside.execute("SELECT kind, count(*) FROM seen GROUP BY kind"))
        return Counts(
            held=self._held,
            read=self._read,
            new=found.get(_NEW, 0),
            changed=found.get(_CHANGED, 0),
            gone=found.get(_GONE, 0),
            refused=found.get(_REFUSED, 0),
        )

    def differences(self) -> Iterator[Difference]:
        """In the order of their keys."""
        kinds: dict[int, Literal["new", "changed", "gone"]] = {_NEW: "new", _CHANGED: "changed", _GONE: "gone"}
        query = "SELECT key, kind, content, hash FROM seen WHERE kind IN (?, ?, ?) ORDER BY key"
        for key, kind, content, digest in self._aside.execute(query, list(kinds)):
            yield Difference(kinds[kind], key, bucket_of(key), content, digest)

    def refused(self) -> Iterator[RefusedRow]:
        query = "SELECT key, code, facts FROM seen WHERE kind = ? ORDER BY key"
        for key, code, facts in self._aside.execute(query, [_REFUSED]):
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
                key = self._rows.key_of(one.values) or _no_key(one)
                seen.append((key, _REFUSED, None, None, one.refused.code, _facts(one.refused.facts)))
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
            kind = _NEW if key not in held else _SAME if held[key] == digest else _CHANGED
            content = None if kind == _SAME else msgspec.json.encode(row)
            seen.append((key, kind, content, digest, None, None))
            if kind != _SAME:
                fresh.append(values)
        self._aside.executemany(_SEEN, seen)
        return fresh

    def _put_gone(self, key: bytes, *, is_held: bool) -> None:
        """Beside it may stand another with its key, which took its place."""
        self._aside.execute(_MISSING, (key, _FLAGGED, "held" if is_held else ""))

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
            self._aside.executemany(_MISSING, [(key, _GONE, "") for key in keys])
            if len(keys) < _PAGE:
                return
            after = keys[-1]

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
                refused = (_REFUSED, _CONFLICT, _facts(one.facts), one.key)
                self._aside.execute("UPDATE seen SET kind = ?, code = ?, facts = ? WHERE key = ?", refused)

    def _products(self) -> Iterator[list[str]]:
        """Codes of those that something new of may stand in another's way, some at once."""
        entity, last = self.loaded.entity, ""
        query = "SELECT key, content FROM seen WHERE kind IN (?, ?) ORDER BY key"
        some: list[str] = []
        for key, content in self._aside.execute(query, (_NEW, _CHANGED)).fetchall():
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
            for key, kind, content in self._aside.execute(query, (first, last, _NEW, _CHANGED, _GONE)):
                if kind == _GONE:
                    gone[key] = ()
                else:
                    fresh[key] = tuple(msgspec.json.decode(content))
        return fresh, gone

    def _held_of(self, engine: Engine, products: Sequence[str], seen: Collection[bytes]) -> dict[bytes, Row]:
        """Of the newest version."""
        assert self._entity_id is not None  # noqa: S101 asked by whoever looked
        with reading(engine) as connection:
            rows = connection.execute(of_codes(self._entity_id, products, NEWEST, NEWEST)).all()
        held = {bytes(row.key): tuple(msgspec.json.decode(row.content)) for row in rows}
        return {key: row for key, row in held.items() if key not in seen}


def _no_key(one: Read) -> bytes:
    """What stands for the key of a row that has none: such rows are told apart by what else they say."""
    assert one.refused is not None  # noqa: S101 only called of such
    return b"!" + hashlib.sha256(repr(one.values).encode()).digest()


def _facts(facts: dict[str, str]) -> str:
    return msgspec.json.encode(facts).decode()
