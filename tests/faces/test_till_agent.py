"""The whole agent in this process: threads, drain, damage, locks."""

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from malote import wire
from malote.clock import Clock
from malote.config import TillSettings
from malote.till import limits, storage, watch
from malote.till.agent import Agent
from malote.till.courier import Courier
from malote.till.draining import PATIENCE_SECONDS
from malote.till.lock import AgentLock
from malote.till.outbox import Outbox
from malote.till.outbox_records import OutboxCounts
from malote.till.storage import OutboxError
from malote.wire import PouchLimits
from tests.faces.till_support import FakeServer, Ledger, busy, hashes, lose_reply, says, serving
from tests.unit.till_support import Ears, put, till_settings

WAIT_SECONDS = 30.0


@pytest.fixture
def fake() -> Iterator[FakeServer]:
    with serving(Ledger()) as server:
        yield server


@pytest.fixture
def pos(tmp_path: Path) -> Path:
    folder = tmp_path / "pos"
    folder.mkdir()
    return folder


def an_agent(tmp_path: Path, settings: TillSettings, ears: Ears | None = None) -> Agent:
    return Agent(tmp_path / "outbox.sqlite3", settings, "token", (ears or Ears()).voice)


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


# ---- draining ----


def test_drains_what_is_there_until_it_is_proven(tmp_path: Path, pos: Path, fake: FakeServer) -> None:
    contents = [b"sale %d" % number for number in range(30)]
    for content in contents:
        put(pos, f"{content.decode()}.xml", content)
    seen: list[OutboxCounts] = []
    drained = an_agent(tmp_path, till_settings(pos, server=fake.url)).drain(
        WAIT_SECONDS, lambda outbox: seen.append(outbox.counts())
    )
    assert (drained.ending, drained.counts) == ("proven", OutboxCounts(posted=30))
    assert set(fake.ledger.states) == hashes(*contents)
    assert seen[-1] == OutboxCounts(posted=30)


def test_an_empty_folder_is_drained_at_once(tmp_path: Path, pos: Path, fake: FakeServer) -> None:
    assert an_agent(tmp_path, till_settings(pos, server=fake.url)).drain(WAIT_SECONDS).ending == "proven"


def test_a_rejected_file_leaves_something_open(tmp_path: Path, pos: Path, fake: FakeServer) -> None:
    fake.ledger.reject[b"bad"] = "items_missing"
    put(pos, "good.xml", b"good")
    put(pos, "bad.xml", b"bad")
    drained = an_agent(tmp_path, till_settings(pos, server=fake.url)).drain(WAIT_SECONDS)
    assert (drained.ending, drained.counts) == ("open", OutboxCounts(posted=1, rejected=1))


def test_a_refused_file_leaves_something_open(tmp_path: Path, pos: Path, fake: FakeServer) -> None:
    put(pos, "large.xml", b"x" * 100)
    put(pos, "good.xml", b"good")
    fake.ledger.limits = PouchLimits(200, 4_000_000, 50)
    with Outbox(tmp_path / "outbox.sqlite3") as outbox:
        limits.remember(outbox, fake.ledger.limits)
    settings = till_settings(pos, server=fake.url)
    drained = an_agent(tmp_path, settings).drain(WAIT_SECONDS)
    assert (drained.ending, drained.counts, drained.refused) == ("open", OutboxCounts(posted=1), 1)
    assert [(file.name, file.code) for file in fake.ledger.contacts[-1].refused] in (
        [],
        [("large.xml", "file_too_large")],
    )


def test_a_missing_folder_leaves_something_open(tmp_path: Path, fake: FakeServer) -> None:
    ears = Ears()
    settings = till_settings(tmp_path / "nowhere", server=fake.url)
    assert an_agent(tmp_path, settings, ears).drain(WAIT_SECONDS).ending == "open"
    assert ears.codes() == ["folder_missing"]


