"""Folder and tab never disagree: what is put into ``rejeitados/``, changed and removed there, one case at a time."""

import os
import shutil
import time

import pytest

from malote.quarantine.folder import MARK
from malote.quarantine.quarantine_reports import Selection
from malote.tills.till import create_till
from tests.engines.quarantine_support import BAD, MARIA, House, contents_of, sha256
from tests.engines.relations_answers import answer
from tests.unit.fiscal.notes import build_note

pytest_plugins = ("tests.engines.quarantine_fixtures",)

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
