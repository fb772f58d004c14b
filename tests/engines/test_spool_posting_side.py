"""Leasing, settling, releasing: what posters see of the spool."""

import pytest
from msgspec.structs import replace
from sqlalchemy import Engine, update

from malote.database.engine import writing
from malote.database.tables import pouch, till
from malote.fiscal.documents import Sale
from malote.register import till_documents
from malote.spool.documents import Reason, Settlement
from malote.spool.extracted import packed
from malote.spool.sql_queue import Spool
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
    rejected,
    sale,
    send_sales,
    sha256_of,
    states_of,
    waiting,
)

pytest_plugins = ("tests.engines.spool_fixtures",)


def numbers(leased: object) -> list[int]:
    return [one.document.number for one in leased]  # type: ignore[attr-defined]


def test_documents_come_in_order_of_arrival(spool: Spool, till_one: Till, till_two: Till) -> None:
    send_sales(spool, till_one, [4, 2])
    send_sales(spool, till_two, [9])
    leased = spool.lease("poster", 10, 60)
    assert [(one.till, one.document) for one in leased] == [
        ("caixa1", sale(4)),
        ("caixa1", sale(2)),
        ("caixa2", sale(9)),
    ]
    assert {(one.attempts, one.accepted_at) for one in leased} == {(0, START)}


def test_a_lease_is_nobody_elses(spool: Spool, till_one: Till) -> None:
    send_sales(spool, till_one, range(5))
    assert numbers(spool.lease("one", 3, 60)) == [0, 1, 2]
    assert numbers(spool.lease("two", 3, 60)) == [3, 4]
    assert spool.lease("three", 3, 60) == []


def test_a_lease_that_ran_out_is_given_again(spool: Spool, till_one: Till, spool_clock: Clock) -> None:
    send_sales(spool, till_one, [1])
    spool.lease("dead", 10, 60)
    spool_clock.now += 59
    assert spool.lease("alive", 10, 60) == []
    spool_clock.now += 2
    [again] = spool.lease("alive", 10, 60)
    assert (again.document, again.attempts) == (sale(1), 1)


def test_a_clock_that_was_put_back_holds_nothing_up(spool: Spool, till_one: Till, spool_clock: Clock) -> None:
    spool_clock.now += 30 * 86400
    send_sales(spool, till_one, [1, 2])
    first, _ = spool.lease("dead", 10, 60)
    spool.settle([waiting(first, spool_clock.now + 60)])
    spool_clock.now = START
    assert numbers(spool.lease("alive", 10, 60)) == [1, 2]


@pytest.mark.parametrize("restarted", [False, True])
@pytest.mark.parametrize("ahead", [1800, 3 * 3600])
def test_a_clock_put_ahead_and_back_leaves_nothing_waiting(
    spool: Spool, spool_engine: Engine, till_one: Till, spool_clock: Clock, ahead: int, restarted: bool
) -> None:
    """While the ERP was locked: what waits was to be tried within seconds, by a clock that isn't any more."""
    spool_clock.now += ahead
    with writing(spool_engine) as connection:
        connection.execute(update(till).values(last_contact_at=spool_clock.now))
    send_sales(spool, till_one, [1, 2, 3])
    first, second, _ = spool.lease("one", 10, 60)
    spool.settle([waiting(first, spool_clock.now + 2), waiting(second, spool_clock.now + 2)])
    spool_clock.now = START + 1
    poster = Spool(spool_engine, clock=spool_clock) if restarted else spool
    tried = numbers(poster.lease("one", 10, 60))
    assert {1, 2} <= set(tried), "at once"
    spool_clock.now += 61
    assert 3 in tried + numbers(poster.lease("one", 10, 60)), "a lease from then lasts no longer than one from now"


def test_who_lost_the_lease_changes_nothing(
    spool: Spool, till_one: Till, spool_clock: Clock, spool_engine: Engine
) -> None:
    send_sales(spool, till_one, [1])
    [slow] = spool.lease("slow", 10, 60)
    spool_clock.now += 61
    [quick] = spool.lease("quick", 10, 60)
    assert spool.settle([rejected(slow)]) == 0
    assert spool.release([slow]) == 0
    assert states_of(spool_engine) == ["posting"]
    assert spool.settle([posted(quick)]) == 1
    assert spool.settle([posted(quick)]) == 0
    assert states_of(spool_engine) == ["posted"]
    assert_tallies_true(spool_engine)


