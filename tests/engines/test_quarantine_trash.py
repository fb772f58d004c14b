"""The trash: what was deleted can be restored until its retention ends, and is never the last copy when it goes."""

import pytest

from malote.quarantine import rejected_files
from malote.quarantine.quarantine_reports import Refused, Selection
from malote.register import contents, till_documents
from malote.register.contents import ContentPrunedError
from malote.spool import retention
from tests.engines.quarantine_support import BAD, MARIA, House, refused

pytest_plugins = ("tests.engines.quarantine_fixtures",)

DAY = 86_400.0


def test_what_was_deleted_can_be_restored(house: House) -> None:
    one = house.reject(BAD)
    before = till_documents.document(house.spool.engine, one)
    house.hold(BAD)
    house.quarantine.delete(Selection((one,)), MARIA)
    report = house.quarantine.restore(Selection((one,)), MARIA)
    assert (report.restored, report.refused) == ([one], [])
    assert till_documents.document(house.spool.engine, one) == before
    assert (house.in_folder(), house.in_trash()) == ([BAD], [])
    assert house.whats(one) == ["deleted", "restored"]
    assert house.quarantine.restore(Selection((one,)), MARIA).refused == [Refused(one, "document_moved_on")]
    assert [entry.after["documents"] for entry in house.audited("rejected_restored")] == [[str(one)]]


def test_a_restored_document_may_be_deleted_again_on_its_own_grounds(house: House) -> None:
    one = house.reject(BAD)
    house.quarantine.delete(Selection((one,)), MARIA, last_copy_reason="thrown away once")
    house.quarantine.restore(Selection((one,)), MARIA)
    assert house.quarantine.delete(Selection((one,)), MARIA).refused == [refused(one, "last_copy")]


def test_the_trash_is_paged_and_counted(house: House) -> None:
    contents = [f"<venda>{number}</venda>".encode() for number in range(5)]
    ids = [house.reject(content) for content in contents]
    house.hold(*contents)
    house.quarantine.delete(Selection(), MARIA)
    first = house.quarantine.trash("caixa1", size=3)
    assert [one.document.id for one in first.entries] == ids[:1:-1]
    assert (first.total, first.older) == (5, ids[2])
    rest = house.quarantine.trash("caixa1", size=3, before=first.older)
    assert [one.document.id for one in rest.entries] == [ids[1], ids[0]]
    assert rest.older is None
    assert rest.entries[0].purge_at == rest.entries[0].deleted_at + 30 * DAY
    assert house.quarantine.trash("caixa9").entries == []


def test_unresolved_rejects_are_never_purged(house: House) -> None:
    """Test failure 21: however old, they stay."""
    one = house.reject(BAD)
    house.clock.ahead = 4000 * DAY
    assert house.quarantine.purge() == 0
    retention.prune(house.spool.engine, house.clock(), now=house.spool.clock())
    assert contents.content(house.spool.engine, one) == BAD
    assert house.in_folder() == [BAD]


def test_the_trash_empties_itself_of_what_the_till_still_holds(house: House) -> None:
    one = house.reject(BAD)
    house.hold(BAD)
    house.quarantine.delete(Selection((one,)), MARIA)
    house.clock.ahead = 29 * DAY
    house.hold(BAD)
    assert house.quarantine.purge() == 0
    house.clock.ahead = 31 * DAY
    assert house.quarantine.purge() == 0, "the till has not spoken for two days"
    house.hold(BAD)
    assert house.quarantine.purge() == 1
    assert (house.in_trash(), house.quarantine.trash().total) == ([], 0)
    assert house.whats(one) == ["deleted", "purged"]
    assert house.quarantine.restore(Selection((one,)), MARIA).refused == [Refused(one, "document_purged")]
    house.scan()
    assert (house.in_folder(), house.in_trash()) == ([], [])
    assert house.state_of(BAD) == "discarded"


def test_a_last_copy_deleted_with_a_reason_stays_until_the_retention_ends(house: House) -> None:
    one = house.reject(BAD)
    house.quarantine.delete(Selection((one,)), MARIA, last_copy_reason="test file")
    house.clock.ahead = 29 * DAY
    assert house.quarantine.purge() == 0
    assert contents.content(house.spool.engine, one) == BAD
    house.clock.ahead = 31 * DAY
    assert house.quarantine.purge() == 1


def test_the_pouch_of_what_was_purged_is_pruned_in_its_turn(house: House) -> None:
    one = house.reject(BAD)
    house.quarantine.delete(Selection((one,)), MARIA, last_copy_reason="test file")
    assert retention.prune(house.spool.engine, house.clock() + DAY, now=house.spool.clock()) == 0
    house.clock.ahead = 31 * DAY
    house.quarantine.purge()
    assert retention.prune(house.spool.engine, house.clock() + DAY, now=house.spool.clock()) == 1
    with pytest.raises(ContentPrunedError):
        contents.content(house.spool.engine, one)


def test_a_crash_amid_a_purge_is_made_good(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    one = house.reject(BAD)
    house.quarantine.delete(Selection((one,)), MARIA, last_copy_reason="test file")
    house.clock.ahead = 31 * DAY

    def fail(*_: object) -> None:
        raise OSError(5, "input/output")

    monkeypatch.setattr(rejected_files, "remove", fail)
    house.quarantine.purge()
    assert house.in_trash() == [BAD]
    monkeypatch.undo()
    house.restart()
    house.scan()
    assert house.in_trash() == []


def test_what_is_in_the_trash_can_still_be_read(house: House) -> None:
    one = house.reject(BAD)
    house.quarantine.delete(Selection((one,)), MARIA, last_copy_reason="test file")
    assert contents.content(house.spool.engine, one) == BAD
