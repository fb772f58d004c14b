"""kill -9 of the real agent in the middle of capturing and sending: everything is proven exactly once in the end."""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

import pytest

from malote import wire
from malote.till.outbox import Outbox
from malote.till.outbox_records import OutboxCounts
from tests.faces.till_support import Ledger, busy, hashes, lose_reply, lose_request, serving
from tests.unit.till_support import put

pytestmark = pytest.mark.processes

MALOTE = (sys.executable, "-c", "from malote.cli.main import main; main()")
FILES = 400
SOAK = bool(os.environ.get("MALOTE_SOAK"))
KILLS = 60 if SOAK else 8


def write_settings(home: Path, address: str) -> None:
    lines = ['language = "en"', "[till]", f'server = "{address}"', 'folder = "../pos"', 'token = "t"']
    lines += ["quiet_seconds = 0.05", "rescan_seconds = 0.5", "poll_seconds = 0.1", "pouch_documents = 20"]
    lines += ["retry_first_seconds = 0.01", "retry_longest_seconds = 0.1"]
    home.mkdir()
    (home / "malote.toml").write_text("\n".join(lines), encoding="utf-8")


@contextmanager
def started(home: Path, *words: str) -> Iterator["subprocess.Popen[bytes]"]:
    process = subprocess.Popen([*MALOTE, "till", "run", *words], cwd=home)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def ended(home: Path) -> int:
    return subprocess.run([*MALOTE, "till", "run", "--once", "--timeout", "60"], cwd=home, check=False).returncode


def outbox_counts(home: Path) -> OutboxCounts:
    with Outbox(home / "outbox.sqlite3") as outbox:
        return outbox.counts()


def test_killed_again_and_again(tmp_path: Path) -> None:
    dice = random.Random(20260301)
    ledger, home = Ledger(), tmp_path / "home"
    contents = [b"sale %d %s" % (number, dice.randbytes(200)) for number in range(FILES)]
    waiting = iter(enumerate(contents))
    with serving(ledger) as server:
        write_settings(home, server.url)
        for _ in range(KILLS):
            for number, content in islice(waiting, FILES // KILLS):
                put(tmp_path / "pos", f"{number}.xml", content)
            ledger.play(wire.PATH_POUCHES, dice.choice([lose_reply, lose_request, busy]))
            ledger.play(wire.PATH_RECEIPTS, dice.choice([lose_reply, lose_request, busy]))
            with started(home):
                time.sleep(dice.uniform(0.3, 1.2))
        for number, content in waiting:
            put(tmp_path / "pos", f"{number}.xml", content)
        assert ended(home) == 0
    assert ledger.booked == dict.fromkeys(hashes(*contents), 1)
    assert outbox_counts(home) == OutboxCounts(posted=FILES)


def test_two_agents_killed_in_turns(tmp_path: Path) -> None:
    dice = random.Random(20260302)
    ledger = Ledger()
    contents = [b"sale %d" % number for number in range(100)]
    for number, content in enumerate(contents):
        put(tmp_path / "pos", f"{number}.xml", content)
    homes = [tmp_path / "one", tmp_path / "two"]
    with serving(ledger) as server:
        for home in homes:
            write_settings(home, server.url)
        for _ in range(KILLS // 4):
            with started(homes[0]), started(homes[1]):
                time.sleep(dice.uniform(0.3, 1.0))
        assert [ended(home) for home in homes] == [0, 0]
    assert ledger.booked == dict.fromkeys(hashes(*contents), 1)
    assert [outbox_counts(home) for home in homes] == [OutboxCounts(posted=100)] * 2


def test_a_server_away_for_a_while_and_back(tmp_path: Path) -> None:
    ledger, home = Ledger(), tmp_path / "home"
    with serving(ledger) as server:
        port = int(server.server_address[1])
        write_settings(home, server.url)
    for number in range(50):
        put(tmp_path / "pos", f"{number}.xml", b"sale %d" % number)
    with started(home):
        until = time.monotonic() + 300
        while not (home / "outbox.sqlite3").exists() or outbox_counts(home).captured < 50:
            assert time.monotonic() < until
            time.sleep(0.1)
        with serving(ledger, port):
            while len(ledger.booked) < 50:
                assert time.monotonic() < until
                time.sleep(0.05)
    assert set(ledger.booked.values()) == {1}


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGTERM to send")
@pytest.mark.parametrize("name", [signal.SIGTERM, signal.SIGINT])
def test_stops_cleanly_when_told_to(tmp_path: Path, name: signal.Signals) -> None:
    ledger, home = Ledger(), tmp_path / "home"
    put(tmp_path / "pos", "a.xml", b"sale")
    with serving(ledger) as server:
        write_settings(home, server.url)
        with started(home) as process:
            until = time.monotonic() + 300
            while not ledger.booked:
                assert time.monotonic() < until
                time.sleep(0.05)
            process.send_signal(name)
            assert process.wait(20) == 0
    assert not (home / "outbox.sqlite3-wal").exists(), "the log was folded in: the connections were closed"
