"""One bad file, document or till in the quarantine holds back none of the others; an idle look asks little."""

import dataclasses
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from malote.quarantine import folder as folders
from malote.quarantine import folder_differences, rejected_files
from malote.quarantine.dependencies import QuarantineParts
from malote.quarantine.quarantine_service import Quarantine
from malote.register import contents, rejected_handover, till_documents
from malote.spool.documents import RejectedDocument
from malote.tills.till import Till, create_till
from malote.wire import FileReceipt, PouchFile
from tests.engines.quarantine_support import House
from tests.unit.fiscal.notes import build_note

pytest_plugins = ("tests.engines.quarantine_fixtures",)

BAD = b"<venda>one</venda>"
OTHER = b"<venda>other</venda>"


def findings(house: House) -> set[tuple[str, str]]:
    return {(one.name, one.code) for one in house.quarantine.findings()}


def breaking(house: House, mark: bytes = b"BREAKS") -> list[int]:
    """Has the program break on files that contain ``mark``; how often each was tried."""
    take = house.quarantine.parts.take
    tried: list[int] = []

    def broken(till: Till, files: Sequence[PouchFile]) -> list[FileReceipt]:
        if any(mark in file.content for file in files):
            tried.append(len(files))
            raise IndexError
        return take(till, files)

    house.quarantine = Quarantine(dataclasses.replace(house.quarantine.parts, take=broken))
    return tried


def test_files_that_break_the_program_are_left_alone_and_the_others_go_on(house: House) -> None:
    caixa2 = create_till(house.engine, "caixa2")[0]
    house.reject(BAD)
    house.reject(OTHER, till=caixa2)
    tried = breaking(house)
    for number in range(7):
        (house.folder / f"a{number}.xml").write_bytes(b"BREAKS %d" % number)
    good = build_note(number=7)
    (house.folder.with_name("caixa2") / "z.xml").write_bytes(good)
    house.scan()
    assert till_documents.document(house.spool.engine, house.id_of(good, caixa2)).state == "accepted"
    assert findings(house) == {(f"a{number}.xml", "file_set_aside") for number in range(7)}
    assert (house.folder / "a0.xml").read_bytes() == b"BREAKS 0"
    assert len(tried) == 7
    house.scan()
    house.restart()
    tried = breaking(house)
    house.scan()
    assert tried == []


