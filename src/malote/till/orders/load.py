"""The order to sell with another load: its files are fetched and applied between sales, and what came of it is proven.

Until it is, the till sells with what it had. An order begins anew after a kill; what is there already isn't fetched.
"""

import errno
import re
from collections.abc import Generator, Iterator
from contextlib import closing

import msgspec

from malote.load_format.files import LARGEST_FILE, MOST_ROWS
from malote.load_format.wire import LOAD, LoadOrder, Manifest, ManifestFile, ManifestQuery
from malote.till.loads import chosen_items, held_entities, loads_database, rolling_back
from malote.till.loads.applying import KEPT_FREE, Applying, ReadyFile, UnprovenError
from malote.till.loads.carrying_over import carry_over
from malote.till.loads.held_entities import HeldEntity
from malote.till.loads.incoming import Incoming, WrongHashError
from malote.till.loads.loads_database import LoadsDamagedError, LoadsError
from malote.till.orders.handling import Handler, HandlingProgress, Means, OrderError, OrderRecord
from malote.till.outbox import Outbox
from malote.till.server_client import ServerError
from malote.till.storage import OutboxError
from malote.wire import EntityHeld

_HASH = re.compile(r"[0-9a-f]{64}")


class ApplyLoad(Handler):
    """A trouble of the loads' database or the disk is tried again for as long as it lasts."""

    kind = LOAD
    # A till is switched off at any moment, and a slow one needs long: only what ends the process each time is given up.
    most_tries = 50

    def __init__(self, means: Means) -> None:
        super().__init__(means)
        outbox: Outbox = means.outbox
        self._path, self._disk = loads_database.path_beside(outbox.path), outbox.disk
        self._incoming = Incoming(outbox.path, outbox.disk, means.now)

    def check(self, payload: str) -> None:
        order = _decoded(payload)
        try:
            with loads_database.read_only(self._path) as connection:
                last = held_entities.last_applied(connection)
        except (FileNotFoundError, LoadsError):
            return
        # A person has taken this version back here; only one who orders all of it anew means it.
        if order.version == last.rolled_back_from and not (order.anew or order.back_from):
            raise OrderError("load_rolled_back", version=str(order.version))

    def carry_out(self, order: OrderRecord) -> Iterator[HandlingProgress]:
        target = _decoded(order.payload)
        try:
            try:
                if target.back_from and (yield from self._go_back(target, order.number)):
                    return
                yield from self._bring_up(target, order.number)
            except LoadsDamagedError as error:
                self._make_anew(error)
                yield from self._bring_up(target, order.number)
        except (LoadsError, OSError) as error:
            raise _for_now(error, self._path.parent) from error

    def _go_back(self, target: LoadOrder, number: int) -> Generator[HandlingProgress, None, bool]:
        """By what is remembered here, where that is what is ordered; what isn't here is fetched as ever."""
        with loads_database.opened(self._path, self._disk) as connection:
            held = held_entities.all_held(connection)
            states = target.entities.items()
            if all(name in held and held[name].actual == state.sha256.lower() for name, state in states):
                return False  # killed when it had been done
            with closing(rolling_back.go_back(connection, target, number, self.means.now())) as steps:
                while True:
                    self._mind_room()
                    try:
                        yield HandlingProgress(next(steps), 0, "rows")
                    except StopIteration as end:
                        return bool(end.value)

    def _bring_up(self, target: LoadOrder, number: int) -> Iterator[HandlingProgress]:
        """What turns out not to be what was ordered is fetched whole, once."""
        doubted: dict[str, str] = {}
        while True:
            listed = self._needed(target, number, doubted)
            yield from self._fetch(listed)
            try:
                yield from self._apply(target, number, listed)
            except UnprovenError as error:
                if doubted:
                    raise OrderError("load_unproven", entities=_told(error.entities)) from error
                doubted = error.entities
            else:
                self._incoming.keep_only([])
                return

    # ---- which files ----

    def _needed(self, target: LoadOrder, number: int, doubted: dict[str, str]) -> list[ManifestFile]:
        """Those of the manifest that bring what isn't here yet. Raises ``OrderError`` for one that can't be meant."""
        with loads_database.opened(self._path, self._disk) as connection:
            held = held_entities.all_held(connection)
            wanted = {
                name
                for name, state in target.entities.items()
                if target.anew or name in doubted or name not in held or held[name].actual != state.sha256.lower()
            }
            for name, items in target.items.items():
                if name not in held:
                    raise OrderError("load_unproven", entities=_told({name: "items"}))
                if chosen_items.missing(connection, held[name].table, items):
                    wanted.add(name)
        if not wanted:
            return []
        known = {name: one for name, one in held.items() if _may_be_changed(name, one, target, doubted)}
        query = ManifestQuery(number, {name: EntityHeld(one.version, one.sha256) for name, one in known.items()})
        listed = [one for one in self._manifest(query).files if one.entity in wanted]
        for one in listed:
            if not _HASH.fullmatch(one.sha256) or one.bytes > LARGEST_FILE or one.rows > MOST_ROWS:
                raise OrderError("load_unproven", entities=_told({one.entity: "manifest"}))
        return listed

    def _manifest(self, query: ManifestQuery) -> Manifest:
        try:
            return self.means.server.manifest(query)
        except ServerError as error:
            if error.code == "load_order_over":  # withdrawn, or of a database that was put back
                raise OrderError("load_order_over") from error
            raise

    # ---- steps ----

    def _fetch(self, listed: list[ManifestFile]) -> Iterator[HandlingProgress]:
        self._incoming.keep_only(listed)
        missing, total = self._incoming.missing(listed), sum(one.bytes for one in listed)
        if listed and self._disk.free_bytes(self._path.parent) < missing + KEPT_FREE:
            raise LoadsError("loads_no_room", folder=str(self._path.parent))
        done = 0
        for one in listed:
            try:
                for have in self._incoming.fetch(self.means.server, one):
                    yield HandlingProgress(done + have, total, "bytes")
            except WrongHashError as error:
                raise OrderError("load_file_damaged", entity=one.entity, sha256=one.sha256) from error
            done += one.bytes

    def _apply(self, target: LoadOrder, number: int, listed: list[ManifestFile]) -> Iterator[HandlingProgress]:
        ready = [ReadyFile(self._incoming.path_of(one), one) for one in listed]
        total = sum(one.rows for one in listed)
        with loads_database.opened(self._path, self._disk) as connection:
            applying = Applying(connection, target, number, self.means.now(), self._disk)
            for done in applying.run(ready):
                yield HandlingProgress(done, total, "rows")
        yield HandlingProgress(total, total, "rows")

    def _mind_room(self) -> None:
        if self._disk.free_bytes(self._path.parent) < KEPT_FREE:
            raise LoadsError("loads_no_room", folder=str(self._path.parent))

    def _make_anew(self, error: LoadsDamagedError) -> None:
        try:
            aside = loads_database.set_aside(self._path, self.means.now(), self._disk)
        except OSError:
            raise LoadsError(error.code, **error.facts) from error
        carry_over(aside, self._path, self._disk)
        self.means.voice.happened(error.code, **error.facts_of(aside))


