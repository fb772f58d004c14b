import errno
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from malote.till.capture import Capture
from malote.till.outbox import Outbox
from malote.till.outbox_records import FileAnswer, OutboxCounts
from malote.till.retention import DAY_SECONDS, clear_proven, drop_old_contents
from tests.unit.faulty_disk import FaultyDisk, PowerCut
from tests.unit.till_support import Ears, digest, put, till_settings


@pytest.fixture
def outbox(tmp_path: Path) -> Iterator[Outbox]:
    with Outbox(tmp_path / "outbox.sqlite3") as opened:
        yield opened


def take(outbox: Outbox, pos: Path, **settings: Any) -> None:
    capture = Capture(outbox, till_settings(pos, **settings), Ears().voice)
    capture.rescan()
    list(capture.capture_due())


def prove(outbox: Outbox, *contents: bytes) -> None:
    outbox.record([FileAnswer(digest(content), "posted") for content in contents], at=100.0)


def test_keeps_the_pos_files_unless_asked(tmp_path: Path, outbox: Outbox) -> None:
    path = put(tmp_path / "pos", "a.xml", b"a")
    take(outbox, tmp_path / "pos")
    prove(outbox, b"a")
    assert clear_proven(outbox, till_settings(tmp_path / "pos"), Ears().voice) == 0
    assert path.read_bytes() == b"a"


def test_deletes_only_what_is_proven(tmp_path: Path, outbox: Outbox) -> None:
    pos = tmp_path / "pos"
    proven, waiting = put(pos, "proven.xml", b"proven"), put(pos, "waiting.xml", b"waiting")
    take(outbox, pos)
    prove(outbox, b"proven")
    assert clear_proven(outbox, till_settings(pos, after_proof="delete"), Ears().voice) == 1
    assert not proven.exists()
    assert waiting.exists()
    assert list(outbox.marks()) == [str(waiting)]


def test_leaves_a_file_that_changed_since(tmp_path: Path, outbox: Outbox) -> None:
    pos = tmp_path / "pos"
    path = put(pos, "a.xml", b"before")
    take(outbox, pos)
    prove(outbox, b"before")
    path.write_bytes(b"after authorisation")
    assert clear_proven(outbox, till_settings(pos, after_proof="delete"), Ears().voice) == 0
    assert path.read_bytes() == b"after authorisation"


def test_moves_to_the_same_place_and_over_nothing(tmp_path: Path, outbox: Outbox) -> None:
    pos, done = tmp_path / "pos", tmp_path / "done"
    settings = till_settings(pos, after_proof="move", moved_folder=str(done))
    for content in (b"first", b"second"):
        put(pos, "day/a.xml", content)
        take(outbox, pos, moved_folder=str(done))
        prove(outbox, content)
        assert clear_proven(outbox, settings, Ears().voice) == 1
    assert sorted(path.read_bytes() for path in (done / "day").iterdir()) == [b"first", b"second"]
    assert list((pos / "day").iterdir()) == []


def test_a_moved_folder_within_the_watched_one_is_not_captured(tmp_path: Path, outbox: Outbox) -> None:
    pos = tmp_path / "pos"
    settings: dict[str, Any] = {"after_proof": "move", "moved_folder": str(pos / "done")}
    put(pos, "a.xml", b"a")
    take(outbox, pos, **settings)
    prove(outbox, b"a")
    clear_proven(outbox, till_settings(pos, **settings), Ears().voice)
    take(outbox, pos, **settings)
    assert outbox.marks() == {}
    assert (pos / "done" / "a.xml").read_bytes() == b"a"


def test_moves_to_another_disk_by_a_safe_copy(tmp_path: Path, outbox: Outbox) -> None:
    pos, done = tmp_path / "pos", tmp_path / "done"
    path = put(pos, "a.xml", b"a")
    take(outbox, pos)
    prove(outbox, b"a")

    def elsewhere(step: str, name: str) -> OSError | None:
        is_across = step == "rename" and len([one for one in disk.steps if one[0] == "rename"]) == 1
        return OSError(errno.EXDEV, "Invalid cross-device link") if is_across else None

    outbox.disk = disk = FaultyDisk(elsewhere)
    settings = till_settings(pos, after_proof="move", moved_folder=str(done))
    assert clear_proven(outbox, settings, Ears().voice) == 1
    assert (done / "a.xml").read_bytes() == b"a"
    assert not path.exists()


def test_a_file_that_cannot_be_taken_away_is_said(tmp_path: Path, outbox: Outbox) -> None:
    pos = tmp_path / "pos"
    put(pos, "a.xml", b"a")
    put(pos, "b.xml", b"b")
    take(outbox, pos)
    prove(outbox, b"a", b"b")
    denied = PermissionError(13, "Permission denied")
    outbox.disk = FaultyDisk(lambda step, name: denied if (step, name) == ("remove", "a.xml") else None)
    ears = Ears()
    assert clear_proven(outbox, till_settings(pos, after_proof="delete"), ears.voice) == 1
    assert ears.codes() == ["file_stays"]


def test_drops_old_contents_in_small_steps(tmp_path: Path, outbox: Outbox) -> None:
    pos = tmp_path / "pos"
    contents = [b"%d" % number for number in range(5)]
    for content in contents:
        put(pos, f"{content.decode()}.xml", content)
    take(outbox, pos)
    prove(outbox, *contents[:3])
    settings = till_settings(pos, retention_days=30.0)
    assert drop_old_contents(outbox, settings, 100.0 + 30 * DAY_SECONDS) == 0
    assert drop_old_contents(outbox, settings, 101.0 + 30 * DAY_SECONDS) == 3
    assert outbox.counts() == OutboxCounts(captured=2, posted=3)


@pytest.mark.parametrize("after", ["move", "delete"])
def test_wherever_the_power_goes_the_proven_content_is_somewhere(tmp_path: Path, after: str) -> None:
    for number in range(7):
        home = tmp_path / str(number)
        pos, done = home / "pos", home / "done"
        put(pos, "a.xml", b"a")
        with Outbox(home / "outbox.sqlite3") as kept:
            take(kept, pos)
            prove(kept, b"a")
            kept.disk = FaultyDisk().off_at(number)
            settings = till_settings(pos, after_proof=after, moved_folder=str(done))
            with suppress(PowerCut):
                clear_proven(kept, settings, Ears().voice)
        with Outbox(home / "outbox.sqlite3") as kept:
            assert clear_proven(kept, settings, Ears().voice) <= 1
            left = list(home.rglob("a.xml"))
            assert left == ([done / "a.xml"] if after == "move" else []), number
            assert kept.marks() == {}
            assert kept.counts().posted == 1
