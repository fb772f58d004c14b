"""A damaged outbox: told, set aside, built again; nothing lost."""

import random
import sqlite3
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from malote import frames
from malote.till import capture_journal, lost_sales, salvage, storage
from malote.till.capture_journal import CaptureJournal
from malote.till.outbox import Outbox
from malote.till.outbox_records import CapturedFile, FileAnswer, OutboxCounts
from malote.till.storage import OutboxDamagedError, OutboxError
from malote.wire import LostSale
from tests.unit.faulty_disk import FULL, FaultyDisk, PowerCut
from tests.unit.till_support import captured, digest, sale_line


def noise(number: int) -> bytes:
    return random.Random(number).randbytes(3000)


def filled(path: Path, files: int = 60) -> None:
    with Outbox(path) as outbox:
        outbox.capture([captured(noise(number), f"/pos/{number}.xml") for number in range(files)], at=1.0)
        outbox.record([FileAnswer(digest(noise(0)), "posted"), FileAnswer(digest(noise(1)), "accepted")], at=2.0)


def spoil(path: Path, first: float, last: float) -> None:
    """Overwrites a part of the file with nonsense."""
    with path.open("r+b") as file:
        size = path.stat().st_size
        file.seek(int(size * first))
        file.write(b"\xa5" * int(size * (last - first)))


def test_nonsense_in_the_middle_is_found(tmp_path: Path) -> None:
    path = tmp_path / "outbox.sqlite3"
    filled(path)
    storage.check(path)
    spoil(path, 0.4, 0.6)
    with pytest.raises(OutboxDamagedError):
        storage.check(path)


def test_what_can_be_read_is_carried_over(tmp_path: Path) -> None:
    path = tmp_path / "outbox.sqlite3"
    filled(path)
    spoil(path, 0.45, 0.5)
    salvaged = salvage.rebuild(path, at=3.0)
    aside, carried = salvaged.aside, salvaged.carried
    assert aside.exists()
    assert 30 < carried < 59, "some rows are spoilt, the others are here"
    with Outbox(path) as outbox:
        assert outbox.counts() == OutboxCounts(captured=carried), (
            "proven ones need not be, unproven ones are sent again"
        )
        assert outbox.marks() == {}, "the whole folder is to be read again"
        contents = {file.content for file in outbox.next_pouch(1000, 10**9).files}
        assert contents <= {noise(number) for number in range(60)}


