"""A drain: what is there goes up until it is proven, and what stays open is told."""

import threading
from pathlib import Path

from malote import wire
from malote.clock import Clock
from malote.till import server_limits
from malote.till.agent import Agent
from malote.till.draining import PATIENCE_SECONDS
from malote.till.outbox import Outbox
from malote.till.outbox_records import OutboxCounts
from malote.wire import PouchLimits
from tests.faces.till_agent_support import WAIT_SECONDS, an_agent
from tests.faces.till_support import FakeServer, Ledger, hashes, says, serving
from tests.unit.till_support import Ears, put, till_settings

pytest_plugins = ["tests.faces.till_agent_fixtures"]


def test_drains_what_is_there_until_it_is_proven(tmp_path: Path, pos_folder: Path, agent_server: FakeServer) -> None:
    contents = [b"sale %d" % number for number in range(30)]
    for content in contents:
        put(pos_folder, f"{content.decode()}.xml", content)
    seen: list[OutboxCounts] = []
    drained = an_agent(tmp_path, till_settings(pos_folder, server=agent_server.url)).drain(
        WAIT_SECONDS, lambda outbox: seen.append(outbox.counts())
    )
    assert (drained.ending, drained.counts) == ("proven", OutboxCounts(posted=30))
    assert set(agent_server.ledger.states) == hashes(*contents)
    assert seen[-1] == OutboxCounts(posted=30)
    last = agent_server.ledger.contacts[-1]
    assert (last.pending, last.folder and last.folder.uncaptured) == (0, 0), "how it stands at the end"


def test_an_empty_folder_is_drained_at_once(tmp_path: Path, pos_folder: Path, agent_server: FakeServer) -> None:
    assert an_agent(tmp_path, till_settings(pos_folder, server=agent_server.url)).drain(WAIT_SECONDS).ending == "proven"


def test_a_rejected_file_leaves_something_open(tmp_path: Path, pos_folder: Path, agent_server: FakeServer) -> None:
    agent_server.ledger.reject[b"bad"] = "items_missing"
    put(pos_folder, "good.xml", b"good")
    put(pos_folder, "bad.xml", b"bad")
    drained = an_agent(tmp_path, till_settings(pos_folder, server=agent_server.url)).drain(WAIT_SECONDS)
    assert (drained.ending, drained.counts) == ("open", OutboxCounts(posted=1, rejected=1))


def test_a_refused_file_leaves_something_open(tmp_path: Path, pos_folder: Path, agent_server: FakeServer) -> None:
    put(pos_folder, "large.xml", b"x" * 100)
    put(pos_folder, "good.xml", b"good")
    agent_server.ledger.limits = PouchLimits(200, 4_000_000, 50)
    with Outbox(tmp_path / "outbox.sqlite3") as outbox:
        server_limits.remember(outbox, agent_server.ledger.limits)
    settings = till_settings(pos_folder, server=agent_server.url)
    drained = an_agent(tmp_path, settings).drain(WAIT_SECONDS)
    assert (drained.ending, drained.counts, drained.refused) == ("open", OutboxCounts(posted=1), 1)
    assert [(file.name, file.code) for file in agent_server.ledger.contacts[-1].refused] in (
        [],
        [("large.xml", "file_too_large")],
    )


def test_a_missing_folder_leaves_something_open(tmp_path: Path, agent_server: FakeServer) -> None:
    ears = Ears()
    settings = till_settings(tmp_path / "nowhere", server=agent_server.url)
    assert an_agent(tmp_path, settings, ears).drain(WAIT_SECONDS).ending == "open"
    assert ears.codes() == ["folder_missing"]


def test_what_is_not_proven_in_time_is_open(tmp_path: Path, pos_folder: Path, agent_server: FakeServer) -> None:
    agent_server.ledger.posting = False
    put(pos_folder, "a.xml", b"sale")
    drained = an_agent(tmp_path, till_settings(pos_folder, server=agent_server.url)).drain(0.5)
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


def test_no_server_is_told_and_nothing_lost(tmp_path: Path, pos_folder: Path) -> None:
    with serving(Ledger()) as gone:
        address = gone.url
    put(pos_folder, "a.xml", b"sale")
    clock = Passing()
    settings = till_settings(pos_folder, server=address, retry_first_seconds=1.0, retry_longest_seconds=4.0)
    drained = Agent(tmp_path / "outbox.sqlite3", settings, "token", Ears().voice, clock=clock).drain(None)
    assert PATIENCE_SECONDS < clock.slept < PATIENCE_SECONDS + 5, "its patience is by the clock it was given"
    assert (drained.ending, drained.counts) == ("server_away", OutboxCounts(captured=1))
    assert drained.error is not None
    assert drained.error.code == "server_unreachable"


def test_a_wrong_token_ends_a_drain_at_once(tmp_path: Path, pos_folder: Path, agent_server: FakeServer) -> None:
    agent_server.ledger.play(wire.PATH_CONTACT, *[says(401, wire.Fault("token_invalid", "Token"))] * 9)
    put(pos_folder, "a.xml", b"sale")
    drained = an_agent(tmp_path, till_settings(pos_folder, server=agent_server.url)).drain(None)
    assert drained.ending == "server_away"
    assert drained.error is not None
    assert drained.error.code == "token_invalid"


def test_drains_again_and_again_send_nothing_twice(tmp_path: Path, pos_folder: Path, agent_server: FakeServer) -> None:
    put(pos_folder, "a.xml", b"sale")
    for _ in range(3):
        assert (
            an_agent(tmp_path, till_settings(pos_folder, server=agent_server.url)).drain(WAIT_SECONDS).ending
            == "proven"
        )
    assert list(agent_server.ledger.deliveries.values()) == [1]


def test_two_agents_with_their_own_outboxes_on_one_folder(
    tmp_path: Path, pos_folder: Path, agent_server: FakeServer
) -> None:
    contents = [b"sale %d" % number for number in range(50)]
    for content in contents:
        put(pos_folder, f"{content.decode()}.xml", content)
    endings: list[str] = []

    def drain(name: str) -> None:
        (tmp_path / name).mkdir()
        agent = an_agent(tmp_path / name, till_settings(pos_folder, server=agent_server.url, pouch_documents=7))
        endings.append(agent.drain(WAIT_SECONDS).ending)

    threads = [threading.Thread(target=drain, args=(name,)) for name in ("one", "two")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert endings == ["proven", "proven"]
    assert agent_server.ledger.booked == dict.fromkeys(hashes(*contents), 1)


def test_takes_away_what_is_proven_when_asked(tmp_path: Path, pos_folder: Path, agent_server: FakeServer) -> None:
    agent_server.ledger.reject[b"bad"] = "items_missing"
    good, bad = put(pos_folder, "good.xml", b"good"), put(pos_folder, "bad.xml", b"bad")
    settings = till_settings(
        pos_folder, server=agent_server.url, after_proof="move", moved_folder=str(tmp_path / "done")
    )
    an_agent(tmp_path, settings).drain(WAIT_SECONDS)
    assert not good.exists()
    assert (tmp_path / "done" / "good.xml").read_bytes() == b"good"
    assert bad.read_bytes() == b"bad"
