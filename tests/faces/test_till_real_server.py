"""The agent and the billing server as people run them: two processes, one folder of files, one proof."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from malote.app import services_for
from malote.config import Settings
from malote.register import till_documents
from malote.tills.till import create_till
from tests.unit.fiscal.notes import build_note
from tests.unit.till_support import put

pytestmark = pytest.mark.processes

MALOTE = (sys.executable, "-c", "from malote.cli.main import main; main()")


@contextmanager
def billing_server(home: Path) -> Iterator[str]:
    environment = os.environ | {"MALOTE_HOME": str(home), "MALOTE_LANGUAGE": "en", "MALOTE_INTAKE_DROP_FOLDER": "false"}
    with (home / "serve.log").open("a", encoding="utf-8") as log:
        process = subprocess.Popen(
            [*MALOTE, "serve", "--port", "0"], env=environment, stdout=subprocess.PIPE, stderr=log, text=True
        )
        try:
            assert process.stdout is not None
            found = re.search(r"http://\S+", process.stdout.readline())
            assert found, (home / "serve.log").read_text(encoding="utf-8")
            yield found.group()
        finally:
            process.kill()
            process.communicate()


class Till:
    def __init__(self, home: Path, token: str) -> None:
        self.home = home
        self.token = token
        self.address = ""
        home.mkdir()

    def call(self, *words: str) -> "subprocess.CompletedProcess[str]":
        chosen = {
            "MALOTE_HOME": str(self.home),
            "MALOTE_LANGUAGE": "en",
            "MALOTE_TILL_SERVER": self.address,
            "MALOTE_TILL_TOKEN": self.token,
            "MALOTE_TILL_FOLDER": "pos",
            "MALOTE_TILL_QUIET_SECONDS": "0",
            "MALOTE_TILL_POLL_SECONDS": "0.1",
        }
        command, env = [*MALOTE, "till", *words], os.environ | chosen
        return subprocess.run(command, env=env, capture_output=True, text=True, timeout=300, check=False)

    def status(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.call("status", "--json").stdout)
        return found


@pytest.fixture
def server_home(tmp_path: Path) -> Path:
    folder = tmp_path / "server"
    folder.mkdir()
    return folder


@pytest.fixture
def till(tmp_path: Path, server_home: Path) -> Till:
    with services_for(Settings(home=str(server_home))) as services:
        return Till(tmp_path / "till", create_till(services.engine, "caixa1")[1])


def test_sales_are_proven_and_a_bad_one_is_named(server_home: Path, till: Till) -> None:
    for number in range(1, 21):
        put(till.home / "pos", f"{number}.xml", build_note(number=number))
    put(till.home / "pos", "cut.xml", build_note(number=21)[:700])
    with billing_server(server_home) as till.address:
        ended = till.call("run", "--once", "--timeout", "60")
        assert ended.returncode == 1, ended.stderr
        found = till.status()
        assert (found["posted"], found["rejected"], found["pending"], found["accepted"]) == (20, 1, 0, 0)
        assert [trouble["name"] for trouble in found["troubles"]] == ["cut.xml"]
        assert found["troubles"][0]["code"] == "file_damaged"
        assert found["server"]["till"] == "caixa1"
        assert found["last_sale"]["number"] == 20
        (till.home / "outbox.sqlite3").unlink()
        till.call("run", "--once", "--timeout", "60")
        assert till.status()["posted"] == 20, "a till that lost its outbox finds its sales proven"
    with services_for(Settings(home=str(server_home))) as services:
        (one,) = till_documents.status(services.engine, now=services.spool.clock())
        assert (one.posted, one.rejected) == (20, 1)


def test_a_token_that_was_replaced_is_named(server_home: Path, till: Till) -> None:
    till.token = "malote.wrong"
    put(till.home / "pos", "1.xml", build_note(number=1))
    with billing_server(server_home) as till.address:
        ended = till.call("run", "--once")
    assert ended.returncode == 3
    assert "[token_invalid]" in ended.stderr
    assert till.status()["pending"] == 1
