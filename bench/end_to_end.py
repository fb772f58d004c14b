"""End to end: sales waiting in the tills' outboxes, through real couriers, server and poster, to PostgreSQL.

``python -m bench.end_to_end [--sales N]``. Everything runs on this machine. The bound is lxml parsing the same files on
one core and doing nothing else with them, by its processor time, which others on this machine disturb least. Beside it
stands sling (``bench.sling``), where it is installed: the same sales as bare tables, from SQLite to PostgreSQL.
"""

import argparse
import hashlib
import json
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any

import psutil
from lxml import etree
from msgspec.structs import replace
from sqlalchemy import func, select

from bench import sling
from malote.config import TillSettings
from malote.database.engine import open_database, reading
from malote.database.tables import document
from malote.demo import baskets, notes
from malote.demo.erp_books import ErpBooks
from malote.demo.evidence import TillPlace
from malote.demo.notes import DemoNote
from malote.demo.pos import now
from malote.demo.processes import Crew
from malote.demo.store import Store, erp_database
from malote.till.outbox import Outbox
from malote.till.outbox_records import CapturedFile, DocumentLine, FileMark

SALES = 20_000
LINES, PAYMENTS = 8, 2
MEMORY_TARGET = 250  # MB, of the server
_MEGABYTE = 1_000_000
_CAPTURE = 500  # files in one commit
_PARSED = 2_000  # files that the bound is measured with
_PATIENCE_SECONDS = 600.0
# The demo's tills ask more often than a store's, for people who look.
_USUAL = {"MALOTE_TILL_POLL_SECONDS": str(TillSettings().poll_seconds), "MALOTE_TILL_SINCE": "all"}


class Memory:
    """The most that a process was seen to hold, in MB."""

    def __init__(self, pid: int) -> None:
        self._process = psutil.Process(pid)
        self.peak = 0.0

    def look(self) -> None:
        self.peak = max(self.peak, self._process.memory_info().rss / _MEGABYTE)


class Processor:
    """The processor time that Malote's processes and PostgreSQL use for a sale, once they have started."""

    def __init__(self, pids: Sequence[int], postgres: Path) -> None:
        self._processes = [psutil.Process(pid) for pid in pids]
        self._postmaster = psutil.Process(int((postgres / "postmaster.pid").read_text().split()[0]))
        self._first: tuple[int, float] | None = None
        self.microseconds = 0.0

    def look(self, booked: int) -> None:
        """To be called now and then, with how many sales are booked."""
        if self._first is None:
            self._first = (booked, self._used()) if booked else None
        elif booked > self._first[0]:
            sales, seconds = self._first
            self.microseconds = 1e6 * (self._used() - seconds) / (booked - sales)

    def _used(self) -> float:
        processes = [*self._processes, *self._postmaster.children()]
        return float(sum(times.user + times.system for times in (process.cpu_times() for process in processes)))


def run(sales: int = SALES) -> list[dict[str, Any]]:
    home = Path(tempfile.mkdtemp(prefix="malote-bench-"))
    try:
        return _run(Store(home, "en"), sales)
    finally:
        shutil.rmtree(home, ignore_errors=True)


