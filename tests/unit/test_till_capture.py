"""A till's folder: each file is captured once, when it stood still, whatever happens to it or to the folder."""

import os
import sys
from pathlib import Path
from typing import Any

import pytest

from malote.fiscal import reader
from malote.till import capture as capture_module
from malote.till import folder as folder_module
from malote.till.capture import FORGET_SECONDS
from malote.till.outbox_records import CapturedFile, OutboxCounts
from malote.till.storage import OutboxError
from tests.unit.till_capture_support import Bench
from tests.unit.till_support import mark, put

pytest_plugins = ["tests.unit.till_capture_fixtures"]


def test_waits_until_a_file_is_quiet(bench: Bench) -> None:
    path = put(bench.pos, "a.xml", b"<half")
    bench.capture.rescan()
    bench.clock.pass_by(0.9)
    assert bench.due() == 0
    path.write_bytes(b"<half><rest/>")
    bench.clock.pass_by(0.2)
    assert bench.due() == 0, "it changed: the wait begins again"
    assert not bench.settled()
    bench.clock.pass_by(1.0)
    assert bench.due() == 1
    assert bench.settled()
    assert bench.contents() == [b"<half><rest/>"]


def test_the_wait_is_not_renewed_by_looking_again(bench: Bench) -> None:
    put(bench.pos, "a.xml", b"x")
    bench.capture.rescan()
    bench.clock.pass_by(0.7)
    bench.capture.rescan()
    assert bench.capture.next_due() == pytest.approx(0.3)
    bench.clock.pass_by(0.3)
    assert bench.due() == 1


def test_captures_the_oldest_first(bench: Bench) -> None:
    for second, name in enumerate(("z.xml", "a.xml", "m.xml")):
        path = put(bench.pos, name, name.encode())
        os.utime(path, (1_700_000_000 + second,) * 2)
    assert bench.settle() == 3
    assert bench.contents() == [b"z.xml", b"a.xml", b"m.xml"]


def test_a_path_written_again_is_another_file(bench: Bench) -> None:
    path = put(bench.pos, "a.xml", b"before authorisation")
    bench.settle()
    path.write_bytes(b"after authorisation")
    bench.settle()
    assert bench.contents() == [b"before authorisation", b"after authorisation"]


def test_a_renamed_file_is_the_same_file(bench: Bench) -> None:
    path = put(bench.pos, "a.xml", b"sale")
    bench.settle()
    path.rename(bench.pos / "b.xml")
    assert bench.settle() == 0
    assert bench.contents() == [b"sale"]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows does not tell when a file's data last changed")
def test_a_file_replaced_by_one_of_the_same_size_and_time_is_captured(bench: Bench) -> None:
    path = put(bench.pos, "a.xml", b"first")
    looked = path.stat()
    bench.settle()
    other = put(bench.pos, "other.tmp", b"secnd")
    os.utime(other, ns=(looked.st_atime_ns, looked.st_mtime_ns))
    other.replace(path)
    bench.settle()
    assert bench.contents() == [b"first", b"secnd"]


