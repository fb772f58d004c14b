import random
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from malote.till import storage
from malote.till.outbox import LONGEST_HOLD_SECONDS, Outbox
from malote.till.outbox_records import CaptureRefusal, FileAnswer, FileMark, OutboxCounts
from malote.till.receipts import answers
from malote.till.storage import OutboxDamagedError, OutboxError
from malote.wire import DocumentReceipt, FileReceipt
from tests.unit.till_support import captured, digest


@pytest.fixture
def outbox(tmp_path: Path) -> Iterator[Outbox]:
    with Outbox(tmp_path / "outbox.sqlite3") as opened:
        yield opened


def test_keeps_a_file_once_however_often_it_is_captured(outbox: Outbox) -> None:
    assert outbox.capture([captured(b"one", "/pos/1.xml"), captured(b"two", "/pos/2.xml")], at=1.0) == 2
    assert outbox.capture([captured(b"one", "/pos/copy.xml")], at=2.0) == 0
    assert outbox.counts() == OutboxCounts(captured=2)
    assert set(outbox.marks()) == {"/pos/1.xml", "/pos/2.xml", "/pos/copy.xml"}


def test_is_written_with_full_sync(outbox: Outbox) -> None:
    assert list(outbox.rows("PRAGMA synchronous")) == [(2,)]
    assert list(outbox.rows("PRAGMA journal_mode")) == [("wal",)]


def test_survives_closing(tmp_path: Path) -> None:
    with Outbox(tmp_path / "outbox.sqlite3") as outbox:
        outbox.capture([captured(b"one", "/pos/1.xml")], at=1.0)
    with Outbox(tmp_path / "outbox.sqlite3") as outbox:
        assert [file.content for file in outbox.next_pouch(10, 1000).files] == [b"one"]
        assert outbox.marks() == {"/pos/1.xml": FileMark(3, 1, 1)}


def test_keeps_paths_that_are_no_utf_8(outbox: Outbox) -> None:
    path = "/pos/\udcff\udce9.xml"
    outbox.capture([captured(b"one", path)], at=1.0)
    assert list(outbox.marks()) == [path]
    outbox.forget([path])
    assert outbox.marks() == {}


def test_keeps_an_empty_file(outbox: Outbox) -> None:
    outbox.capture([captured(b"", "/pos/empty.xml")], at=1.0)
    assert [file.content for file in outbox.next_pouch(10, 1000).files] == [b""]


def test_a_pouch_holds_the_oldest_files_within_both_limits(outbox: Outbox) -> None:
    outbox.capture([captured(bytes([number]) * 100, f"/pos/{number}.xml") for number in range(10)], at=1.0)
    assert [file.content[0] for file in outbox.next_pouch(3, 10_000).files] == [0, 1, 2]
    assert [file.content[0] for file in outbox.next_pouch(10, 250).files] == [0, 1]
    assert [file.content[0] for file in outbox.next_pouch(10, 1).files] == [0], "one that is too large goes alone"


def test_answers_move_files_on(outbox: Outbox) -> None:
    outbox.capture([captured(text) for text in (b"a", b"b", b"c", b"d")], at=1.0)
    answers = [
        FileAnswer(digest(b"a"), "accepted"),
        FileAnswer(digest(b"b"), "posted"),
        FileAnswer(digest(b"c"), "rejected", "items_missing", "no items"),
        FileAnswer(digest(b"d"), "discarded"),
    ]
    assert outbox.record(answers, at=2.0) == 4
    assert outbox.record(answers, at=3.0) == 0, "the same answers change nothing"
    assert outbox.counts() == OutboxCounts(accepted=1, posted=1, rejected=1, discarded=1)


def test_what_the_server_keeps_unbooked_is_not_counted_as_proven(outbox: Outbox) -> None:
    outbox.capture([captured(b"a"), captured(b"b"), captured(b"c")], at=1.0)
    said = [
        (b"a", [DocumentReceipt("kept", "sale", code="operation_transfer", message="a transfer")]),
        (b"b", [DocumentReceipt("posted", "sale", code="number_twice")]),
        (b"c", [DocumentReceipt("posted", "sale"), DocumentReceipt("kept", "event", code="event_beside_sale")]),
    ]
    receipts = [FileReceipt(digest(text).hex(), "posted", documents) for text, documents in said]
    outbox.record(answers(receipts, {digest(text) for text, _ in said}), at=2.0)
    assert outbox.counts() == OutboxCounts(posted=2, kept=1)


def test_what_was_proven_stays_proven(outbox: Outbox) -> None:
    outbox.capture([captured(b"a")], at=1.0)
    outbox.record([FileAnswer(digest(b"a"), "posted")], at=2.0)
    for state in ("accepted", "rejected", "unknown", "discarded"):
        outbox.record([FileAnswer(digest(b"a"), state)], at=3.0)
    assert outbox.resend_all() == 0
    assert outbox.counts() == OutboxCounts(posted=1)


