"""Taking pouches in: once however often they come, and nothing half."""

from datetime import timedelta

import pytest
from sqlalchemy import Engine, func, select

from malote.database.engine import reading
from malote.database.tables import document, pouch
from malote.register import contents, till_documents
from malote.spool.documents import IncomingDocument, Reason
from malote.spool.sql_queue import Spool
from malote.tills.till import Till
from tests.engines.spool_support import (
    NOON,
    START,
    Clock,
    access_key,
    assert_tallies_true,
    body_of,
    cancellation,
    content_of,
    file_of_sale,
    file_with,
    incoming,
    posted,
    sale,
    send_sales,
    sha256_of,
    states_of,
    waiting,
)

pytest_plugins = ("tests.engines.spool_fixtures",)


def rows_in(engine: Engine) -> tuple[int, int]:
    """How many pouches and documents there are."""
    with reading(engine) as connection:
        return (
            connection.execute(select(func.count()).select_from(pouch)).scalar_one(),
            connection.execute(select(func.count()).select_from(document)).scalar_one(),
        )


def test_every_file_gets_its_receipt_in_order(spool: Spool, till_one: Till) -> None:
    receipts = send_sales(spool, till_one, [3, 1, 2])
    assert [receipt.sha256 for receipt in receipts] == [sha256_of(number).hex() for number in (3, 1, 2)]
    assert {receipt.state for receipt in receipts} == {"accepted"}
    assert not any(receipt.already_known for receipt in receipts)
    assert [one.key for one in receipts[0].documents] == [access_key(3)]


def test_a_replayed_pouch_adds_nothing(spool: Spool, till_one: Till, spool_engine: Engine) -> None:
    send_sales(spool, till_one, [1, 2])
    receipts = send_sales(spool, till_one, [1, 2])
    assert [receipt.already_known for receipt in receipts] == [True, True]
    assert {receipt.state for receipt in receipts} == {"accepted"}
    assert rows_in(spool_engine) == (1, 2)
    assert_tallies_true(spool_engine)


def test_an_overlapping_pouch_adds_only_what_is_new(spool: Spool, till_one: Till, spool_engine: Engine) -> None:
    send_sales(spool, till_one, [1, 2])
    receipts = send_sales(spool, till_one, [2, 3, 1])
    assert [receipt.already_known for receipt in receipts] == [True, False, True]
    assert rows_in(spool_engine) == (2, 3)
    [third] = [one for one in till_documents.documents_of(spool.engine) if one.number == 3]
    assert contents.content(spool.engine, third.id) == content_of(3)
    leased = spool.lease("poster", 10, 60)
    assert [one.document for one in leased] == [sale(1), sale(2), sale(3)]


def test_a_resend_is_told_the_state_of_today(spool: Spool, till_one: Till) -> None:
    send_sales(spool, till_one, [1, 2])
    first, second = spool.lease("poster", 10, 60)
    spool.settle([posted(first, duplicate=True), waiting(second, START + 60)])
    one, two = send_sales(spool, till_one, [1, 2])
    assert (one.state, one.documents[0].state, one.documents[0].duplicate) == ("posted", "posted", True)
    assert (two.state, two.documents[0].state, two.documents[0].code) == ("accepted", "waiting", "erp_locked")
    assert two.documents[0].message


def test_a_file_twice_in_one_pouch_is_kept_once(spool: Spool, till_one: Till, spool_engine: Engine) -> None:
    receipts = send_sales(spool, till_one, [1, 2, 1])
    assert receipts[0] == receipts[2]
    assert rows_in(spool_engine) == (1, 2)


def test_the_same_file_of_two_tills_is_two(spool: Spool, till_one: Till, till_two: Till, spool_engine: Engine) -> None:
    send_sales(spool, till_one, [1])
    assert not send_sales(spool, till_two, [1])[0].already_known
    assert rows_in(spool_engine) == (2, 2)


def test_a_known_file_may_come_unread(spool: Spool, till_one: Till, spool_engine: Engine) -> None:
    send_sales(spool, till_one, [1])
    assert set(spool.known(till_one.id, [sha256_of(1), sha256_of(2)])) == {sha256_of(1)}
    receipts = spool.accept(till_one.id, body_of([1, 2]), [file_with(1), file_of_sale(2)], received_at=START)
    assert [receipt.state for receipt in receipts] == ["accepted", "accepted"]
    assert contents.content(spool.engine, till_documents.documents_of(spool.engine)[1].id) == content_of(2)
    assert [one.document for one in spool.lease("poster", 10, 60)] == [sale(1), sale(2)]


def test_an_unread_file_that_is_not_known_is_asked_for_again(spool: Spool, till_one: Till) -> None:
    receipts = spool.accept(till_one.id, body_of([1, 2]), [file_with(1), file_of_sale(2)], received_at=START)
    assert [receipt.state for receipt in receipts] == ["unknown", "accepted"]


