"""A damaged outbox: told, set aside, built again; nothing lost."""

import random
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from malote.till import salvage, storage
from malote.till.files import Answer, Counts
from malote.till.outbox import Outbox
from malote.till.storage import OutboxDamagedError, OutboxError
from tests.unit.till_support import captured, digest


def noise(number: int) -> bytes:
    return random.Random(number).randbytes(3000)


def filled(path: Path, files: int = 60) -> None:
    with Outbox(path) as outbox:
        outbox.capture([captured(noise(number), f"/pos/{number}.xml") for number in range(files)], at=1.0)
        outbox.record([Answer(digest(noise(0)), "posted"), Answer(digest(noise(1)), "accepted")], at=2.0)


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
    aside, carried = salvage.rebuild(path, at=3.0)
    assert aside.exists()
    assert 30 < carried < 59, "some rows are spoilt, the others are here"
    with Outbox(path) as outbox:
        assert outbox.counts() == Counts(captured=carried), "proven ones need not be, unproven ones are sent again"
        assert outbox.marks() == {}, "the whole folder is to be read again"
        contents = {file.content for file in outbox.next_pouch(1000, 10**9).files}
        assert contents <= {noise(number) for number in range(60)}


@pytest.mark.parametrize("content", [b"no database at all" * 500, b""])
def test_what_cannot_be_read_at_all_gives_an_empty_outbox(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "outbox.sqlite3"
    path.write_bytes(content)
    aside, carried = salvage.rebuild(path, at=3.0)
    assert carried == 0
    assert aside.read_bytes() == content
    with Outbox(path) as outbox:
        assert outbox.counts() == Counts()


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
        asides.add(salvage.rebuild(path, at=moment)[0])
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
