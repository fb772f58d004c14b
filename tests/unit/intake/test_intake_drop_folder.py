"""The drop folder: files are taken whole, once, in turn, and never lost."""

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from malote.config import IntakeSettings
from malote.database.errors import StoreError
from malote.intake import drop_folder, received_folder
from malote.intake.drop_folder import DropFolder
from malote.intake.dropped_files import DropFolderFinding, look
from tests.unit.intake.drop_folder_support import CAIXA1, LIMIT, QUIET, Scene, Store

pytest_plugins = ["tests.unit.intake.drop_folder_fixtures"]


def test_a_file_is_taken_once_it_stood_still_and_then_moved(scene: Scene) -> None:
    (scene.inbox / "venda.xml").write_bytes(b"sale")
    assert scene.folder.scan() == 1
    assert scene.store.pouches == []
    assert scene.scan_after(QUIET) == 0
    assert scene.store.pouches == [("caixa1", ["venda.xml"])]
    assert scene.received() == {"venda.xml": b"sale"}
    assert not (scene.inbox / "venda.xml").exists()


def test_a_file_that_there_was_no_time_for_stays_until_it_is_taken(scene: Scene) -> None:
    """Moved aside unread, its sale would be lost: intake says that it is to be sent again."""
    scene.store.most = 2
    for number in range(5):
        (scene.inbox / f"venda{number}.xml").write_bytes(b"sale %d" % number)
    scene.folder.scan()
    for taken in (2, 4, 5):
        assert scene.scan_after(QUIET) == 5 - taken
        assert len(scene.received()) == len(scene.store.contents) == taken
    assert [path.name for path in scene.inbox.iterdir()] == ["recebidos"]


def test_a_till_with_many_files_lets_the_others_have_their_turn(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drop_folder, "POUCH_FILES", 2)
    (scene.root / "caixa2").mkdir()
    (scene.root / "caixa2" / "venda.xml").write_bytes(b"a good one")
    for number in range(5):
        (scene.inbox / f"venda{number}.xml").write_bytes(b"rubbish %d" % number)
    scene.settle()
    assert [name for name, _ in scene.store.pouches] == ["caixa2", "caixa1", "caixa1", "caixa1"]


def test_a_scan_that_takes_long_looks_at_all_folders_again_before_it_goes_on(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drop_folder, "POUCH_FILES", 2)
    for number in range(5):
        (scene.inbox / f"venda{number}.xml").write_bytes(b"rubbish %d" % number)

    def long_work() -> None:
        scene.now += drop_folder.SCAN_SECONDS

    scene.store.before_answer = long_work
    scene.folder.scan()
    assert scene.scan_after(QUIET) == 3
    (scene.root / "caixa2" / "venda.xml").write_bytes(b"a good one")
    while scene.scan_after(QUIET):
        pass
    assert [name for name, _ in scene.store.pouches] == ["caixa1", "caixa1", "caixa1", "caixa2"]


def test_a_till_over_its_quota_waits_alone(scene: Scene) -> None:
    scene.slowed = {CAIXA1.id}
    (scene.root / "caixa2").mkdir()
    for inbox in ("caixa1", "caixa2"):
        (scene.root / inbox / "venda.xml").write_bytes(inbox.encode())
    scene.settle()
    assert list(scene.store.contents.values()) == [b"caixa2"]
    scene.slowed = set()
    scene.scan_after(QUIET)
    assert list(scene.store.contents.values()) == [b"caixa2", b"caixa1"]


def test_a_file_that_grows_is_left_alone_until_it_stops(scene: Scene) -> None:
    path = scene.inbox / "venda.xml"
    path.write_bytes(b"<nfe")
    for more in (b"Proc", b">", b"</nfeProc>"):
        scene.scan_after(QUIET)
        with path.open("ab") as file:
            file.write(more)
    assert scene.scan_after(QUIET) == 1
    assert scene.store.pouches == []
    scene.scan_after(QUIET)
    assert scene.received() == {"venda.xml": b"<nfeProc></nfeProc>"}


def test_every_enabled_till_gets_a_folder_to_drop_into(scene: Scene) -> None:
    scene.folder.scan()
    assert sorted(path.name for path in scene.root.iterdir()) == ["caixa1", "caixa2"]


def test_files_of_an_unknown_or_disabled_till_stay_and_are_told(scene: Scene) -> None:
    for name in ("desconhecido", "fechado"):
        (scene.root / name).mkdir()
        (scene.root / name / "venda.xml").write_bytes(b"sale")
    (scene.root / "vazio").mkdir()
    (scene.root / "solto.xml").write_bytes(b"sale")
    scene.settle()
    assert scene.store.pouches == []
    assert scene.findings() == {
        ("desconhecido/", "till_unknown"),
        ("fechado/", "till_disabled"),
        ("solto.xml", "file_misplaced"),
    }
    assert (scene.root / "desconhecido" / "venda.xml").exists()


def test_the_oldest_file_goes_first(scene: Scene) -> None:
    for age, name in ((10, "c.xml"), (30, "a.xml"), (20, "b.xml")):
        path = scene.inbox / name
        path.write_bytes(name.encode())
        os.utime(path, (1_700_000_000 - age, 1_700_000_000 - age))
    scene.settle()
    assert scene.store.pouches == [("caixa1", ["a.xml", "b.xml", "c.xml"])]


