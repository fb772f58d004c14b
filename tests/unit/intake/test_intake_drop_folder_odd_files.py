"""What may lie in a drop folder: links, pipes, hostile names, what cannot be read or moved is told and not followed."""

import os
import socket
from pathlib import Path

import pytest

from malote.intake import drop_folder
from malote.intake.dropped_files import ChangedError, Dropped, content_of, look
from tests.unit.intake.drop_folder_support import CAIXA1, LIMIT, QUIET, TODAY, Scene

pytest_plugins = ["tests.unit.intake.drop_folder_fixtures"]


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
    names = ("link.xml", "gone.xml", "pasta.xml", "pipe.xml", "socket.xml", "caixa2")
    assert scene.findings() == {(name, "file_irregular") for name in names}
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