def test_what_is_not_proven_in_time_is_open(tmp_path: Path, pos: Path, fake: FakeServer) -> None:
    fake.ledger.posting = False
    put(pos, "a.xml", b"sale")
    drained = an_agent(tmp_path, till_settings(pos, server=fake.url)).drain(0.5)
    assert (drained.ending, drained.counts) == ("open", OutboxCounts(accepted=1))


class Passing(Clock):
    """Passes only while somebody sleeps, at once."""

    def __init__(self) -> None:
        self.slept = 0.0

    def now(self) -> float:
        return 1_700_000_000.0 + self.slept

    def monotonic(self) -> float:
        return self.slept

    def sleep(self, seconds: float) -> None:
        self.slept += seconds


def test_no_server_is_told_and_nothing_lost(tmp_path: Path, pos: Path) -> None:
    with serving(Ledger()) as gone:
        address = gone.url
    put(pos, "a.xml", b"sale")
    clock = Passing()
    settings = till_settings(pos, server=address, retry_first_seconds=1.0, retry_longest_seconds=4.0)
    drained = Agent(tmp_path / "outbox.sqlite3", settings, "token", Ears().voice, clock=clock).drain(None)
    assert PATIENCE_SECONDS < clock.slept < PATIENCE_SECONDS + 5, "its patience is by the clock it was given"
    assert (drained.ending, drained.counts) == ("server_away", OutboxCounts(captured=1))
    assert drained.error is not None
    assert drained.error.code == "server_unreachable"


def test_a_wrong_token_ends_a_drain_at_once(tmp_path: Path, pos: Path, fake: FakeServer) -> None:
    fake.ledger.play(wire.PATH_CONTACT, *[says(401, wire.Fault("token_invalid", "Token"))] * 9)
    put(pos, "a.xml", b"sale")
    drained = an_agent(tmp_path, till_settings(pos, server=fake.url)).drain(None)
    assert drained.ending == "server_away"
    assert drained.error is not None
    assert drained.error.code == "token_invalid"


def test_drains_again_and_again_send_nothing_twice(tmp_path: Path, pos: Path, fake: FakeServer) -> None:
    put(pos, "a.xml", b"sale")
    for _ in range(3):
        assert an_agent(tmp_path, till_settings(pos, server=fake.url)).drain(WAIT_SECONDS).ending == "proven"
    assert list(fake.ledger.deliveries.values()) == [1]