def test_what_the_server_does_not_know_is_sent_again(outbox: Outbox) -> None:
    outbox.capture([captured(b"a")], at=1.0)
    outbox.record([FileAnswer(digest(b"a"), "accepted")], at=2.0)
    outbox.record([FileAnswer(digest(b"a"), "unknown")], at=3.0)
    assert [file.content for file in outbox.next_pouch(10, 1000).files] == [b"a"]


def test_a_synchronisation_captures_all_that_is_not_proven_again(outbox: Outbox) -> None:
    outbox.capture([captured(text) for text in (b"a", b"b", b"c", b"d")], at=1.0)
    outbox.record([FileAnswer(digest(b"a"), "accepted"), FileAnswer(digest(b"b"), "rejected", "x")], at=2.0)
    outbox.record([FileAnswer(digest(b"c"), "posted")], at=2.0)
    held = outbox.next_pouch(1, 1000).files[0]
    outbox.hold(held.id, "request_invalid", "", until=99.0)
    assert outbox.resend_all() == 3
    assert outbox.counts() == OutboxCounts(captured=3, posted=1)


def test_asks_in_turns_even_when_the_clock_goes_backwards(outbox: Outbox) -> None:
    texts = [bytes([number]) for number in range(6)]
    outbox.capture([captured(text) for text in texts], at=1.0)
    outbox.record([FileAnswer(digest(text), "accepted") for text in texts], at=2.0)
    asked: list[bytes] = []
    for moment in (1000.0, 10.0, -5.0):
        question = outbox.to_ask(2)
        asked += question
        outbox.record([], at=moment, asked=question)
    assert sorted(asked) == sorted(map(digest, texts)), "each was asked about once before any was again"
    assert outbox.to_ask(2) == asked[:2]


def test_new_files_take_their_turn_behind_those_waiting(outbox: Outbox) -> None:
    outbox.capture([captured(b"old"), captured(b"new")], at=1.0)
    outbox.record([FileAnswer(digest(b"old"), "accepted")], at=2.0)
    outbox.record([FileAnswer(digest(b"new"), "accepted")], at=3.0)
    assert outbox.to_ask(1) == [digest(b"old")]


def test_keeps_asking_about_what_a_person_may_cure_but_little(outbox: Outbox) -> None:
    waiting = [b"w%d" % number for number in range(30)]
    rejected = [b"r%d" % number for number in range(30)]
    outbox.capture([captured(text) for text in waiting + rejected], at=1.0)
    outbox.record([FileAnswer(digest(text), "accepted") for text in waiting], at=2.0)
    outbox.record([FileAnswer(digest(text), "rejected", "x") for text in rejected], at=2.0)
    question = outbox.to_ask(20)
    assert len(question) == 20
    assert sum(sha256 in set(map(digest, rejected)) for sha256 in question) == 2


def test_a_held_file_is_tried_alone_once_its_time_has_come(outbox: Outbox) -> None:
    outbox.capture([captured(b"a"), captured(b"b")], at=1.0)
    first = outbox.next_pouch(1, 1000).files[0]
    outbox.hold(first.id, "request_invalid", "said", until=50.0)
    assert [file.content for file in outbox.next_pouch(10, 1000).files] == [b"b"]
    assert outbox.next_held(now=49.0).files == []
    assert [file.content for file in outbox.next_held(now=50.0).files] == [b"a"]


def test_a_clock_set_back_does_not_hold_a_file_for_ever(outbox: Outbox) -> None:
    outbox.capture([captured(b"a")], at=1.0)
    first = outbox.next_pouch(1, 1000).files[0]
    outbox.hold(first.id, "request_invalid", "", until=1e9 + LONGEST_HOLD_SECONDS)
    assert len(outbox.next_held(now=5.0).files) == 1


def test_drops_contents_only_some_time_after_the_proof(outbox: Outbox) -> None:
    outbox.capture([captured(text, f"/pos/{text!r}") for text in (b"a", b"b", b"c")], at=1.0)
    outbox.record([FileAnswer(digest(b"a"), "posted"), FileAnswer(digest(b"c"), "rejected", "x")], at=10.0)
    assert outbox.drop_contents(proven_before=10.0, at=20.0) == 0
    assert outbox.drop_contents(proven_before=11.0, at=20.0) == 1
    found = list(outbox.rows("SELECT content IS NULL, content_dropped_at FROM file ORDER BY id"))
    assert found == [(1, 20.0), (0, None), (0, None)]
    assert outbox.capture([captured(b"a", "/pos/again.xml")], at=30.0) == 0, "its row still tells that it is proven"
    assert outbox.counts().posted == 1


def test_a_content_damaged_on_this_disk_is_never_sent_and_comes_back_from_the_folder(outbox: Outbox) -> None:
    outbox.capture([captured(b"good", "/pos/good.xml"), captured(b"bad", "/pos/bad.xml")], at=1.0)
    with closing(sqlite3.connect(outbox.path)) as other, other:
        other.execute("UPDATE file SET content = x'00' WHERE path = '/pos/bad.xml'")
    pick = outbox.next_pouch(10, 1000)
    assert [file.content for file in pick.files] == [b"good"]
    assert pick.damaged == 1
    assert "/pos/bad.xml" not in outbox.marks()
    assert outbox.next_held(now=1e12).files == []
    assert outbox.capture([captured(b"bad", "/pos/bad.xml")], at=2.0) == 1
    assert [file.content for file in outbox.next_pouch(10, 1000).files] == [b"good", b"bad"]


