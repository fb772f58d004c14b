"""What a server refuses or breaks on: no file holds back another, and each is tried again later."""

import pytest

from malote import wire
from malote.sealing import unseal
from malote.till.outbox_records import OutboxCounts
from tests.faces.till_courier_support import Line, many
from tests.faces.till_support import (
    Handler,
    hashes,
    lose_request,
)

pytest_plugins = ["tests.faces.till_courier_fixtures"]


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
