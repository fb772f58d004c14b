"""Safe delete: what is provably held elsewhere goes to the trash, the last copy does not."""

from collections.abc import Callable
from pathlib import Path

import pytest

from malote import durable
from malote.database.engine import open_database
from malote.database.errors import StoreError
from malote.quarantine import rejected_files, trash_files
from malote.quarantine.quarantine_reports import Deleted, QuarantineError, Refused, Selection
from malote.register import till_documents
from malote.register.contents import DocumentNotFoundError
from malote.tills.till import create_till
from tests.engines.quarantine_support import BAD, MARIA, House, refused
from tests.unit.fiscal.notes import Line, build_note

pytest_plugins = ("tests.engines.quarantine_fixtures",)

WORSE = b"<venda>two</venda>"


def test_a_last_copy_is_not_deleted(house: House) -> None:
    one = house.reject(BAD)
    report = house.quarantine.delete(Selection((one,)), MARIA)
    assert (report.deleted, report.refused) == ([], [refused(one, "last_copy")])
    assert house.state_of(BAD) == "rejected"
    assert house.in_folder() == [BAD]
    assert house.audited("rejected_deleted") == []


def test_what_the_till_holds_goes_to_the_trash(house: House) -> None:
    one = house.reject(BAD)
    house.hold(BAD)
    report = house.quarantine.delete(Selection((one,)), MARIA)
    assert (report.deleted, report.refused) == ([Deleted(one, "till")], [])
    assert house.state_of(BAD) == "discarded"
    assert (house.in_folder(), house.in_trash()) == ([], [BAD])
    (entry,) = house.audited("rejected_deleted")
    assert (entry.actor, entry.object, entry.before, entry.after) == (
        "maria",
        "till:caixa1",
        {"state": "rejected"},
        {"state": "discarded", "documents": [str(one)]},
    )
    assert house.whats(one) == ["deleted"]


def test_the_tills_word_counts_only_from_after_the_rejection(house: House) -> None:
    house.take(BAD)
    house.clock.ahead = -60.0
    house.hold(BAD)
    house.clock.ahead = 0.0
    assert house.quarantine.delete(Selection(), MARIA).deleted == []


def test_the_tills_word_grows_old(house: House) -> None:
    one = house.reject(BAD)
    house.hold(BAD)
    house.clock.ahead = 3599.0
    assert house.quarantine.custody(one).grounds == "till"
    house.clock.ahead = 3700.0
    custody = house.quarantine.custody(one)
    assert (custody.grounds, custody.confirmed_at is not None) == (None, True)
    assert house.quarantine.delete(Selection((one,)), MARIA).deleted == []


def test_a_word_from_a_clock_that_was_put_back_counts_for_nothing(house: House) -> None:
    one = house.reject(BAD)
    house.clock.ahead = 100.0
    house.hold(BAD)
    house.clock.ahead = 0.0
    assert house.quarantine.custody(one).grounds is None


def test_a_till_that_lost_the_file_takes_its_word_back(house: House) -> None:
    one = house.reject(BAD)
    house.hold(BAD)
    house.lose(BAD)
    assert house.quarantine.custody(one).grounds is None


def test_a_till_speaks_for_its_own_files_only(house: House) -> None:
    other = create_till(house.engine, "caixa2")[0]
    one = house.reject(BAD)
    house.hold(BAD, till=other)
    assert house.quarantine.custody(one).grounds is None


def test_a_till_can_not_vouch_for_what_was_never_rejected(house: House) -> None:
    house.take(build_note(number=1))
    house.hold(build_note(number=1), b"anything at all")
    with house.engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM custody").scalar() == 0


def test_what_the_erp_has_goes_to_the_trash(house: House) -> None:
    """The same sale in other bytes, refused: the ERP has it by the first ones."""
    house.take(build_note(number=1))
    house.post()
    one = house.refuse(build_note(number=1, signed=False), "erp_constraint")
    assert till_documents.document(house.spool.engine, one).reason is not None
    report = house.quarantine.delete(Selection((one,)), MARIA)
    assert report.deleted == [Deleted(one, "erp")]


