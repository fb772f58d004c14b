"""The whole agent running in this process: threads, damage, locks, a server in trouble."""

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from malote import wire
from malote.config.sections import LoadFileSettings, TillLoadsSettings
from malote.till import storage, watch
from malote.till.agent import Agent
from malote.till.courier import Courier
from malote.till.loads import loads_database, loads_upkeep, server_time
from malote.till.lock import AgentLock
from malote.till.outbox import Outbox
from malote.till.outbox_records import OutboxCounts
from malote.till.storage import OutboxError
from tests.faces.till_agent_support import WAIT_SECONDS, an_agent
from tests.faces.till_support import FakeServer, busy, hashes, lose_reply, says
from tests.loads_support import PRICE, LoadedTill, prices
from tests.unit.till_support import Ears, put, till_settings

pytest_plugins = ["tests.faces.till_agent_fixtures"]


def counts(tmp_path: Path) -> OutboxCounts:
    with Outbox(tmp_path / "outbox.sqlite3") as outbox:
        return outbox.counts()


@contextmanager
def running(agent: Agent) -> Iterator[None]:
    failures: list[BaseException] = []

    def work() -> None:
        try:
            agent.run()
        except BaseException as error:  # noqa: BLE001 - raised again below
            failures.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        agent.stop()
        thread.join(WAIT_SECONDS)
    assert not thread.is_alive()
    if failures:
        raise failures[0]


def wait_for(condition: Callable[[], bool]) -> None:
    until = time.monotonic() + WAIT_SECONDS
    while not condition():
        assert time.monotonic() < until, "it did not come to pass"
        time.sleep(0.02)


def test_takes_sales_as_they_are_written(tmp_path: Path, pos_folder: Path, agent_server: FakeServer) -> None:
    with running(an_agent(tmp_path, till_settings(pos_folder, server=agent_server.url, rescan_seconds=60.0))):
        for number in range(10):
            put(pos_folder, f"day {number % 2}/{number}.xml", b"sale %d" % number)
        wait_for(lambda: len(agent_server.ledger.booked) == 10)
    assert counts(tmp_path).captured == 0


def test_asks_at_once_when_the_server_tells_of_another_load(
    tmp_path: Path, pos_folder: Path, agent_server: FakeServer
) -> None:
    ledger = agent_server.ledger
    ledger.load_version = 7
    with running(an_agent(tmp_path, till_settings(pos_folder, server=agent_server.url, poll_seconds=3600.0))):
        wait_for(lambda: len(ledger.contacts) == 1 and ledger.known == [-1, 7])
        ledger.load_version = 8
        wait_for(lambda: len(ledger.contacts) == 2 and ledger.known == [-1, 7, 8])
        ledger.load_version = 9
        wait_for(lambda: len(ledger.contacts) == 3)