def test_what_was_read_is_not_read_again(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(50):
        put(bench.pos, f"{number}.xml", b"%d" % number)
    assert bench.settle() == 50
    monkeypatch.setattr(capture_module, "read", lambda path, *_: pytest.fail(f"{path} was read again"))
    bench.begin()
    assert bench.settle() == 0


def test_a_new_file_costs_one_read_however_many_are_old(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(50):
        put(bench.pos, f"{number}.xml", b"%d" % number)
    bench.settle()
    put(bench.pos, "new.xml", b"new")
    opened: list[str] = []

    def reading(path: str, *others: Any) -> bytes:
        opened.append(Path(path).name)
        return folder_module.read(path, *others)

    monkeypatch.setattr(capture_module, "read", reading)
    assert bench.settle() == 1
    assert opened == ["new.xml"]


def test_a_wake_up_looks_at_what_changed_alone(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.settle()
    path = put(bench.pos, "a.xml", b"x")
    monkeypatch.setattr(bench.capture.folder, "scan", lambda: pytest.fail("a whole scan"))
    bench.capture.look_at({str(path), str(bench.pos / "gone.xml"), str(bench.pos)[:-1]})
    bench.clock.pass_by(1.0)
    assert bench.due() == 1


def test_the_rescan_finds_what_the_watch_missed(bench: Bench) -> None:
    put(bench.pos, "day/missed.xml", b"x")
    bench.capture.look_at(set())
    bench.clock.pass_by(5.0)
    assert bench.due() == 0
    assert bench.settle() == 1


def test_a_file_too_large_is_refused_without_being_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench(tmp_path, largest=100)
    large = put(bench.pos, "large.xml", b"x" * 101)
    put(bench.pos, "small.xml", b"x" * 100)
    assert bench.settle() == 1
    assert bench.refused() == {"large.xml": "file_too_large"}
    assert bench.settled()
    assert bench.ears.codes() == ["file_too_large"]
    large.write_bytes(b"mended")
    bench.clock.pass_by(60.0)
    bench.settle()
    assert bench.refused() == {}
    assert bench.contents() == [b"x" * 100, b"mended"]
    bench.outbox.close()


def test_an_unreadable_file_is_said_and_tried_again(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    put(bench.pos, "locked.xml", b"x")

    def denied(path: str, *_: Any) -> bytes:
        raise PermissionError(13, "Permission denied", path)

    with monkeypatch.context() as patch:
        patch.setattr(capture_module, "read", denied)
        bench.settle()
        bench.clock.pass_by(60.0)
        bench.settle()
    assert bench.refused() == {"locked.xml": "file_unreadable"}
    assert bench.ears.codes() == ["file_unreadable"], "said once"
    bench.clock.pass_by(60.0)
    assert bench.settle() == 1
    assert bench.refused() == {}


def test_a_refusal_ends_when_its_file_is_gone(tmp_path: Path) -> None:
    bench = Bench(tmp_path, largest=1)
    path = put(bench.pos, "large.xml", b"xx")
    bench.settle()
    path.unlink()
    bench.capture.rescan()
    assert bench.refused() == {}
    bench.outbox.close()


def test_a_missing_folder_is_said_and_looked_for_again(bench: Bench) -> None:
    bench.pos.rmdir()
    bench.capture.rescan()
    bench.capture.rescan()
    assert bench.refused() == {str(bench.pos): "folder_missing"}
    assert bench.ears.codes("begins") == ["folder_missing"]
    put(bench.pos, "a.xml", b"x")
    assert bench.settle() == 1
    assert bench.refused() == {}
    assert bench.ears.codes("over") == ["folder_missing"]


def test_a_drive_away_for_a_while_is_not_read_again(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    path = put(bench.pos, "a.xml", b"x")
    bench.settle()
    aside = bench.pos.with_name("aside")
    bench.pos.rename(aside)
    bench.pos.mkdir()
    bench.capture.rescan()
    bench.pos.rmdir()
    aside.rename(bench.pos)
    monkeypatch.setattr(capture_module, "read", lambda *_: pytest.fail("read again"))
    bench.settle()
    assert bench.outbox.marks() == {str(path): mark(path)}


def test_paths_gone_for_long_are_forgotten_but_not_their_sales(bench: Bench) -> None:
    path = put(bench.pos, "a.xml", b"x")
    bench.settle()
    path.unlink()
    bench.capture.rescan()
    bench.clock.pass_by(FORGET_SECONDS)
    bench.capture.rescan()
    assert bench.outbox.marks() == {}
    assert bench.outbox.counts() == OutboxCounts(captured=1)


def test_an_empty_file_is_captured_too(bench: Bench) -> None:
    put(bench.pos, "cut.xml", b"")
    assert bench.settle() == 1


def test_a_file_that_vanishes_before_it_is_read_is_no_trouble(bench: Bench) -> None:
    path = put(bench.pos, "a.xml", b"x")
    bench.capture.rescan()
    path.unlink()
    bench.clock.pass_by(1.0)
    assert bench.due() == 0
    assert bench.settled()


def test_a_full_disk_loses_nothing(bench: Bench) -> None:
    for number in range(5):
        put(bench.pos, f"{number}.xml", os.urandom(20_000))
    pages = next(bench.outbox.rows("PRAGMA page_count"))[0]
    next(bench.outbox.rows(f"PRAGMA max_page_count = {pages + 2}"))
    with pytest.raises(OutboxError) as raised:
        bench.settle()
    assert raised.value.code == "till_disk_full"
    assert not bench.settled()
    next(bench.outbox.rows("PRAGMA max_page_count = 1000000"))
    assert bench.due() == 5


def test_commits_in_groups_and_may_be_stopped_in_between(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(capture_module, "GROUP_FILES", 10)
    for number in range(25):
        put(bench.pos, f"{number}.xml", b"%d" % number)
    bench.capture.rescan()
    bench.clock.pass_by(1.0)
    assert next(bench.capture.capture_due()) == 10
    assert bench.outbox.counts() == OutboxCounts(captured=10)
    assert list(bench.capture.capture_due()) == [10, 5]


def test_a_clock_set_back_changes_nothing(bench: Bench) -> None:
    future = put(bench.pos, "future.xml", b"written by a clock that was ahead")
    os.utime(future, (4_000_000_000, 4_000_000_000))
    assert bench.settle() == 1
    put(bench.pos, "now.xml", b"now")
    assert bench.settle() == 1


@pytest.mark.skipif(sys.platform == "win32", reason="Windows allows none of these names")
def test_hostile_names_stay_names(bench: Bench) -> None:
    hostile = [
        "a..%2f..%2fetc.xml",
        "a;rm -rf.xml",
        "nota\u202eLMX.xml",
        "quebra\nlinha.xml",
        "'; DROP TABLE file; --.xml",
    ]
    if sys.platform == "win32":
        pytest.skip("Windows allows none of these names")
    for name in hostile:
        put(bench.pos, name, name.encode())
    assert bench.settle() == len(hostile)
    assert {file.name for file in bench.outbox.next_pouch(10, 1000).files} == set(hostile)


def test_a_file_that_breaks_the_program_is_refused_and_the_others_captured(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = bench.outbox.capture

    def broken(files: list[CapturedFile], now: float) -> int:
        if any(b"BREAKS" in file.content for file in files):
            raise IndexError
        return kept(files, now)

    monkeypatch.setattr(bench.outbox, "capture", broken)
    for number in range(7):
        put(bench.pos, f"a{number}.xml", b"BREAKS %d" % number)
    put(bench.pos, "b.xml", b"<good/>")
    assert bench.settle() == 1
    assert bench.contents() == [b"<good/>"]
    assert bench.refused() == {f"a{number}.xml": "file_set_aside" for number in range(7)}


def test_a_file_that_breaks_the_reader_is_captured_all_the_same(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: bytes) -> None:
        raise IndexError

    monkeypatch.setattr(reader, "read", broken)
    put(bench.pos, "a.xml", b"<good/>")
    assert bench.settle() == 1
    assert bench.contents() == [b"<good/>"]
