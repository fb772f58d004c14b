"""A stand-in for the server's half of loads, made of ``load_format``: versions, orders of them, manifests, files."""

import hashlib
import io
import re
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Lock, Thread
from typing import Any, cast

import msgspec

from malote import wire
from malote.clock import Clock
from malote.disk import DISK, Disk
from malote.load_format import digest, files
from malote.load_format.entity import Entity, EntityColumn, Row
from malote.load_format.files import Gone, Header
from malote.load_format.wire import (
    LOAD,
    PATH_FILE,
    PATH_MANIFEST,
    EntityState,
    LoadItem,
    LoadOrder,
    Manifest,
    ManifestFile,
    ManifestQuery,
)
from malote.till.loads import held_entities, loads_database
from malote.till.orders import order_memory
from malote.till.orders.dispatching import Orders
from malote.till.orders.handling import Means
from malote.till.outbox import Outbox
from malote.till.server_client import ServerError
from tests.unit.structures_till_support import KEY, TILL_NUMBER
from tests.unit.till_support import Ears

PRODUCT = Entity(
    "product", ("code",), (EntityColumn("code"), EntityColumn("description"), EntityColumn("active", "boolean"))
)
PRICE = Entity(
    "price",
    ("product", "valid_from"),
    (
        EntityColumn("product"),
        EntityColumn("valid_from", "instant"),
        EntityColumn("valid_until", "instant"),
        EntityColumn("price", "decimal"),
    ),
)
SINCE = "2020-01-01T00:00:00Z"
Rows = dict[str, Row]  # by key, in its one spelling


def product(code: str, description: str = "Arroz", active: bool = True) -> Row:
    return PRODUCT.row((code, description, active))


def price(code: str, amount: str, since: str = SINCE, until: str | None = None) -> Row:
    return PRICE.row((code, since, until, amount))


def prices(count: int, amount: str = "1.00") -> list[Row]:
    return [price(f"{number:06d}", amount) for number in range(count)]


class Depot:
    """What a server has staged. ``lie`` may change what it answers; threads of a server share it."""

    def __init__(self) -> None:
        self._lock = Lock()
        self.versions: list[dict[str, tuple[Entity, Rows]]] = [{}]
        self.changed: list[dict[str, int]] = [{}]  # of each version: the last one that changed an entity
        self.files: dict[str, bytes] = {}
        self.order = LoadOrder(0, {})
        self.queries: list[ManifestQuery] = []
        self.fetched: list[tuple[str, int]] = []  # hash and offset
        self.lie: Callable[[Manifest], Manifest] = lambda manifest: manifest

    def stage(self, *entities: tuple[Entity, list[Row]]) -> int:
        """A new version, in which these entities are so; its number."""
        made = dict(self.versions[-1])
        for entity, rows in entities:
            made[entity.name] = (entity, {digest.key_bytes(entity, row).decode(): row for row in rows})
        version = len(self.versions)
        changes = {name: version for name in made if made[name] != self.versions[-1].get(name)}
        self.versions.append(made)
        self.changed.append(self.changed[-1] | changes)
        return version

    def order_of(self, version: int, *names: str, **others: Any) -> LoadOrder:
        """All entities of a version, or those that are named."""
        chosen = names or tuple(self.versions[version])
        self.order = LoadOrder(version, {name: self.state(name, version) for name in chosen}, **others)
        return self.order

    def items(self, version: int, name: str, *keys: Row) -> LoadOrder:
        _, rows = self.versions[version][name]
        chosen = []
        for key in keys:
            row = rows.get(msgspec.json.encode(key).decode())
            chosen.append(LoadItem(key, digest.row_hash(row).hex() if row else ""))
        self.order = LoadOrder(version, {}, items={name: chosen})
        return self.order

    def state(self, name: str, version: int) -> EntityState:
        entity, rows = self.versions[version][name]
        return EntityState(self.changed[version][name], len(rows), digest.digest_of_rows(entity, rows.values()))

    # ---- what the till asks ----

    def manifest(self, query: ManifestQuery) -> Manifest:
        with self._lock:
            self.queries.append(query)
            listed = [self._file(name, query) for name in self.order.entities]
            listed += [self._items(name) for name in self.order.items]
            return self.lie(Manifest(self.order.version, [one for one in listed if one is not None]))

    def _file(self, name: str, query: ManifestQuery) -> ManifestFile | None:
        entity, rows = self.versions[self.order.version][name]
        held, state = query.held.get(name), self.order.entities[name]
        before = self.versions[held.version].get(name) if held and held.version < len(self.versions) else None
        if held is None or self.order.anew or before is None or before[0] != entity:
            return self.put(Header(entity, "whole", state.version, 0, len(rows)), list(rows.values()))
        if held.sha256 == state.sha256:
            return None
        lines: list[Any] = [row for key, row in rows.items() if before[1].get(key) != row]
        lines += [Gone(tuple(msgspec.json.decode(key))) for key in before[1] if key not in rows]
        return self.put(Header(entity, "changes", state.version, held.version, len(lines)), lines)

    def _items(self, name: str) -> ManifestFile:
        entity, rows = self.versions[self.order.version][name]
        keys = [msgspec.json.encode(item.key).decode() for item in self.order.items[name]]
        chosen = [rows[key] for key in keys if key in rows]
        return self.put(Header(entity, "items", self.order.version, 0, len(chosen)), chosen)

    def put(self, header: Header, lines: list[Any]) -> ManifestFile:
        file = io.BytesIO()
        written = files.write(file, header, lines)
        self.files[written.sha256] = file.getvalue()
        return ManifestFile(
            written.sha256, written.bytes, header.entity.name, header.mode, header.rows, header.version, header.after
        )

    def content(self, sha256: str, offset: int) -> bytes:
        with self._lock:
            self.fetched.append((sha256, offset))
            return self.files[sha256][offset:]


