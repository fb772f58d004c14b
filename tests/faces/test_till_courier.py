"""The courier against a server that loses replies, answers nonsense, forgets, refuses and recovers."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from malote import wire
from malote.sealing import unseal
from malote.till.courier import Courier
from malote.till.outbox import Outbox
from malote.till.outbox_records import OutboxCounts
from malote.till.server_client import ServerClient
from tests.faces.till_support import (
    FakeServer,
    Handler,
    Ledger,
    answer_twice,
    busy,
    cut_short,
    hang,
    hashes,
    lose_reply,
    lose_request,
    says,
    serving,
)
from tests.unit.till_support import Clock, Ears, captured, till_settings


class Line:
    """An outbox, a courier with a clock in hand, and a server."""

    def __init__(self, tmp_path: Path, fake: FakeServer, **settings: Any) -> None:
        self.fake = fake
        self.ledger = fake.ledger
        self.outbox = Outbox(tmp_path / "outbox.sqlite3")
        self.clock = Clock(10_000.0)
        self.ears = Ears()
        self.rescans = 0
        self.settings = till_settings(tmp_path, server=fake.url, **settings)
        self.server = ServerClient(fake.url, "token", timeout=httpx.Timeout(0.3), reply_seconds=1.0)
        self.begin()

    def begin(self) -> None:
        self.courier = Courier(
            self.outbox,
            self.server,
            self.settings,
            self.ears.voice,
            ask_for_rescan=self.rescan,
            monotonic=self.clock,
            now=self.clock,
            dice=lambda: 0.0,
        )

    def rescan(self) -> None:
        self.rescans += 1

    def put(self, *contents: bytes) -> None:
        self.outbox.capture([captured(content) for content in contents], at=self.clock())

    def step(self) -> float:
        wait = self.courier.step()
        self.clock.pass_by(wait)
        return wait

    def steps(self, count: int) -> None:
        for _ in range(count):
            self.step()

    def until_quiet(self, most: int = 300) -> int:
        """Steps until nothing is to be sent and nothing unproven; returns how many it took."""
        for taken in range(most):
            counts = self.outbox.unproven()
            if not counts.captured and not counts.accepted:
                return taken
            self.step()
        pytest.fail(f"not quiet after {most} steps: {self.outbox.counts()}")

    def close(self) -> None:
        self.outbox.close()
        self.server.__exit__()


@pytest.fixture
def fake() -> Iterator[FakeServer]:
    with serving(Ledger()) as server:
        yield server


@pytest.fixture
def line(tmp_path: Path, fake: FakeServer) -> Iterator[Line]:
    made = Line(tmp_path, fake)
    yield made
    made.close()


def many(count: int) -> list[bytes]:
    return [b"sale %d" % number for number in range(count)]


def test_takes_files_from_captured_to_proven(line: Line) -> None:
    line.put(*many(5))
    line.until_quiet()
    assert line.outbox.counts() == OutboxCounts(posted=5)
    assert line.ledger.booked == dict.fromkeys(hashes(*many(5)), 1)


def test_accepted_is_not_proven(line: Line) -> None:
    line.ledger.posting = False
    line.put(*many(3))
    line.steps(20)
    assert line.outbox.counts() == OutboxCounts(accepted=3)
    line.ledger.posting = True
    line.until_quiet()
    assert line.outbox.counts() == OutboxCounts(posted=3)


def test_pouches_keep_within_their_limits(tmp_path: Path, fake: FakeServer) -> None:
    line = Line(tmp_path, fake, pouch_documents=7)
    line.put(*many(20))
    line.until_quiet()
    assert line.ledger.pouches == [7, 7, 6]
    line.close()


def test_no_more_is_sent_at_once_than_the_server_takes(line: Line) -> None:
    line.ledger.limits = wire.PouchLimits(files=3, bytes=4_000_000, document_bytes=5_000_000)
    line.put(*many(7))
    line.until_quiet()
    assert line.ledger.pouches == [3, 3, 1]
    line.ledger.limits = wire.PouchLimits(files=100, bytes=20, document_bytes=5_000_000)
    line.clock.pass_by(60)
    line.step()
    line.ledger.pouches.clear()
    line.put(*[b"a sale of 21 bytes %02d" % number for number in range(3)])
    line.until_quiet()
    assert line.ledger.pouches == [1, 1, 1], "a file larger than that goes alone"


def test_what_the_server_takes_is_remembered_when_it_is_away_and_older_servers_say_nothing(line: Line) -> None:
    line.ledger.limits = wire.PouchLimits(files=3, bytes=4_000_000, document_bytes=5_000_000)
    line.step()
    line.begin()
    line.ledger.limits = None
    line.put(*many(4))
    line.until_quiet()
    assert line.ledger.pouches == [3, 1]


@pytest.mark.parametrize("limits", [wire.PouchLimits(0, 0, 0), wire.PouchLimits(-5, -5, -5)])
def test_a_server_that_says_it_takes_nothing_still_gets_the_sales(line: Line, limits: wire.PouchLimits) -> None:
    line.ledger.limits = limits
    line.put(*many(2))
    line.until_quiet()
    assert line.outbox.counts() == OutboxCounts(posted=2)


def test_what_the_server_left_of_a_pouch_is_sent_again(line: Line) -> None:
    """A server out of time answers ``unknown`` for the rest; an older agent knows that answer too."""
    contents = many(6)
    rest = [wire.FileReceipt(sha256, "unknown") for sha256 in hashes(*contents[2:])]

    def takes_two(handler: Handler, body: bytes) -> None:
        pouch = unseal(body, None, max_size=10**9)
        taken = [line.ledger.take(file) for file in pouch.files[:2]]
        handler.reply(200, wire.PouchReply([*taken, *rest]))

    line.ledger.play(wire.PATH_POUCHES, takes_two)
    line.put(*contents)
    line.until_quiet()
    assert line.outbox.counts() == OutboxCounts(posted=6)
    assert set(line.ledger.deliveries.values()) == {1}


def test_a_till_that_is_slowed_waits_as_long_as_it_is_told(line: Line) -> None:
    fault = wire.Fault("too_many_rejects", "Slowed", transient=True)
    line.ledger.play(wire.PATH_POUCHES, lambda handler, body: handler.reply(429, fault, Retry_After="37"))
    line.put(b"sale")
    assert line.step() >= 37
    line.until_quiet()
    assert line.outbox.counts() == OutboxCounts(posted=1)


@pytest.mark.parametrize(
    "trick",
    [
        lose_reply,
        lose_request,
        answer_twice,
        cut_short,
        busy,
        hang(0.6),
        says(200, b"garbage"),
        says(200, b'{"receipts": []}'),
        says(200, b'{"receipts": [{"sha256": "zz", "state": "posted"}]}'),
        says(500, b"oops"),
        says(502, b"oops"),
    ],
)
@pytest.mark.parametrize("path", [wire.PATH_POUCHES, wire.PATH_RECEIPTS, wire.PATH_CONTACT])
def test_whatever_goes_wrong_once_or_twice_ends_in_one_booking_each(line: Line, trick: Any, path: str) -> None:
    line.ledger.play(path, trick, trick)
    line.put(*many(4))
    line.until_quiet()
    assert line.outbox.counts() == OutboxCounts(posted=4)
    assert line.ledger.booked == dict.fromkeys(hashes(*many(4)), 1)


def test_a_receipt_for_a_file_not_sent_proves_nothing(tmp_path: Path, fake: FakeServer) -> None:
    line = Line(tmp_path, fake, pouch_documents=1)
    line.put(b"sent", b"not sent yet")
    (sent, other) = (*hashes(b"sent"), *hashes(b"not sent yet"))
    forged = wire.PouchReply([wire.FileReceipt(other, "posted"), wire.FileReceipt(sent, "accepted")])
    line.ledger.play(wire.PATH_POUCHES, says(200, forged))
    line.step()
    assert line.outbox.counts() == OutboxCounts(captured=2), "the server, asked, knew of neither"
    line.until_quiet()
    assert line.ledger.booked == dict.fromkeys((sent, other), 1)
    line.close()


def test_a_server_that_lost_its_memory_gets_it_again(line: Line) -> None:
    line.ledger.posting = False
    line.put(*many(3))
    line.steps(3)
    line.ledger.states.clear()
    line.ledger.posting = True
    line.until_quiet()
    assert line.outbox.counts() == OutboxCounts(posted=3)
    assert set(line.ledger.deliveries.values()) == {2}


def test_a_rejected_file_is_kept_and_not_sent_again_by_itself(line: Line) -> None:
    line.ledger.reject[b"bad"] = "items_missing"
    line.put(b"good", b"bad")
    line.until_quiet()
    line.steps(50)
    assert line.outbox.counts() == OutboxCounts(posted=1, rejected=1)
    (bad,) = hashes(b"bad")
    assert line.ledger.deliveries[bad] == 1
    assert list(line.outbox.rows("SELECT code, message FROM file WHERE state = 'rejected'")) == [
        ("items_missing", "Said by the server")
    ]


def test_a_rejection_that_was_cured_on_the_server_is_noticed(line: Line) -> None:
    line.ledger.reject[b"bad"] = "series_unassigned"
    line.put(b"bad")
    line.until_quiet()
    (bad,) = hashes(b"bad")
    line.ledger.states[bad] = "accepted"
    line.ledger.reasons.clear()
    line.steps(40)
    assert line.outbox.counts() == OutboxCounts(posted=1)


@pytest.mark.parametrize("place", [0, 1, 37, 198, 199])
def test_one_poison_file_holds_back_no_other(line: Line, place: int) -> None:
    contents = many(200)
    line.ledger.poison[contents[place]] = (422, wire.Fault("document_hash_mismatch", "Changed"))
    line.put(*contents)
    steps = line.until_quiet()
    assert line.outbox.counts() == OutboxCounts(posted=199, held=1)
    assert steps < 40, "found by halving"
    assert list(line.outbox.rows("SELECT code FROM file WHERE state = 'held'")) == [("document_hash_mismatch",)]
    assert "document_hash_mismatch" in line.ears.codes("happened")


def test_several_poison_files_side_by_side(line: Line) -> None:
    contents = many(50)
    for content in contents[10:15]:
        line.ledger.poison[content] = (413, None)
    line.put(*contents)
    line.until_quiet()
    assert line.outbox.counts() == OutboxCounts(posted=45, held=5)


def test_a_held_file_is_tried_alone_later_and_passes_once_the_cause_is_gone(line: Line) -> None:
    line.ledger.poison[b"bad"] = (400, wire.Fault("request_invalid", "?"))
    line.put(b"good", b"bad")
    line.until_quiet()
    pouches = len(line.ledger.pouches)
    line.steps(10)
    assert len(line.ledger.pouches) == pouches, "not before its time"
    line.clock.pass_by(3600.0)
    line.step()
    assert line.ledger.pouches[pouches:] == [1]
    line.ledger.poison.clear()
    line.clock.pass_by(3600.0)
    line.steps(3)
    line.until_quiet()
    assert line.outbox.counts() == OutboxCounts(posted=2)


def test_a_file_that_makes_the_server_fail_is_found_while_the_server_lives(line: Line) -> None:
    line.ledger.poison[b"sale 3"] = (500, wire.Fault("server_failed", "Failed", transient=True))
    line.put(*many(8))
    line.until_quiet()
    assert line.outbox.counts() == OutboxCounts(posted=7, held=1)


def test_a_file_that_kills_the_connection_is_found_while_the_server_lives(line: Line) -> None:
    def dies_of_it(handler: Handler, body: bytes) -> None:
        pouch = unseal(body, None, max_size=10**9)
        line.ledger.play(wire.PATH_POUCHES, dies_of_it)
        if any(file.content == b"sale 3" for file in pouch.files):
            handler.hang_up()
        else:
            handler.reply(200, handler.truth(body))

    line.ledger.play(wire.PATH_POUCHES, dies_of_it)
    line.put(*many(8))
    line.until_quiet()
    assert line.outbox.counts() == OutboxCounts(posted=7, held=1)


def test_a_server_that_is_down_makes_no_file_suspect(line: Line) -> None:
    line.ledger.play(wire.PATH_POUCHES, *[lose_request] * 2)
    line.step()
    line.ledger.play(wire.PATH_CONTACT, *[lose_request] * 10)
    line.put(*many(8))
    line.until_quiet()
    assert line.outbox.counts() == OutboxCounts(posted=8)
    assert max(line.ledger.pouches) == 8


def test_a_wrong_token_is_said_loudly_and_tried_slowly(line: Line) -> None:
    refusal = says(401, wire.Fault("token_invalid", "Token"))
    line.ledger.play(wire.PATH_CONTACT, *[refusal] * 3)
    line.put(b"sale")
    waits = [line.step() for _ in range(3)]
    assert waits == pytest.approx([line.settings.retry_longest_seconds] * 3)
    assert line.ears.codes("begins") == ["token_invalid"]
    line.until_quiet()
    assert line.ears.codes("over") == ["token_invalid"]
    assert line.outbox.counts() == OutboxCounts(posted=1)


def test_waits_as_long_as_the_server_asks(line: Line) -> None:
    line.ledger.play(wire.PATH_CONTACT, says(503, wire.Fault("server_busy", "Busy", transient=True), Retry_After="17"))
    assert line.step() == pytest.approx(17.0)


def test_backs_off_while_the_server_is_away(tmp_path: Path, fake: FakeServer) -> None:
    line = Line(tmp_path, fake, retry_first_seconds=1.0, retry_longest_seconds=8.0)
    line.ledger.play(wire.PATH_CONTACT, *[lose_request] * 6)
    assert [line.step() for _ in range(6)] == pytest.approx([1.0, 2.0, 4.0, 8.0, 8.0, 8.0])
    line.close()


def test_a_refused_sign_of_life_does_not_hold_back_sales(line: Line) -> None:
    line.ledger.play(wire.PATH_CONTACT, *[says(400, wire.Fault("request_invalid", "?"))] * 100)
    line.put(b"sale")
    line.until_quiet()
    assert line.outbox.counts() == OutboxCounts(posted=1)


def test_signs_of_life_tell_what_is_here(line: Line) -> None:
    line.ledger.posting = False
    line.ledger.reject[b"bad"] = "items_missing"
    line.put(b"sale", b"bad")
    line.steps(20)
    line.put(b"new")
    last = line.ledger.contacts[-1]
    assert (last.pending, last.unproven) == (0, 2)
    assert last.clock.tzinfo is not None


def test_a_synchronisation_sends_all_that_is_not_proven_once_more(line: Line) -> None:
    line.ledger.reject[b"bad"] = "items_missing"
    line.put(b"good", b"bad", b"slow")
    line.until_quiet()
    line.ledger.resend = True
    line.steps(20)
    assert line.rescans == 1
    (good, bad) = (*hashes(b"good"), *hashes(b"bad"))
    assert (line.ledger.deliveries[good], line.ledger.deliveries[bad]) == (1, 2)


def test_a_synchronisation_brings_what_a_server_put_back_to_before_knows_no_more(
    line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was proven, and the till would never have spoken of it again."""
    monkeypatch.setattr(wire, "MAX_QUERY", 3)
    line.put(*many(10))
    line.until_quiet()
    gone = hashes(*many(10)[4:])
    for sha256 in gone:
        del line.ledger.states[sha256]
    line.ledger.resend = True
    line.steps(40)
    assert {name for name, times in line.ledger.deliveries.items() if times == 2} == gone
    assert line.outbox.counts().posted == 10


