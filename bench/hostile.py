"""What one bad thing costs the others: ``python -m bench.hostile [NAME…]``.

Each measurement is one function below, and stands beside the good case, measured in the same run: only the ratio is
worth comparing. Where others on the machine would disturb a clock, the server's processor time is taken instead.

To add one, write a function that returns rows (``row`` makes them) and put ``@measurement`` over it.
"""

import argparse
import hashlib
import itertools
import socket
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime
from functools import partial
from typing import Any

import httpx
import msgspec
from tests.unit.fiscal.notes import build_note
from tests.unit.fiscal.worst_shapes import worst

from bench.measured_server import TIMES, Running, median_wait, server, signed_in
from malote import frames, wire
from malote.console import markup, receipt
from malote.fiscal import schema
from malote.fiscal.reader import read
from malote.fiscal.tree import parse_as_is
from malote.sealing import seal

Row = dict[str, Any]
Measurement = Callable[[], list[Row]]

MEASUREMENTS: dict[str, Measurement] = {}

_RECONNECT = """
import contextlib, socket, sys, threading
def connect():
    while True:
        with contextlib.suppress(OSError), socket.create_connection(
            (sys.argv[1], int(sys.argv[2])), timeout=5, source_address=("127.0.0.2", 0)
        ) as one:
            one.sendall(b"POST /v1/documents HTTP/1.1\\r\\nHost: x\\r\\n")
for _ in range(4):
    threading.Thread(target=connect).start()
"""
_FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def measurement(function: Measurement) -> Measurement:
    """Puts a function on the list, under its own name."""
    MEASUREMENTS[function.__name__] = function
    return function


def row(name: str, value: float, unit: str, good: float) -> Row:
    """``good`` is the same figure of the good case; the ratio says how many times as much the bad one is."""
    return {"name": name, "value": value, "unit": unit, "bound": good, "ratio": value / good if good else None}


def run(names: tuple[str, ...] = ()) -> list[Row]:
    return [one for name in names or MEASUREMENTS for one in MEASUREMENTS[name]()]


@measurement
def form() -> list[Row]:
    """A form of eight megabytes from somebody who is nobody, beside a sign-in that fails."""
    with server() as running:
        good = _processor_of_forms(running, b"form=x&name=ana&password=wrong")
        return [
            row(f"form of 8 MB, {words}, from nobody", _processor_of_forms(running, body), "µs processor", good)
            for words, body in (("fields", b"&a" * 4_000_000), ("one value", b"a=" + b"%41" * 2_700_000))
        ]


@measurement
def half_open() -> list[Row]:
    """Two hundred requests that never end, while a till sells."""
    with server() as running, ExitStack() as stack:
        good = median_wait(running, 1)
        for _ in range(200):
            opened = stack.enter_context(socket.create_connection(running.place))
            opened.sendall(b"POST /v1/documents HTTP/1.1\r\nHost: x\r\n")
        return [
            row("a good till's wait beside 200 half-open requests", 1e3 * median_wait(running, 100), "ms", 1e3 * good)
        ]


@measurement
def reconnecting() -> list[Row]:
    """Another address that connects without a pause, over four threads, while a till sells (on Linux only)."""
    with server() as running:
        good = median_wait(running, 1)
        command = [sys.executable, "-c", _RECONNECT, running.place[0], str(running.place[1])]
        flood = subprocess.Popen(command)
        try:
            time.sleep(2.0)  # until the flood stands
            waits = [median_wait(running, first) for first in (100, 200, 300)]
        finally:
            flood.kill()
            flood.wait()
        return [row("a good till's sale beside a flood of connections", 1e3 * max(waits), "ms", 1e3 * good)]


@measurement
def document_reading() -> list[Row]:
    """What reading the worst document costs, beside parsing that document."""
    found = []
    for name, document in worst(5_000_000):
        parse, read_it = _spent(parse_as_is, document), _spent(read, document)
        found.append((read_it - parse, read_it, parse, name))
    _, spent, plain, name = max(found)
    return [row(f"reading the worst document: {name}", 1e3 * spent, "ms processor", 1e3 * plain)]