def test_other_content_under_the_same_key_is_a_last_copy(house: House) -> None:
    house.take(build_note(number=1))
    house.post()
    house.take(build_note(number=1, items=(Line(price="99.90"),)))
    house.post()
    (one,) = [document for document in house.documents() if document.state == "rejected"]
    assert one.reason is not None
    assert one.reason.code == "divergent_content"
    assert house.quarantine.delete(Selection((one.id,)), MARIA).refused == [refused(one.id, "last_copy")]


def test_while_the_erp_can_not_be_asked_nothing_is_proven_by_it(house: House) -> None:
    house.take(build_note(number=1))
    house.post()
    one = house.refuse(build_note(number=1, signed=False), "erp_constraint")
    for path in house.settings.home_path.glob("erp.sqlite3*"):
        path.unlink()
    (house.settings.home_path / "erp.sqlite3").mkdir()
    assert house.quarantine.delete(Selection((one,)), MARIA).refused == [refused(one, "last_copy")]


def test_a_last_copy_is_deleted_with_a_reason(house: House) -> None:
    one = house.reject(BAD)
    report = house.quarantine.delete(Selection((one,)), MARIA, last_copy_reason="test file of\nthe integrator")
    assert report.deleted == [Deleted(one, "forced")]
    assert house.in_trash() == [BAD]
    (entry,) = house.audited("last_copy_deleted")
    assert (entry.object, entry.reason) == (f"document:{one}", "test file of the integrator")
    (thrown,) = house.quarantine.trash().entries
    assert (thrown.grounds, thrown.reason, thrown.deleted_by) == ("forced", "test file of the integrator", "maria")


@pytest.mark.parametrize("reason", ["", "   ", "ok\n\t", "\0\0\0\0\0\0"])
def test_a_reason_must_say_something(house: House, reason: str) -> None:
    one = house.reject(BAD)
    with pytest.raises(QuarantineError) as caught:
        house.quarantine.delete(Selection((one,)), MARIA, last_copy_reason=reason)
    assert caught.value.code == "reason_needed"
    assert house.state_of(BAD) == "rejected"


def test_a_safe_deletion_says_nothing_of_a_last_copy(house: House) -> None:
    """A reason was typed for many: it is kept of those that needed it."""
    one, two = house.reject(BAD), house.reject(WORSE)
    house.hold(BAD)
    report = house.quarantine.delete(Selection((one, two)), MARIA, last_copy_reason="both are of a test")
    assert report.deleted == [Deleted(one, "till"), Deleted(two, "forced")]
    assert [entry.object for entry in house.audited("last_copy_deleted")] == [f"document:{two}"]


def test_a_dry_run_changes_nothing(house: House) -> None:
    one, two = house.reject(BAD), house.reject(WORSE)
    house.hold(BAD)
    report = house.quarantine.delete(Selection(), MARIA, dry_run=True)
    assert (report.deleted, report.refused) == ([Deleted(one, "till")], [refused(two, "last_copy")])
    forced = house.quarantine.delete(Selection(), MARIA, last_copy_reason="all of it", dry_run=True)
    assert forced.deleted == [Deleted(one, "till"), Deleted(two, "forced")]
    assert set(house.states().values()) == {"rejected"}
    assert house.in_folder() == sorted([BAD, WORSE])


def test_ids_that_are_not_there_are_told(house: House) -> None:
    one = house.reject(BAD)
    house.take(build_note(number=1))
    good = house.id_of(build_note(number=1))
    ids = (one, good, 999, -1, 2**70)
    report = house.quarantine.delete(Selection(ids), MARIA)
    found = {each.id: each.code for each in report.refused}
    assert found == {
        one: "last_copy",
        good: "document_moved_on",
        999: "document_unknown",
        -1: "document_unknown",
        2**70: "document_unknown",
    }


