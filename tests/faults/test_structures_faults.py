"""Structures and processes that die: the server's application, and a real agent that obeys a roll-out."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from malote.app import services_for
from malote.config import Settings, StructuresSettings
from malote.orders.rollout_reports import Rollout, RolloutTill
from malote.register import till_documents
from malote.schema.structure_reports import StepReport
from malote.schema.till_update import backup_of
from malote.structures.structure_service import Structures
from malote.structures.wanted import erp_of_2025
from malote.till.orders.handling import Handler
from malote.tills.till import create_till
from tests.engines.postgres_support import discard_postgresql, fresh_postgresql_url
from tests.engines.posting_support import until
from tests.engines.structures_support import ACTOR, create, structures_over
from tests.unit.fiscal.notes import build_note
from tests.unit.structures_till_support import old_outbox, tables_of
from tests.unit.till_support import put

pytestmark = pytest.mark.processes

MALOTE = (sys.executable, "-c", "from malote.cli.main import main; main()")
CHILD = (sys.executable, "-m", "tests.faults.structures_child")
ROOT = Path(__file__).parents[2]


@pytest.mark.postgresql
def test_an_application_that_is_killed_says_where_it_stands_and_goes_on(tmp_path: Path) -> None:
    url = fresh_postgresql_url()
    create(url, erp_of_2025())
    try:
        with structures_over(tmp_path, url) as (services, engine), psycopg.connect(url) as reader:
            reader.execute("SELECT count(*) FROM sale_item")
            child = subprocess.Popen([*CHILD, "apply", str(tmp_path), url], cwd=ROOT)
            until(lambda: [one.state for one in _steps(services)] == ["done", "waiting"])
            child.kill()
            child.wait()
            reader.rollback()
            later = Structures(engine, services._settings, clock=lambda: time.time() + 60)
            left = later.last_run("erp")
            assert left is not None
            assert left.state == "interrupted"
            assert [one.state for one in left.steps] == ["done", "waiting"], "exactly where it stands"
            again = later.apply("erp", ACTOR)
            assert (again.state, len(again.steps)) == ("done", 1)
            assert later.drift("erp").differences == []
            before = later.run(left.id)
            assert before is not None
            assert before.state == "interrupted"
    finally:
        discard_postgresql(url)


def _steps(services: Structures) -> list[StepReport]:
    found = services.last_run("erp")
    return list(found.steps) if found else []


class Store:
    """A billing server with one till, as people run them."""

    def __init__(self, folder: Path) -> None:
        self.home = folder / "server"
        self.home.mkdir()
        self.till_home = folder / "till"
        self.pos = self.till_home / "pos"
        self.outbox = self.till_home / "outbox.sqlite3"
        self.address = ""
        with services_for(self.settings) as services:
            _, self.token = create_till(services.engine, "caixa1")

    @property
    def settings(self) -> Settings:
        return Settings(home=str(self.home), structures=StructuresSettings(offline_minutes=60))

    @contextmanager
    def server(self) -> Iterator[None]:
        environment = os.environ | {"MALOTE_HOME": str(self.home), "MALOTE_LANGUAGE": "en"}
        with (self.home / "serve.log").open("a", encoding="utf-8") as log:
            command = [*MALOTE, "serve", "--port", "0"]
            process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=log, text=True)
            try:
                assert process.stdout is not None
                found = None
                while found is None:
                    line = process.stdout.readline()
                    assert line, (self.home / "serve.log").read_text(encoding="utf-8")
                    found = re.search(r"http://\S+", line)
                self.address = found.group()
                yield
            finally:
                process.kill()
                process.communicate()

    def agent(self, *command: str) -> "subprocess.Popen[str]":
        chosen = {
            "MALOTE_HOME": str(self.till_home),
            "MALOTE_LANGUAGE": "en",
            "MALOTE_TILL_SERVER": self.address,
            "MALOTE_TILL_TOKEN": self.token,
            "MALOTE_TILL_FOLDER": "pos",
            "MALOTE_TILL_QUIET_SECONDS": "0",
            "MALOTE_TILL_RESCAN_SECONDS": "0.5",
            "MALOTE_TILL_POLL_SECONDS": "0.1",
            "MALOTE_TILL_RETRY_FIRST_SECONDS": "0.1",
        }
        return subprocess.Popen(
            command or [*MALOTE, "till", "run"], env=os.environ | chosen, cwd=ROOT, stderr=subprocess.PIPE, text=True
        )

    def sell(self, *numbers: int) -> None:
        for number in numbers:
            put(self.pos, f"{number}.xml", build_note(number=number))

    def posted(self) -> int:
        with services_for(self.settings) as services:
            return till_documents.status(services.engine, now=services.spool.clock())[0].posted

    def rollout(self) -> tuple[Rollout, RolloutTill]:
        with services_for(self.settings) as services:
            found = services.structures.rollout()
            assert found is not None
            return found, services.structures.rollout_tills(found.id)[0]

    def run(self, *words: str) -> "subprocess.CompletedProcess[str]":
        environment = os.environ | {"MALOTE_HOME": str(self.home), "MALOTE_LANGUAGE": "en"}
        command = [*MALOTE, "structures", *words]
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=False)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    made = Store(tmp_path)
    old_outbox(made.outbox)
    return made


@contextmanager
def ended(process: "subprocess.Popen[str]") -> Iterator[None]:
    try:
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=300)


def test_a_till_of_last_year_is_served_and_then_updated_while_it_sells(store: Store) -> None:
    store.sell(*range(1, 11))
    with store.server(), ended(store.agent()):
        until(lambda: store.posted() == 10)
        assert "structure_change" not in tables_of(store.outbox)
        told = json.loads(store.run("drift", "till", "--json").stdout)["tills"]
        assert [(one["till"], one["version"], one["current"]) for one in told] == [("caixa1", 1, False)]
        begun = store.run("rollout", "start", "--all", "--json")
        assert begun.returncode == 0, begun.stderr
        store.sell(*range(11, 21))
        until(lambda: store.rollout()[0].state == "done")
        assert "structure_change" in tables_of(store.outbox)
        store.sell(*range(21, 31))
        until(lambda: store.posted() == 30)
        assert store.run("drift", "till").returncode == 0
    _, till = store.rollout()
    assert till.state == "done"
    assert till.seconds is not None
    assert not backup_of(store.outbox).exists()


def test_an_agent_killed_before_the_commit_is_as_before_and_tries_again(store: Store) -> None:
    store.sell(1, 2, 3)
    with store.server():
        assert store.run("rollout", "start", "--tills", "caixa1").returncode == 0
        dying = store.agent(*CHILD, "till", "killed")
        dying.communicate(timeout=300)
        assert dying.returncode == -signal.SIGKILL
        assert "structure_change" not in tables_of(store.outbox)
        store.sell(4)
        with ended(store.agent()):
            until(lambda: store.rollout()[0].state == "done")
            until(lambda: store.posted() == 4)
    assert not backup_of(store.outbox).exists()


def test_a_till_whose_file_is_damaged_goes_back_to_its_copy_and_loses_nothing(store: Store) -> None:
    """Each try ends with a damaged file; at last the till gives up, the wave stops, and every sale is proven."""
    store.sell(1, 2, 3)
    with store.server(), ended(store.agent(*CHILD, "till", "damaged")):
        until(lambda: store.posted() == 3)
        assert store.run("rollout", "start", "--all").returncode == 0
        store.sell(4, 5, 6)
        until(lambda: store.rollout()[0].state == "stopped")
        store.sell(7)
        until(lambda: store.posted() == 7)
    found, till = store.rollout()
    assert (found.stopped_by, found.code) == ("caixa1", "order_broke_off")
    assert till.state == "failed"
    aside = [
        path for path in store.till_home.glob("outbox.sqlite3.damaged-*") if path.name[-4:] not in ("-wal", "-shm")
    ]
    assert len(aside) == Handler.most_tries
    assert "structure_change" not in tables_of(store.outbox), "it is the copy from before"
    assert store.run("rollout", "status").returncode == 1
    with store.server(), ended(store.agent()):
        assert store.run("rollout", "resume").returncode == 0
        until(lambda: store.rollout()[0].state == "done")
