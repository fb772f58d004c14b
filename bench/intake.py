"""Intake: sales made durable each second, in pouches, within the process and over HTTP.

The bound is what can't be avoided, measured in the same run: lxml parses the same files, and SQLite keeps the same
pouches with full sync.
"""

import hashlib
import logging
import os
import re
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import structlog
from lxml import etree
from tests.unit.fiscal.notes import BASKET, build_note

from malote import wire
from malote.app import services_for
from malote.config import Settings
from malote.sealing import seal, unseal
from malote.tills.till import create_till
from malote.wire import PouchFile

SALES = 3000
POUCH = 200
RUNS = 3
CLIENTS = 2  # couriers that send at once, over HTTP

_SERVE = [sys.executable, "-c", "from malote.cli.main import main; main()", "serve", "--port", "0", "--no-posting"]


class Sealed(NamedTuple):
    body: bytes
    sha256: str
    contents: list[bytes]


def run() -> list[dict[str, Any]]:
    # A line of log for each pouch would go between the figures.
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    pouches = _pouches()
    bounds, within, over_http = [], [], []
    for _ in range(RUNS):
        with tempfile.TemporaryDirectory(prefix="malote-bench-") as folder:
            bounds.append(SALES / _bound(Path(folder), pouches))
            within.append(SALES / _within(Path(folder), pouches))
        with tempfile.TemporaryDirectory(prefix="malote-bench-") as folder:
            over_http.append(SALES / _over_http(Path(folder), pouches))
    bound = statistics.median(bounds)
    return [
        {"name": "intake, bare parse and insert", "value": bound, "unit": "sales/s", "bound": None, "ratio": None},
        _row("intake, in process", within, bound),
        _row(f"intake, HTTP, {CLIENTS} couriers", over_http, bound),
    ]


def _row(name: str, figures: Sequence[float], bound: float) -> dict[str, Any]:
    value = statistics.median(figures)
    return {"name": name, "value": value, "unit": "sales/s", "bound": bound, "ratio": value / bound}


def _pouches() -> list[Sealed]:
    sealed = []
    for first in range(1, SALES + 1, POUCH):
        contents = [build_note(number=number, items=BASKET) for number in range(first, first + POUCH)]
        files = [PouchFile(f"{first + n}.xml", _hash(content), content) for n, content in enumerate(contents)]
        sealed.append(Sealed(*seal(files, datetime.now(UTC)), contents))
    return sealed


def _bound(folder: Path, pouches: Sequence[Sealed]) -> float:
    with closing(sqlite3.connect(folder / "bound.sqlite3", isolation_level=None)) as database:
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = FULL")
        database.execute("CREATE TABLE pouch (id INTEGER PRIMARY KEY, body BLOB)")
        started = time.perf_counter()
        for pouch in pouches:
            for content in pouch.contents:
                etree.fromstring(content)
            database.execute("INSERT INTO pouch (body) VALUES (?)", (pouch.body,))
        return time.perf_counter() - started


def _within(folder: Path, pouches: Sequence[Sealed]) -> float:
    with services_for(Settings(home=str(folder / "home"))) as services:
        till, _ = create_till(services.engine, "caixa1")
        started = time.perf_counter()
        for pouch in pouches:
            opened = unseal(pouch.body, pouch.sha256, max_size=services.settings.intake.max_pouch_bytes)
            receipts = services.intake.take(till, opened.files, pouch.body)
            assert {receipt.state for receipt in receipts} == {"accepted"}, receipts[0]
        return time.perf_counter() - started


def _over_http(folder: Path, pouches: Sequence[Sealed]) -> float:
    home = folder / "home"
    with services_for(Settings(home=str(home))) as services:
        _, token = create_till(services.engine, "caixa1")
    headers = {"Authorization": f"Bearer {token}", wire.PROTOCOL_HEADER: str(wire.PROTOCOL_VERSION)}
    with (
        _server(home) as address,
        httpx.Client(base_url=address, headers=headers, timeout=60) as client,
        ThreadPoolExecutor(CLIENTS) as couriers,
    ):
        client.get(wire.PATH_HEALTH).raise_for_status()
        started = time.perf_counter()
        for reply in couriers.map(lambda pouch: _post(client, pouch), pouches):
            assert reply.status_code == 200, reply.text
        return time.perf_counter() - started


def _post(client: httpx.Client, pouch: Sealed) -> httpx.Response:
    return client.post(wire.PATH_POUCHES, content=pouch.body, headers={wire.POUCH_HASH_HEADER: pouch.sha256})


@contextmanager
def _server(home: Path) -> Iterator[str]:
    environment = {**os.environ, "MALOTE_HOME": str(home), "MALOTE_INTAKE_DROP_FOLDER": "false"}
    process = subprocess.Popen(
        _SERVE, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, encoding="utf-8"
    )
    try:
        assert process.stdout is not None
        address = re.search(r"http://\S+", process.stdout.readline())
        assert address, "the server did not start"
        yield address.group()
    finally:
        process.terminate()
        process.communicate(timeout=60)


def _hash(content: bytes) -> bytes:
    return hashlib.sha256(content).digest()


if __name__ == "__main__":
    for row in run():
        ratio = "" if row["ratio"] is None else f"{row['ratio']:.2f}"
        print(f"{row['name']:<40} {row['value']:>10,.0f} {row['unit']} {ratio}")