def test_ids_of_another_till_are_not_there(house: House) -> None:
    create_till(house.engine, "caixa2")
    one = house.reject(BAD)
    house.hold(BAD)
    report = house.quarantine.delete(Selection((one,), till="caixa2"), MARIA)
    assert report.refused == [Refused(one, "document_unknown")]
    assert house.state_of(BAD) == "rejected"


def test_a_whole_cause_is_chosen_by_its_code(house: House) -> None:
    one = house.reject(BAD)
    house.reject(build_note(number=1, environment=2))
    house.hold(BAD, build_note(number=1, environment=2))
    code = till_documents.document(house.spool.engine, one).reason
    assert code is not None
    report = house.quarantine.delete(Selection(till="CAIXA1", code=code.code), MARIA)
    assert [each.id for each in report.deleted] == [one]


# ---- crash windows ----


def test_a_crash_before_the_files_move_is_made_good(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    one = house.reject(BAD)
    house.hold(BAD)

    def fail(*_: object) -> None:
        raise OSError(28, "no space")

    monkeypatch.setattr(rejected_files, "move", fail)
    assert house.quarantine.delete(Selection((one,)), MARIA).deleted == [Deleted(one, "till")]
    assert (house.in_folder(), house.in_trash()) == ([BAD], [])
    monkeypatch.undo()
    house.restart()
    house.scan()
    assert house.state_of(BAD) == "discarded"
    assert (house.in_folder(), house.in_trash()) == ([], [BAD])


@pytest.mark.parametrize("moves", [0, 1, 2, 3])
def test_a_crash_amid_the_moving_of_the_files_is_made_good(
    house: House, monkeypatch: pytest.MonkeyPatch, moves: int
) -> None:
    one = house.reject(BAD)
    house.hold(BAD)
    count = 0

    class CutError(OSError):
        pass

    def counted(real: Callable[..., None]) -> Callable[..., None]:
        def step(*given: object) -> None:
            nonlocal count
            if count == moves:
                raise CutError
            count += 1
            real(*given)

        return step

    for name in ("move", "write", "remove"):
        monkeypatch.setattr(durable, name, counted(getattr(durable, name)))
    house.quarantine.delete(Selection((one,)), MARIA)
    monkeypatch.undo()
    house.restart()
    house.scan()
    assert house.state_of(BAD) == "discarded"
    assert (house.in_folder(), house.in_trash()) == ([], [BAD])


def test_a_crash_after_the_restored_row_is_made_good(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    one = house.reject(BAD)
    house.hold(BAD)
    house.quarantine.delete(Selection((one,)), MARIA)
    monkeypatch.setattr(trash_files, "follow", lambda _: None)
    house.quarantine.restore(Selection((one,)), MARIA)
    assert (house.in_folder(), house.in_trash()) == ([], [BAD])
    monkeypatch.undo()
    house.restart()
    house.scan()
    assert house.state_of(BAD) == "rejected"
    assert (house.in_folder(), house.in_trash()) == ([BAD], [])


def test_a_store_that_is_away_deletes_nothing(house: House, tmp_path: Path) -> None:
    one = house.reject(BAD)
    house.hold(BAD)
    if house.engine.dialect.name != "sqlite":
        pytest.skip("taking the file away is a matter of SQLite")
    house.engine.dispose()
    store = house.settings.home_path.parent / "store.sqlite3"
    hidden = store.rename(tmp_path / "hidden")
    store.mkdir()
    with pytest.raises(StoreError):
        house.quarantine.delete(Selection((one,)), MARIA)
    house.engine.dispose()
    store.rmdir()
    hidden.rename(store)
    # The server that met it takes nothing more; the next one finds all as it was.
    engine = open_database(f"sqlite:///{store}")
    assert till_documents.document(engine, one).state == "rejected"
    engine.dispose()
    assert house.in_folder() == [BAD]


def test_unknown_documents_have_no_history(house: House) -> None:
    for ask in (house.quarantine.history, house.quarantine.custody, house.quarantine.cures):
        with pytest.raises(DocumentNotFoundError):
            ask(4711)