def test_finds_by_rescan_what_no_watch_tells(
    tmp_path: Path, pos_folder: Path, agent_server: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_watches_left(*_: Any, **__: Any) -> None:
        raise OSError(28, "inotify watch limit reached")

    monkeypatch.setattr(watch, "_watch_once", no_watches_left)
    with running(an_agent(tmp_path, till_settings(pos_folder, server=agent_server.url))):
        put(pos_folder, "a.xml", b"sale")
        wait_for(lambda: len(agent_server.ledger.booked) == 1)


def test_a_folder_that_comes_later_and_goes_and_comes_back(tmp_path: Path, agent_server: FakeServer) -> None:
    pos_folder, ears = tmp_path / "pos", Ears()
    with running(an_agent(tmp_path, till_settings(pos_folder, server=agent_server.url), ears)):
        wait_for(lambda: ears.codes("begins") == ["folder_missing"])
        put(pos_folder, "a.xml", b"first")
        wait_for(lambda: len(agent_server.ledger.booked) == 1)
        pos_folder.rename(tmp_path / "unmounted")
        wait_for(lambda: ears.codes("begins") == ["folder_missing"] * 2)
        (tmp_path / "unmounted").rename(pos_folder)
        put(pos_folder, "b.xml", b"second")
        wait_for(lambda: len(agent_server.ledger.booked) == 2)
    assert set(agent_server.ledger.deliveries.values()) == {1}


def test_goes_on_after_a_server_in_trouble(tmp_path: Path, pos_folder: Path, agent_server: FakeServer) -> None:
    agent_server.ledger.play(wire.PATH_POUCHES, lose_reply, busy, says(200, b"nonsense"))
    with running(an_agent(tmp_path, till_settings(pos_folder, server=agent_server.url))):
        put(pos_folder, "a.xml", b"sale")
        wait_for(lambda: len(agent_server.ledger.booked) == 1)
    assert set(agent_server.ledger.booked.values()) == {1}


def test_a_synchronisation_reads_the_folder_again(tmp_path: Path, pos_folder: Path, agent_server: FakeServer) -> None:
    agent_server.ledger.reject[b"bad"] = "items_missing"
    put(pos_folder, "a.xml", b"bad")
    (bad,) = hashes(b"bad")
    with running(an_agent(tmp_path, till_settings(pos_folder, server=agent_server.url))):
        wait_for(lambda: agent_server.ledger.deliveries[bad] == 1)
        wait_for(lambda: counts(tmp_path).rejected == 1)
        agent_server.ledger.resend = True
        wait_for(lambda: agent_server.ledger.deliveries[bad] == 2)


def test_an_outbox_found_damaged_at_the_start_is_built_again(
    tmp_path: Path, pos_folder: Path, agent_server: FakeServer
) -> None:
    for number in range(5):
        put(pos_folder, f"{number}.xml", b"sale %d" % number)
    settings = till_settings(pos_folder, server=agent_server.url)
    an_agent(tmp_path, settings).drain(WAIT_SECONDS)
    (tmp_path / "outbox.sqlite3").write_bytes(b"no database any more" * 1000)
    ears = Ears()
    drained = an_agent(tmp_path, settings, ears).drain(WAIT_SECONDS)
    assert (drained.ending, drained.counts) == ("proven", OutboxCounts(posted=5))
    assert ears.codes() == ["outbox_damaged", "outbox_salvaged"]  # nobody can tell what was in it
    assert list(tmp_path.glob("outbox.sqlite3.damaged-*"))
    assert set(agent_server.ledger.booked.values()) == {1}


def test_an_outbox_damaged_while_running_is_built_again(
    tmp_path: Path, pos_folder: Path, agent_server: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    ears = Ears()
    agent_server.ledger.posting = False
    put(pos_folder, "a.xml", b"first")
    with running(an_agent(tmp_path, till_settings(pos_folder, server=agent_server.url), ears)):
        wait_for(lambda: len(agent_server.ledger.states) == 1)
        broken = threading.Event()
        real = Outbox.to_ask

        def to_ask(outbox: Outbox, limit: int) -> list[bytes]:
            if not broken.is_set():
                broken.set()
                raise storage.OutboxDamagedError("outbox_damaged", path="?")
            return real(outbox, limit)

        monkeypatch.setattr(Outbox, "to_ask", to_ask)
        agent_server.ledger.posting = True
        put(pos_folder, "b.xml", b"second")
        wait_for(lambda: len(agent_server.ledger.booked) == 2)
    assert ears.codes() == ["outbox_damaged"]
    assert set(agent_server.ledger.booked.values()) == {1}


def test_a_full_disk_is_said_and_passes(
    tmp_path: Path, pos_folder: Path, agent_server: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    ears, full, tries = Ears(), threading.Event(), []
    full.set()
    real = Outbox.capture

    def capture(outbox: Outbox, *others: Any) -> int:
        if full.is_set():
            tries.append(1)
            next(outbox.rows("PRAGMA max_page_count = 1"))
        return real(outbox, *others)

    monkeypatch.setattr(Outbox, "capture", capture)
    with running(an_agent(tmp_path, till_settings(pos_folder, server=agent_server.url, quiet_seconds=0.1), ears)):
        put(pos_folder, "a.xml", os.urandom(200_000))
        wait_for(lambda: "till_disk_full" in ears.codes("begins"))
        wait_for(lambda: uncaptured(agent_server) == 1)
        wait_for(lambda: "till_disk_full" in troubles(agent_server))
        so_far = len(tries)
        wait_for(lambda: len(tries) >= so_far + 3)
        assert "till_disk_full" not in ears.codes("over"), "between two tries the disk is as full as it was"
        full.clear()
        wait_for(lambda: len(agent_server.ledger.booked) == 1)
        wait_for(lambda: troubles(agent_server) == [])
    assert "till_disk_full" in ears.codes("over")
    assert uncaptured(agent_server) == 0


def troubles(agent_server: FakeServer) -> list[str]:
    """What the agent told last."""
    return [one.code for one in agent_server.ledger.contacts[-1].troubles or ()]


def uncaptured(agent_server: FakeServer) -> int | None:
    count = agent_server.ledger.contacts[-1].folder
    return None if count is None else count.uncaptured


def test_an_outbox_that_cannot_be_opened_is_told_to_the_server(
    tmp_path: Path, pos_folder: Path, agent_server: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    away = threading.Event()
    away.set()
    real = Outbox.__init__

    def refuse(outbox: Outbox, path: Path, **others: Any) -> None:
        if away.is_set() and threading.current_thread().name == "courier":
            raise OutboxError("outbox_away", path=str(path), detail="read-only file system")
        real(outbox, path, **others)

    monkeypatch.setattr(Outbox, "__init__", refuse)
    put(pos_folder, "a.xml", b"sale")
    with running(an_agent(tmp_path, till_settings(pos_folder, server=agent_server.url))):
        wait_for(lambda: bool(agent_server.ledger.contacts) and troubles(agent_server) == ["outbox_away"])
        away.clear()
        wait_for(lambda: troubles(agent_server) == [])
        wait_for(lambda: len(agent_server.ledger.booked) == 1)


def test_one_agent_runs_on_an_outbox(tmp_path: Path, pos_folder: Path, agent_server: FakeServer) -> None:
    with AgentLock(tmp_path / "outbox.sqlite3"):
        for start in (Agent.run, lambda agent: agent.drain(1.0)):
            with pytest.raises(OutboxError) as raised:
                start(an_agent(tmp_path, till_settings(pos_folder, server=agent_server.url)))
            assert raised.value.code == "agent_running"


def test_stops_soon_even_while_the_server_hangs(tmp_path: Path, pos_folder: Path, agent_server: FakeServer) -> None:
    release = threading.Event()

    def hang(handler: Any, body: bytes) -> None:
        release.wait(WAIT_SECONDS)
        handler.hang_up()

    agent_server.ledger.play(wire.PATH_CONTACT, hang)
    agent = an_agent(tmp_path, till_settings(pos_folder, server=agent_server.url))
    with running(agent):
        time.sleep(0.3)
    release.set()


def test_a_fault_of_the_program_ends_the_agent_with_its_traceback(
    tmp_path: Path, pos_folder: Path, agent_server: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(Courier, "step", broken)
    with pytest.raises(ZeroDivisionError):
        an_agent(tmp_path, till_settings(pos_folder, server=agent_server.url)).run()


def test_no_sale_waits_until_all_of_the_loads_were_read(
    tmp_path: Path, pos_folder: Path, agent_server: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    may_end, has_begun = threading.Event(), threading.Event()

    def reads_long(_: Path) -> None:
        has_begun.set()
        may_end.wait(WAIT_SECONDS)

    monkeypatch.setattr(loads_database, "check", reads_long)
    put(pos_folder, "1.xml", b"a sale")
    with running(an_agent(tmp_path, till_settings(pos_folder, server=agent_server.url))):
        wait_for(has_begun.is_set)
        wait_for(lambda: bool(agent_server.ledger.booked))
        may_end.set()


def test_loads_are_written_for_the_pos_beside_the_sales_and_damaged_ones_hold_none_back(
    tmp_path: Path, pos_folder: Path, agent_server: FakeServer
) -> None:
    till = LoadedTill(tmp_path)
    with till.outbox:
        till.depot.stage((PRICE, prices(3)))
        till.obey(till.depot.order_of(1))
    files = TillLoadsSettings(str(tmp_path / "cargas"), [LoadFileSettings("price", "precos.csv")])
    settings = till_settings(pos_folder, server=agent_server.url, loads=files)
    with running(an_agent(tmp_path, settings)):
        wait_for(lambda: (tmp_path / "cargas" / "precos.csv").exists())
        wait_for(lambda: any(said.loads and said.loads.version == 1 for said in agent_server.ledger.contacts))
    loads_file = tmp_path / "loads.sqlite3"
    loads_file.write_bytes(loads_file.read_bytes()[:5000] + b"x" * 20_000)
    put(pos_folder, "1.xml", b"a sale")
    ears = Ears()
    drained = an_agent(tmp_path, settings, ears).drain(WAIT_SECONDS)
    assert (drained.ending, ears.codes()) == ("proven", ["loads_damaged"])
    assert agent_server.ledger.contacts[-1].loads == wire.LoadsHeld(0)


def test_loads_damaged_while_it_runs_are_set_aside_and_sales_go_on(
    tmp_path: Path, pos_folder: Path, agent_server: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loads_upkeep, "STEP_SECONDS", 0.05)
    till, ears = LoadedTill(tmp_path), Ears()
    with till.outbox:
        till.depot.stage((PRICE, prices(3)))
        till.obey(till.depot.order_of(1))
    with running(an_agent(tmp_path, till_settings(pos_folder, server=agent_server.url), ears)):
        wait_for(lambda: any(said.loads and said.loads.version == 1 for said in agent_server.ledger.contacts))
        # The contact's answer is written into the same file: damage that comes first would be written over by it.
        wait_for(lambda: server_time.recall(till.path).not_before > 0)
        with till.path.open("r+b") as file:
            rest = file.seek(0, os.SEEK_END) - 5000
            file.seek(5000)
            file.write(b"x" * rest)
        wait_for(lambda: ears.codes() == ["loads_damaged"])
        put(pos_folder, "1.xml", b"a sale")
        wait_for(lambda: len(agent_server.ledger.booked) == 1)
    assert list(tmp_path.glob("loads.sqlite3.damaged-*"))
