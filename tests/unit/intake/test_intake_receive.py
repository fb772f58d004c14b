"""From files to receipts over a real database: nothing is acknowledged before it is durable."""

import errno
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from malote import wire
from malote.accounts import audit
from malote.app import Services, services_for
from malote.config import Settings, StoreSettings
from malote.database.errors import StoreError
from malote.findings.lights import till_overview
from malote.fiscal import reader
from malote.intake.quota import TELL_AGAIN_SECONDS, Quota, SlowedError
from malote.intake.receive import SLICE_FILES, Intake
from malote.register import rejected_handover, replaying, till_documents
from malote.spool.documents import RejectedDocument
from malote.tills.series import assign, series_of
from malote.tills.till import Till, create_till
from malote.wire import FileReceipt, PouchFile
from tests.faces.intake_support import file
from tests.unit.fiscal.notes import ISSUER, build_cancellation, build_note, build_void, key_of

Take = Callable[..., list[FileReceipt]]


class House:
    """The server's parts, with an intake whose quarantine and store can be made to fail."""

    def __init__(self, services: Services, store: StoreSettings) -> None:
        self.services = services
        self.till, _ = create_till(services.engine, "caixa1")
        self.kept: list[RejectedDocument] = []
        self.keep_error: OSError | None = None
        self.intake = Intake(services.engine, services.spool, self._keep, store, services.settings.intake)

    def _keep(self, group: Sequence[RejectedDocument]) -> None:
        if self.keep_error:
            raise self.keep_error
        self.kept += group
        for rejected in group:
            self.services.keep(rejected)

    def take(self, *contents: bytes, till: Till | None = None) -> list[FileReceipt]:
        return self.intake.take_files(till or self.till, [file(content) for content in contents])

    def codes(self) -> list[str | None]:
        return [
            one.reason.code if one.reason else None
            for one in till_documents.documents_of(self.services.engine, limit=1000)
        ]


@pytest.fixture
def open_house(tmp_path: Path) -> Iterator[Callable[..., House]]:
    opened: list[Any] = []

    def open_it(**store: Any) -> House:
        context = services_for(Settings(home=str(tmp_path / "home"), language="en"))
        opened.append(context)
        return House(context.__enter__(), StoreSettings(**store))

    yield open_it
    for context in opened:
        context.__exit__(None, None, None)


@pytest.fixture
def house(open_house: Callable[..., House]) -> House:
    return open_house()


