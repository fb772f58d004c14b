"""Folder and tab never disagree: what is put back, what a crash left over, and what comes without anybody's asking."""

import shutil
import threading
import time
from collections.abc import Callable
from dataclasses import replace

from malote.config import QuarantineSettings
from malote.quarantine import rejected_files
from malote.quarantine.folder_reconciler import Reconciler
from malote.quarantine.quarantine_reports import Selection
from malote.register import replaying
from malote.spool.documents import Reason, RejectedDocument
from tests.engines.quarantine_support import BAD, MARIA, House, sha256
from tests.unit.fiscal.notes import build_note

pytest_plugins = ("tests.engines.quarantine_fixtures",)

OTHER = b"<venda>changed by hand</venda>"
GOOD = build_note(number=1)


def test_a_file_put_back_from_the_trash_is_restored(house: House) -> None:
    one = house.reject(BAD)
    house.hold(BAD)
    house.quarantine.delete(Selection((one,)), MARIA)
    for path in house.trash.iterdir():
        path.rename(house.folder / path.name)
    house.scan()
    assert (house.in_folder(), house.in_trash()) == ([BAD], [])
    assert house.states() == {one: "rejected"}
    assert house.whats(one) == ["deleted", "restored_by_hand"]


def test_a_copy_of_a_deleted_file_under_any_name_restores_it(house: House) -> None:
    one = house.reject(BAD)
    house.hold(BAD)
    house.quarantine.delete(Selection((one,)), MARIA)
    (house.folder / "found it.xml").write_bytes(BAD)
    house.scan()
    assert (house.in_folder(), house.in_trash()) == ([BAD], [])
    assert house.states() == {one: "rejected"}


def test_what_was_taken_out_of_the_trashs_folder_comes_back(house: House) -> None:
    one = house.reject(BAD)
    house.hold(BAD)
    house.quarantine.delete(Selection((one,)), MARIA)
    shutil.rmtree(house.trash)
    house.scan()
    assert house.in_trash() == [BAD]


def test_a_strangers_file_in_the_trashs_folder_is_left_alone(house: House) -> None:
    house.scan()
    house.trash.mkdir(parents=True)
    (house.trash / "holiday.xml").write_bytes(BAD)
    house.scan()
    assert (house.trash / "holiday.xml").exists()
    assert house.documents() == []


def test_a_posters_leftover_disappears(house: House) -> None:
    """A poster that lost its lease wrote the file of a document which another one has posted."""
    house.take(GOOD)
    house.post()
    (one,) = house.documents()
    house.reject(BAD)
    left = RejectedDocument(
        "caixa1", "v.xml", sha256(GOOD), 0, GOOD, Reason("erp_refused"), one.access_key, "sale", 1.0
    )
    rejected_files.keep(house.settings.quarantine_path, left)
    house.scan()
    assert house.in_folder() == [BAD]
    assert house.state_of(GOOD) == "posted"


def test_what_a_crash_left_between_file_and_row_is_taken_in(house: House) -> None:
    """Intake writes the file first; here it died before the row."""
    house.reject(BAD)
    left = RejectedDocument("caixa1", "o.xml", sha256(OTHER), 0, OTHER, Reason("root_unknown"), None, None, 1.0)
    rejected_files.keep(house.settings.quarantine_path, left)
    house.scan()
    assert house.state_of(OTHER) == "rejected"
    assert house.in_folder() == sorted([BAD, OTHER])


def test_a_replayed_documents_file_leaves_the_folder(house: House) -> None:
    one = house.refuse(build_note(number=2), "erp_constraint")
    replaying.replay(house.spool.engine, [one], now=house.spool.clock())
    house.scan()
    assert house.in_folder() == []


def test_a_change_waits_until_it_stands_still(house: House) -> None:
    """What is being saved at this moment is left alone, and a restart in between makes no difference."""
    house.reject(BAD)
    path = house.file_of(BAD)
    now = 0.0
    settings = QuarantineSettings(quiet_seconds=1.0)
    patient = Reconciler(replace(house.quarantine.parts, settings=settings), monotonic=lambda: now)
    path.write_bytes(OTHER)
    assert patient.scan() == 1
    now = 0.9
    path.write_bytes(GOOD)
    assert patient.scan() == 1
    now = 1.8
    assert patient.scan() == 1
    assert len(house.documents()) == 1
    path.unlink()
    assert patient.scan() == 2, "the document's file is missing, and its sidecar is alone"
    path.write_bytes(OTHER)
    now = 3.0
    assert patient.scan() == 1
    now = 4.0
    assert patient.scan() == 0
    assert house.in_folder() == sorted([BAD, OTHER])


def test_within_seconds_by_itself(house: House) -> None:
    """The worker of the server, as it runs: watching, and looking now and then."""
    stop = threading.Event()
    thread = threading.Thread(target=house.quarantine.reconciler.run, args=(stop,))
    thread.start()
    try:
        house.take(BAD)
        wait_until(lambda: house.folder.is_dir() and list(house.folder.glob("*.json")) != [])
        (house.folder / "venda.xml").write_bytes(GOOD)
        wait_until(lambda: len(house.documents()) == 2)
        wait_until(lambda: not (house.folder / "venda.xml").exists())
        house.file_of(BAD).unlink()
        wait_until(lambda: [path.read_bytes() for path in house.folder.glob("*.xml")] == [BAD])
    finally:
        stop.set()
        thread.join()


def wait_until(fulfilled: Callable[[], bool], seconds: float = 300) -> None:
    deadline = time.monotonic() + seconds
    while not fulfilled():
        assert time.monotonic() < deadline
        time.sleep(0.05)