@measurement
def document_page() -> list[Row]:
    """What the page of a rejected document costs, of the worst shapes, beside the costliest parse of one."""

    schema.findings(build_note(total=3))  # compiled once
    plain = worst_page = 0.0
    worst_name = ""
    for size in (900_000, 1_900_000, 5_000_000):
        for name, document in worst(size):
            plain = max(plain, _spent(parse_as_is, document))
            spent = _spent(_show, document)
            if spent > worst_page:
                worst_page, worst_name = spent, f"{name}, {size} bytes"
    return [row(f"page of a rejected document: {worst_name}", 1e3 * worst_page, "ms processor", 1e3 * plain)]


@measurement
def idle() -> list[Row]:
    """What a server costs while nothing happens: with one till, and with two thousand and their drop folders."""
    alone = _idle("caixa1")
    many = _idle(*(f"caixa{number}" for number in range(2000)))
    return [row("idle with 2,000 tills", many, "‰ of a core", alone)]


@measurement
def browsers() -> list[Row]:
    """Fifty browsers that refresh Gerenciamento at the same moment, beside one."""
    with server(*(f"caixa{number}" for number in range(200))) as running:
        cookies = signed_in(running)
        one = _processor_of_refreshes(running, cookies, 1)
        return [
            row(
                "50 browsers refresh a page",
                1e3 * _processor_of_refreshes(running, cookies, 50),
                "ms processor",
                1e3 * one,
            )
        ]


def _show(document: bytes) -> None:
    markup.show(document, [])
    schema.findings(document)
    receipt.issuer_of(document, 0)


def _spent(act: Callable[[bytes], object], document: bytes) -> float:
    began = time.process_time()
    act(document)
    return time.process_time() - began


def _idle(*tills: str) -> float:
    with server(*tills, posting=True) as running:
        while True:  # until it has made its folders
            before = running.processor()
            time.sleep(3)
            if running.processor() - before < 0.3:
                break
        before = running.processor()
        time.sleep(20)
        return 1e3 * (running.processor() - before) / 20


def _processor_of_refreshes(running: Running, cookies: httpx.Cookies, count: int) -> float:
    """A change, and then each browser once, all at the same moment; the median of several such changes."""
    headers = {"HX-Request": "true", "Malote-Refresh": "1", "Accept-Encoding": "gzip"}
    spent = []
    with ThreadPoolExecutor(count) as pool, ExitStack() as stack:
        clients = [
            stack.enter_context(httpx.Client(base_url=running.address, cookies=cookies, headers=headers, timeout=60))
            for _ in range(count)
        ]
        for _ in range(TIMES):
            time.sleep(1.1)  # older than anything that is shared
            before = running.processor()
            for reply in pool.map(lambda client: client.get("/console/tills"), clients):
                assert reply.status_code == 200
            spent.append(running.processor() - before)
    return statistics.median(spent)


@measurement
def all_at_once() -> list[Row]:
    """200 requests that never end, two who send forms of 8 MB, and a till of rubbish, while another till sells."""
    with server("caixa1", "caixa2") as running, ExitStack() as stack:
        good = median_wait(running, 1)
        for _ in range(200):
            stack.enter_context(socket.create_connection(running.place)).sendall(b"POST /v1/documents HTTP/1.1\r\n")
        stop = threading.Event()
        nuisances = [partial(_forms, running, stop), partial(_forms, running, stop), partial(_rubbish, running, stop)]
        threads = [threading.Thread(target=nuisance) for nuisance in nuisances]
        for thread in threads:
            thread.start()
        try:
            waited = median_wait(running, 100)
        finally:
            stop.set()
            for thread in threads:
                thread.join()
    name = "a good till's wait beside half-open requests, forms and a till of rubbish"
    return [row(name, 1e3 * waited, "ms", 1e3 * good)]


def _forms(running: Running, stop: threading.Event) -> None:
    while not stop.is_set():
        with suppress(httpx.TransportError):
            httpx.post(f"{running.address}/console/sign-in", content=b"&a" * 4_000_000, headers=_FORM, timeout=60)