def test_many_files_go_in_pouches_of_bounded_size_and_of_one_till_each(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drop_folder, "POUCH_FILES", 3)
    monkeypatch.setattr(drop_folder, "POUCH_BYTES", 100)
    (scene.root / "caixa2").mkdir()
    for number in range(7):
        (scene.inbox / f"{number}.xml").write_bytes(b"%d" % number)
    for number in range(3):
        (scene.root / "caixa2" / f"{number}.xml").write_bytes(b"%d" % number * 60)
    scene.settle()
    assert [(till, len(names)) for till, names in scene.store.pouches] == [
        ("caixa2", 1), ("caixa1", 3), ("caixa2", 1), ("caixa1", 3), ("caixa1", 1), ("caixa2", 1),
    ]  # fmt: skip
    assert len(scene.received()) == 7


def test_a_crash_between_commit_and_move_doubles_nothing(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    (scene.inbox / "venda.xml").write_bytes(b"sale")

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(received_folder, "move", die)
        with pytest.raises(KeyboardInterrupt):
            scene.settle()
    assert (scene.inbox / "venda.xml").exists()
    scene.folder = scene.started()
    scene.settle()
    assert scene.received() == {"venda.xml": b"sale"}
    assert list(scene.store.contents.values()) == [b"sale"]


def test_nothing_moves_while_the_store_takes_nothing(scene: Scene) -> None:
    (scene.inbox / "venda.xml").write_bytes(b"sale")
    scene.store.failure = StoreError("disk_full", detail="x")
    with pytest.raises(StoreError):
        scene.settle()
    assert (scene.inbox / "venda.xml").read_bytes() == b"sale"
    scene.store.failure = None
    scene.scan_after(QUIET)
    assert scene.received() == {"venda.xml": b"sale"}


def test_two_files_of_one_name_are_both_kept(scene: Scene) -> None:
    for content in (b"first", b"second", b"third"):
        (scene.inbox / "venda.xml").write_bytes(content)
        scene.settle()
    assert scene.received() == {"venda.xml": b"first", "venda~2.xml": b"second", "venda~3.xml": b"third"}


def test_a_file_replaced_between_reading_and_moving_is_taken_again(scene: Scene) -> None:
    path = scene.inbox / "venda.xml"
    path.write_bytes(b"first")

    def replace() -> None:
        scene.store.before_answer = lambda: None
        path.write_bytes(b"another sale")

    scene.store.before_answer = replace
    scene.settle()
    assert path.read_bytes() == b"another sale"
    scene.settle()
    assert sorted(scene.store.contents.values()) == [b"another sale", b"first"]


def test_a_pos_that_goes_on_writing_after_the_move_is_noticed(scene: Scene) -> None:
    path = scene.inbox / "venda.xml"
    with path.open("wb") as pos:
        pos.write(b"<half")
        pos.flush()
        scene.settle()
        assert scene.received() == {"venda.xml": b"<half"}
        pos.write(b"/>")
    scene.scan_after(QUIET)
    assert path.read_bytes() == b"<half/>"
    scene.settle()
    assert sorted(scene.store.contents.values()) == [b"<half", b"<half/>"]


def test_it_runs_until_told_to_stop_and_sees_what_comes(tmp_path: Path) -> None:
    root, store, stop = tmp_path / "entrada", Store(), threading.Event()
    settings = IntakeSettings(drop_quiet_seconds=0.02, drop_rescan_seconds=0.05)
    folder = DropFolder(root, store.take, lambda: [CAIXA1], settings)
    thread = threading.Thread(target=folder.run, args=(stop,))
    thread.start()
    try:
        wait_until((root / "caixa1").is_dir)
        (root / "caixa1" / "venda.xml").write_bytes(b"sale")
        wait_until(lambda: bool(store.contents))
        store.failure = StoreError("store_away", detail="x")
        (root / "caixa1" / "outra.xml").write_bytes(b"other")
        time.sleep(0.2)
        store.failure = None
        wait_until(lambda: len(store.contents) == 2)
    finally:
        stop.set()
        thread.join(20)
    assert not thread.is_alive()


def wait_until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 300
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_findings_are_the_same_for_whoever_looks(scene: Scene) -> None:
    (scene.inbox / "pasta").mkdir()
    scene.settle()
    assert (
        tuple(one for one in look(scene.root, [CAIXA1], LIMIT) if isinstance(one, DropFolderFinding))
        == scene.folder.findings
    )


def test_nothing_is_listed_while_nothing_happens(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    scene.settle()
    for inbox in scene.root.iterdir():
        os.utime(inbox, (1_700_000_000, 1_700_000_000))
    scene.settle()
    listed: list[object] = []

    def counted(folder: Path, *_: object) -> list[DropFolderFinding]:
        listed.append(folder)
        return []

    monkeypatch.setattr(drop_folder, "look_at", counted)
    for _ in range(5):
        scene.scan_after(1)
        scene.folder.scan(frozenset())
    assert listed == []
    scene.folder.scan(frozenset({"caixa1"}))
    assert listed == [scene.inbox]


def test_a_tills_folder_removed_by_hand_comes_back(scene: Scene) -> None:
    scene.settle()
    (scene.root / "caixa2").rmdir()
    scene.folder.scan(frozenset({"caixa2"}))
    assert (scene.root / "caixa2").is_dir()
