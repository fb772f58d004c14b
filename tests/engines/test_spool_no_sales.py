"""Kept cancellations of notes that are no sale, on both kinds of store database."""

import msgspec
import pytest
from sqlalchemy import Engine

from malote.spool import history, unbooked_cancellations
from malote.spool.documents import LeasedDocument, Reason, Settlement
from malote.spool.sql_queue import Spool
from malote.spool.unbooked_cancellations import CANCELS_NO_SALE
from malote.tills.till import Till
from tests.engines.spool_support import (
    START,
    Clock,
    assert_tallies_true,
    body_of,
    cancellation,
    file_with,
    incoming,
    posted,
    sale,
    states_of,
)

pytest_plugins = ("tests.engines.spool_fixtures",)
KEY = sale(1).access_key


def send(spool: Spool, till: Till, label: str, code: str | None = None, state: str = "kept") -> None:
    """A version of the note: kept for its code, or in another state for it, or accepted."""
    one = incoming(sale(1), reason=Reason(code) if code else None)
    one = msgspec.structs.replace(one, state=state) if code else one
    spool.accept(till.id, body_of([label]), [file_with(label, one)], received_at=START)


def leased_cancellation(spool: Spool, till: Till) -> LeasedDocument:
    spool.accept(till.id, body_of(["c"]), [file_with("c", incoming(cancellation(1)))], received_at=START)
    [leased] = spool.lease("poster", 1, 60)
    return leased


def kept(leased: LeasedDocument) -> Settlement:
    return Settlement(leased.id, leased.lease, "kept", Reason(CANCELS_NO_SALE))


@pytest.mark.parametrize(
    "code",
    ["operation_transfer", "return_note", "before_the_start", "superseded", "number_settled", "taken_back"],
)
def test_of_a_note_that_is_kept_for_whatever_reason_nothing_is_booked(spool: Spool, till_one: Till, code: str) -> None:
    assert unbooked_cancellations.no_sales(spool.engine, {KEY}) == set()
    send(spool, till_one, "a", code)
    assert unbooked_cancellations.no_sales(spool.engine, {KEY, sale(2).access_key}) == {KEY}


@pytest.mark.parametrize(("code", "state"), [(None, ""), ("operation_paid", "rejected")])
def test_one_version_that_is_more_than_that_counts(
    spool: Spool, till_one: Till, till_two: Till, code: str | None, state: str
) -> None:
    send(spool, till_one, "a", "operation_transfer")
    send(spool, till_two, "b", code, state)
    assert unbooked_cancellations.no_sales(spool.engine, {KEY}) == set()


def test_a_booking_of_the_key_brings_the_kept_cancellation_back(
    spool: Spool, till_one: Till, till_two: Till, spool_engine: Engine
) -> None:
    send(spool, till_one, "a", "operation_transfer")
    leased = leased_cancellation(spool, till_one)
    assert spool.settle([kept(leased)]) == 1
    send(spool, till_two, "b")
    [sold] = spool.lease("poster", 10, 60)
    assert states_of(spool_engine) == ["kept", "kept", "posting"]
    spool.settle([posted(sold)])
    assert states_of(spool_engine) == ["kept", "accepted", "posted"]
    assert_tallies_true(spool_engine)
    [again] = spool.lease("poster", 10, 60)
    assert again.document == cancellation(1)
    told = history.lines_of(spool_engine, leased.id)
    assert [(one.what, one.code) for one in told] == [("kept", CANCELS_NO_SALE), ("replayed", CANCELS_NO_SALE)]


@pytest.mark.parametrize("booked", [False, True])
def test_a_version_that_came_since_it_was_decided_lets_nothing_be_kept(
    spool: Spool, till_one: Till, till_two: Till, spool_engine: Engine, spool_clock: Clock, booked: bool
) -> None:
    send(spool, till_one, "a", "operation_transfer")
    leased = leased_cancellation(spool, till_one)
    send(spool, till_two, "b")
    if booked:
        spool.settle([posted(one) for one in spool.lease("other", 10, 60)])
    assert spool.settle([kept(leased)]) == 0
    assert states_of(spool_engine)[1] == "posting"
    spool_clock.now += 61
    assert leased.id in [one.id for one in spool.lease("poster", 10, 60)]