def test_many_deletions_folder_differences_are_few_transactions_and_one_that_breaks_holds_back_no_other(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    contents = [b"<venda>%d</venda>" % number for number in range(30)]
    ids = {house.reject(content): content for content in contents}
    for content in contents:
        house.hold(content)
        house.file_of(content).unlink()
    broken, done = min(ids), folder_differences.removed
    calls: list[int] = []

    def removed(parts: QuarantineParts, document_ids: Sequence[int]) -> None:
        calls.append(len(document_ids))
        if broken in document_ids:
            raise IndexError
        done(parts, document_ids)

    with monkeypatch.context() as patched:
        patched.setattr(folder_differences, "removed", removed)
        house.scan()
        assert calls == [30, *[1] * 30]
        assert [house.state_of(content) for content in contents].count("discarded") == 29
    house.restart()
    house.scan()
    assert {house.state_of(content) for content in contents} == {"discarded"}


def test_they_are_looked_at_again_after_an_update(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    house.reject(BAD)
    breaking(house)
    (house.folder / "a.xml").write_bytes(b"<BREAKS/>")
    house.scan()
    monkeypatch.setattr("malote.aside.__version__", "another")
    house.restart()
    house.scan()
    assert b"<BREAKS/>" in house.in_folder()
    assert not list(house.folder.glob(".*"))
    assert len(house.documents()) == 2
    assert findings(house) == set()


def test_a_file_the_system_lets_nobody_remove_holds_back_no_other(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.reject(BAD)
    remove = folder_differences._unlink

    def refused(path: Path) -> None:
        if path.name == "a.xml":
            raise PermissionError(13, "not allowed")
        remove(path)

    monkeypatch.setattr(folder_differences, "_unlink", refused)
    (house.folder / "a.xml").write_bytes(build_note(number=1))
    good = build_note(number=2)
    (house.folder / "b.xml").write_bytes(good)
    house.scan()
    assert not (house.folder / "b.xml").exists()
    assert house.state_of(good) == "accepted"


def test_a_rejected_document_that_can_not_be_written_holds_back_no_other(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.take(BAD)
    house.take(OTHER)
    shutil.rmtree(house.folder)
    keep_all = rejected_files.keep_all

    def refused(folder: Path, group: Sequence[RejectedDocument]) -> list[Path]:
        if any(rejected.content == BAD for rejected in group):
            raise PermissionError(13, "not allowed")
        return keep_all(folder, group)

    monkeypatch.setattr(rejected_files, "keep_all", refused)
    house.scan()
    assert house.in_folder() == [OTHER]
    monkeypatch.undo()
    house.restart()
    house.scan()
    assert house.in_folder() == sorted([BAD, OTHER])


def test_a_pouch_that_can_not_be_opened_holds_back_no_other(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    house.take(BAD, BAD + b"\n")
    house.take(OTHER)
    shutil.rmtree(house.folder)
    opened = contents.files_of

    def damaged(body: bytes) -> list[bytes]:
        found = opened(body)
        if BAD in found:
            raise ValueError
        return found

    monkeypatch.setattr(rejected_handover, "files_of", damaged)
    house.scan()
    assert [path.read_bytes() for path in house.folder.glob("*.xml")] == [OTHER]
    monkeypatch.undo()
    house.restart()
    house.scan()
    assert house.in_folder() == sorted([BAD, BAD + b"\n", OTHER])


def test_a_tills_folder_that_breaks_the_program_holds_back_no_other(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.reject(BAD)
    caixa2 = create_till(house.engine, "caixa2")[0]
    house.reject(OTHER, till=caixa2)
    names_in = folders.names_in

    def broken(till: Till, folder: Path) -> Any:
        if till.name == "caixa1":
            raise ValueError
        return names_in(till, folder)

    monkeypatch.setattr(folders, "names_in", broken)
    good = build_note(number=2)
    (house.folder.with_name("caixa2") / "b.xml").write_bytes(good)
    house.scan()
    assert till_documents.document(house.spool.engine, house.id_of(good, caixa2)).state == "accepted"


def test_trouble_of_the_whole_disk_waits_and_nothing_is_blamed(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    house.take(BAD)
    shutil.rmtree(house.folder)
    house.quarantine.reconciler.scan()
    shutil.rmtree(house.folder)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(rejected_files, "keep_all", full)
        with pytest.raises(OSError, match="No space"):
            house.quarantine.reconciler.scan()
    house.scan()
    assert house.in_folder() == [BAD]


@contextmanager
def counted(house: House, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], tuple[int, int]]]:
    """Counts statements, and folders listed."""
    statements: list[str] = []
    listed: list[object] = []
    names_in = folders.names_in

    def looked(till: Till, folder: Path) -> Any:
        listed.append(folder)
        return names_in(till, folder)

    def executed(_c: object, _u: object, statement: str, *_: object) -> None:
        statements.append(statement)

    event.listen(house.engine, "before_cursor_execute", executed)
    monkeypatch.setattr(folders, "names_in", looked)
    try:
        yield lambda: (len(statements), len(listed))
    finally:
        event.remove(house.engine, "before_cursor_execute", executed)


def test_a_lost_folder_is_written_again_by_groups(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    contents = [b"<venda>%d</venda>" % number for number in range(60)]
    for content in contents:
        house.take(content)
    shutil.rmtree(house.folder)
    with counted(house, monkeypatch) as cost:
        house.quarantine.reconciler.scan()
        assert cost()[0] <= 120  # of which a pouch for each; one by one they are five for each
    assert sorted(house.in_folder()) == sorted(contents)


def test_an_idle_look_costs_the_same_however_many_tills_there_are(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.reject(BAD)
    for number in range(2, 40):
        till = create_till(house.engine, f"caixa{number}")[0]
        if number < 20:
            house.reject(b"<venda>%d</venda>" % number, till=till)
    house.scan()
    for path in (*house.folder.parent.iterdir(), *house.settings.trash_path.glob("*")):
        os.utime(path, (1_700_000_000, 1_700_000_000))
    house.scan()
    with counted(house, monkeypatch) as cost:
        house.quarantine.reconciler.scan()
        statements, listed = cost()
        assert listed == 0
        assert statements <= 20  # there are 39 tills
        house.quarantine.reconciler.scan(frozenset())
        assert cost()[0] - statements <= 10
        assert cost()[1] == 0
        house.quarantine.reconciler.scan(frozenset({"caixa7"}))
        assert cost()[1] == 1
