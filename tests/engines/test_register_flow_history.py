"""The sums behind the dashboard: kept as documents come, the same at every look, on both kinds of store database."""

import time
from datetime import timedelta, timezone
from functools import partial
from typing import Any

import pytest
from sqlalchemy import Engine, func, insert, select

from malote.database.consumer_tables import feed
from malote.database.engine import reading, writing
from malote.database.flow_tables import flow_sum, server_start
from malote.database.lock_tables import lock_episode
from malote.database.tables import document as documents
from malote.register import flow_history, flow_keeping, period
from malote.register.flow_history import FlowHistory, Span
from malote.register.flow_keeping import FlowKeeper
from malote.register.flow_marks import marks
from malote.register.flow_slots import lag_range, longest_of, percentile, slot_of, slots
from malote.register.halving import first_since
from malote.register.period import PeriodQuery
from tests.engines.findings_support import DAY, NOW, add_documents, add_till
from tests.engines.test_spool_plans import plan_of

pytest_plugins = ("tests.engines.spool_fixtures",)

SAO_PAULO = timezone(timedelta(hours=-3))
MINUTE_NOW = NOW - NOW % 60


class Clock:
    now = NOW

    def __call__(self) -> float:
        return self.now


def keeper(engine: Engine, clock: Clock) -> FlowKeeper:
    return FlowKeeper(engine, lambda: SAO_PAULO, clock, "0.1.0")


def seen(engine: Engine, span: Span = "1h", now: float = NOW) -> FlowHistory:
    return flow_history.history(engine, span, now=now, zone=SAO_PAULO, target=300.0)


def sold(engine: Engine, till_id: int, came: float, booked: float | None = None, lag: float = 10.0) -> int:
    issued = time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime((booked or came) - lag))
    state = "accepted" if booked is None else "posted"
    row = {"kind": "sale", "total": 1000, "accepted_at": came, "issued_at": issued, "state": state}
    (document_id,) = add_documents(engine, till_id, [row])
    if booked is not None:
        became(engine, document_id, "booked", booked)
    return document_id


def became(engine: Engine, document_id: int, what: str, at: float, code: str | None = None) -> None:
    with writing(engine) as connection:
        connection.execute(insert(feed).values(document_id=document_id, what=what, code=code, at=at))


def scene(engine: Engine) -> None:
    """Two stores; sales of the last minutes, two that were rejected, one that is too old, one that is no sale."""
    one, two = add_till(engine, "loja1-caixa1"), add_till(engine, "loja2-caixa1")
    sold(engine, one, NOW - 40 * DAY, NOW - 40 * DAY)
    sold(engine, one, NOW - 300, NOW - 290)
    sold(engine, one, NOW - 200, NOW - 120, lag=700)
    for number in (1, 2):
        (wrong,) = add_documents(engine, two, [{"kind": "sale", "total": 500, "accepted_at": NOW - 150}])
        became(engine, wrong, "rejected", NOW - 149, f"code{number}")
    add_documents(engine, two, [{"kind": "event", "accepted_at": NOW - 100}])
    sold(engine, two, NOW - 2)


