"""Brings the loads database to the state of an order, file by file, in one transaction, and proves that it is there.

Only rows that differ are written. What was written is committed only where the digest of each entity is the one that
was ordered, so that a file or a manifest that lies costs time and nothing else.
"""

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import IO, TypeVar

import msgspec

from malote.batches import batches
from malote.disk import Disk
from malote.load_format import digest, files
from malote.load_format.entity import Entity, Row
from malote.load_format.files import Gone, Header, LoadFileError
from malote.load_format.wire import LoadOrder, ManifestFile
from malote.till.loads import bucket_digests, chosen_items, held_entities, loads_database, overwritten
from malote.till.loads.held_entities import AppliedLoad, HeldEntity
from malote.till.loads.loads_database import LoadsError
from malote.till.loads.missing_rows import RowsOfFile
from malote.till.loads.overwritten import Overwritten
from malote.till.loads.row_tables import RowTable, Stored, stored

AT_ONCE = 1000  # rows between two steps
KEPT_FREE = 32_000_000  # bytes that a load leaves free for sales


Line = TypeVar("Line", bound=Row | Gone)


class ReadyFile(msgspec.Struct, frozen=True):
    """A file of the manifest, whole on this disk, of the hash that it is named by."""

    path: Path
    listed: ManifestFile


class UnprovenError(Exception):
    """What came is not what was ordered: nothing was changed. ``entities``: those that differ, with why."""

    def __init__(self, entities: dict[str, str]) -> None:
        super().__init__(str(entities))
        self.entities = entities