def test_a_file_of_several_documents(spool: Spool, till_one: Till, spool_engine: Engine) -> None:
    reason = Reason("series_unassigned", {"series": "7"})
    file = file_with("lote", incoming(sale(1)), incoming(sale(2), 1, reason), incoming(None, 2, reason))
    [receipt] = spool.accept(till_one.id, body_of(["lote"]), [file], received_at=START)
    assert receipt.state == "accepted"
    assert [one.state for one in receipt.documents] == ["accepted", "rejected", "rejected"]
    spool.settle([posted(one) for one in spool.lease("poster", 10, 60)])
    assert spool.receipts(till_one.id, [sha256_of("lote")])[0].state == "rejected"
    assert_tallies_true(spool_engine)


def test_receipts_come_in_the_order_asked(spool: Spool, till_one: Till, till_two: Till) -> None:
    send_sales(spool, till_one, [1, 2])
    send_sales(spool, till_two, [3])
    asked = [sha256_of(number) for number in (3, 2, 9, 1)]
    assert [one.state for one in spool.receipts(till_one.id, asked)] == ["unknown", "accepted", "unknown", "accepted"]


def test_a_thousand_receipts_at_once(spool: Spool, till_one: Till) -> None:
    send_sales(spool, till_one, range(1200))
    receipts = spool.receipts(till_one.id, [sha256_of(number) for number in range(1200)])
    assert [receipt.state for receipt in receipts] == ["accepted"] * 1200


def test_an_arrival_wakes_what_waits_for_its_key(
    spool: Spool, till_one: Till, till_two: Till, spool_clock: Clock
) -> None:
    file = file_with("cancel", incoming(cancellation(5)))
    spool.accept(till_one.id, body_of(["cancel"]), [file], received_at=START)
    send_sales(spool, till_one, [6])
    spool.settle([waiting(one, START + 3600, "sale_not_here") for one in spool.lease("poster", 10, 60)])
    spool_clock.now += 1
    assert spool.lease("poster", 10, 60) == []
    send_sales(spool, till_two, [5], at=spool_clock.now)
    assert [one.document for one in spool.lease("poster", 10, 60)] == [cancellation(5), sale(5)]


def test_a_hostile_name_or_key_does_not_stop_the_pouch(spool: Spool, till_one: Till, spool_engine: Engine) -> None:
    hostile = IncomingDocument(
        position=0,
        document=None,
        state="rejected",
        reason=Reason("value_out_of_range", {"name": "a\0b"}),
        kind="sale",
        access_key="\0\ud800" + "9" * 5000,
        series=10**30,
        number=-(10**30),
        issued_at="ontem",
        total=10**40,
    )
    file = file_with(1, hostile)
    renamed = type(file)("../..\0/\udcff" + "x" * 5000, file.sha256, file.documents)
    receipts = spool.accept(till_one.id, body_of([1, 2]), [renamed, file_of_sale(2)], received_at=START)
    assert [receipt.state for receipt in receipts] == ["rejected", "accepted"]
    assert states_of(spool_engine) == ["rejected", "accepted"]
    assert till_documents.documents_of(spool.engine)[0].series is None


@pytest.mark.parametrize("order", [[1, 2, 3], [3, 1, 2]])
def test_the_last_number_is_that_of_the_latest_sale(spool: Spool, till_one: Till, order: list[int]) -> None:
    for number in order:
        send_sales(spool, till_one, [number])
    [status] = till_documents.status(spool.engine, now=spool.clock())
    assert (status.last_series, status.last_number) == (1, 3)
    assert status.last_issued_at == (NOON + timedelta(seconds=3)).isoformat()


def test_times_are_compared_as_instants(spool: Spool, till_one: Till) -> None:
    # 12:30-03:00 is later than 14:00+00:00, though its text is smaller.
    for number, issued_at in ((1, "2026-11-20T14:00:00+00:00"), (2, "2026-11-20T12:30:00-03:00"), (3, "nunca")):
        one = incoming(sale(number))
        stamped = IncomingDocument(0, one.document, one.state, None, "sale", number=number, issued_at=issued_at)
        spool.accept(till_one.id, body_of([number]), [file_with(number, stamped)], received_at=START)
    assert till_documents.status(spool.engine, now=spool.clock())[0].last_number == 2


def test_an_unknown_till_leaves_nothing(spool: Spool, spool_engine: Engine) -> None:
    from sqlalchemy.exc import NoResultFound

    with pytest.raises(NoResultFound):
        spool.accept(77, body_of([1]), [file_of_sale(1)], received_at=START)
    assert rows_in(spool_engine) == (0, 0)
