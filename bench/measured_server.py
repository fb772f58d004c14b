"""A server that is measured: in a process of its own, with tills that sell and somebody who looks at pages."""

import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import httpx
import psutil
from tests.unit.fiscal.notes import build_note

from malote import wire
from malote.accounts import users
from malote.accounts.audit import Actor
from malote.accounts.roles import Role
from malote.app import services_for
from malote.config import Settings
from malote.tills.till import create_till

_SERVE = [sys.executable, "-c", "from malote.cli.main import main; main()", "serve", "--port", "0"]
TIMES = 5  # of a measurement, whose median counts


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
                start_new_session=True,  # systems that share the processor among sessions give it its own share
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


def signed_in(running: Running) -> httpx.Cookies:
    """Somebody who may look."""
    password = "correct-horse-7"
    with services_for(Settings(home=str(running.home))) as services:
        users.create(
            services.engine, Actor("bench"), "bench", role=Role.OPERADOR, password=password, must_change_password=False
        )
    with httpx.Client(base_url=running.address, timeout=60) as client:
        form = re.search(r'name="form" value="([^"]+)"', client.get("/console/sign-in").text)
        assert form is not None
        client.post("/console/sign-in", data={"form": form.group(1), "name": "bench", "password": password})
        assert client.get("/console/tills").status_code == 200
        return client.cookies
