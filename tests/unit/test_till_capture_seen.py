"""Files that are seen before they are captured: counted, remembered when they vanish, one name for two sales."""

import os
from typing import Any

import pytest

from malote.till import vanished_files
from malote.till.outbox import Outbox
from malote.till.storage import OutboxError
from tests.unit.fiscal.notes import build_note
from tests.unit.till_capture_support import Bench
from tests.unit.till_support import put

pytest_plugins = ["tests.unit.till_capture_fixtures"]


def seen(bench: Bench) -> tuple[int, int, int]:
    count = bench.sight.count
    assert count is not None
    return count.seen, count.captured, count.uncaptured


def test_files_are_counted_before_they_are_captured(bench: Bench) -> None:
    for number in range(3):
        put(bench.pos, f"{number}.xml", b"%d" % number)
    bench.capture.rescan()
    assert seen(bench) == (3, 0, 3)
    bench.clock.pass_by(1.0)
    bench.due()
    assert seen(bench) == (3, 3, 0)


def test_what_a_full_disk_keeps_out_stays_counted(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.settle()

    def full(*_: object) -> int:
        raise OutboxError("till_disk_full", detail="disk")

    monkeypatch.setattr(Outbox, "capture", full)
    put(bench.pos, "a.xml", b"sale")
    with pytest.raises(OutboxError):
        bench.settle()
    assert seen(bench) == (1, 0, 1)


def test_a_folder_that_is_gone_is_no_count_of_nothing(bench: Bench) -> None:
    bench.settle()
    bench.pos.rmdir()
    bench.capture.rescan()
    assert bench.sight.count is None


def test_a_file_that_vanishes_before_it_is_captured_is_remembered_until_it_is_back(bench: Bench) -> None:
    path = put(bench.pos, "a.xml", b"sale")
    bench.capture.rescan()
    path.unlink()
    bench.clock.pass_by(1.0)
    bench.due()
    bench.capture.rescan()
    (gone,) = vanished_files.vanished(bench.outbox)
    assert (gone.name, gone.size) == ("a.xml", 4)
    bench.begin()
    bench.settle()
    assert len(vanished_files.vanished(bench.outbox)) == 1, "a restart forgets nothing"
    put(bench.pos, "a.xml", b"sale")
    bench.settle()
    bench.capture.rescan()
    assert vanished_files.vanished(bench.outbox) == []


def test_a_file_that_the_system_told_of_and_nobody_saw_is_remembered_and_a_renamed_one_is_not(bench: Bench) -> None:
    put(bench.pos, "kept.xml", b"sale")
    bench.settle()
    put(bench.pos, "final.xml", b"another")  # what temporary.xml was called in the end
    names = ["kept.xml", "notes.txt", ".hidden.xml", "temporary.xml"]
    bench.capture.look_at(str(bench.pos / name) for name in names)
    assert bench.capture.suspects
    bench.capture.rescan()
    assert vanished_files.vanished(bench.outbox) == []
    bench.clock.pass_by(1e10)  # later than anything in the folder, by the clock of the machine
    bench.capture.look_at([str(bench.pos / "gone.xml")])
    bench.capture.rescan()
    assert [(one.name, one.size) for one in vanished_files.vanished(bench.outbox)] == [("gone.xml", 0)]
    put(bench.pos, "gone.xml", b"sale after all")
    bench.settle()
    bench.capture.rescan()
    assert vanished_files.vanished(bench.outbox) == []


def test_a_file_that_was_renamed_or_empty_did_not_vanish(bench: Bench) -> None:
    path = put(bench.pos, "a.xml", b"sale")
    empty = put(bench.pos, "lock.xml", b"")
    bench.capture.rescan()
    path.rename(bench.pos / "b.xml")
    empty.unlink()
    bench.settle()
    bench.capture.rescan()
    assert vanished_files.vanished(bench.outbox) == []
    assert bench.contents() == [b"sale"]


@pytest.mark.skipif(os.name == "nt", reason="a folder can't be closed like this on Windows")
def test_files_below_a_folder_that_cannot_be_looked_into_did_not_vanish(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(bench.pos, "below/a.xml", b"sale")
    bench.capture.rescan()
    real = os.scandir

    def closed(path: Any) -> Any:
        if str(path).endswith("below"):
            raise PermissionError(13, "Permission denied")
        return real(path)

    monkeypatch.setattr(os, "scandir", closed)
    bench.capture.rescan()
    bench.capture.rescan()
    assert vanished_files.vanished(bench.outbox) == []
    assert seen(bench)[2] == 1


def test_a_person_may_say_that_what_vanished_was_no_sale(bench: Bench) -> None:
    path = put(bench.pos, "a.xml", b"temporary")
    bench.capture.rescan()
    path.unlink()
    bench.settle()
    bench.capture.rescan()
    assert vanished_files.forget(bench.outbox) == 1
    assert vanished_files.forget(bench.outbox) == 0


def test_one_name_for_two_sales_is_told_and_from_then_on_taken_at_once(bench: Bench) -> None:
    first, second, third = (build_note(number=number) for number in (1, 2, 3))
    put(bench.pos, "venda.xml", first)
    bench.settle()
    assert vanished_files.reused(bench.outbox, bench.clock()) is None
    put(bench.pos, "venda.xml", second)
    bench.settle()
    assert bench.ears.codes("happened") == ["name_reused"]
    put(bench.pos, "venda.xml", third[:-20])
    bench.capture.rescan()
    assert bench.due() == 0, "half of a sale waits as ever"
    put(bench.pos, "venda.xml", third)
    bench.capture.rescan()
    assert bench.due() == 1, "no moment in which it may be written over"
    assert bench.contents() == [first, second, third]
    told = vanished_files.reused(bench.outbox, bench.clock())
    assert told is not None
    assert (told.name, told.count) == ("venda.xml", 2)
    assert vanished_files.reused(bench.outbox, bench.clock() + 90_000) is None


def test_a_newer_version_of_a_sale_under_its_name_is_what_poss_do(bench: Bench) -> None:
    put(bench.pos, "venda.xml", build_note(number=1))
    bench.settle()
    put(bench.pos, "venda.xml", build_note(number=1) + b"<!-- authorised -->")
    bench.settle()
    assert vanished_files.reused(bench.outbox, bench.clock()) is None
    assert len(bench.contents()) == 2