class StandIn:
    """In place of ``server_client.ServerClient``, within the process."""

    def __init__(self, depot: Depot, piece: int = 1 << 16) -> None:
        self.depot, self._piece = depot, piece
        self.broken_after = -1  # pieces; then the line breaks, once

    def manifest(self, query: ManifestQuery) -> Manifest:
        return self.depot.manifest(query)

    @contextmanager
    def load_file(self, sha256: str, offset: int) -> Iterator[tuple[int, Iterator[bytes]]]:
        yield offset, self._pieces(self.depot.content(sha256, offset))

    def _pieces(self, content: bytes) -> Iterator[bytes]:
        for count, start in enumerate(range(0, len(content), self._piece)):
            if count == self.broken_after:
                self.broken_after = -1
                raise ServerError("failed", "server_unreachable", "broken")
            yield content[start : start + self._piece]


def ordered(number: int, order: LoadOrder) -> wire.Order:
    """Signed, as the book of orders does."""
    payload = msgspec.json.encode(order).decode()
    made = wire.Order(LOAD, number, hashlib.sha256(payload.encode()).hexdigest(), "", payload=payload)
    return msgspec.structs.replace(made, signature=KEY.sign(wire.order_statement(TILL_NUMBER, made)))


@contextmanager
def serving(depot: Depot) -> Iterator[str]:
    """The depot over HTTP, with ranges; its address."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            assert self.path == PATH_MANIFEST
            body = self.rfile.read(int(self.headers["Content-Length"]))
            self._answer(200, msgspec.json.encode(depot.manifest(msgspec.json.decode(body, type=ManifestQuery))))

        def do_GET(self) -> None:
            offset = int(re.sub(r"\D", "", self.headers.get("Range", "0")))
            content = depot.content(self.path.removeprefix(PATH_FILE.format(sha256="")), offset)
            self._answer(206 if offset else 200, content)

        def _answer(self, status: int, content: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        thread = Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


class PassingClock(Clock):
    """``passed``: seconds that a test says have gone by."""

    passed = 0.0

    def monotonic(self) -> float:
        return self.passed


class LoadedTill:
    """A till that carries out orders of loads as soon as they come."""

    def __init__(self, folder: Path, disk: Disk = DISK, depot: Depot | None = None) -> None:
        self.depot, self.ears, self.disk = depot or Depot(), Ears(), disk
        self.server = StandIn(self.depot)
        self.outbox = Outbox(folder / "outbox.sqlite3")
        self.outbox.disk = disk
        self.path = loads_database.path_beside(self.outbox.path)
        self.incoming = folder / "loads-incoming"
        self.now, self._number = 1_000.0, order_memory.recall(self.outbox, LOAD).newest
        self.begin()

    def begin(self) -> None:
        """As after a restart of the agent."""
        means = Means(self.outbox, cast(Any, self.server), self.ears.voice, lambda: None, lambda: self.now)
        self.orders = Orders(means, TILL_NUMBER, time.monotonic)

    def take(self, order: LoadOrder) -> None:
        self._number += 1
        reply = wire.ContactReply("9", datetime.now(UTC), "caixa1", 0.0, server_key=KEY.public)
        self.orders.heed(msgspec.structs.replace(reply, orders=[ordered(self._number, order)]))

    def obey(self, order: LoadOrder) -> wire.OrderProgress:
        """Takes it and goes on to its end; what is told of it."""
        self.take(order)
        return self.go_on()

    def go_on(self) -> wire.OrderProgress:
        while self.orders.busy:
            self.orders.step()
        return [one for one in self.orders.said() if one.kind == "load"][-1]

    def select(self, query: str) -> list[tuple[Any, ...]]:
        """As a POS reads."""
        with closing(sqlite3.connect(f"file:{self.path}?mode=ro", uri=True)) as connection:
            return connection.execute(query).fetchall()

    def held(self) -> wire.LoadsHeld:
        found = held_entities.said(self.path)
        assert found
        return found