class Applying:
    """One order onto one database. ``number``: the order's; ``at``: seconds since the epoch."""

    def __init__(self, connection: sqlite3.Connection, order: LoadOrder, number: int, at: float, disk: Disk) -> None:
        self._connection, self._order, self._disk = connection, order, disk
        self._number, self._at = number, int(at)
        self._dirty: dict[str, set[int] | None] = {}  # buckets that changed; None: all are to be hashed again
        self.changed = 0

    def run(self, ready: list[ReadyFile]) -> Iterator[int]:
        """Yields how many rows it has gone through. Raises ``UnprovenError``, ``LoadsError`` and what SQLite raises;
        nothing is changed then, nor where it is not gone on with."""
        with loads_database.writing(self._connection):
            self._before = held_entities.last_applied(self._connection)
            self._held = held_entities.all_held(self._connection)
            self._undo = Overwritten(self._connection, self._before.id + 1)
            done = 0
            for one in ready:
                for count in self._file(one):
                    self._mind_room(one.path.parent)
                    done += count
                    yield done
            for _ in self._finish():
                yield done

    # ---- files ----

    def _file(self, one: ReadyFile) -> Iterator[int]:
        try:
            with one.path.open("rb") as file:
                header, lines = files.read(file)
                self._check(one.listed, header)
                match header.mode:
                    case "whole":
                        yield from self._whole(file, header, lines)
                    case "changes" | "items":
                        yield from self._changes(header, lines)
        except LoadFileError as error:
            raise UnprovenError({one.listed.entity: error.facts.get("reason", error.code)}) from error
        except (OverflowError, UnicodeEncodeError, sqlite3.IntegrityError) as error:
            raise UnprovenError({one.listed.entity: str(error)[:200]}) from error

    def _check(self, listed: ManifestFile, header: Header) -> None:
        """That it is the one that the manifest speaks of, and that it can be laid over what is here."""
        name = header.entity.name
        said = (listed.entity, listed.mode, listed.version, listed.rows)
        if said != (name, header.mode, header.version, header.rows):
            raise _unfit("header")
        if header.mode == "items":
            known = name in self._order.items
        else:
            known = name in self._order.entities
            if header.mode == "whole" and known and header.rows != self._order.entities[name].rows:
                raise _unfit(f"rows: {header.rows} / {self._order.entities[name].rows}")
        if not known:
            raise _unfit("not ordered")
        held = self._held.get(name)
        if header.mode != "whole" and (held is None or held.declaration != header.entity.declaration):
            raise _unfit("declaration")
        if header.mode == "changes" and held is not None and header.after != held.version:
            raise _unfit(f"after: {header.after} / {held.version}")

    def _whole(self, file: IO[bytes], header: Header, lines: Iterator[Row | Gone]) -> Iterator[int]:
        name, held = header.entity.name, self._held.get(header.entity.name)
        anew = held is None or held.declaration != header.entity.declaration
        table = self._new_table(header.entity) if anew else held.table  # type: ignore[union-attr]
        for rows in batches(_only_rows(lines), AT_ONCE):
            laid = [stored(table, row, digest.row_hash(row)) for row in rows]
            if anew:
                table.add(self._connection, laid)
                self.changed += len(laid)
            else:
                self._put_differing(table, laid)
            yield len(rows)
        if anew:
            table.make_index(self._connection)
        self._dirty[name] = None
        surplus = table.count(self._connection) - header.rows
        if surplus < 0:
            raise _unfit("a key twice")
        if surplus:
            yield from self._remove_missing(file, table)

    def _new_table(self, entity: Entity) -> RowTable:
        held = self._held.get(entity.name)
        self._undo.entity(entity.name, held)
        self._connection.execute("DELETE FROM _bucket WHERE entity = ?", (entity.name,))
        table = RowTable(entity, held_entities.next_place(self._connection))
        table.create(self._connection)
        new = HeldEntity(entity.name, entity.declaration, table.place, 0, "", "", 0, self._at)
        self._held[entity.name] = new
        held_entities.keep(self._connection, new)
        table.make_views(self._connection)
        return table

    def _remove_missing(self, file: IO[bytes], table: RowTable) -> Iterator[int]:
        """Reads the file once more: which rows it holds is more than memory should."""
        with RowsOfFile(self._connection, table) as of_file:
            file.seek(0)
            _, lines = files.read(file)
            for rows in batches(_only_rows(lines), AT_ONCE):
                of_file.note([table.key_of(row) for row in rows])
                yield 0
            while missing := of_file.missing(AT_ONCE):
                for one in missing:
                    self._remove(table, table.key_of(one), one)
                yield 0

    def _changes(self, header: Header, lines: Iterator[Row | Gone]) -> Iterator[int]:
        name = header.entity.name
        table = self._held[name].table
        chosen = self._order.items[name] if header.mode == "items" else None
        for batch in batches(lines, AT_ONCE):
            rows = [one for one in batch if not isinstance(one, Gone)]
            laid = [stored(table, row, digest.row_hash(row)) for row in rows]
            gone = [one.gone for one in batch if isinstance(one, Gone)]
            if chosen is not None and (gone or not chosen_items.are_among(table, laid, chosen)):
                raise _unfit("items")
            self._put_differing(table, laid)
            for key in gone:
                if len(key) != len(table.entity.key):
                    raise _unfit("key")
                self._remove(table, key, table.find(self._connection, key))
            yield len(batch)

    # ---- rows ----

    def _put_differing(self, table: RowTable, rows: list[Stored]) -> None:
        differing: list[Stored] = []
        before: list[tuple[bytes, Stored | None]] = []
        for row in rows:
            key = table.key_of(row)
            held = table.find(self._connection, key)
            # By value: a row that somebody changed by hand has its old hash.
            if held != row:
                differing.append(row)
                before.append((table.key_text(key), held))
        self._note(table, before, {one[-2] for one in differing})
        table.put(self._connection, differing)

    def _remove(self, table: RowTable, key: tuple[object, ...], held: Stored | None) -> None:
        if held is not None:
            self._note(table, [(table.key_text(key), held)], {held[-2]})
            table.remove(self._connection, key)

    def _note(self, table: RowTable, before: list[tuple[bytes, Stored | None]], buckets: set[int]) -> None:
        if not before:
            return
        name = table.entity.name
        self._undo.entity(name, self._held[name])
        self._undo.rows(name, before)
        dirty = self._dirty.setdefault(name, set())
        if dirty is not None:
            dirty.update(buckets)
        self.changed += len(before)

    # ---- the end ----

    def _finish(self) -> Iterator[None]:
        for name in self._order.items:
            self._remove_items_gone(name)
        for name, buckets in self._dirty.items():
            table = self._held[name].table
            if buckets is None:
                yield from bucket_digests.hash_all(self._connection, table)
            else:
                yield from bucket_digests.hash_again(self._connection, table, buckets)
            actual = bucket_digests.entity_digest(self._connection, table)
            rows = table.count(self._connection)
            self._held[name] = msgspec.structs.replace(self._held[name], actual=actual, rows=rows)
        self._prove()
        for name in {*self._order.entities, *self._dirty}:
            held_entities.keep(self._connection, self._labelled(name))
        self._record()
        yield from overwritten.forget_older(self._connection)
        if self._order.back_from:  # one step back from here would be what isn't wanted
            for applied in overwritten.kept(self._connection):
                yield from overwritten.forget(self._connection, applied)

    def _remove_items_gone(self, name: str) -> None:
        table = self._table_of_items(name)
        for item in self._order.items[name]:
            key = tuple(item.key)
            if not item.sha256:
                self._remove(table, key, table.find(self._connection, key))

    def _table_of_items(self, name: str) -> RowTable:
        if name not in self._held:
            raise UnprovenError({name: "items"})
        return self._held[name].table

    def _prove(self) -> None:
        differ = {
            name: "digest"
            for name, state in self._order.entities.items()
            if name not in self._held or self._held[name].actual != state.sha256.lower()
        }
        for name, items in self._order.items.items():
            if name not in differ and chosen_items.missing(self._connection, self._table_of_items(name), items):
                differ[name] = "items"
        if differ:
            raise UnprovenError(differ)

    def _labelled(self, name: str) -> HeldEntity:
        held, state = self._held[name], self._order.entities.get(name)
        if state is None:
            return msgspec.structs.replace(held, applied_at=self._at)
        return msgspec.structs.replace(held, version=state.version, sha256=held.actual, applied_at=self._at)

    def _record(self) -> None:
        order = self._order
        applied = AppliedLoad(
            id=self._undo.applied,
            version=order.version,
            version_before=self._before.version,
            rolled_back_from=order.back_from,
            order_number=self._number,
            changed=self.changed,
            emergency=order.emergency,
            at=self._at,
        )
        held_entities.record(self._connection, applied)

    def _mind_room(self, folder: Path) -> None:
        if self._disk.free_bytes(folder) < KEPT_FREE:
            raise LoadsError("loads_no_room", folder=str(folder))


def _unfit(reason: str) -> LoadFileError:
    return LoadFileError("load_file_unreadable", reason=reason)


def _only_rows(lines: Iterator[Row | Gone]) -> Iterator[Row]:
    for line in lines:
        if isinstance(line, Gone):
            raise _unfit("gone")
        yield line
