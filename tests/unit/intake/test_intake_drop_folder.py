"""The drop folder: files are taken whole, once, and never lost, whatever else lies there."""

import errno
import hashlib
import os
import socket
import threading
import time
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path

import pytest

from malote.config import IntakeSettings
from malote.database.errors import StoreError
from malote.intake import drop_folder, received_folder
from malote.intake.drop_folder import DropFolder
from malote.intake.dropped_files import ChangedError, DropFolderFinding, Dropped, content_of, look
from malote.intake.quota import SlowedError
from malote.tills.till import Till
from malote.wire import FileReceipt, PouchFile

QUIET = 1.0
LIMIT = 10_000
CAIXA1 = Till(1, "caixa1", "", 0.0, None)
CAIXA2 = Till(2, "caixa2", "", 0.0, None)
CLOSED = Till(3, "fechado", "", 0.0, 1.0)
TODAY = date(2026, 3, 10)


class Store:
    """Remembers what it took, as the spool would: a file once, however often it comes."""

    def __init__(self) -> None:
        self.pouches: list[tuple[str, list[str]]] = []
        self.contents: dict[bytes, bytes] = {}
        self.failure: Exception | None = None
        self.before_answer: Callable[[], None] = lambda: None
        self.most = 1000  # files that there is time for

    def take(self, till: Till, files: Sequence[PouchFile]) -> list[FileReceipt]:
        if self.failure:
            raise self.failure
        taken, left = files[: self.most], files[self.most :]
        self.pouches.append((till.name, [file.name for file in taken]))
        receipts = [FileReceipt(f.sha256.hex(), "accepted", [], f.sha256 in self.contents) for f in taken]
        receipts += [FileReceipt(f.sha256.hex(), "unknown") for f in left]
        for file in taken:
            assert hashlib.sha256(file.content).digest() == file.sha256
            self.contents[file.sha256] = file.content
        self.before_answer()
        return receipts


class Scene:
    def __init__(self, root: Path) -> None:
        self.root = root
        self.store = Store()
        self.now = 1000.0
        self.slowed: set[int] = set()
        self.inbox = root / "caixa1"
        self.inbox.mkdir(parents=True)
        self.folder = self.started()

    def started(self) -> DropFolder:
        """The folder as a server that just started sees it."""
        settings = IntakeSettings(drop_quiet_seconds=QUIET, max_document_bytes=LIMIT, drop_rescan_seconds=0.05)
        return DropFolder(
            self.root,
            self.store.take,
            lambda: [CAIXA1, CAIXA2, CLOSED],
            settings,
            admit=self.admit,
            clock=lambda: self.now,
            today=lambda: TODAY,
        )

    def admit(self, till_id: int) -> None:
        if till_id in self.slowed:
            raise SlowedError(1.0)

    def scan_after(self, seconds: float) -> int:
        self.now += seconds
        return self.folder.scan()

    def settle(self) -> None:
        """Two looks, with nothing happening in between."""
        self.folder.scan()
        self.scan_after(QUIET)

    def received(self) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in (self.inbox / "recebidos" / TODAY.isoformat()).glob("*")}

    def findings(self) -> set[tuple[str, str]]:
        return {(finding.name, finding.code) for finding in self.folder.findings}


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path / "entrada")


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
    assert [name for name, _ in scene.store.pouches] == ["caixa1", "caixa2", "caixa1", "caixa1"]


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
        ("caixa1", 3), ("caixa2", 1), ("caixa1", 3), ("caixa2", 1), ("caixa1", 1), ("caixa2", 1),
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


