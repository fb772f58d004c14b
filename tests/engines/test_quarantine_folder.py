"""Folder and tab never disagree: what is done in ``rejeitados/`` by hand, one case at a time."""

import os
import shutil
import threading
import time
from collections.abc import Callable
from dataclasses import replace

import pytest

from malote.config import QuarantineSettings
from malote.quarantine import rejected_files
from malote.quarantine.folder import MARK
from malote.quarantine.folder_reconciler import Reconciler
from malote.quarantine.quarantine_reports import Selection
from malote.register import replaying
from malote.spool.documents import Reason, RejectedDocument
from malote.tills.till import create_till
from tests.engines.quarantine_support import MARIA, House, contents_of, sha256
from tests.engines.test_relations_answers import answer
from tests.unit.fiscal.notes import build_note

pytest_plugins = ("tests.engines.quarantine_fixtures",)

BAD = b"<venda>one</venda>"
OTHER = b"<venda>changed by hand</venda>"
GOOD = build_note(number=1)


def test_a_rejected_file_is_in_the_folder(house: House) -> None:
    house.reject(BAD)
    assert house.in_folder() == [BAD]


def untouched(house: House) -> None:
    """Nothing is left to be done in the folder, and its time is an old one."""
    hour_ago = time.time() - 3600
    os.utime(house.folder, (hour_ago, hour_ago))
    house.scan()


def test_the_file_of_what_another_document_settled_goes_though_nothing_happens_in_the_folder(house: House) -> None:
    cut = GOOD[:2500]
    house.reject(cut)
    untouched(house)
    house.take(GOOD)
    house.post()
    assert house.state_of(cut) == "kept"
    house.scan()
    assert house.in_folder() == []


def test_the_file_of_what_an_answer_authorised_goes_though_nothing_happens_in_the_folder(house: House) -> None:
    sent = build_note(number=1, protocol=False)
    house.refuse(sent, "never_authorised")
    untouched(house)
    house.take(answer(of=GOOD), till=create_till(house.engine, "caixa2")[0])
    house.post()
    assert house.state_of(sent) == "posted"
    house.scan()
    assert house.in_folder() == []


# ---- put in ----


def test_a_bad_file_put_in_is_rejected_and_explained(house: House) -> None:
    house.scan()
    house.folder.mkdir(exist_ok=True)
    (house.folder / "whatever it is called.XML").write_bytes(BAD)
    house.scan()
    assert house.in_folder() == [BAD]
    (one,) = house.documents()
    assert (one.state, one.file_name) == ("rejected", "whatever it is called.XML")
    (event,) = house.quarantine.history(one.id)
    assert (event.what, event.who, event.facts) == ("came_from_folder", "folder", {"name": "whatever it is called.XML"})


def test_a_good_file_put_in_flows(house: House) -> None:
    house.scan()
    house.folder.mkdir(exist_ok=True)
    (house.folder / "venda.xml").write_bytes(GOOD)
    house.scan()
    assert house.in_folder() == []
    assert house.state_of(GOOD) == "accepted"
    assert house.whats(house.id_of(GOOD)) == ["came_from_folder"]


def test_a_copy_of_a_rejected_file_changes_nothing(house: House) -> None:
    one = house.reject(BAD)
    shutil.copy(house.file_of(BAD), house.folder / "copy of it.xml")
    house.scan()
    assert house.in_folder() == [BAD]
    assert house.states() == {one: "rejected"}


def test_a_file_of_another_till_is_judged_as_that_tills(house: House) -> None:
    create_till(house.engine, "caixa2")
    house.reject(BAD)
    (house.settings.quarantine_path / "caixa2").mkdir()
    name = house.file_of(BAD).name
    shutil.copy(house.file_of(BAD), house.settings.quarantine_path / "caixa2" / name)
    house.scan()
    assert [one.till for one in house.documents()] == ["caixa1", "caixa2"]
    assert contents_of(house.settings.quarantine_path / "caixa2") == [BAD]


def test_what_can_not_be_a_document_is_left_and_told(house: House) -> None:
    house.reject(BAD)
    limit = house.settings.intake.max_document_bytes
    (house.folder / "huge.xml").write_bytes(b" " * (limit + 1))
    (house.folder / "link.xml").symlink_to(house.settings.home_path / "store.sqlite3")
    (house.settings.quarantine_path / "loose.xml").write_bytes(BAD)
    (house.settings.quarantine_path / "caixa9").mkdir()
    house.scan()
    found = {(one.till, one.name): one.code for one in house.quarantine.findings()}
    assert found == {
        ("caixa1", "huge.xml"): "file_too_large",
        ("caixa1", "link.xml"): "file_irregular",
        ("", "loose.xml"): "file_misplaced",
        ("caixa9", "caixa9/"): "till_unknown",
    }
    assert [one.name for one in house.quarantine.findings("CAIXA9")] == ["caixa9/"]
    assert len(house.documents()) == 1
    assert (house.folder / "huge.xml").exists()


# ---- changed ----


