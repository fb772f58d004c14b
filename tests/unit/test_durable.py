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