def test_a_late_settlement_counts_while_nobody_else_came(spool: Spool, till_one: Till, spool_clock: Clock) -> None:
    send_sales(spool, till_one, [1])
    leased = spool.lease("slow", 10, 60)
    spool_clock.now += 600
    assert spool.settle([posted(one) for one in leased]) == 1


def test_every_way_out_of_posting(spool: Spool, till_one: Till, spool_engine: Engine, spool_clock: Clock) -> None:
    send_sales(spool, till_one, range(4))
    first, second, third, fourth = spool.lease("poster", 10, 60)
    settled = spool.settle([posted(first), posted(second, duplicate=True), waiting(third, START + 5), rejected(fourth)])
    assert settled == 4
    assert states_of(spool_engine) == ["posted", "posted", "waiting", "rejected"]
    assert_tallies_true(spool_engine)
    [status] = till_documents.status(spool.engine, now=spool.clock())
    assert (status.pending, status.waiting, status.posted, status.rejected) == (0, 1, 2, 1)
    assert (status.waiting_reasons, status.rejected_reasons) == ({"erp_locked": 1}, {"erp_constraint": 1})
    stored = till_documents.documents_of(spool.engine)
    assert [one.duplicate for one in stored] == [False, True, False, False]
    assert stored[2].retry_at == START + 5
    assert stored[3].reason == Reason("erp_constraint", {"detail": "chk_total"})
    receipts = spool.receipts(till_one.id, [sha256_of(number) for number in range(4)])
    assert [receipt.state for receipt in receipts] == ["posted", "posted", "accepted", "rejected"]
    assert receipts[3].documents[0].code == "erp_constraint"
    spool_clock.now += 6
    assert numbers(spool.lease("poster", 10, 60)) == [2]
    assert till_documents.document(spool.engine, stored[2].id).reason is None


def test_waiting_without_a_time_is_due_at_once(spool: Spool, till_one: Till) -> None:
    send_sales(spool, till_one, [1])
    [leased] = spool.lease("poster", 10, 60)
    spool.settle([Settlement(leased.id, leased.lease, "waiting", Reason("erp_away"))])
    [again] = spool.lease("poster", 10, 60)
    assert again.attempts == 1


@pytest.mark.parametrize("state", ["accepted", "posting", "discarded"])
def test_no_other_way_out(spool: Spool, till_one: Till, spool_engine: Engine, state: str) -> None:
    send_sales(spool, till_one, [1, 2])
    first, second = spool.lease("poster", 10, 60)
    with pytest.raises(ValueError, match=state):
        spool.settle([posted(first), Settlement(second.id, second.lease, state)])  # type: ignore[arg-type]
    assert states_of(spool_engine) == ["posting", "posting"]


def test_release_gives_back_as_if_never_leased(spool: Spool, till_one: Till, spool_engine: Engine) -> None:
    send_sales(spool, till_one, [1, 2])
    leased = spool.lease("poster", 10, 60)
    spool.settle([posted(leased[0])])
    assert spool.release(leased) == 1
    assert states_of(spool_engine) == ["posted", "accepted"]
    assert_tallies_true(spool_engine)
    assert [one.attempts for one in spool.lease("poster", 10, 60)] == [0]


def test_a_booked_sale_wakes_its_cancellation(spool: Spool, till_one: Till, spool_clock: Clock) -> None:
    file = file_with("cancel", incoming(cancellation(5)))
    send_sales(spool, till_one, [5])
    spool.accept(till_one.id, body_of(["cancel"]), [file], received_at=START)
    the_sale, the_cancellation = spool.lease("poster", 10, 60)
    spool.settle([waiting(the_cancellation, START + 3600, "sale_not_here")])
    spool_clock.now += 1
    spool.settle([posted(the_sale)])
    assert [one.document for one in spool.lease("poster", 10, 60)] == [cancellation(5)]


