"""What happened to documents, in one order: noted with the change, numbered after it, missed by nobody."""

import threading

import pytest
from sqlalchemy import Engine, select

from malote.database.consumer_tables import feed as feed_table
from malote.database.engine import writing
from malote.spool import feed
from malote.spool.documents import Reason
from malote.spool.feed import CursorError
from malote.spool.sql_queue import Spool
from malote.tills.till import Till
from tests.engines.spool_support import (
    START,
    body_of,
    cancellation,
    file_of_sale,
    file_with,
    incoming,
    posted,
    rejected,
    sale,
    send_sales,
    waiting,
)
from tests.engines.test_spool_plans import plan_of

pytest_plugins = ("tests.engines.spool_fixtures",)


def told(engine: Engine, after: int = 0) -> list[tuple[int, str, int | None]]:
    """Number, what, and the document's own number."""
    feed.number(engine)
    return [(one.number, one.what, one.document_number) for one in feed.changes(engine, after, 100)]


def test_what_is_booked_cancelled_and_rejected_is_told_in_order(
    spool: Spool, till_one: Till, spool_engine: Engine
) -> None:
    files = [file_with("c", incoming(cancellation(1))), file_of_sale(1), file_of_sale(2)]
    spool.accept(till_one.id, body_of(["c", 1, 2]), files, received_at=START)
    cancels, first, second = spool.lease("p", 10, 60)
    spool.settle([posted(first), rejected(second), posted(cancels)])
    # The cancellation came first, and is told after its sale.
    assert told(spool_engine) == [(1, "booked", 1), (2, "rejected", 2), (3, "cancelled", None)]
    (rejection,) = feed.changes(spool_engine, 1, 1)
    assert (rejection.code, rejection.till) == ("erp_constraint", "caixa1")


def test_what_waits_or_is_leased_again_is_not_told(spool: Spool, till_one: Till, spool_engine: Engine) -> None:
    send_sales(spool, till_one, [1])
    (leased,) = spool.lease("p", 10, 60)
    spool.settle([waiting(leased, START)])
    assert told(spool_engine) == []
    spool.settle([posted(one) for one in spool.lease("p", 10, 60)])
    assert told(spool_engine) == [(1, "booked", 1)]


def test_what_is_rejected_at_its_arrival_is_told(spool: Spool, till_one: Till, spool_engine: Engine) -> None:
    file = file_with(1, incoming(sale(1), reason=Reason("issuer_unknown")))
    for _ in range(2):
        spool.accept(till_one.id, body_of([1]), [file], received_at=START)
    assert told(spool_engine) == [(1, "rejected", 1)]


def test_numbers_go_on_and_are_without_gaps(spool: Spool, till_one: Till, spool_engine: Engine) -> None:
    for numbers in ([1, 2], [3, 4, 5]):
        send_sales(spool, till_one, numbers)
        spool.settle([posted(one) for one in spool.lease("p", 10, 60)])
        told(spool_engine)
    assert [number for number, _, _ in told(spool_engine)] == [1, 2, 3, 4, 5]
    assert feed.number(spool_engine) == feed.newest(spool_engine) == 5


@pytest.mark.postgresql
def test_one_that_commits_late_comes_after_what_was_read(spool: Spool, till_one: Till, spool_engine: Engine) -> None:
    if spool_engine.dialect.name == "sqlite":
        pytest.skip("SQLite has one writer at a time")
    send_sales(spool, till_one, [1, 2])
    one, two = spool.lease("p", 10, 60)
    noted, go_on = threading.Event(), threading.Event()

    def settle_slowly() -> None:
        with writing(spool_engine) as connection:
            connection.execute(feed_table.insert().values(document_id=one.id, what="booked", at=START))
            noted.set()
            go_on.wait(30)

    slow = threading.Thread(target=settle_slowly)
    slow.start()
    assert noted.wait(30)
    spool.settle([posted(two)])
    assert told(spool_engine) == [(1, "booked", 2)]
    go_on.set()
    slow.join()
    assert told(spool_engine, after=1) == [(2, "booked", 1)]


def test_several_that_number_at_once_number_each_once(spool: Spool, till_one: Till, spool_engine: Engine) -> None:
    send_sales(spool, till_one, range(1, 41))
    for _ in range(4):
        spool.settle([posted(one) for one in spool.lease("p", 10, 60)])
    threads = [threading.Thread(target=feed.number, args=(spool_engine,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [number for number, _, _ in told(spool_engine)] == list(range(1, 41))


def test_a_cursor_of_another_history_is_refused(spool: Spool, till_one: Till, spool_engine: Engine) -> None:
    send_sales(spool, till_one, [1])
    spool.settle([posted(one) for one in spool.lease("p", 10, 60)])
    told(spool_engine)
    (booked,) = feed.changes(spool_engine, 0, 1)
    assert feed.position(spool_engine, booked.cursor) == 1
    assert feed.position(spool_engine, "") == 0
    for cursor, code in (
        ("1-00000000", "cursor_foreign"),
        ("2" + booked.cursor[1:], "cursor_foreign"),  # a server put back to before
        ("1", "cursor_invalid"),
        ("x-00000000", "cursor_invalid"),
        ("9" * 30 + "-00000000", "cursor_invalid"),
    ):
        with pytest.raises(CursorError) as caught:
            feed.position(spool_engine, cursor)
        assert caught.value.code == code, cursor


def test_reading_costs_the_page(spool: Spool, till_one: Till, spool_engine: Engine) -> None:
    send_sales(spool, till_one, range(50))
    plan = plan_of(spool_engine, feed.page(5, 10))
    assert "SEARCH feed USING INDEX" in plan or "feed_number" in plan, plan
    plan = plan_of(spool_engine, select(feed_table.c.id).where(feed._NEW).limit(1))
    assert "SEARCH feed USING" in plan or "feed_new" in plan, plan
