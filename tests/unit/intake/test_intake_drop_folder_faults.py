"""Files and folders that break the program, or that the system refuses, hold back no others."""

import errno
import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from malote.tills.till import Till
from malote.wire import FileReceipt, PouchFile
from tests.unit.intake.drop_folder_support import QUIET, Scene, Store

pytest_plugins = ["tests.unit.intake.drop_folder_fixtures"]


class Breaking(Store):
    """A program that breaks on what contains ``BREAKS``, and a system that refuses what contains ``REFUSED``."""

    tried = 0

    def take(self, till: Till, files: Sequence[PouchFile]) -> list[FileReceipt]:
        self.tried += 1
        contents = [file.content for file in files]
        if any(b"BREAKS" in content for content in contents):
            raise IndexError("of no document's concern")
        if any(b"REFUSED" in content for content in contents):
            raise PermissionError(13, "not allowed")
        return super().take(till, files)


def test_files_that_break_the_program_hold_back_no_others(scene: Scene) -> None:
    scene.store = Breaking()
    scene.folder = scene.started()
    for number in range(7):
        (scene.inbox / f"a{number}.xml").write_bytes(b"BREAKS %d" % number)
    (scene.inbox / "b.xml").write_bytes(b"good")
    (scene.root / "caixa2").mkdir()
    (scene.root / "caixa2" / "c.xml").write_bytes(b"good too")
    scene.settle()
    assert set(scene.store.contents.values()) == {b"good", b"good too"}
    assert scene.findings() == {(f"a{number}.xml", "file_set_aside") for number in range(7)}
    assert all(len(finding.facts["incident"]) == 8 for finding in scene.folder.findings)
    assert (scene.inbox / "a0.xml").read_bytes() == b"BREAKS 0"


def test_what_breaks_the_program_is_left_alone_until_it_changes_or_the_program_does(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = scene.store = Breaking()
    scene.folder = scene.started()
    path = scene.inbox / "a.xml"
    path.write_bytes(b"BREAKS")
    scene.settle()
    tried = store.tried
    for _ in range(3):
        scene.scan_after(100)
    scene.folder = scene.started()  # a restart forgets nothing
    scene.settle()
    assert store.tried == tried
    assert scene.findings() == {("a.xml", "file_set_aside")}
    monkeypatch.setattr("malote.aside.__version__", "another")
    monkeypatch.setattr(Breaking, "take", Store.take)
    scene.folder = scene.started()
    scene.settle()
    assert scene.received() == {"a.xml": b"BREAKS"}
    assert scene.findings() == set()
    assert [path.name for path in scene.inbox.iterdir()] == ["recebidos"]


def test_a_file_mended_by_hand_is_tried_again(scene: Scene) -> None:
    scene.store = Breaking()
    scene.folder = scene.started()
    path = scene.inbox / "a.xml"
    path.write_bytes(b"BREAKS")
    scene.settle()
    path.write_bytes(b"mended")
    scene.settle()
    assert scene.received() == {"a.xml": b"mended"}


def test_what_the_system_refuses_of_one_file_is_tried_again_and_holds_back_no_others(scene: Scene) -> None:
    store = scene.store = Breaking()
    scene.folder = scene.started()
    (scene.inbox / "a.xml").write_bytes(b"REFUSED")
    (scene.inbox / "b.xml").write_bytes(b"good")
    scene.settle()
    assert scene.findings() == {("a.xml", "file_not_taken")}
    assert scene.received() == {"b.xml": b"good"}
    tried = store.tried
    scene.scan_after(1)
    assert store.tried == tried
    scene.scan_after(60)
    assert store.tried == tried + 1


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO, errno.EMFILE])
def test_trouble_of_the_machine_is_no_files_fault(scene: Scene, code: int) -> None:
    scene.store.failure = OSError(code, "x")
    (scene.inbox / "a.xml").write_bytes(b"good")
    scene.folder.scan()
    with pytest.raises(OSError, match="x"):
        scene.scan_after(QUIET)
    assert scene.findings() == set()
    scene.store.failure = None
    scene.scan_after(QUIET)
    assert scene.received() == {"a.xml": b"good"}


def test_a_folder_that_breaks_the_program_holds_back_no_others(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    (scene.inbox / "a.xml").write_bytes(b"good")
    (scene.root / "caixa2").mkdir()
    listdir = os.listdir

    def broken(folder: Path) -> list[str]:
        if Path(folder).name == "caixa2":
            raise ValueError
        return listdir(folder)

    monkeypatch.setattr(os, "listdir", broken)
    scene.settle()
    assert scene.received() == {"a.xml": b"good"}
    assert scene.findings() == {("caixa2/", "file_set_aside")}


def test_a_file_in_the_place_of_a_tills_folder_holds_back_no_others(scene: Scene) -> None:
    (scene.root / "caixa2").write_bytes(b"no folder")
    (scene.inbox / "a.xml").write_bytes(b"good")
    scene.settle()
    assert scene.received() == {"a.xml": b"good"}
    assert ("caixa2", "file_misplaced") in scene.findings()
