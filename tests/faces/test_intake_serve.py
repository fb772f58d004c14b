"""``malote serve`` as a process of its own: it starts, takes sales in by every door, and stops when told."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from malote.app import services_for
from malote.config import Settings
from malote.register import till_documents
from malote.tills.till import create_till
from tests.faces.intake_support import Speaker, file
from tests.unit.fiscal.notes import build_note

pytestmark = pytest.mark.processes

COMMAND = [sys.executable, "-c", "from malote.cli.main import main; main()", "serve", "--port", "0"]


@contextmanager
def server(home: Path, *options: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    environment = {
        **os.environ,
        "MALOTE_HOME": str(home),
        "MALOTE_LANGUAGE": "en",
        "MALOTE_INTAKE_DROP_QUIET_SECONDS": "0.1",
        "MALOTE_INTAKE_DROP_RESCAN_SECONDS": "0.5",
    }
    with (home / "serve.log").open("a", encoding="utf-8") as log:
        process = subprocess.Popen([*COMMAND, *options], env=environment, stdout=subprocess.PIPE, stderr=log, text=True)
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            address = re.search(r"http://\S+", line)
            assert address, line + (home / "serve.log").read_text(encoding="utf-8")
            yield process, address.group()
        finally:
            if process.poll() is None:
                process.kill()
            process.communicate()


@pytest.fixture
def home(tmp_path: Path) -> Path:
    folder = tmp_path / "servidor"
    folder.mkdir()
    return folder


@pytest.fixture
def token(home: Path) -> str:
    with services_for(Settings(home=str(home))) as services:
        return create_till(services.engine, "caixa1")[1]


def pending(home: Path) -> int:
    with services_for(Settings(home=str(home))) as services:
        return sum(one.pending for one in till_documents.status(services.engine, now=services.spool.clock()))


def test_it_takes_pouches_and_dropped_files_and_stops_when_told(home: Path, token: str) -> None:
    with server(home, "--no-posting") as (process, address):
        with Speaker(address, token) as till:
            assert till.send([file(build_note(number=1))])[0].state == "accepted"
        wait_until((home / "entrada" / "caixa1").is_dir)
        (home / "entrada" / "caixa1" / "venda.xml").write_bytes(build_note(number=2))
        wait_until(lambda: any((home / "entrada" / "caixa1").glob("recebidos/*/venda.xml")))
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0, (home / "serve.log").read_text(encoding="utf-8")
    assert pending(home) == 2
    log = (home / "serve.log").read_text(encoding="utf-8")
    assert token.split(".")[1] not in log
    assert "CPF" not in log
    assert "<nfeProc" not in log


@pytest.mark.skipif(os.name == "nt", reason="Ctrl-C can't be sent to one process there")
def test_ctrl_c_stops_it_without_a_traceback(home: Path, token: str) -> None:
    with server(home, "--no-posting") as (process, address):
        assert httpx.get(f"{address}/health").json() == {"status": "ok"}
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0
    assert "Traceback" not in (home / "serve.log").read_text(encoding="utf-8")


def test_what_was_acknowledged_survives_kill_9(home: Path, token: str) -> None:
    files = [file(build_note(number=number)) for number in range(1, 21)]
    with server(home, "--no-posting") as (process, address), Speaker(address, token) as till:
        till.send(files)
        process.kill()
        process.wait(60)
    with server(home, "--no-posting") as (process, address), Speaker(address, token) as till:
        receipts = till.send(files)
        assert {(receipt.state, receipt.already_known) for receipt in receipts} == {("accepted", True)}
        assert process.stdout is not None
        told = [process.stdout.readline() for _ in ("Console", "From before")]
        assert told[-1] == "From before: 20 documents to be booked, R$ 518.00.\n"
    assert pending(home) == 20


def test_a_port_in_use_is_told_with_a_reason(home: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        command = [*COMMAND[:-1], str(taken.getsockname()[1]), "--no-posting"]
        environment = {**os.environ, "MALOTE_HOME": str(home)}
        result = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert result.returncode == 3, result.stderr
    assert "address_in_use" in result.stderr
    assert "Traceback" not in result.stderr


def wait_until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 300
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.05)
