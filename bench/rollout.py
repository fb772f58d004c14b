"""A roll-out to a thousand tills in one run: real outboxes, real contacts by HTTP with a real server, all waves.

The tills are work for threads here and processes in a store; each has an outbox of its own with a day's sales in it,
and goes from version 1 to the current structure: order, copy, transaction, check, report. The bound is the same change
made to such an outbox by hand, with nothing around it.
"""

import hashlib
import os
import re
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.unit.structures_till_support import old_outbox
from tests.unit.till_support import captured, sale_line

from malote import wire
from malote.accounts.audit import Actor
from malote.app import services_for
from malote.config import IntakeSettings, Settings
from malote.schema.till_structure import TILL
from malote.till.orders import structure
from malote.till.orders.dispatching import Orders
from malote.till.orders.handling import Means
from malote.till.outbox import Outbox
from malote.till.server_client import ServerClient
from malote.till.trouble_notices import Voice
from malote.tills.till import create_till

TILLS = 1000
SALES = 300
THREADS = 8
BY_HAND = 50

Row = dict[str, Any]


class Till:
    """One simulated till: an outbox and a line to the server."""

    def __init__(self, path: Path, address: str, token: str) -> None:
        self._path = path
        self._server = ServerClient(address, token)
        self.seconds: float | None = None  # from the order to the report's answer

    def contact(self) -> None:
        # An outbox belongs to the thread that opened it.
        with Outbox(self._path) as outbox:
            means = Means(outbox, self._server, Voice(lambda _: None), lambda: None, time.time)
            orders = Orders(means, self._server.till, time.monotonic)
            began = time.perf_counter()
            if orders.heed(self._say(outbox, orders)):
                while orders.busy:
                    orders.step()
                self._say(outbox, orders)
                self.seconds = time.perf_counter() - began

    def _say(self, outbox: Outbox, orders: Orders) -> wire.ContactReply:
        has = structure.said(outbox, None)
        return self._server.contact(wire.Contact("bench", datetime.now(UTC), 0, 0, structure=has, orders=orders.said()))

    def close(self) -> None:
        self._server.__exit__()


def run() -> list[Row]:
    """Milliseconds for each till, and the whole roll-out in seconds."""
    with tempfile.TemporaryDirectory(prefix="malote-bench-") as folder:
        home = Path(folder)
        model = home / "model.sqlite3"
        _fill(model)
        by_hand = statistics.median(_by_hand(home, model) for _ in range(BY_HAND))
        each, whole = _roll_out(home, model)
    median = statistics.median(each)
    slowest = sorted(each)[len(each) * 99 // 100]
    return [
        _row("roll-out: one till, order to report (median)", median * 1000, "ms", by_hand * 1000),
        _row("roll-out: one till, order to report (99th of 100)", slowest * 1000, "ms", by_hand * 1000),
        _row(f"roll-out: {TILLS} tills in three waves, {THREADS} at once", whole, "s", None),
    ]


def _row(name: str, value: float, unit: str, bound: float | None) -> Row:
    # Times: the bound is the least there can be, so that the ratio is its share.
    return {"name": name, "value": value, "unit": unit, "bound": bound, "ratio": bound and bound / value}


def _fill(path: Path) -> None:
    old_outbox(path)
    with Outbox(path) as outbox:
        content = [hashlib.sha256(str(number).encode()).digest() * 300 for number in range(SALES)]
        outbox.capture([captured(one, "", sale_line(number)) for number, one in enumerate(content)], 1.0)


def _by_hand(home: Path, model: Path) -> float:
    """Seconds for the same statement in a transaction of its own, synced."""
    copy = home / "by-hand.sqlite3"
    shutil.copy(model, copy)
    began = time.perf_counter()
    with closing(sqlite3.connect(copy, isolation_level=None)) as connection:
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("CREATE TABLE structure_change (version INTEGER, sha256 TEXT, at REAL, seconds REAL)")
        connection.execute("COMMIT")
    return time.perf_counter() - began


def _roll_out(home: Path, model: Path) -> tuple[list[float], float]:
    settings = Settings(home=str(home / "server"), intake=IntakeSettings(drop_folder=False))
    with services_for(settings) as services, ExitStack() as stack:
        names = [f"caixa{number:04d}" for number in range(1, TILLS + 1)]
        tokens = {name: create_till(services.engine, name)[1] for name in names}
        address = stack.enter_context(_server(Path(settings.home)))
        for name in names:
            shutil.copy(model, home / f"{name}.sqlite3")
        tills = [Till(home / f"{name}.sqlite3", address, tokens[name]) for name in names]
        for till in tills:
            stack.callback(till.close)
        with ThreadPoolExecutor(THREADS) as pool:
            list(pool.map(Till.contact, tills))
            services.structures.roll_out(None, Actor("bench"))
            began = time.perf_counter()
            while True:
                list(pool.map(Till.contact, [till for till in tills if till.seconds is None]))
                found = services.structures.rollout()
                if found is not None and found.state != "running":
                    break
        whole = time.perf_counter() - began
        assert found.counts == {"done": TILLS}, found
        assert all(one.current for one in services.structures.tills()), TILL.version
    return [till.seconds for till in tills if till.seconds is not None], whole


@contextmanager
def _server(home: Path) -> Iterator[str]:
    command = [sys.executable, "-c", "from malote.cli.main import main; main()", "serve", "--port", "0", "--no-posting"]
    environment = os.environ | {"MALOTE_HOME": str(home), "MALOTE_INTAKE_DROP_FOLDER": "false"}
    with (home / "serve.log").open("w") as log:
        process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=log, text=True)
        try:
            assert process.stdout is not None
            found = None
            while found is None:
                line = process.stdout.readline()
                assert line, (home / "serve.log").read_text()
                found = re.search(r"http://\S+", line)
            yield found.group()
        finally:
            process.terminate()
            process.communicate()