def test_a_changed_file_is_written_again_and_the_new_bytes_taken_in(house: House) -> None:
    one = house.reject(BAD)
    house.file_of(BAD).write_bytes(OTHER)
    house.scan()
    assert house.in_folder() == sorted([BAD, OTHER])
    assert [document.state for document in house.documents()] == ["rejected", "rejected"]
    (event,) = house.quarantine.history(one)
    assert (event.what, event.facts) == ("changed_by_hand", {"sha256": sha256(OTHER).hex()})


def test_a_file_changed_within_the_second_of_its_writing_loses_nothing(house: House) -> None:
    """Found by the machine of random edits: the row didn't know yet that the file had been written."""
    house.scan()
    house.take(BAD)
    house.file_of(BAD).write_bytes(OTHER)
    house.scan()
    assert house.in_folder() == sorted([BAD, OTHER])
    assert {house.state_of(BAD), house.state_of(OTHER)} == {"rejected"}


def test_a_file_mended_by_hand_flows_beside_its_original(house: House) -> None:
    house.reject(BAD)
    house.file_of(BAD).write_bytes(GOOD)
    house.scan()
    assert house.in_folder() == [BAD]
    assert house.state_of(GOOD) == "accepted"


def test_a_file_emptied_by_hand_is_written_again(house: House) -> None:
    one = house.reject(BAD)
    house.file_of(BAD).write_bytes(b"")
    house.scan()
    assert house.in_folder() == [BAD]
    assert house.whats(one) == ["changed_by_hand"]
    assert len(house.documents()) == 1


def test_a_file_overwritten_by_something_huge_is_set_apart(house: House) -> None:
    one = house.reject(BAD)
    path = house.file_of(BAD)
    huge = b" " * (house.settings.intake.max_document_bytes + 1)
    path.write_bytes(huge)
    house.scan()
    assert path.read_bytes() == BAD
    assert path.with_name(f"{path.stem}~1.xml").read_bytes() == huge
    assert house.whats(one) == ["changed_by_hand"]
    assert [finding.code for finding in house.quarantine.findings()] == ["file_too_large"]


def test_a_renamed_file_gets_its_name_back(house: House) -> None:
    one = house.reject(BAD)
    house.hold(BAD)  # so that a removal would be a safe deletion
    path = house.file_of(BAD)
    path.rename(path.with_name("renamed.xml"))
    house.scan()
    assert house.in_folder() == [BAD]
    assert house.states() == {one: "rejected"}


def test_a_lost_sidecar_is_written_again(house: House) -> None:
    house.reject(BAD)
    house.file_of(BAD).with_suffix(".json").unlink()
    house.scan()
    assert house.in_folder() == [BAD]


# ---- removed ----


def test_a_last_copy_removed_by_hand_is_written_again(house: House) -> None:
    one = house.reject(BAD)
    house.file_of(BAD).unlink()
    house.scan()
    assert house.in_folder() == [BAD]
    assert house.whats(one) == ["written_again"]
    assert house.state_of(BAD) == "rejected"


def test_again_and_again_is_one_line_of_history(house: House) -> None:
    one = house.reject(BAD)
    for _ in range(3):
        house.file_of(BAD).unlink()
        house.scan()
    (event,) = house.quarantine.history(one)
    assert (event.what, event.times) == ("written_again", 3)
    assert event.first_at is not None
    assert event.first_at < event.at


@pytest.mark.parametrize("sidecar_too", [True, False])
def test_what_the_till_holds_may_be_removed_by_hand(house: House, *, sidecar_too: bool) -> None:
    one = house.reject(BAD)
    house.hold(BAD)
    path = house.file_of(BAD)
    path.unlink()
    if sidecar_too:
        path.with_suffix(".json").unlink()
    house.scan()
    assert (house.in_folder(), house.in_trash()) == ([], [BAD])
    assert house.state_of(BAD) == "discarded"
    (event,) = house.quarantine.history(one)
    assert (event.what, event.facts) == ("removed_by_hand", {"grounds": "till"})
    (entry,) = house.audited("rejected_deleted")
    assert (entry.actor, entry.object) == ("folder", f"document:{one}")
    house.quarantine.restore(Selection((one,)), MARIA)
    assert house.in_folder() == [BAD]


def test_a_whole_folder_that_is_gone_was_lost_and_not_deleted(house: House) -> None:
    house.reject(BAD)
    house.hold(BAD)
    shutil.rmtree(house.folder)
    house.scan()
    assert house.in_folder() == [BAD]
    shutil.rmtree(house.settings.quarantine_path)
    house.restart()
    house.scan()
    assert house.in_folder() == [BAD]
    assert house.state_of(BAD) == "rejected"


def test_the_folder_of_another_database_is_not_touched(house: House) -> None:
    house.reject(BAD)
    house.hold(BAD)
    (house.settings.quarantine_path / MARK).write_text("of another server")
    house.file_of(BAD).unlink()
    (house.folder / "venda.xml").write_bytes(GOOD)
    house.scan()
    assert [finding.code for finding in house.quarantine.findings()] == ["folder_of_another"]
    assert house.state_of(BAD) == "rejected"
    assert (house.folder / "venda.xml").exists()
    (house.settings.quarantine_path / MARK).unlink()
    house.scan()
    assert house.in_folder() == [BAD]


# ---- put back, and left over ----


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
