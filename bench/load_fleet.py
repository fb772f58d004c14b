"""A thousand tills that take one full load and one of a hundred changed prices from a real server, while another sells.

The tills say what they have, ask for the manifest, fetch each file and prove its hash, all by HTTP; what they do with
it is measured in ``bench.till_loads``. Processor, memory and bytes are the server's.

The tills' own work takes processor from the server on the same machine, which it would not in a store. So they come in
lots, and each lot is followed by as many tills at the same pace at a server that only repeats what the real one
answered (``recorded_server``): the bound of the sales is their rate beside those. Their rate with no loads at all is
told too. All the while each till has a second connection, in which it waits for the next version.
"""

import hashlib
import itertools
import sqlite3
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx
import msgspec

from bench.measured_server import Running, server, wait_of_a_sale
from bench.recorded_server import Replies, recorded
from bench.waiting_tills import Waiting, waiting
from malote import wire
from malote.batches import batches
from malote.load_format.wire import PATH_FILE, PATH_MANIFEST, LoadOrder, Manifest, ManifestQuery

TILLS = 1000
PRODUCTS = 20_000
FEW = 100
THREADS = 8
SALES_A_SECOND = 10
LOT = 40  # tills between two looks at the sales
QUIET_SECONDS = 3.0
SOURCES = """
[load.product]
table = "produto"
changed = "alt"
overlap = 0
columns = { code = "cod", description = "descr" }
[load.price]
table = "preco"
changed = "alt"
overlap = 0
columns = { product_code = "cod", price = "preco" }
"""

Row = dict[str, Any]


class Till:
    """As much of a till as the server sees."""

    def __init__(self, address: str, token: str) -> None:
        self._address = address
        self._headers = {"Authorization": f"Bearer {token}", wire.PROTOCOL_HEADER: str(wire.PROTOCOL_VERSION)}
        self.version, self.bytes, self._held = 0, 0, dict[str, wire.EntityHeld]()
        self.heard: Replies = {}

    def take(self, version: int) -> bool:
        """A contact, and all that comes of it; whether it has that version now."""
        self.heard = {}
        order = self._contact()
        if order is not None and order.payload is not None:
            wanted = msgspec.json.decode(order.payload, type=LoadOrder)
            query = msgspec.json.encode(ManifestQuery(order.number, self._held))
            listed = msgspec.json.decode(self._ask("POST", PATH_MANIFEST, query), type=Manifest)
            for one in listed.files:
                content = self._ask("GET", PATH_FILE.format(sha256=one.sha256))
                assert hashlib.sha256(content).hexdigest() == one.sha256
                self.bytes += len(content)
            for name, state in wanted.entities.items():
                self._held[name] = wire.EntityHeld(state.version, state.sha256)
            self.version = wanted.version
            self._contact(wire.OrderProgress("load", order.number, "done"))
        return self.version >= version

    def _contact(self, *said: wire.OrderProgress) -> wire.Order | None:
        held = wire.LoadsHeld(self.version, int(time.time()) if self.version else 0, self._held)
        contact = wire.Contact("bench", datetime.now(UTC), 0, 0, orders=list(said), loads=held)
        reply = self._ask("POST", wire.PATH_CONTACT, msgspec.json.encode(contact))
        told = msgspec.json.decode(reply, type=wire.ContactReply).orders or []
        return next((one for one in told if one.kind == "load"), None)

    def _ask(self, method: str, path: str, content: bytes | None = None) -> bytes:
        reply = _line(self._address).request(method, path, content=content, headers=self._headers)
        content = reply.raise_for_status().content
        self.heard.setdefault(path, content)
        return content


_lines = threading.local()


def _line(address: str) -> httpx.Client:
    """One for each thread: what it costs to make one is no till's."""
    if getattr(_lines, "address", "") != address:
        _lines.address, _lines.http = address, httpx.Client(base_url=address, timeout=120)
    client: httpx.Client = _lines.http
    return client


class Seller:
    """Offers so many sales a second, one after the other, in a process of its own; each tells how long it took."""

    def __init__(self, running: Running) -> None:
        words = [sys.executable, "-m", "bench.load_fleet", "sell", running.address, running.tokens["seller"]]
        self._process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True, start_new_session=True)
        self.waits: list[float] = []
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout
        for line in self._process.stdout:
            self.waits.append(float(line))

    def end(self) -> None:
        self._process.terminate()
        self._process.wait()
        self._reader.join()


class Watched:
    """Sales and time, summed over several stretches."""

    def __init__(self, seller: Seller) -> None:
        self._seller = seller
        self.seconds, self.waits = 0.0, list[float]()

    @contextmanager
    def stretch(self) -> Iterator[None]:
        began, known = time.monotonic(), len(self._seller.waits)
        yield
        self.seconds += time.monotonic() - began
        self.waits += self._seller.waits[known:]

    @property
    def rate(self) -> float:
        """Sales a second; what had piled up before is none."""
        return min(len(self.waits) / self.seconds, SALES_A_SECOND)


def sell(address: str, token: str) -> None:
    began = time.monotonic()
    headers = {"Authorization": f"Bearer {token}", wire.PROTOCOL_HEADER: str(wire.PROTOCOL_VERSION)}
    with httpx.Client(base_url=address, headers=headers, timeout=120) as http:
        for number in itertools.count(1):
            time.sleep(max(0.0, began + number / SALES_A_SECOND - time.monotonic()))
            print(wait_of_a_sale(http, number), flush=True)