def test_questions_are_bounded_and_come_round(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "MAX_QUERY", 10)
    line.ledger.posting = False
    line.put(*many(35))
    line.steps(40)
    asked = line.ledger.asked
    assert max(map(len, asked)) == 10
    rounds: list[str] = []
    for names in asked[-4:]:
        rounds += names
    assert set(rounds) == hashes(*many(35)), "four questions of ten come round all of them"


def test_asks_less_and_less_while_nothing_changes(line: Line) -> None:
    line.ledger.posting = False
    line.put(b"sale")
    line.steps(10)
    before, began = len(line.ledger.asked), line.clock()
    while line.clock() < began + 120 * line.settings.poll_seconds:
        line.step()
    assert len(line.ledger.asked) - before <= 20
    line.put(b"another")
    line.ledger.posting = True
    began = line.clock()
    line.until_quiet()
    assert line.clock() - began < 3 * line.settings.poll_seconds, "at once after sending"


def test_a_clock_set_back_stops_nothing(line: Line) -> None:
    now = Clock(2e9)
    courier = Courier(
        line.outbox, line.server, line.settings, line.ears.voice,
        ask_for_rescan=line.rescan, monotonic=line.clock, now=now, dice=lambda: 0.0,
    )  # fmt: skip
    line.put(*many(3))
    for _ in range(20):
        line.clock.pass_by(courier.step())
        now.at -= 86_400.0
    assert line.outbox.counts() == OutboxCounts(posted=3)


def test_content_damaged_here_is_never_sent(line: Line) -> None:
    line.put(b"sale", b"other")
    line.outbox._connection.execute("UPDATE file SET content = x'00' WHERE id = 1")
    line.until_quiet()
    assert line.outbox.counts() == OutboxCounts(posted=1, held=1)
    assert line.rescans == 1
    assert line.ears.codes() == ["content_damaged"]
    assert set(line.ledger.deliveries) == hashes(b"other")


def test_two_couriers_on_one_outbox_book_once(line: Line, tmp_path: Path) -> None:
    second = Line(tmp_path, line.fake)
    line.put(*many(30))
    for _ in range(20):
        line.step()
        second.step()
    assert line.outbox.counts() == OutboxCounts(posted=30)
    assert set(line.ledger.booked.values()) == {1}
    second.close()
