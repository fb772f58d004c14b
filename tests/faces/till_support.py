"""A small real server that speaks ``wire``, remembers every file, and misbehaves when told to."""

import hashlib
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import msgspec

from malote import wire
from malote.load_format.wire import PATH_NEWS, LoadNews
from malote.sealing import unseal

Trick = Callable[["Handler", bytes], None]


class Ledger:
    """What the server knows: each file once, with its state, and how often it was booked."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.states: dict[str, wire.FileState] = {}
        self.reasons: dict[str, wire.DocumentReceipt] = {}
        self.booked: Counter[str] = Counter()
        self.deliveries: Counter[str] = Counter()
        self.questions = 0
        self.asked: list[list[str]] = []
        self.contacts: list[wire.Contact] = []
        self.pouches: list[int] = []  # how many files each had
        self.posting = True  # whether a question finds what was accepted posted
        self.resend = False
        self.load_version = 0  # 0: as an older server, which knows nothing of it
        self.known: list[int] = []  # versions that a till waited with
        self.limits: wire.PouchLimits | None = None  # what it says it takes
        self.poison: dict[bytes, tuple[int, wire.Fault | None]] = {}
        self.reject: dict[bytes, str] = {}
        self.tricks: dict[str, deque[Trick]] = {
            wire.PATH_POUCHES: deque(),
            wire.PATH_RECEIPTS: deque(),
            wire.PATH_CONTACT: deque(),
        }

    def play(self, path: str, *tricks: Trick) -> None:
        """The next requests for this path meet these tricks, one each."""
        with self.lock:
            self.tricks[path].extend(tricks)

    def take(self, file: wire.PouchFile) -> wire.FileReceipt:
        name = file.sha256.hex()
        self.deliveries[name] += 1
        known = name in self.states
        if not known:
            self.states[name] = "rejected" if file.content in self.reject else "accepted"
            if file.content in self.reject:
                self.reasons[name] = wire.DocumentReceipt(
                    "rejected", code=self.reject[file.content], message="Said by the server"
                )
        return self.receipt(name, known)

    def receipt(self, name: str, known: bool = True) -> wire.FileReceipt:
        documents = [self.reasons[name]] if name in self.reasons else []
        return wire.FileReceipt(name, self.states.get(name, "unknown"), documents, known)

    def post(self, name: str) -> None:
        if self.posting and self.states.get(name) == "accepted":
            self.states[name] = "posted"
            self.booked[name] += 1


class Handler(BaseHTTPRequestHandler):
    """One request: a trick if one is due, else the truth."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: "FakeServer"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        ledger = self.server.ledger
        with ledger.lock:
            tricks = ledger.tricks.get(self.path)
            trick = tricks.popleft() if tricks else None
        if trick is not None:
            trick(self, body)
        else:
            self.reply(200, self.truth(body))

    def do_GET(self) -> None:
        """Whether there are news of the loads; nothing else is asked so."""
        ledger, (path, _, known) = self.server.ledger, self.path.partition("?known=")
        if path != PATH_NEWS or not ledger.load_version:
            self.reply(404, b"")
            return
        known = known.partition("&")[0]
        ledger.known.append(int(known))
        until = time.monotonic() + 25
        while ledger.load_version == int(known) and time.monotonic() < until:
            time.sleep(0.02)
        self.reply(200, LoadNews(ledger.load_version))

    def truth(self, body: bytes) -> Any:
        """Does what the request asks for, durable as far as this process goes, and returns the reply."""
        ledger = self.server.ledger
        with ledger.lock:
            if self.path == wire.PATH_POUCHES:
                return self._pouch(body, ledger)
            if self.path == wire.PATH_RECEIPTS:
                query = msgspec.json.decode(body, type=wire.ReceiptsQuery)
                assert len(query.files) <= wire.MAX_QUERY
                ledger.asked.append(query.files)
                for name in query.files:
                    ledger.post(name)
                return wire.ReceiptsReply([ledger.receipt(name) for name in query.files])
            assert self.path == wire.PATH_CONTACT
            ledger.contacts.append(msgspec.json.decode(body, type=wire.Contact))
            resend, ledger.resend = ledger.resend, False
            return wire.ContactReply("9.9", datetime.now(UTC), "caixa1", 0.5, resend, limits=ledger.limits)

    def _pouch(self, body: bytes, ledger: Ledger) -> Any:
        assert self.headers["Authorization"].startswith("Bearer ")
        pouch = unseal(body, self.headers[wire.POUCH_HASH_HEADER], max_size=10**9)
        ledger.pouches.append(len(pouch.files))
        for file in pouch.files:
            if file.content in ledger.poison:
                return ledger.poison[file.content]
        return wire.PouchReply([ledger.take(file) for file in pouch.files])

    def reply(self, status: int, body: Any, **headers: str) -> None:
        if isinstance(body, tuple):
            status, body = body
        content = body if isinstance(body, bytes) else msgspec.json.encode(body)
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(content)

    def hang_up(self) -> None:
        self.close_connection = True
        self.connection.close()

    def log_message(self, format: str, *args: Any) -> None:
        """Silent: what matters is in the ledger."""


class FakeServer(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, ledger: Ledger, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self.ledger = ledger

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that was killed is no news."""


@contextmanager
def serving(ledger: Ledger, port: int = 0) -> Iterator[FakeServer]:
    server = FakeServer(ledger, port)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


# ---- tricks ----


def lose_reply(handler: Handler, body: bytes) -> None:
    """The work is done and durable; the reply never comes."""
    handler.truth(body)
    handler.hang_up()


def lose_request(handler: Handler, body: bytes) -> None:
    del body
    handler.hang_up()


def answer_twice(handler: Handler, body: bytes) -> None:
    reply = handler.truth(body)
    handler.reply(200, reply)
    handler.reply(200, reply)
    handler.close_connection = True


def cut_short(handler: Handler, body: bytes) -> None:
    content = msgspec.json.encode(handler.truth(body))
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(content)))
    handler.end_headers()
    handler.wfile.write(content[: len(content) // 2])
    handler.wfile.flush()
    handler.hang_up()


def busy(handler: Handler, body: bytes) -> None:
    del body
    handler.reply(503, wire.Fault("server_busy", "Busy", "There is much to do.", transient=True), Retry_After="0")


def says(status: int, content: Any, **headers: str) -> Trick:
    def trick(handler: Handler, body: bytes) -> None:
        del body
        handler.reply(status, content, **headers)

    return trick


def hang(seconds: float) -> Trick:
    def trick(handler: Handler, body: bytes) -> None:
        del body
        time.sleep(seconds)
        handler.hang_up()

    return trick


def drip(pieces: int, pause: float) -> Trick:
    """A reply that never quite ends."""

    def trick(handler: Handler, body: bytes) -> None:
        del body
        handler.send_response(200)
        handler.send_header("Content-Length", str(pieces))
        handler.end_headers()
        for _ in range(pieces):
            handler.wfile.write(b" ")
            handler.wfile.flush()
            time.sleep(pause)

    return trick


def hashes(*contents: bytes) -> set[str]:
    return {hashlib.sha256(content).hexdigest() for content in contents}