def test_a_rejected_document_is_on_disk_before_its_row_exists(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    accept = house.services.spool.accept

    def accepting(*arguments: Any, **named: Any) -> list[FileReceipt]:
        assert [one.content for one in house.kept] == [b"no document"]
        assert len(list((house.services.settings.quarantine_path / "caixa1").glob("*.xml"))) == 1
        return accept(*arguments, **named)

    monkeypatch.setattr(house.services.spool, "accept", accepting)
    assert [receipt.state for receipt in house.take(b"no document")] == ["rejected"]


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_acknowledges_nothing_and_passes_by_itself(house: House, number: int) -> None:
    house.keep_error = OSError(number, os.strerror(number))
    with pytest.raises(StoreError) as caught:
        house.take(build_note(number=1), b"no document")
    assert (caught.value.code, caught.value.transient) == ("disk_full", True)
    assert house.codes() == []
    house.keep_error = None
    assert [receipt.state for receipt in house.take(build_note(number=1), b"no document")] == ["accepted", "rejected"]


def test_a_quarantine_that_can_not_be_written_acknowledges_nothing(house: House) -> None:
    house.keep_error = PermissionError(errno.EACCES, "Permission denied")
    with pytest.raises(PermissionError):
        house.take(b"no document")
    assert house.codes() == []


def test_a_crash_after_the_quarantine_and_before_the_commit_doubles_nothing(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(*_: Any, **__: Any) -> list[FileReceipt]:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(house.services.spool, "accept", die)
        with pytest.raises(KeyboardInterrupt):
            house.take(b"no document")
    assert [receipt.state for receipt in house.take(b"no document")] == ["rejected"]
    assert len(house.codes()) == 1
    assert len(list((house.services.settings.quarantine_path / "caixa1").glob("*.xml"))) == 1


def test_what_is_known_is_not_read_again(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    note = build_note(number=1)
    house.take(note)
    read: list[bytes] = []

    def reading(raw: bytes, limits: reader.Limits) -> Sequence[reader.Reading]:
        read.append(raw)
        return original(raw, limits)

    original = reader.read
    monkeypatch.setattr(reader, "read", reading)
    other = build_note(number=2)
    receipts = house.take(note, other, note)
    assert read == [other]
    assert [(one.state, one.already_known) for one in receipts] == [
        ("accepted", True),
        ("accepted", False),
        ("accepted", True),
    ]


def test_the_receipts_stand_in_the_order_of_the_files(house: House) -> None:
    contents = [build_note(number=number) for number in (3, 1, 2)]
    keys = [receipt.documents[0].key for receipt in house.take(*contents)]
    assert keys == [key_of(content) for content in contents]


def test_a_series_is_learnt_at_first_use_and_another_till_refused_it(house: House) -> None:
    other, _ = create_till(house.services.engine, "caixa2")
    house.take(build_note(number=1, series=5))
    assert series_of(house.services.engine, house.till) == [(ISSUER, "65", 5)]
    receipts = house.take(
        build_note(number=2, series=5), build_cancellation(key_of(build_note(number=1, series=5))), till=other
    )
    assert [receipt.documents[0].code for receipt in receipts] == ["series_owner_awaited"] * 2
    assert [receipt.state for receipt in receipts] == ["accepted"] * 2
    assert house.kept == []
    (first, second) = till_documents.documents_of(house.services.engine, "caixa2")
    assert first.reason is not None
    assert first.reason.facts["owner"] == "caixa1"
    assert (first.state, first.retry_at, second.state) == ("waiting", None, "waiting")


def test_a_void_is_judged_by_its_series_too(open_house: Callable[..., House]) -> None:
    house = open_house(learn_series=False)
    assert house.take(build_void(first=5, last=7))[0].documents[0].code == "series_unassigned"


def test_where_nothing_is_learnt_a_series_must_be_assigned(open_house: Callable[..., House]) -> None:
    house = open_house(learn_series=False)
    assert house.take(build_note(number=1))[0].documents[0].code == "series_unassigned"
    assign(house.services.engine, house.till, ISSUER, "65", 1)
    assert house.take(build_note(number=2))[0].state == "accepted"


def test_a_rejected_note_teaches_no_series(house: House) -> None:
    assert house.take(build_note(number=1, environment=2))[0].documents[0].code == "test_environment"
    assert series_of(house.services.engine, house.till) == []


def test_after_its_cure_a_rejected_document_goes_back_in_the_queue(open_house: Callable[..., House]) -> None:
    house = open_house(learn_series=False)
    house.take(build_note(number=1))
    (document,) = till_documents.documents_of(house.services.engine)
    assert (
        len(
            replaying.replay(
                house.services.engine, [document.id], house.intake.judge, now=house.services.spool.clock()
            ).ids
        )
        == 0
    )
    assign(house.services.engine, house.till, ISSUER, "65", 1)
    assert (
        len(
            replaying.replay(
                house.services.engine, [document.id], house.intake.judge, now=house.services.spool.clock()
            ).ids
        )
        == 1
    )
    (document,) = till_documents.documents_of(house.services.engine)
    assert document.state == "accepted"


def test_a_note_without_protocol_is_accepted(house: House) -> None:
    assert house.take(build_note(number=1, protocol=False))[0].state == "accepted"


def test_rejected_documents_are_marked_as_kept_with_their_rows(house: House) -> None:
    house.take(b"no document")
    assert rejected_handover.unkept(house.services.engine) == []
    house.services.quarantine.reconciler.scan()
    assert [one.state for one in till_documents.documents_of(house.services.engine)] == ["rejected"]


def test_a_name_that_is_no_text_does_not_stop_its_file(house: House) -> None:
    content = build_note(number=1)
    hostile = PouchFile("a\x00b/../c\n.xml", file(content).sha256, content)
    assert house.intake.take_files(house.till, [hostile])[0].state == "accepted"
    (document,) = till_documents.documents_of(house.services.engine)
    assert document.file_name == "c.xml"


def test_rejected_files_are_written_in_groups(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    groups: list[int] = []
    keep = house.intake._keep

    def noted(group: Sequence[RejectedDocument]) -> object:
        groups.append(len(group))
        return keep(group)

    monkeypatch.setattr(house.intake, "_keep", noted)
    receipts = house.take(*(b"rubbish %d" % number for number in range(100)))
    assert {receipt.state for receipt in receipts} == {"rejected"}
    assert groups == [40, 40, 20]
    assert len(list((house.services.settings.quarantine_path / "caixa1").glob("*.json"))) == 100
    # On disk already: nobody has to write them once more.
    assert rejected_handover.unkept(house.services.engine) == []


def test_what_there_is_no_time_for_is_left_to_be_sent_again(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    read = reader.read

    def slow(content: bytes, limits: reader.Limits) -> Any:
        now[0] += 1.0
        return read(content, limits)

    monkeypatch.setattr(house.intake, "_monotonic", lambda: now[0])
    monkeypatch.setattr(reader, "read", slow)
    contents = [build_note(number=number) for number in range(1, 101)]
    files = [file(content) for content in contents]
    taken = 0
    for _ in range(3):
        left = [receipt for receipt in house.intake.take_files(house.till, files) if receipt.state == "unknown"]
        taken = 100 - len(left)
        if not left:
            break
        assert now[0] <= SLICE_FILES * 3
    assert taken == 100
    assert len(till_documents.documents_of(house.services.engine, limit=1000)) == 100


def test_a_disk_that_is_slow_holds_no_pouch_beyond_the_agents_patience(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [0.0]
    keep = house.intake._keep

    def slow(group: Sequence[RejectedDocument]) -> object:
        now[0] += 6.0
        return keep(group)

    monkeypatch.setattr(house.intake, "_monotonic", lambda: now[0])
    monkeypatch.setattr(house.intake, "_keep", slow)
    files = [file(b"rubbish %d" % number) for number in range(200)]
    answered = []
    for _ in range(3):
        began = now[0]
        receipts = house.intake.take_files(house.till, files)
        assert now[0] - began <= wire.PATIENCE_SECONDS / 2
        answered.append(sum(receipt.state == "rejected" for receipt in receipts))
    assert answered == [80, 160, 200]
    assert len(till_documents.documents_of(house.services.engine, limit=1000)) == 200
    assert len(list((house.services.settings.quarantine_path / "caixa1").glob("*.json"))) == 200


def test_slices_are_small_in_files_and_in_bytes(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    turns: list[int] = []
    turn = house.intake._turns.turn

    def noted(till_id: int) -> Any:
        turns.append(till_id)
        return turn(till_id)

    monkeypatch.setattr(house.intake._turns, "turn", noted)
    house.take(*(b"<x>%d</x>" % number for number in range(100)))
    assert len(turns) == 3 + 3 + 1, "read, put aside, spooled"
    turns.clear()
    house.take(*(b"<y>%d%s</y>" % (number, b" " * 200_000) for number in range(4)))
    assert len(turns) == 2 + 1 + 1


def test_only_what_is_new_counts_against_the_quota(house: House) -> None:
    house.intake.quota = Quota(10)
    house.take(b"rubbish", build_note(number=1))
    for _ in range(20):
        house.take(b"rubbish")
    house.intake.quota.check(house.till.id)
    house.take(*(b"rubbish %d" % number for number in range(10)))
    with pytest.raises(SlowedError):
        house.intake.quota.check(house.till.id)


def test_a_till_that_is_slowed_stands_in_the_audit_trail(house: House) -> None:
    quota = Quota(1, house.intake._tell)
    quota.note(house.till.id, 5)
    for _ in range(3):
        with pytest.raises(SlowedError):
            quota.check(house.till.id)
    for thread in threading.enumerate():
        if thread.name.endswith("slowed"):
            thread.join()
    (entry,) = audit.entries(house.services.engine, action="till_slowed")
    assert (entry.object, entry.actor) == ("till:caixa1", "system")
    (status,) = till_documents.status(house.services.engine, now=house.services.spool.clock())
    assert status.slowed_at == pytest.approx(entry.at, abs=0.001)
    light = till_overview(house.services.engine, "caixa1", now=entry.at + TELL_AGAIN_SECONDS)
    assert light is not None
    assert light.cause == "slowed", "until it is told again"