def test_two_agents_with_their_own_outboxes_on_one_folder(tmp_path: Path, pos: Path, fake: FakeServer) -> None:
    contents = [b"sale %d" % number for number in range(50)]
    for content in contents:
        put(pos, f"{content.decode()}.xml", content)
    endings: list[str] = []

    def drain(name: str) -> None:
        (tmp_path / name).mkdir()
        agent = an_agent(tmp_path / name, till_settings(pos, server=fake.url, pouch_documents=7))
        endings.append(agent.drain(WAIT_SECONDS).ending)

    threads = [threading.Thread(target=drain, args=(name,)) for name in ("one", "two")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert endings == ["proven", "proven"]
    assert fake.ledger.booked == dict.fromkeys(hashes(*contents), 1)


def test_takes_away_what_is_proven_when_asked(tmp_path: Path, pos: Path, fake: FakeServer) -> None:
    fake.ledger.reject[b"bad"] = "items_missing"
    good, bad = put(pos, "good.xml", b"good"), put(pos, "bad.xml", b"bad")
    settings = till_settings(pos, server=fake.url, after_proof="move", moved_folder=str(tmp_path / "done"))
    an_agent(tmp_path, settings).drain(WAIT_SECONDS)
    assert not good.exists()
    assert (tmp_path / "done" / "good.xml").read_bytes() == b"good"
    assert bad.read_bytes() == b"bad"


# ---- running ----


def test_takes_sales_as_they_are_written(tmp_path: Path, pos: Path, fake: FakeServer) -> None:
    with running(an_agent(tmp_path, till_settings(pos, server=fake.url, rescan_seconds=60.0))):
        for number in range(10):
            put(pos, f"day {number % 2}/{number}.xml", b"sale %d" % number)
        wait_for(lambda: len(fake.ledger.booked) == 10)
    assert counts(tmp_path).captured == 0


def test_finds_by_rescan_what_no_watch_tells(
    tmp_path: Path, pos: Path, fake: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_watches_left(*_: Any, **__: Any) -> None:
        raise OSError(28, "inotify watch limit reached")

    monkeypatch.setattr(watch, "_watch_once", no_watches_left)
    with running(an_agent(tmp_path, till_settings(pos, server=fake.url))):
        put(pos, "a.xml", b"sale")
        wait_for(lambda: len(fake.ledger.booked) == 1)


def test_a_folder_that_comes_later_and_goes_and_comes_back(tmp_path: Path, fake: FakeServer) -> None:
    pos, ears = tmp_path / "pos", Ears()
    with running(an_agent(tmp_path, till_settings(pos, server=fake.url), ears)):
        wait_for(lambda: ears.codes("begins") == ["folder_missing"])
        put(pos, "a.xml", b"first")
        wait_for(lambda: len(fake.ledger.booked) == 1)
        pos.rename(tmp_path / "unmounted")
        wait_for(lambda: ears.codes("begins") == ["folder_missing"] * 2)
        (tmp_path / "unmounted").rename(pos)
        put(pos, "b.xml", b"second")
        wait_for(lambda: len(fake.ledger.booked) == 2)
    assert set(fake.ledger.deliveries.values()) == {1}


def test_goes_on_after_a_server_in_trouble(tmp_path: Path, pos: Path, fake: FakeServer) -> None:
    fake.ledger.play(wire.PATH_POUCHES, lose_reply, busy, says(200, b"nonsense"))
    with running(an_agent(tmp_path, till_settings(pos, server=fake.url))):
        put(pos, "a.xml", b"sale")
        wait_for(lambda: len(fake.ledger.booked) == 1)
    assert set(fake.ledger.booked.values()) == {1}


def test_a_synchronisation_reads_the_folder_again(tmp_path: Path, pos: Path, fake: FakeServer) -> None:
    fake.ledger.reject[b"bad"] = "items_missing"
    put(pos, "a.xml", b"bad")
    (bad,) = hashes(b"bad")
    with running(an_agent(tmp_path, till_settings(pos, server=fake.url))):
        wait_for(lambda: fake.ledger.deliveries[bad] == 1)
        wait_for(lambda: counts(tmp_path).rejected == 1)
        fake.ledger.resend = True
        wait_for(lambda: fake.ledger.deliveries[bad] == 2)


def test_an_outbox_found_damaged_at_the_start_is_built_again(tmp_path: Path, pos: Path, fake: FakeServer) -> None:
    for number in range(5):
        put(pos, f"{number}.xml", b"sale %d" % number)
    settings = till_settings(pos, server=fake.url)
    an_agent(tmp_path, settings).drain(WAIT_SECONDS)
    (tmp_path / "outbox.sqlite3").write_bytes(b"no database any more" * 1000)
    ears = Ears()
    drained = an_agent(tmp_path, settings, ears).drain(WAIT_SECONDS)
    assert (drained.ending, drained.counts) == ("proven", OutboxCounts(posted=5))
    assert ears.codes() == ["outbox_damaged", "outbox_salvaged"]  # nobody can tell what was in it
    assert list(tmp_path.glob("outbox.sqlite3.damaged-*"))
    assert set(fake.ledger.booked.values()) == {1}


def test_an_outbox_damaged_while_running_is_built_again(
    tmp_path: Path, pos: Path, fake: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    ears = Ears()
    fake.ledger.posting = False
    put(pos, "a.xml", b"first")
    with running(an_agent(tmp_path, till_settings(pos, server=fake.url), ears)):
        wait_for(lambda: len(fake.ledger.states) == 1)
        broken = threading.Event()
        real = Outbox.to_ask

        def to_ask(outbox: Outbox, limit: int) -> list[bytes]:
            if not broken.is_set():
                broken.set()
                raise storage.OutboxDamagedError("outbox_damaged", path="?")
            return real(outbox, limit)

        monkeypatch.setattr(Outbox, "to_ask", to_ask)
        fake.ledger.posting = True
        put(pos, "b.xml", b"second")
        wait_for(lambda: len(fake.ledger.booked) == 2)
    assert ears.codes() == ["outbox_damaged"]
    assert set(fake.ledger.booked.values()) == {1}


def test_a_full_disk_is_said_and_passes(
    tmp_path: Path, pos: Path, fake: FakeServer, monkeypatch: pytest.MonkeyPatch
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
    with running(an_agent(tmp_path, till_settings(pos, server=fake.url, quiet_seconds=0.1), ears)):
        put(pos, "a.xml", os.urandom(200_000))
        wait_for(lambda: "till_disk_full" in ears.codes("begins"))
        wait_for(lambda: uncaptured(fake) == 1)
        wait_for(lambda: "till_disk_full" in troubles(fake))
        so_far = len(tries)
        wait_for(lambda: len(tries) >= so_far + 3)
        assert "till_disk_full" not in ears.codes("over"), "between two tries the disk is as full as it was"
        full.clear()
        wait_for(lambda: len(fake.ledger.booked) == 1)
        wait_for(lambda: troubles(fake) == [])
    assert "till_disk_full" in ears.codes("over")
    assert uncaptured(fake) == 0


def troubles(fake: FakeServer) -> list[str]:
    """What the agent told last."""
    return [one.code for one in fake.ledger.contacts[-1].troubles or ()]


def uncaptured(fake: FakeServer) -> int | None:
    count = fake.ledger.contacts[-1].folder
    return None if count is None else count.uncaptured


def test_an_outbox_that_cannot_be_opened_is_told_to_the_server(
    tmp_path: Path, pos: Path, fake: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    away = threading.Event()
    away.set()
    real = Outbox.__init__

    def refuse(outbox: Outbox, path: Path, **others: Any) -> None:
        if away.is_set() and threading.current_thread().name == "courier":
            raise OutboxError("outbox_away", path=str(path), detail="read-only file system")
        real(outbox, path, **others)

    monkeypatch.setattr(Outbox, "__init__", refuse)
    put(pos, "a.xml", b"sale")
    with running(an_agent(tmp_path, till_settings(pos, server=fake.url))):
        wait_for(lambda: bool(fake.ledger.contacts) and troubles(fake) == ["outbox_away"])
        away.clear()
        wait_for(lambda: troubles(fake) == [])
        wait_for(lambda: len(fake.ledger.booked) == 1)


def test_one_agent_runs_on_an_outbox(tmp_path: Path, pos: Path, fake: FakeServer) -> None:
    with AgentLock(tmp_path / "outbox.sqlite3"):
        for start in (Agent.run, lambda agent: agent.drain(1.0)):
            with pytest.raises(OutboxError) as raised:
                start(an_agent(tmp_path, till_settings(pos, server=fake.url)))
            assert raised.value.code == "agent_running"


def test_stops_soon_even_while_the_server_hangs(tmp_path: Path, pos: Path, fake: FakeServer) -> None:
    release = threading.Event()

    def hang(handler: Any, body: bytes) -> None:
        release.wait(WAIT_SECONDS)
        handler.hang_up()

    fake.ledger.play(wire.PATH_CONTACT, hang)
    agent = an_agent(tmp_path, till_settings(pos, server=fake.url))
    with running(agent):
        time.sleep(0.3)
    release.set()


def test_a_fault_of_the_program_ends_the_agent_with_its_traceback(
    tmp_path: Path, pos: Path, fake: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(Courier, "step", broken)
    with pytest.raises(ZeroDivisionError):
        an_agent(tmp_path, till_settings(pos, server=fake.url)).run()