def run(tills: int = TILLS, products: int = PRODUCTS, threads: int = THREADS) -> list[Row]:
    rows: list[Row] = []
    with TemporaryDirectory(prefix="malote-bench-") as folder:
        erp = _erp(Path(folder) / "erp.sqlite3", products)
        sources = Path(folder) / "cargas.toml"
        sources.write_text(SOURCES, encoding="utf-8")
        names = [f"caixa{number:04d}" for number in range(1, tills + 1)]
        settings: dict[str, Any] = {"erp_url": f"sqlite:///{folder}/erp.sqlite3", "loads_sources": sources}
        settings["server_connections_per_address"] = 8 * tills + 200  # all come from this one, a quarter may wait
        with (
            server("seller", *names, **settings) as running,
            waiting(running.address, [running.tokens[name] for name in names]) as waits,
            _selling(running) as seller,
        ):
            fleet = [Till(running.address, running.tokens[name]) for name in names]
            for version, what in enumerate(("full", f"{FEW} prices"), start=1):
                known, changed = len(waits.heard), time.time()
                if version > 1:
                    erp.execute(f"UPDATE preco SET preco = 8.8, alt = {products + 1} WHERE cod < '{FEW:06d}'")
                while not fleet[0].take(version):
                    time.sleep(0.5)
                with recorded(fleet[0].heard) as twin:
                    rows += _taken(running, twin, fleet[1:], seller, version, what, threads)
                rows += _heard(waits, known, changed, f"loads, {tills} tills wait, {what}") if version > 1 else []
        erp.close()
    return rows


def _heard(waits: Waiting, known: int, changed: float, name: str) -> Iterator[Row]:
    after = sorted(at - changed for at in waits.heard[known:])
    yield _row(f"{name}: that heard of it", len(after), "tills")
    yield _row(f"{name}: requests without an answer", waits.refused, "requests")
    for what, value in (("the middle one", statistics.median(after or [0.0])), ("the last one", max(after, default=0))):
        yield _row(f"{name}: {what} heard of it after the ERP's commit", value, "s")


def _taken(
    running: Running, twin: str, fleet: list[Till], seller: Seller, version: int, what: str, threads: int
) -> Iterator[Row]:
    before, peak, used = sum(one.bytes for one in fleet), 0, 0.0
    alone, beside, bound = (Watched(seller) for _ in range(3))
    with ThreadPoolExecutor(threads) as pool:
        for lot in batches(fleet, LOT):
            with alone.stretch():
                time.sleep(QUIET_SECONDS)
            began, processor = time.monotonic(), running.processor()
            with beside.stretch():
                assert all(pool.map(lambda one: one.take(version), lot))
            seconds, used = time.monotonic() - began, used + running.processor() - processor
            peak = max(peak, running.process.memory_info().rss)
            with bound.stretch():
                _paced(pool, twin, len(lot), seconds)
    size = sum(one.bytes for one in fleet) - before
    name = f"loads, {len(fleet)} tills, {threads} at a time, {what}"
    yield _row(f"{name}: all have it", beside.seconds, "s")
    yield _row(f"{name}: processor of the server, with the sales of that time", used, "s")
    yield _row(f"{name}: memory of the server", peak / 1e6, "MB")
    yield _row(f"{name}: fetched", size / 1e6, "MB")
    yield _row(f"{name}: sales an hour, of those without loads", beside.rate * 3600, "sales", alone.rate * 3600)
    yield _row(
        f"{name}: sales an hour, of those beside replies that cost nothing",
        beside.rate * 3600,
        "sales",
        bound.rate * 3600,
    )
    medians = [statistics.median(one.waits or [0.0]) * 1000 for one in (beside, bound)]
    yield _row(f"{name}: a sale's receipt (median)", medians[0], "ms", medians[1])


def _paced(pool: ThreadPoolExecutor, address: str, count: int, seconds: float) -> None:
    """As many tills in as long a time, as far as they can."""
    began = time.monotonic()

    def take(number: int) -> None:
        time.sleep(max(0.0, began + seconds * number / count - time.monotonic()))
        Till(address, "nobody").take(1)

    list(pool.map(take, range(count)))


def _row(name: str, value: float, unit: str, bound: float | None = None) -> Row:
    return {"name": name, "value": value, "unit": unit, "bound": bound, "ratio": bound and value / bound}


def _erp(file: Path, products: int) -> sqlite3.Connection:
    erp = sqlite3.connect(file, isolation_level=None, check_same_thread=False)
    erp.execute("CREATE TABLE produto (cod TEXT, descr TEXT, alt INTEGER)")
    erp.execute("CREATE TABLE preco (cod TEXT, preco NUMERIC, alt INTEGER)")
    codes = [f"{code:06d}" for code in range(products)]
    erp.execute("BEGIN")
    erp.executemany(
        "INSERT INTO produto VALUES (?, ?, ?)", [(one, f"Produto de mercado {one}", int(one)) for one in codes]
    )
    erp.executemany("INSERT INTO preco VALUES (?, 9.9, ?)", [(one, int(one)) for one in codes])
    erp.execute("COMMIT")
    erp.execute("CREATE INDEX preco_alt ON preco (alt)")
    erp.execute("CREATE INDEX produto_alt ON produto (alt)")
    return erp


@contextmanager
def _selling(running: Running) -> Iterator[Seller]:
    seller = Seller(running)
    try:
        yield seller
    finally:
        seller.end()


if __name__ == "__main__":
    if sys.argv[1:2] == ["sell"]:
        sell(*sys.argv[2:])
    else:
        for row in run(*map(int, sys.argv[1:])):
            print(row["name"], f"{row['value']:,.1f} {row['unit']}", f"{row['ratio']:.2f}" if row["ratio"] else "")
