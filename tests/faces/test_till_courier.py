"""The courier against a server that loses replies, answers nonsense, forgets, slows down and recovers."""

from pathlib import Path
from typing import Any

import pytest

from malote import wire
from malote.sealing import unseal
from malote.till.courier import Courier
from malote.till.outbox_records import OutboxCounts
from tests.faces.till_courier_support import Line, many
from tests.faces.till_support import (
    FakeServer,
    Handler,
    answer_twice,
    busy,
    cut_short,
    hang,
    hashes,
    lose_reply,
    lose_request,
    says,
)
from tests.unit.till_support import Clock

pytest_plugins = ["tests.faces.till_courier_fixtures"]


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


def test_pouches_keep_within_their_limits(tmp_path: Path, courier_server: FakeServer) -> None:
    line = Line(tmp_path, courier_server, pouch_documents=7)
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


def test_a_receipt_for_a_file_not_sent_proves_nothing(tmp_path: Path, courier_server: FakeServer) -> None:
    line = Line(tmp_path, courier_server, pouch_documents=1)
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


def test_backs_off_while_the_server_is_away(tmp_path: Path, courier_server: FakeServer) -> None:
    line = Line(tmp_path, courier_server, retry_first_seconds=1.0, retry_longest_seconds=8.0)
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