def _run(store: Store, sales: int) -> list[dict[str, Any]]:
    with ExitStack() as stack:
        erp_url, why_not = stack.enter_context(erp_database(store.home))
        if why_not:
            raise RuntimeError(why_not)
        erp = stack.enter_context(ErpBooks(erp_url))
        erp.prepare()
        store.lay_out(erp_url)
        shares = [sales // len(store.tills) + (place < sales % len(store.tills)) for place in range(len(store.tills))]
        sample = [file for till, share in zip(store.tills, shares, strict=True) for file in _fill(till, share)]
        bound = _parses(sample[:_PARSED])
        crew = stack.enter_context(Crew(store.logs))
        server, poster, *agents = store.programs()
        crew.start(server)
        store.wait_for_server(crew.restart_the_dead)
        crew.start(poster)
        memories = [Memory(crew.pid(name)) for name in ("server", "poster")]
        for agent in agents:
            crew.start(replace(agent, environment=_USUAL))
        processor = Processor([crew.pid(program.name) for program in store.programs()], store.home / "erp")
        _wait(erp, sales, processor, memories)
        rows = _rows(sales / _seconds(store), bound, processor.microseconds, memories)
        instead = sling.microseconds_per_sale(erp_url, store.home / "erp", sales)
        return rows + _beside_sling(processor.microseconds, instead)


def _beside_sling(own: float, instead: float | None) -> list[dict[str, Any]]:
    """What a user would pick instead, which moves the same rows and does nothing else with them."""
    if instead is None:
        return []
    name = "outbox to ERP, processor time of all, beside sling's bare tables"
    return [{"name": name, "value": own, "unit": "µs/sale", "bound": instead, "ratio": instead / own}]


def _rows(value: float, bound: float, processor: float, memories: Sequence[Memory]) -> list[dict[str, Any]]:
    """Processor time tells what an idle machine would do, even where this one is busy with other things."""

    def memory(name: str, peak: float) -> dict[str, Any]:
        ratio = peak / MEMORY_TARGET
        return {"name": f"{name}, most memory", "value": peak, "unit": "MB", "bound": MEMORY_TARGET, "ratio": ratio}

    server, poster = memories
    parsing = 1e6 / bound
    spent = {"value": processor, "unit": "µs/sale", "bound": parsing, "ratio": parsing / processor}
    return [
        {"name": "outbox to ERP", "value": value, "unit": "sales/s", "bound": bound, "ratio": value / bound},
        {"name": "outbox to ERP, processor time of all", **spent},
        memory("server", server.peak),
        memory("poster", poster.peak),
    ]


def _fill(till: TillPlace, count: int) -> list[bytes]:
    """Captures so many sales into the till's outbox, as its agent would; returns some of the files."""
    sample: list[bytes] = []
    with closing(Outbox(till.outbox)) as outbox:
        for first in range(1, count + 1, _CAPTURE):
            captured = [_captured(note) for note in _notes(till, range(first, min(first + _CAPTURE, count + 1)))]
            outbox.capture(captured, time.time())
            sample += [file.content for file in captured] if len(sample) < _PARSED else []
    return sample


def _notes(till: TillPlace, numbers: range) -> Iterator[DemoNote]:
    opening = now()
    for number in numbers:
        basket = baskets.draw(Random(f"{till.plan.name}:{number}"), LINES, PAYMENTS)
        at = opening + timedelta(seconds=number // 20)
        yield notes.compose(till.plan.issuer, till.plan.series, number, at, basket)


def _captured(note: DemoNote) -> CapturedFile:
    content = note.authorised()
    line = DocumentLine("sale", note.access_key, note.issuer.cnpj, notes.MODEL, note.series, note.number, note.number)
    name = f"{note.access_key}-procNFe.xml"
    # No path: the POS's files are not there, and nobody looks for them.
    return CapturedFile("", name, FileMark(len(content), 0, 0), hashlib.sha256(content).digest(), content, [line])


def _parses(files: Sequence[bytes]) -> float:
    began = time.process_time()
    for file in files:
        etree.fromstring(file)
    return len(files) / (time.process_time() - began)


def _wait(erp: ErpBooks, sales: int, processor: Processor, memories: Sequence[Memory]) -> None:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while (booked := erp.totals().sales) < sales:
        if time.monotonic() > deadline:
            raise TimeoutError(f"{booked} of {sales} sales are booked")
        processor.look(booked)
        for memory in memories:
            memory.look()
        time.sleep(0.5)
    if booked != sales:
        raise RuntimeError(f"{booked} sales are booked, {sales} were sold")


def _seconds(store: Store) -> float:
    """From the first pouch's arrival to the last settlement, by the server's clock."""
    engine = open_database(store.database_url)
    try:
        while True:
            with reading(engine) as connection:
                columns = (func.min(document.c.accepted_at), func.max(document.c.settled_at), func.count())
                first, last, count = connection.execute(select(*columns)).one()
                settled = connection.execute(select(func.count(document.c.settled_at))).scalar_one()
            if settled == count:
                return float(last - first)
            # Booked, and the poster is about to say so.
            time.sleep(0.1)
    finally:
        engine.dispose()


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(prog="python -m bench.end_to_end", description=__doc__)
    arguments.add_argument("--sales", type=int, default=SALES)
    for row in run(arguments.parse_args().sales):
        print(json.dumps(row))
    sys.exit(0)
