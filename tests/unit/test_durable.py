"""Durable files: whole or not at all."""

import os
from pathlib import Path

import pytest

from malote import durable


def test_a_written_file_is_whole_and_leaves_nothing_aside(tmp_path: Path) -> None:
    durable.write(tmp_path / "note.xml", b"one")
    durable.write(tmp_path / "note.xml", b"two")
    assert (tmp_path / "note.xml").read_bytes() == b"two"
    assert [path.name for path in tmp_path.iterdir()] == ["note.xml"]


def test_a_failed_write_keeps_the_old_content(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "note.xml"
    durable.write(target, b"one")

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        durable.write(target, b"two")
    assert target.read_bytes() == b"one"
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


def test_a_group_is_whole_and_takes_its_names_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names: list[str] = []
    replace = Path.replace

    def noted(source: Path, target: Path) -> Path:
        names.append(target.name)
        return replace(source, target)

    monkeypatch.setattr(Path, "replace", noted)
    group = {tmp_path / f"{number}.xml": b"%d" % number for number in range(40)}
    durable.write_all(group)
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == group
    assert names == [path.name for path in group]
    durable.write_all({})


def test_every_file_of_a_group_is_synced_before_any_has_its_name_and_the_folder_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[int] = []
    folders: list[tuple[Path, int]] = []
    monkeypatch.setattr(os, "fsync", lambda descriptor: synced.append(os.fstat(descriptor).st_ino))
    monkeypatch.setattr(durable, "sync_folder", lambda folder: folders.append((folder, len(synced))))
    durable.write_all({tmp_path / f"{number}.xml": b"x" for number in range(30)})
    assert sorted(synced) == sorted(path.stat().st_ino for path in tmp_path.iterdir())
    assert folders == [(tmp_path, 30)]


def test_a_group_that_can_not_be_synced_leaves_everything_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "3.xml").write_bytes(b"old")

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        durable.write_all({tmp_path / f"{number}.xml": b"new" for number in range(9)})
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"3.xml": b"old"}