def test_what_is_kept_and_what_came_since_are_one_and_nothing_counts_twice(
    spool_engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    assert keeper(spool_engine, clock).count() == 0
    scene(spool_engine)
    before = seen(spool_engine)
    monkeypatch.setattr(flow_history, "LARGEST_TAIL", 2)
    assert (before.complete, seen(spool_engine).complete) == (True, False)
    monkeypatch.undo()
    assert keeper(spool_engine, clock).count() > 0
    after = seen(spool_engine)
    assert before.points == after.points
    assert before.stores == after.stores
    assert keeper(spool_engine, clock).count() == 0
    clock.now += 120
    assert keeper(spool_engine, clock).count() == 1  # the one that was too young
    later = seen(spool_engine)
    assert later.points == after.points
    assert (later.total("received"), later.total("received_cents")) == (5, 4000)
    assert (later.total("booked"), later.total("rejects"), later.causes) == (2, 2, {"code1": 1, "code2": 1})
    assert [(one.name, sum(one.received), sum(one.rejected)) for one in later.stores] == [
        ("loja2", 3, 2),
        ("loja1", 2, 0),
    ]


def test_every_span_has_its_points_and_old_sums_go(spool_engine: Engine) -> None:
    scene(spool_engine)
    keeper(spool_engine, Clock()).count()
    spans: list[tuple[Span, int, int]] = [("1h", 60, 60), ("24h", 96, 900), ("7d", 168, 3600)]
    for span, count, width in spans:
        found = seen(spool_engine, span)
        assert len(found.points) == count
        assert found.points[-1].at == NOW - NOW % width
        assert found.total("received") == 5
        assert [found.lag(share) for share in (0.5, 0.95)] == pytest.approx([10, 700], rel=0.1)
        assert found.in_time() == 0.5
    flow_keeping.forget(spool_engine, NOW + 4 * 3600)
    assert seen(spool_engine, "1h").total("booked") == 0
    assert seen(spool_engine, "24h").total("booked") == 2
    flow_keeping.forget(spool_engine, NOW + 40 * DAY)
    assert seen(spool_engine, "30d").total("booked") == 0


def test_sales_that_wait_beyond_the_target_count_as_late_and_younger_ones_do_not_yet(spool_engine: Engine) -> None:
    till_id = add_till(spool_engine, "caixa1")
    assert seen(spool_engine).in_time() is None
    sold(spool_engine, till_id, NOW - 200, NOW - 190)
    waiting = {"kind": "sale", "total": 1000, "state": "waiting"}
    add_documents(spool_engine, till_id, [{**waiting, "accepted_at": NOW - 200}])
    assert seen(spool_engine).in_time() == 1.0
    late = [{**waiting, "accepted_at": NOW - 400 - number} for number in range(3)]
    add_documents(spool_engine, till_id, [*late, {"kind": "event", "state": "waiting", "accepted_at": NOW - 900}])
    found = seen(spool_engine)
    assert (found.overdue, found.in_time()) == (3, 0.25)
    assert "document_state" in plan_of(spool_engine, flow_history.overdue_sales(NOW))


def test_a_month_is_of_days_by_the_stores_clock(spool_engine: Engine) -> None:
    till_id = add_till(spool_engine, "caixa1")
    midnight = slot_of(NOW, 86400, SAO_PAULO)
    assert midnight % 86400 == 3 * 3600
    sold(spool_engine, till_id, midnight - 1)
    sold(spool_engine, till_id, midnight)
    keeper(spool_engine, Clock()).count()
    found = seen(spool_engine, "30d")
    assert len(found.points) == 30
    assert [one.received for one in found.points[-2:]] == [1, 1]
    assert [(one.name, one.received[-2:]) for one in found.stores] == [("", [1, 1])]


def test_the_first_count_begins_where_the_longest_look_back_does_and_goes_on_in_steps(
    spool_engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(flow_keeping, "AT_ONCE", 2)
    scene(spool_engine)
    counting = keeper(spool_engine, Clock())
    rounds = []
    while counted := counting.count():
        rounds.append(counted)
    assert rounds[0] == 4
    assert seen(spool_engine, "7d").total("received") == 5
    with reading(spool_engine) as connection:
        assert connection.execute(select(func.min(flow_sum.c.slot))).scalar_one() > NOW - 35 * DAY


def test_the_documents_behind_a_point(spool_engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    scene(spool_engine)

    def listed(became: period.Became, **chosen: Any) -> list[str]:
        query = PeriodQuery(became, NOW - 3600, NOW, **chosen)
        return [f"{one.document.till} {int(NOW - one.at)}" for one in period.page(spool_engine, query).noted]

    assert listed("received") == [
        "loja2-caixa1 2",
        "loja2-caixa1 150",
        "loja2-caixa1 150",
        "loja1-caixa1 200",
        "loja1-caixa1 300",
    ]
    assert listed("received", store="loja1") == ["loja1-caixa1 200", "loja1-caixa1 300"]
    assert listed("received", store="loja") == listed("received", store="") == []
    assert listed("received", code="code9") == listed("received"), "what came has no reason"
    assert listed("booked") == ["loja1-caixa1 120", "loja1-caixa1 290"]
    assert listed("rejected", code="code2") == ["loja2-caixa1 149"]
    first = period.page(spool_engine, PeriodQuery("received", NOW - 3600, NOW, size=3))
    assert (len(first.noted), first.older is None) == (3, False)
    second = period.page(spool_engine, PeriodQuery("received", NOW - 3600, NOW, size=3, before=first.older))
    assert [one.document.till for one in second.noted] == ["loja1-caixa1", "loja1-caixa1"]
    assert second.older is None
    # Few among many: the page ends, and the next goes on from there.
    monkeypatch.setattr(period, "LARGEST_WALK", 2)
    sparse = period.page(spool_engine, PeriodQuery("received", NOW - 3600, NOW, store="loja1"))
    assert (sparse.noted, sparse.older is None) == ([], False)


def test_what_a_plot_is_marked_with(spool_engine: Engine) -> None:
    texts = dict.fromkeys(("session", "program", "head", "ending", "chosen_by"), "")
    sums = dict.fromkeys(("idle_seconds", "active_seconds", "sales", "most_cents", "sales_seconds"), 0)
    told = {"db_user": "gerente", "object": "estoque", "whole": True, "most_sales": 34}
    with writing(spool_engine) as connection:
        for began, ended in ((NOW - 900, NOW - 300), (NOW - 9000, NOW - 8000)):
            values = texts | sums | told | {"session": str(began), "started_at": began, "seen_at": ended}
            connection.execute(insert(lock_episode).values(**values, ended_at=ended))
        connection.execute(insert(server_start).values(at=NOW - 60, version="0.1.0"))
    found = marks(spool_engine, NOW - 3600)
    assert [(one.kind, one.began, one.who, one.what, one.sales) for one in found] == [
        ("lock", NOW - 900, "gerente", "estoque", 34),
        ("start", NOW - 60, "", "0.1.0", 0),
    ]


def test_the_first_row_since_a_moment_is_found_by_halving(spool_engine: Engine) -> None:
    till_id = add_till(spool_engine, "caixa1")
    ids = add_documents(spool_engine, till_id, [{"accepted_at": NOW + number} for number in range(50)])
    with writing(spool_engine) as connection:
        connection.execute(documents.delete().where(documents.c.id.in_(ids[10:20])))
        found = partial(first_since, connection, documents.c.id, documents.c.accepted_at)
        assert [found(NOW + ahead) for ahead in (-100, 25, 1000)] == [ids[0], ids[25], ids[-1] + 1]
        assert ids[9] < found(NOW + 15) <= ids[20]


def test_slots_and_ranges() -> None:
    days = slots(NOW - 29 * DAY, NOW, 86400, SAO_PAULO)
    assert (len(days), days[-1]) == (30, slot_of(NOW, 86400, SAO_PAULO))
    assert percentile([], 0.5) is None
    for lag in (0.05, 1.0, 7.3, 299.0, 86000.0):
        assert max(lag, 0.1) <= longest_of(lag_range(lag)) < max(lag, 0.1) * 1.1001
    assert percentile([(lag_range(10), 95), (lag_range(500), 5)], 0.95) == pytest.approx(10, rel=0.1)
    assert percentile([(lag_range(10), 94), (lag_range(500), 6)], 0.95) == pytest.approx(500, rel=0.1)
