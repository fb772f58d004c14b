import os
import sys
from pathlib import Path

import pytest

from malote.till.folder import FileChangedError, FileTooLargeError, Folder, FolderMissingError, read
from malote.till.outbox_records import FileMark
from tests.unit.till_support import mark, put

POSIX_ONLY = pytest.mark.skipif(sys.platform == "win32", reason="links and pipes of POSIX")


def names(folder: Folder) -> set[str]:
    return {Path(found.path).relative_to(folder.path).as_posix() for found in folder.scan()}


def test_finds_what_matches_in_any_case(tmp_path: Path) -> None:
    for name in ("a.xml", "B.XML", "day/c.Xml", "day/d.txt", ".hidden.xml", "~temp.xml", ".cache/e.xml", "f.xml.tmp"):
        put(tmp_path, name, b"x")
    assert names(Folder(tmp_path, "*.xml", recursive=True)) == {"a.xml", "B.XML", "day/c.Xml"}
    assert names(Folder(tmp_path, "*.xml", recursive=False)) == {"a.xml", "B.XML"}


def test_leaves_the_moved_folder_out(tmp_path: Path) -> None:
    put(tmp_path, "a.xml", b"x")
    moved = put(tmp_path, "done/b.xml", b"x")
    folder = Folder(tmp_path, "*.xml", recursive=True, excluded=tmp_path / "done")
    assert names(folder) == {"a.xml"}
    assert list(folder.look(str(moved))) == []


@POSIX_ONLY
def test_ignores_links_and_pipes(tmp_path: Path) -> None:
    outside = put(tmp_path, "outside/secret.xml", b"x")
    pos = tmp_path / "pos"
    pos.mkdir()
    (pos / "link.xml").symlink_to(outside)
    (pos / "linked").symlink_to(outside.parent)
    os.mkfifo(pos / "pipe.xml")
    (pos / "folder.xml").mkdir()
    folder = Folder(pos, "*.xml", recursive=True)
    assert names(folder) == set()
    for name in ("link.xml", "pipe.xml", "folder.xml", "linked", "linked/secret.xml"):
        assert list(folder.look(str(pos / name))) == []
    with pytest.raises(OSError, match="symbolic"):
        read(str(pos / "link.xml"), mark(outside), 100)
    with pytest.raises(FileChangedError):
        read(str(pos / "pipe.xml"), mark(pos / "pipe.xml"), 100)


def test_a_missing_folder_is_told(tmp_path: Path) -> None:
    with pytest.raises(FolderMissingError):
        list(Folder(tmp_path / "nowhere", "*.xml", recursive=True).scan())


def test_looks_only_at_what_lies_inside(tmp_path: Path) -> None:
    outside = put(tmp_path, "outside.xml", b"x")
    put(tmp_path, "pos/day/a.xml", b"x")
    folder = Folder(tmp_path / "pos", "*.xml", recursive=True)
    assert list(folder.look(str(outside))) == []
    assert list(folder.look(str(tmp_path / "pos" / ".." / "outside.xml"))) == []
    assert [found.path for found in folder.look(str(tmp_path / "pos" / "day"))] == [str(tmp_path / "pos/day/a.xml")]


def test_reads_only_what_was_looked_at(tmp_path: Path) -> None:
    path = put(tmp_path, "a.xml", b"four")
    looked = mark(path)
    assert read(str(path), looked, 4) == b"four"
    with pytest.raises(FileTooLargeError):
        read(str(path), looked, 3)
    with pytest.raises(FileChangedError):
        read(str(path), FileMark(5, looked.mtime_ns, looked.ctime_ns), 100)
    path.write_bytes(b"FOUR")
    os.utime(path, ns=(looked.mtime_ns, looked.mtime_ns + 1))
    with pytest.raises(FileChangedError):
        read(str(path), looked, 100)


@POSIX_ONLY
def test_names_of_any_bytes_are_found(tmp_path: Path) -> None:
    name = os.fsdecode(b"nota-\xe9\xff.xml")
    put(tmp_path, name, b"x")
    assert names(Folder(tmp_path, "*.xml", recursive=True)) == {name}