@pytest.mark.parametrize("limit", [2, 5, 10])
def test_neither_new_nor_waiting_documents_starve(spool: Spool, till_one: Till, spool_clock: Clock, limit: int) -> None:
    send_sales(spool, till_one, range(20))
    spool.settle([waiting(one, START) for one in spool.lease("poster", 20, 60)])
    send_sales(spool, till_one, range(100, 120))
    spool_clock.now += 1
    leased = numbers(spool.lease("poster", limit, 60)) + numbers(spool.lease("poster", limit, 60))
    assert len(leased) == 2 * limit
    assert sum(number < 100 for number in leased) == limit
    assert leased[:limit] == sorted(leased[:limit])


def test_one_at_a_time_takes_turns(spool: Spool, till_one: Till, spool_clock: Clock) -> None:
    send_sales(spool, till_one, range(4))
    spool.settle([waiting(one, START) for one in spool.lease("poster", 4, 60)])
    send_sales(spool, till_one, range(100, 104))
    spool_clock.now += 1
    leased = [number for _ in range(4) for number in numbers(spool.lease("poster", 1, 60))]
    assert sorted(leased) == [0, 1, 100, 101]


def test_waiting_ones_fill_what_new_ones_leave(spool: Spool, till_one: Till, spool_clock: Clock) -> None:
    send_sales(spool, till_one, range(10))
    spool.settle([waiting(one, START) for one in spool.lease("poster", 10, 60)])
    send_sales(spool, till_one, [100])
    spool_clock.now += 1
    assert len(spool.lease("poster", 8, 60)) == 8


@pytest.mark.parametrize("damage", [None, b"not a blob"])
def test_a_damaged_extracted_form_stops_only_its_documents(
    spool: Spool, till_one: Till, spool_engine: Engine, damage: bytes | None
) -> None:
    send_sales(spool, till_one, [1, 2])
    send_sales(spool, till_one, [3])
    with writing(spool_engine) as connection:
        connection.execute(update(pouch).where(pouch.c.id == 1).values(extracted=damage))
    assert numbers(spool.lease("poster", 10, 60)) == [3]
    assert states_of(spool_engine) == ["rejected", "rejected", "posting"]
    reason = till_documents.documents_of(spool.engine, state="rejected")[0].reason
    assert reason is not None
    assert reason.code == "extracted_form_damaged"
    assert_tallies_true(spool_engine)


def a_cent_more(one: Sale) -> Sale:
    return replace(one, totals=replace(one.totals, total=one.totals.total + 1))


def other_goods(one: Sale) -> Sale:
    """The same key and total."""
    return replace(one, items=(replace(one.items[0], description="outra coisa"), *one.items[1:]))


@pytest.mark.parametrize("other", [sale(1), a_cent_more(sale(2)), other_goods(sale(2))])
def test_a_form_of_another_sale_or_total_or_goods_than_the_one_that_came_is_booked_by_nobody(
    spool: Spool, till_one: Till, spool_engine: Engine, other: Sale
) -> None:
    send_sales(spool, till_one, [2])
    send_sales(spool, till_one, [3])
    with writing(spool_engine) as connection:
        connection.execute(update(pouch).where(pouch.c.id == 1).values(extracted=packed([other]).blob))
    assert numbers(spool.lease("poster", 10, 60)) == [3]
    assert states_of(spool_engine) == ["rejected", "posting"]
    assert_tallies_true(spool_engine)


def test_an_empty_spool_gives_nothing(spool: Spool) -> None:
    assert spool.lease("poster", 10, 60) == []
    assert spool.settle([]) == 0
    assert spool.release([]) == 0


def test_a_thousand_at_once(spool: Spool, till_one: Till, spool_engine: Engine) -> None:
    for start in range(0, 1000, 200):
        send_sales(spool, till_one, range(start, start + 200))
    leased = spool.lease("poster", 1000, 60)
    assert numbers(leased) == list(range(1000))
    assert spool.settle([posted(one) for one in leased]) == 1000
    assert till_documents.status(spool.engine, now=spool.clock())[0].posted == 1000
    assert_tallies_true(spool_engine)
