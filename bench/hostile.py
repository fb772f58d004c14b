"""What one bad thing costs the others: ``python -m bench.hostile [NAME…]``.

Each measurement is one function below, and stands beside the good case, measured in the same run: only the ratio is
worth comparing. Where others on the machine would disturb a clock, the server's processor time is taken instead.

To add one, write a function that returns rows (``row`` makes them) and put ``@measurement`` over it.
"""

import argparse
import os
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import psutil
from tests.unit.fiscal.notes import build_note

from malote import wire
from malote.accounts.tills import create_till
from malote.app import services_for
from malote.config import Settings

Row = dict[str, Any]
Measurement = Callable[[], list[Row]]

MEASUREMENTS: dict[str, Measurement] = {}

_SERVE = [sys.executable, "-c", "from malote.cli.main import main; main()", "serve", "--port", "0"]
_FORM = {"Content-Type": "application/x-www-form-urlencoded"}
TIMES = 5  # of a measurement, whose median counts


def measurement(function: Measurement) -> Measurement:
    """Puts a function on the list, under its own name."""
    MEASUREMENTS[function.__name__] = function
    return function


def row(name: str, value: float, unit: str, good: float) -> Row:
    """``good`` is the same figure of the good case; the ratio says how many times as much the bad one is."""
    return {"name": name, "value": value, "unit": unit, "bound": good, "ratio": value / good if good else None}


def run(names: tuple[str, ...] = ()) -> list[Row]:
    return [one for name in names or MEASUREMENTS for one in MEASUREMENTS[name]()]


# ---- what measurements share ----


class Running(NamedTuple):
    """A server in a process of its own, and the tokens of its tills."""

    address: str
    process: psutil.Process
    tokens: dict[str, str]
    home: Path

    @property
    def place(self) -> tuple[str, int]:
        host, _, port = self.address.removeprefix("http://").rpartition(":")
        return host, int(port)

    def processor(self) -> float:
        """Seconds of processor time that the server has used."""
        times = self.process.cpu_times()
        return float(times.user + times.system)

    def till(self, name: str = "caixa1") -> httpx.Client:
        """A till's client, with a connection of its own."""
        headers = {
            "Authorization": f"Bearer {self.tokens[name]}",
            wire.PROTOCOL_HEADER: str(wire.PROTOCOL_VERSION),
        }
        return httpx.Client(base_url=self.address, headers=headers, timeout=120)


@contextmanager
def server(*tills: str, posting: bool = False, **settings: object) -> Iterator[Running]:
    """``malote serve`` in a new home with these tills. A setting ``store.name`` is given as ``store_name``."""
    with tempfile.TemporaryDirectory(prefix="malote-bench-") as folder:
        home = Path(folder) / "home"
        with services_for(Settings(home=str(home))) as services:
            tokens = {name: create_till(services.engine, name)[1] for name in tills or ("caixa1",)}
        given = {f"MALOTE_{name.upper()}": str(value) for name, value in settings.items()}
        command = _SERVE if posting else [*_SERVE, "--no-posting"]
        with (home / "serve.log").open("w") as log:
            process = subprocess.Popen(
                command,
                env={**os.environ, "MALOTE_HOME": str(home), **given},
                stdout=subprocess.PIPE,
                stderr=log,
                encoding="utf-8",
            )
        try:
            assert process.stdout is not None
            found = re.search(r"http://\S+", process.stdout.readline())
            assert found, "the server did not start"
            httpx.get(f"{found.group()}{wire.PATH_HEALTH}", timeout=60).raise_for_status()
            yield Running(found.group(), psutil.Process(process.pid), tokens, home)
        finally:
            process.terminate()
            process.communicate(timeout=60)


def wait_of_a_sale(till: httpx.Client, number: int) -> float:
    """Seconds that a till waits for the receipt of one good sale."""
    began = time.perf_counter()
    reply = till.post(wire.PATH_DOCUMENTS, content=build_note(number=number))
    assert reply.json()["state"] == "accepted", reply.text
    return time.perf_counter() - began


def median_wait(running: Running, first: int, name: str = "caixa1") -> float:
    """The same for several sales, each over a connection of its own, as of a till that comes anew."""
    waits = []
    for number in range(first, first + TIMES):
        with running.till(name) as till:
            waits.append(wait_of_a_sale(till, number))
    return statistics.median(waits)


# ---- the measurements ----


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


def _processor_of_forms(running: Running, body: bytes) -> float:
    before = running.processor()
    for _ in range(TIMES):
        try:
            httpx.post(f"{running.address}/console/sign-in", content=body, headers=_FORM, timeout=300)
        except httpx.TransportError:
            continue  # shut before all of it was sent
    return 1e6 * (running.processor() - before) / TIMES


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