def _may_be_changed(name: str, held: HeldEntity, target: LoadOrder, doubted: dict[str, str]) -> bool:
    """Whether a file of changes will do, which the server decides by what it is told."""
    return held.version > 0 and name not in doubted and not (target.anew and name in target.entities)


def _decoded(payload: str) -> LoadOrder:
    try:
        order = msgspec.json.decode(payload, type=LoadOrder)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise OrderError("load_order_unreadable", detail=str(error)[:300]) from error
    for name in order.entities:
        if name.startswith("sqlite_"):  # SQLite's own: it makes no view of it
            raise OrderError("load_order_unreadable", detail=name)
    return order


def _told(entities: dict[str, str]) -> str:
    return ", ".join(f"{name} ({why})" for name, why in entities.items())[:500]


def _for_now(error: LoadsError | OSError, folder: object) -> OutboxError | OrderError:
    """As whoever carries out orders tries again after a while; of what isn't known the same would come again."""
    if isinstance(error, LoadsError):
        if error.code == loads_database.UNUSABLE:
            return OrderError(error.code, **error.facts)
        return OutboxError(error.code, **error.facts)
    if error.errno == errno.ENOSPC:
        return OutboxError("loads_no_room", folder=str(folder))
    return OutboxError("loads_away", path=str(folder), detail=error.strerror or str(error))