def _rubbish(running: Running, stop: threading.Event) -> None:
    with running.till("caixa2") as till:
        number = 0
        while not stop.is_set():
            number += 1
            with suppress(httpx.TransportError):
                till.post(wire.PATH_DOCUMENTS, content=b"<rubbish>%d" % number)


def _processor_of_forms(running: Running, body: bytes) -> float:
    before = running.processor()
    for _ in range(TIMES):
        try:
            httpx.post(f"{running.address}/console/sign-in", content=body, headers=_FORM, timeout=300)
        except httpx.TransportError:
            continue  # shut before all of it was sent
    return 1e6 * (running.processor() - before) / TIMES


@measurement
def flood() -> list[Row]:
    """A till that sells while another one sends pouches of rubbish without a pause, over four connections."""
    with server("caixa1", "caixa2", intake_rejects_per_minute=0) as running:
        good = median_wait(running, 1)
        with _flooding(running, "caixa2") as sent:
            time.sleep(1.0)  # until the flood stands
            waits = [median_wait(running, first) for first in (100, 200, 300)]
        assert sent, "there was no flood"
        return [row("a good till's sale beside a flood of rubbish", 1e3 * max(waits), "ms", 1e3 * good)]


@measurement
def pouch() -> list[Row]:
    """The worst pouches, each beside two hundred good sales."""
    with server("caixa1", "caixa2", intake_rejects_per_minute=0) as running:
        good = _processor_of_pouch(running, *_sealed([build_note(number=number) for number in range(1, 201)]))
        rubbish = [b"rubbish %d" % number for number in range(2000)]
        one = msgspec.msgpack.encode(wire.PouchFile("", bytes(32), b""))
        count = 1_700_000
        start = b"\x93\x01" + msgspec.msgpack.encode(datetime.now(UTC)) + b"\xdd" + count.to_bytes(4, "big")
        empty = start + one * count
        bomb = frames.pack(empty, level=19)
        return [
            row("a pouch of 2,000 files of rubbish", _processor_of_pouch(running, *_sealed(rubbish)), "ms", good),
            row(
                f"a pouch of {count} empty files, {len(bomb)} bytes",
                _processor_of_pouch(running, bomb, hashlib.sha256(empty).hexdigest()),
                "ms",
                good,
            ),
        ]


def _sealed(contents: Sequence[bytes]) -> tuple[bytes, str]:
    files = [wire.PouchFile(f"{n}.xml", hashlib.sha256(one).digest(), one) for n, one in enumerate(contents)]
    return seal(files, datetime.now(UTC))


def _processor_of_pouch(running: Running, body: bytes, sha256: str) -> float:
    """Milliseconds of processor time until the pouch is answered, whatever the answer."""
    before = running.processor()
    with running.till() as till:
        till.post(wire.PATH_POUCHES, content=body, headers={wire.POUCH_HASH_HEADER: sha256})
    return 1e3 * (running.processor() - before)


@contextmanager
def _flooding(running: Running, name: str) -> Iterator[list[int]]:
    """Four connections of a till, each with one pouch of two hundred new files of rubbish behind the other."""
    stop, sent = threading.Event(), list[int]()

    def send(connection: int) -> None:
        with running.till(name) as till:
            for turn in itertools.count():
                if stop.is_set():
                    return
                body, sha256 = _sealed([b"%d %d %d" % (connection, turn, number) for number in range(200)])
                reply = till.post(wire.PATH_POUCHES, content=body, headers={wire.POUCH_HASH_HEADER: sha256})
                sent.append(reply.status_code)

    threads = [threading.Thread(target=send, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    try:
        yield sent
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def main() -> int:
    from rich.console import Console

    from bench.__main__ import table

    arguments = argparse.ArgumentParser(prog="python -m bench.hostile", description=__doc__)
    arguments.add_argument(
        "names", nargs="*", metavar="NAME", help=f"which: {', '.join(MEASUREMENTS)}; all when absent"
    )
    chosen = tuple(arguments.parse_args().names)
    unknown = sorted(set(chosen) - set(MEASUREMENTS))
    if unknown:
        arguments.error(f"no measurement is called {', '.join(unknown)}")
    Console().print(table(run(chosen)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
