"""A capture on a disk that is full, fails to sync or loses its power, in each window: no sale is lost or doubled."""

import errno
import sqlite3
from pathlib import Path

import pytest

from malote.disk import DISK
from malote.till import capture_journal
from malote.till.capture import Capture
from malote.till.outbox import Outbox
from malote.till.outbox_records import OutboxCounts
from malote.till.storage import OutboxError
from tests.unit.faulty_disk import FULL, FaultyDisk, PowerCut, sqlite_error
from tests.unit.till_support import Clock, Ears, put, till_settings

SQLITE_IOERR_FSYNC = 1034
WINDOWS = ["BEGIN", "INSERT", "COMMIT"]


def _captured(outbox: Outbox, pos: Path) -> int:
    """What a fresh look at the folder brings."""
    clock = Clock()
    capture = Capture(outbox, till_settings(pos), Ears().voice, monotonic=clock, now=clock)
    capture.rescan()
    clock.pass_by(1.0)
    return sum(capture.capture_due())


@pytest.fixture
def pos(tmp_path: Path) -> Path:
    folder = tmp_path / "pos"
    for number in range(3):
        put(folder, f"{number}.xml", b"sale %d" % number)
    with Outbox(tmp_path / "outbox.sqlite3") as outbox:
        assert _captured(outbox, tmp_path / "nothing") == 0
    return folder


FAULTS = [
    *((window, sqlite_error(sqlite3.SQLITE_FULL), "till_disk_full") for window in WINDOWS),
    *((window, sqlite_error(SQLITE_IOERR_FSYNC), "outbox_away") for window in WINDOWS),
    # The journal of captures, which is on the disk before the outbox's commit.
    *((window, FULL, "till_disk_full") for window in ("new_file", "sync", "rename", "sync_folder")),
    ("sync", OSError(errno.EIO, "Input/output error"), "outbox_away"),
]


@pytest.mark.parametrize(("window", "error", "said"), FAULTS)
def test_what_the_disk_refused_is_captured_once_it_takes_it(
    tmp_path: Path, pos: Path, window: str, error: Exception, said: str
) -> None:
    disk = FaultyDisk()
    with Outbox(tmp_path / "outbox.sqlite3", disk=disk) as outbox:
        disk.fails = lambda what, _: error if what == window else None
        with pytest.raises(OutboxError) as caught:
            _captured(outbox, pos)
        assert caught.value.code == said
        assert outbox.counts() == OutboxCounts()
        assert len(list(pos.iterdir())) == 3
        disk.fails = lambda _what, _name: None
        assert _captured(outbox, pos) == 3
        assert outbox.counts() == OutboxCounts(captured=3)
    assert capture_journal.read(tmp_path / "outbox.sqlite3").whole


def test_wherever_the_power_goes_each_sale_is_captured_once(tmp_path: Path, pos: Path) -> None:
    whole = FaultyDisk()
    path = tmp_path / "outbox.sqlite3"
    before = path.read_bytes()
    with Outbox(path, disk=whole) as outbox:
        _captured(outbox, pos)
    assert {what for what, _ in whole.steps} >= {*WINDOWS, "new_file", "sync", "rename"}
    for number in range(len(whole.steps)):
        home = tmp_path / str(number)
        home.mkdir()
        (home / "outbox.sqlite3").write_bytes(before)
        dying = Outbox(home / "outbox.sqlite3", disk=FaultyDisk().off_at(number))
        with pytest.raises(PowerCut):
            _captured(dying, pos)
        dying.close()
        with Outbox(home / "outbox.sqlite3", disk=DISK) as outbox:
            _captured(outbox, pos)
            assert outbox.counts() == OutboxCounts(captured=3), number
            assert sorted(file.content for file in outbox.next_pouch(9, 9999).files) == [
                b"sale 0",
                b"sale 1",
                b"sale 2",
            ]