@pytest.mark.parametrize("content", [b"no database at all" * 500, b""])
def test_what_cannot_be_read_at_all_gives_an_empty_outbox(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "outbox.sqlite3"
    path.write_bytes(content)
    salvaged = salvage.rebuild(path, at=3.0)
    aside, carried = salvaged.aside, salvaged.carried
    assert carried == 0
    assert aside.read_bytes() == content
    with Outbox(path) as outbox:
        assert outbox.counts() == OutboxCounts()


def test_a_lost_table_is_told_apart_from_a_fault_of_the_program(tmp_path: Path) -> None:
    path = tmp_path / "outbox.sqlite3"
    filled(path)
    spoil(path, 0.0, 0.05)
    with pytest.raises(OutboxDamagedError), Outbox(path) as outbox:
        outbox.counts()


def test_each_damaged_file_keeps_its_own_name(tmp_path: Path) -> None:
    path = tmp_path / "outbox.sqlite3"
    asides = set()
    for moment in (1.0, 2.0):
        path.write_bytes(b"no database" * 100)
        asides.add(salvage.rebuild(path, at=moment).aside)
    assert len(asides) == 2
    assert all(aside.exists() for aside in asides)


def test_a_lock_held_by_another_is_no_damage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "outbox.sqlite3"
    monkeypatch.setattr(storage, "BUSY_SECONDS", 0.0)
    with Outbox(path) as outbox, closing(sqlite3.connect(path)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(OutboxError) as raised:
            outbox.capture([captured(b"a")], at=1.0)
        assert raised.value.code == "outbox_away"
        other.rollback()
        assert outbox.capture([captured(b"a")], at=1.0) == 1


# ---- what could not be brought back ----


def sold(path: Path, sales: int) -> list[CapturedFile]:
    """An outbox with sales of 3 kB, none of them proven."""
    files = [captured(noise(number), "", sale_line(number, 100 + number)) for number in range(1, sales + 1)]
    with Outbox(path) as outbox:
        outbox.capture(files, at=1.0)
    return files


def spoil_contents(path: Path, files: list[CapturedFile]) -> None:
    """Flips a byte in the stored content of each, and leaves the rows as they are."""
    data = bytearray(path.read_bytes())

    for file in files:
        at = data.find(frames.pack(file.content)[100:140])
        assert at > 0
        data[at] ^= 0xFF
    path.write_bytes(data)


def test_of_an_outbox_that_nobody_can_read_a_person_is_told_until_they_have_looked(tmp_path: Path) -> None:
    path = tmp_path / "outbox.sqlite3"
    sold(path, 3)
    path.write_bytes(random.Random(5).randbytes(60_000))
    assert salvage.rebuild(path, at=3.0).carried == 0
    with Outbox(path) as outbox:
        (one,) = lost_sales.all_of(outbox)
        assert (one.name, one.sha256, one.number) == ("outbox.sqlite3", "", None)
        outbox.capture([captured(b"a new sale", "", sale_line(9, 109))], at=4.0)
        assert lost_sales.all_of(outbox) == [one], "nothing that comes tells what was in it"
        lost_sales.forget(outbox)
        assert lost_sales.all_of(outbox) == []


def test_what_was_lost_once_is_named_after_a_second_damage(tmp_path: Path) -> None:
    path = tmp_path / "outbox.sqlite3"
    files = sold(path, 20)
    spoil_contents(path, files[3:6])
    salvage.rebuild(path, at=3.0)
    spoil_contents(path, files[10:11])
    salvage.rebuild(path, at=4.0)
    with Outbox(path) as outbox:
        # The fourth is no note, and was carried over as what it is.
        assert [one.number for one in lost_sales.all_of(outbox)] == [4, 5, 6, None]


def test_what_cannot_be_brought_back_is_named_with_number_and_value(tmp_path: Path) -> None:
    path = tmp_path / "outbox.sqlite3"
    files = sold(path, 20)
    spoil_contents(path, files[3:6])
    salvaged = salvage.rebuild(path, at=3.0)
    assert salvaged.carried == 17
    with Outbox(path) as outbox:
        assert [(one.number, one.total) for one in lost_sales.all_of(outbox)] == [(4, 104), (5, 105), (6, 106)]
        outbox.capture([files[3]], at=4.0)
        assert [one.number for one in lost_sales.all_of(outbox)] == [5, 6], "the POS's file was there still"
        again = captured(b"another version of it", "", sale_line(5, 105))
        outbox.capture([again], at=4.0)
        assert [one.number for one in lost_sales.all_of(outbox)] == [6]
        lost_sales.found_again(outbox, [files[5].sha256])
        assert lost_sales.all_of(outbox) == [], "the server had it before"


def test_a_page_of_nonsense_loses_no_file_without_a_word(tmp_path: Path) -> None:
    path = tmp_path / "outbox.sqlite3"
    sold(path, 60)
    spoil(path, 0.45, 0.5)
    salvaged = salvage.rebuild(path, at=3.0)
    assert salvaged.lost
    assert salvaged.carried + len(salvaged.lost) == 60
    for one in salvaged.lost:
        said = lost_sales.said(one)
        assert msgspec.json.decode(msgspec.json.encode(said), type=LostSale) == said, "the server must take it"


def test_a_content_damaged_in_a_sound_outbox_is_lost_until_it_is_captured_again(tmp_path: Path) -> None:
    path = tmp_path / "outbox.sqlite3"
    with Outbox(path) as outbox:
        sale = captured(b"sale", "", sale_line(7, 3209))
        outbox.capture([sale], at=1.0)
        next(outbox.rows("UPDATE file SET content = x'00' RETURNING 1"))
        assert outbox.next_pouch(10, 10**6).damaged == 1
        (one,) = lost_sales.all_of(outbox)
        assert (one.number, one.total) == (7, 3209)
        outbox.capture([sale], at=2.0)
        assert lost_sales.all_of(outbox) == []


@pytest.mark.parametrize("step", ["after the new one", "after setting aside"])
def test_a_machine_that_dies_while_it_salvages_loses_nothing(tmp_path: Path, step: str) -> None:
    path = tmp_path / "outbox.sqlite3"
    files = sold(path, 20)
    spoil_contents(path, files[3:4])

    def dies(what: str, name: str) -> PowerCut | None:
        return PowerCut() if what == "rename" and (name == path.name or step == "after the new one") else None

    with pytest.raises(PowerCut):
        salvage.rebuild(path, at=3.0, disk=FaultyDisk(dies))
    salvage.finish(path)
    if step == "after the new one":
        salvage.rebuild(path, at=4.0)  # the damaged one is in its place still, and found damaged again
    with Outbox(path) as outbox:
        assert outbox.counts().captured == 19
        assert [one.number for one in lost_sales.all_of(outbox)] == [4]


# ---- the journal of captures ----


def journalled(path: Path, sales: int) -> list[CapturedFile]:
    """As an agent captures: journal first, then the outbox; the first is proven."""
    files = [captured(noise(number), "", sale_line(number, 100 + number)) for number in range(1, sales + 1)]
    with Outbox(path) as outbox:
        journal = CaptureJournal(outbox)
        for one in files:
            journal.add([one], at=1.0)
            outbox.capture([one], at=1.0)
        outbox.record([FileAnswer(files[0].sha256, "posted")], at=2.0)
    return files


def named(path: Path) -> list[tuple[int | None, int | None]]:
    with Outbox(path) as outbox:
        return sorted((one.number or 0, one.total) for one in lost_sales.all_of(outbox))


@pytest.mark.parametrize("pages", [range(2), range(60, 200), range(2, 400, 3), range(400)])
def test_every_sale_of_a_damaged_outbox_is_here_or_named_with_its_value(tmp_path: Path, pages: range) -> None:
    path = tmp_path / "outbox.sqlite3"
    files = journalled(path, 200)
    with path.open("r+b") as file:
        for page in (one for one in pages if one * 4096 < path.stat().st_size):
            file.seek(page * 4096)
            file.write(b"\xa5" * 4096)
    salvage.rebuild(path, at=3.0)
    with Outbox(path) as outbox:
        here = {one.sha256 for one in outbox.next_pouch(1000, 10**9).files}
    expected = [(one.documents[0].number, one.documents[0].total) for one in files[1:] if one.sha256 not in here]
    # Of the proven one the damaged outbox may know no more; the server is asked about it.
    assert [one for one in named(path) if one[0] != 1] == expected
    assert expected or 0 not in pages


def test_an_outbox_that_is_gone_is_named_by_its_journal(tmp_path: Path) -> None:
    path = tmp_path / "outbox.sqlite3"
    files = journalled(path, 3)
    for part in tmp_path.glob("outbox.sqlite3*"):
        if not part.name.endswith(".captured"):
            part.unlink()
    with Outbox(path) as outbox:
        outbox.capture(files[2:], at=3.0)
    assert [one.number for one in salvage.recall(path)] == [1, 2]
    assert named(path) == [(1, 101), (2, 102)]


def test_a_torn_line_of_the_journal_spoils_no_other_and_a_changed_one_is_no_witness(tmp_path: Path) -> None:
    path = tmp_path / "outbox.sqlite3"
    files = journalled(path, 3)
    place = capture_journal.path_of(path)
    with place.open("ab") as file:
        file.write(b'12345678 {"sha')
    assert capture_journal.read(path).whole, "the last line is of what was never captured"
    with Outbox(path) as outbox:
        journal = CaptureJournal(outbox)
        journal.add([files[1]], at=4.0)
        assert sorted(capture_journal.read(path).sales) == sorted(one.sha256.hex() for one in files[1:]), "1 is proven"
        with place.open("ab") as file:
            file.write(b'12345678 {"sha')
        journal.add([files[0]], at=5.0)
    found = capture_journal.read(path)
    assert (len(found.sales), found.whole) == (3, False)
    place.write_bytes(place.read_bytes().replace(b"102", b"902"))
    assert len(capture_journal.read(path).sales) == 2


def test_the_journal_is_written_before_the_outbox_and_grows_no_further_than_what_is_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "outbox.sqlite3"
    monkeypatch.setattr(capture_journal, "SMALLEST_REWRITTEN", 1000)
    with Outbox(path) as outbox:
        journal = CaptureJournal(outbox)
        for number in range(50):
            sale = captured(noise(number), "", sale_line(number, 100 + number))
            journal.add([sale], at=1.0)
            assert sale.sha256.hex() in capture_journal.read(path).sales
            outbox.capture([sale], at=1.0)
            outbox.record([FileAnswer(sale.sha256, "posted")], at=2.0)
        assert len(capture_journal.read(path).sales) < 10
        outbox.disk = FaultyDisk(lambda what, _: FULL if what == "new_file" else None)
        with pytest.raises(OutboxError) as raised:
            CaptureJournal(outbox).add([captured(b"one more")], at=3.0)
        assert raised.value.code == "till_disk_full"