def test_refusals_are_those_of_now(outbox: Outbox) -> None:
    outbox.refuse({"/pos/a": CaptureRefusal("a", 9, "file_too_large", {"limit": "1"})}, at=1.0)
    outbox.refuse({"/pos/b": CaptureRefusal("b", 9, "file_unreadable")}, at=2.0)
    assert outbox.refusals() == [CaptureRefusal("b", 9, "file_unreadable")]


def test_a_failed_capture_changes_nothing(outbox: Outbox) -> None:
    outbox.capture([captured(b"first", "/pos/1.xml")], at=1.0)
    pages = next(outbox.rows("PRAGMA page_count"))[0]
    next(outbox.rows(f"PRAGMA max_page_count = {pages + 2}"))
    large = [captured(bytes([number]) + _noise(20_000, number), f"/pos/large{number}.xml") for number in range(5)]
    with pytest.raises(OutboxError) as raised:
        outbox.capture(large, at=2.0)
    assert raised.value.code == "till_disk_full"
    assert outbox.counts() == OutboxCounts(captured=1)
    assert list(outbox.marks()) == ["/pos/1.xml"]
    next(outbox.rows("PRAGMA max_page_count = 1000000"))
    assert outbox.capture(large, at=3.0) == 5


def test_an_outbox_of_a_newer_agent_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "outbox.sqlite3"
    Outbox(path).close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 99")
    for look_only in (False, True):
        with pytest.raises(OutboxError) as raised:
            Outbox(path, look_only=look_only)
        assert raised.value.code == "outbox_newer"


def test_migrates_forward_in_one_transaction(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "outbox.sqlite3"
    with Outbox(path) as outbox:
        outbox.capture([captured(b"a")], at=1.0)
    broken = (*storage.MIGRATIONS, "ALTER TABLE file ADD COLUMN added TEXT; SELECT nonsense FROM nowhere")
    monkeypatch.setattr(storage, "MIGRATIONS", broken)
    with pytest.raises(sqlite3.OperationalError):
        Outbox(path)
    monkeypatch.setattr(storage, "MIGRATIONS", (*broken[:-1], "ALTER TABLE file ADD COLUMN added TEXT"))
    with Outbox(path) as outbox:
        assert list(outbox.rows("SELECT added FROM file")) == [(None,)]
        assert list(outbox.rows("PRAGMA user_version")) == [(2,)]


@pytest.mark.parametrize("content", [b"this is no database, and never was one" * 100, b"\x00" * 8192])
def test_a_file_that_is_no_database_is_told(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "outbox.sqlite3"
    path.write_bytes(content)
    with pytest.raises(OutboxDamagedError):
        storage.check(path)


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    with pytest.raises(OutboxError) as raised:
        Outbox(tmp_path / "nowhere" / "outbox.sqlite3")
    assert raised.value.code == "outbox_away"


def test_looking_at_no_outbox_creates_none(tmp_path: Path) -> None:
    path = tmp_path / "outbox.sqlite3"
    with pytest.raises(FileNotFoundError):
        Outbox(path, look_only=True)
    assert not path.exists()
    path.touch()
    with pytest.raises(FileNotFoundError):
        Outbox(path, look_only=True)


def _noise(length: int, seed: int) -> bytes:
    return random.Random(seed).randbytes(length)


def test_says_what_it_holds_of_the_files_set_aside_on_the_server(outbox: Outbox) -> None:
    outbox.capture([captured(content) for content in (b"bad", b"lost", b"gone", b"good")], at=1.0)
    assert outbox.holding([digest(b"bad")]) is None, "nothing was set aside yet"
    aside = [
        FileAnswer(digest(b"bad"), "rejected"),
        FileAnswer(digest(b"lost"), "rejected"),
        FileAnswer(digest(b"gone"), "discarded"),
    ]
    outbox.record([*aside, FileAnswer(digest(b"good"), "accepted")], at=2.0)
    asked = [digest(content) for content in (b"bad", b"lost", b"gone", b"good", b"never seen")]
    assert set(outbox.holding(asked) or ()) == {digest(b"bad"), digest(b"lost"), digest(b"gone")}
    with outbox._writing() as connection:
        connection.execute("UPDATE file SET content = x'00' WHERE sha256 = ?", (digest(b"lost"),))
        connection.execute("UPDATE file SET content = NULL WHERE sha256 = ?", (digest(b"gone"),))
    assert outbox.holding(asked) == [digest(b"bad")]
    assert outbox.counts().held == 1, "what is damaged is brought back from the folder"


def test_asks_more_about_what_is_set_aside_while_nothing_else_is(outbox: Outbox) -> None:
    outbox.capture([captured(bytes([number])) for number in range(30)], at=1.0)
    outbox.record([FileAnswer(digest(bytes([number])), "rejected") for number in range(30)], at=2.0)
    assert len(outbox.to_ask(20)) == 10