def test_a_file_that_can_not_be_moved_is_not_read_again_and_again(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = scene.inbox / "venda.xml"
    path.write_bytes(b"sale")

    def refuse(self: Path, target: Path) -> Path:
        raise PermissionError(13, "in use by another program")

    with monkeypatch.context() as patched:
        patched.setattr(Path, "rename", refuse)
        scene.settle()
        scene.scan_after(QUIET)
        assert scene.findings() == {("venda.xml", "file_not_moved")}
    assert scene.store.pouches == [("caixa1", ["venda.xml"])]
    scene.scan_after(QUIET)
    assert scene.received() == {"venda.xml": b"sale"}
    assert scene.store.pouches == [("caixa1", ["venda.xml"])]
    assert scene.findings() == set()


def test_an_oversized_file_is_told_and_left_unread(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    with (scene.inbox / "enorme.xml").open("wb") as file:
        file.truncate(10 * 2**30)  # takes no room: nothing is written
    (scene.inbox / "venda.xml").write_bytes(b"sale")
    scene.settle()
    scene.scan_after(QUIET)
    (finding,) = scene.folder.findings
    assert (finding.name, finding.code) == ("enorme.xml", "file_too_large")
    assert finding.facts == {"size": str(10 * 2**30), "limit": str(LIMIT)}
    assert scene.received() == {"venda.xml": b"sale"}


def test_an_empty_file_waits_for_its_content(scene: Scene) -> None:
    path = scene.inbox / "venda.xml"
    path.touch()
    scene.settle()
    assert scene.findings() == {("venda.xml", "empty_file")}
    path.write_bytes(b"sale")
    scene.settle()
    assert scene.received() == {"venda.xml": b"sale"}
    assert scene.findings() == set()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no such files")
def test_links_folders_pipes_and_sockets_are_told_and_never_followed(scene: Scene, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(b"secret")
    (scene.inbox / "link.xml").symlink_to(secret)
    (scene.inbox / "gone.xml").symlink_to(tmp_path / "nowhere")
    (scene.inbox / "pasta.xml").mkdir()
    os.mkfifo(scene.inbox / "pipe.xml")
    # A socket's path has room for about a hundred characters.
    here = Path.cwd()
    os.chdir(scene.inbox)
    try:
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind("socket.xml")
    finally:
        os.chdir(here)
    (scene.root / "caixa2").symlink_to(tmp_path)
    scene.settle()
    assert scene.store.contents == {}
    names = ("link.xml", "gone.xml", "pasta.xml", "pipe.xml", "socket.xml")
    assert scene.findings() == {(name, "file_irregular") for name in names} | {("caixa2", "file_misplaced")}
    assert secret.read_bytes() == b"secret"


@pytest.mark.skipif(os.name == "nt", reason="no such names there")
def test_hostile_names_are_taken_and_shown_without_their_tricks(scene: Scene) -> None:
    names = [b"linha\nnova.xml", b"caf\xe9.xml", b"\x1b[31m.xml", b"-rf.xml", b"$(reboot).xml", b"a\\..\\x.xml"]
    for name in names:
        Path(os.fsdecode(os.fsencode(scene.inbox) + b"/" + name)).write_bytes(name)
    scene.settle()
    assert sorted(scene.store.contents.values()) == sorted(names)
    shown = {name for _, pouch in scene.store.pouches for name in pouch}
    assert shown == {"linhanova.xml", "caf�.xml", "[31m.xml", "-rf.xml", "$(reboot).xml", "x.xml"}
    day = scene.inbox / "recebidos" / TODAY.isoformat()
    assert sorted(os.fsencode(path.name) for path in day.iterdir()) == sorted(names)


def test_what_is_not_finished_or_left_by_a_file_browser_is_no_sale(scene: Scene) -> None:
    for name in (".venda.xml.swp", "~$venda.xml", "venda.xml.tmp", "VENDA.PART", "Thumbs.db", "desktop.ini"):
        (scene.inbox / name).write_bytes(b"x")
    scene.settle()
    assert (scene.store.pouches, scene.folder.findings) == ([], ())


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="the superuser may read everything")
def test_an_unreadable_file_is_told_and_tried_again(scene: Scene) -> None:
    path = scene.inbox / "venda.xml"
    path.write_bytes(b"sale")
    path.chmod(0)
    scene.settle()
    assert scene.findings() == {("venda.xml", "file_unreadable")}
    path.chmod(0o600)
    scene.scan_after(QUIET)
    assert scene.received() == {"venda.xml": b"sale"}


def test_a_file_that_fails_to_open_is_told_and_the_others_flow(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    (scene.inbox / "ruim.xml").write_bytes(b"bad")
    (scene.inbox / "venda.xml").write_bytes(b"sale")

    def opened(dropped: Dropped) -> bytes:
        if dropped.path.name == "ruim.xml":
            raise PermissionError(13, "Permission denied")
        return content_of(dropped)

    monkeypatch.setattr(drop_folder, "content_of", opened)
    scene.settle()
    assert scene.findings() == {("ruim.xml", "file_unreadable")}
    assert scene.received() == {"venda.xml": b"sale"}


def test_a_file_swapped_for_a_link_or_changed_after_the_look_is_not_read(scene: Scene, tmp_path: Path) -> None:
    path = scene.inbox / "venda.xml"
    path.write_bytes(b"sale")
    (seen,) = [one for one in look(scene.root, [CAIXA1], LIMIT) if isinstance(one, Dropped)]
    path.write_bytes(b"another")
    with pytest.raises(ChangedError):
        content_of(seen)
    if os.name != "nt":
        path.unlink()
        path.symlink_to(tmp_path / "x")
        with pytest.raises(OSError, match="symbolic"):
            content_of(seen)


def test_received_as_a_link_takes_nothing_out_of_the_folder(scene: Scene, tmp_path: Path) -> None:
    outside = tmp_path / "fora"
    outside.mkdir()
    (scene.inbox / "recebidos").symlink_to(outside, target_is_directory=True)
    (scene.inbox / "venda.xml").write_bytes(b"sale")
    scene.settle()
    assert scene.findings() == {("venda.xml", "file_not_moved")}
    assert list(outside.iterdir()) == []
    assert (scene.inbox / "venda.xml").exists()


def test_each_problem_is_told_once(scene: Scene, capsys: pytest.CaptureFixture[str]) -> None:
    (scene.inbox / "pasta").mkdir()
    for _ in range(3):
        scene.settle()
    said = capsys.readouterr()
    assert (said.out + said.err).count("file_irregular") == 1  # wherever another test has led the log


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
