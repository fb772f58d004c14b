"""The server's workers: one bad thing in a loop holds back none of the others, and no loop ends by it."""

import asyncio
import threading
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from malote.app_workers import build_drop_folder, prune, running
from malote.console.live import Changes
from malote.erp.sessions.watching import SessionsSight
from malote.fiscal import reader
from malote.intake import received_folder
from malote.posting import lookout as lookout_module
from malote.posting.lookout import Lookout
from malote.quarantine import trash_retention
from malote.register import till_documents
from malote.tills.till import create_till
from tests.engines.quarantine_support import House
from tests.unit.fiscal.notes import build_note

pytest_plugins = ("tests.engines.quarantine_fixtures",)


def test_seven_files_that_break_the_reader_keep_no_other_tills_sale_out(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    create_till(house.engine, "caixa2")
    read = reader.read

    def broken(raw: bytes, limits: reader.Limits) -> list[reader.Reading]:
        if b"BREAKS" in raw:
            raise IndexError
        return read(raw, limits)

    monkeypatch.setattr(reader, "read", broken)
    now = 1000.0
    folder = build_drop_folder(house.services)
    monkeypatch.setattr(folder, "_clock", lambda: now)
    monkeypatch.setattr(folder._still, "_clock", lambda: now)
    folder.scan()
    root, sale = house.settings.drop_path, build_note(number=9)
    for number in range(7):
        (root / "caixa1" / f"{number}.xml").write_bytes(b"<BREAKS>%d</BREAKS>" % number)
    (root / "caixa2" / "venda.xml").write_bytes(sale)
    folder.scan()
    now += house.settings.intake.drop_quiet_seconds
    folder.scan()
    assert [one.till for one in house.documents()] == ["caixa2"]
    assert {(one.till, one.code) for one in folder.findings} == {("caixa1", "file_set_aside")}
    assert len(folder.findings) == 7


def test_a_worker_that_fails_is_started_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("malote.app_workers.RESTART_SECONDS", 0.0)
    stop, twice, runs = threading.Event(), threading.Event(), []

    def worker(stop: threading.Event) -> None:
        runs.append(1)
        if len(runs) > 1:
            twice.set()
            stop.wait()
            return
        raise IndexError

    with running({"worker": worker}, stop):
        assert twice.wait(60)


@pytest.mark.parametrize("error", [IndexError("x"), OSError(13, "x")])
def test_a_leftover_that_can_not_be_dropped_holds_back_no_other_kind(
    house: House, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    day = house.settings.drop_path / "caixa1" / "recebidos" / "2020-01-01"
    day.mkdir(parents=True)

    def broken(_: object) -> int:
        raise error

    monkeypatch.setattr(trash_retention, "purge", broken)
    prune(house.services)
    assert not day.exists()


def test_a_day_that_can_not_be_deleted_holds_back_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    house_of_till = House(tmp_path / "home")
    try:
        root = tmp_path / "entrada"
        for day in ("2020-01-01", "2020-01-02"):
            (root / "caixa1" / "recebidos" / day).mkdir(parents=True)
        prune_day = received_folder._prune_day

        def refused(till: Any, folder: Path, proven: Any) -> int:
            if folder.name == "2020-01-01":
                raise PermissionError(13, "not allowed")
            return prune_day(till, folder, proven)

        monkeypatch.setattr(received_folder, "_prune_day", refused)
        received_folder.prune(root, [house_of_till.till], date(2021, 1, 1), lambda *_: [])
        assert [path.name for path in (root / "caixa1" / "recebidos").iterdir()] == ["2020-01-01"]
    finally:
        house_of_till.close()


def test_a_purge_that_breaks_on_one_document_purges_the_others(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    contents = [b"<venda>%d</venda>" % number for number in range(5)]
    ids = [house.reject(content) for content in contents]
    house.hold(*contents)
    for content in contents:
        house.file_of(content).unlink()
    house.scan()
    assert {till_documents.document(house.spool.engine, one).state for one in ids} == {"discarded"}
    house.clock.ahead = 86_400 * 40
    house.hold(*contents)
    purge = trash_retention._purge

    def broken(parts: Any, forced: Any, proofs: Any) -> int:
        if ids[2] in proofs.grounds:
            raise IndexError
        return purge(parts, forced, proofs)

    monkeypatch.setattr(trash_retention, "_purge", broken)
    assert house.quarantine.purge() == 4


def test_a_look_that_breaks_does_not_end_the_looking(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lookout_module, "FIRST_LOOK_SECONDS", 0.0)
    monkeypatch.setattr(lookout_module, "NEXT_LOOK_SECONDS", 0.0)
    looks: list[int] = []
    enough = threading.Event()

    class Watch:
        def look(self, _: object = ()) -> SessionsSight:
            looks.append(1)
            if len(looks) == 1:
                raise IndexError
            enough.set()
            return SessionsSight()

        def held(self, _: object) -> dict[int, Any]:
            return {}

        def close(self) -> None:
            pass

    watcher: Any = Watch()
    lookout = Lookout(watcher)
    with lookout.attempt():
        assert enough.wait(60)
    lookout.close()


def test_a_pulse_that_breaks_does_not_freeze_the_pages() -> None:
    asked: list[int] = []

    def pulse(_: str | None) -> str:
        asked.append(1)
        if len(asked) == 2:
            raise IndexError
        return "a" if len(asked) == 1 else "b"

    async def heard() -> list[str]:
        words: list[str] = []
        async for word in Changes(pulse, seconds=0.001).listen(None):
            words.append(word)
            if word == "changed":
                break
        return words

    assert asyncio.run(asyncio.wait_for(heard(), 60))[-1] == "changed"
