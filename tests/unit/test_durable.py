"""Durable files: whole or not at all."""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from malote import durable
from malote.disk import Disk
from tests.unit.faulty_disk import FULL, FaultyDisk, PowerCut


def test_a_written_file_is_whole_and_leaves_nothing_aside(tmp_path: Path) -> None:
    durable.write(tmp_path / "note.xml", b"one")
    durable.write(tmp_path / "note.xml", b"two")
    assert (tmp_path / "note.xml").read_bytes() == b"two"
    assert [path.name for path in tmp_path.iterdir()] == ["note.xml"]


def test_folders_are_made_with_their_parents(tmp_path: Path) -> None:
    made = durable.make_folder(tmp_path / "a" / "b" / "c")
    assert made.is_dir()
    assert durable.make_folder(made) == made


def test_a_move_is_a_move(tmp_path: Path) -> None:
    (tmp_path / "from").mkdir()
    (tmp_path / "to").mkdir()
    durable.write(tmp_path / "from" / "x", b"1")
    durable.move(tmp_path / "from" / "x", tmp_path / "to" / "y")
    assert not (tmp_path / "from" / "x").exists()
    assert (tmp_path / "to" / "y").read_bytes() == b"1"


def test_removing_what_is_not_there_is_no_error(tmp_path: Path) -> None:
    durable.remove(tmp_path / "absent")
    assert not (tmp_path / "absent").exists()


def test_a_group_is_whole_and_takes_its_names_in_order(tmp_path: Path) -> None:
    disk = FaultyDisk()
    group = {tmp_path / f"{number}.xml": b"%d" % number for number in range(40)}
    durable.write_all(group, disk=disk)
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == group
    kinds = [what for what, _ in disk.steps if what != "file"]
    assert kinds == ["new_file"] * 40 + ["sync"] * 40 + ["rename"] * 40 + ["sync_folder"], "the folder once, at the end"
    assert [name for what, name in disk.steps if what == "rename"] == [path.name for path in group]
    durable.write_all({})


# ---- a disk that fails, and one where the power goes, in each window ----


def _write(folder: Path, disk: Disk) -> None:
    durable.write(folder / "a", b"new", disk=disk)


def _replace(folder: Path, disk: Disk) -> None:
    with durable.replacing(folder / "a", disk=disk) as file:
        file.write(b"n")
        file.write(b"ew")


def _write_all(folder: Path, disk: Disk) -> None:
    durable.write_all({folder / "a": b"new", folder / "b": b"new"}, disk=disk)


WRITERS = [_write, _replace, _write_all]


@pytest.mark.parametrize("act", WRITERS)
@pytest.mark.parametrize("step", ["new_file", "sync", "rename"])
def test_a_disk_that_is_full_leaves_the_old_content_and_nothing_aside(
    tmp_path: Path, act: Callable[[Path, Disk], None], step: str
) -> None:
    (tmp_path / "a").write_bytes(b"old")
    disk = FaultyDisk(lambda what, _: FULL if what == step else None)
    with pytest.raises(OSError, match="No space left"):
        act(tmp_path, disk)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"a": b"old"}


@pytest.mark.parametrize("act", WRITERS)
def test_a_folder_that_can_not_be_synced_is_no_success(tmp_path: Path, act: Callable[[Path, Disk], None]) -> None:
    with pytest.raises(OSError, match="No space left"):
        act(tmp_path, FaultyDisk(lambda what, _: FULL if what == "sync_folder" else None))
    assert (tmp_path / "a").read_bytes() == b"new", "it may be there; it isn't said to be"


@pytest.mark.parametrize("act", WRITERS)
def test_where_the_power_goes_it_is_the_old_or_the_new_content(
    tmp_path: Path, act: Callable[[Path, Disk], None]
) -> None:
    whole = FaultyDisk()
    act(_folder(tmp_path, "whole"), whole)
    assert len(whole.steps) >= 4
    for number in range(len(whole.steps)):
        folder = _folder(tmp_path, str(number))
        with pytest.raises(PowerCut):
            act(folder, FaultyDisk().off_at(number))
        found = {path.name: path.read_bytes() for path in folder.iterdir() if not path.name.startswith(".")}
        assert set(found.values()) <= {b"old", b"new"}, number
        assert set(found) == {"a", "b"}


def _folder(home: Path, name: str) -> Path:
    (home / name).mkdir()
    for each in ("a", "b"):
        (home / name / each).write_bytes(b"old")
    return home / name


def test_a_move_is_here_or_there_wherever_the_power_goes(tmp_path: Path) -> None:
    disk = FaultyDisk()
    for number in range(4):
        home = tmp_path / str(number)
        (home / "from").mkdir(parents=True)
        (home / "to").mkdir()
        (home / "from" / "x").write_bytes(b"1")
        disk = FaultyDisk().off_at(number)
        with suppress(PowerCut):
            durable.move(home / "from" / "x", home / "to" / "x", disk=disk)
        assert [path.read_bytes() for path in home.rglob("x")] == [b"1"]
    assert len(disk.steps) == 3, "the last one met no fault"
