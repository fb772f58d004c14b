"""What a till says of itself by contact, kept so that lights and books can read it; on both engines."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, select

from malote import wire
from malote.accounts import audit
from malote.accounts.audit import SYSTEM
from malote.books.accepting import accept_lost
from malote.database.engine import reading
from malote.database.till_tables import till_day
from malote.findings import lights as overview
from malote.spool.sql_queue import Spool
from malote.tills import lost_sales
from malote.tills import troubles as till_troubles
from malote.tills.contact import Recorded, record_contact
from malote.tills.till import Till
from malote.tills.troubles import KnownTrouble
from tests.engines.spool_support import access_key, send_sales

pytest_plugins = ("tests.engines.spool_fixtures",)

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
NOW = NOON.timestamp()
DISK = wire.TillTrouble("till_disk_full", 120.0, facts={"detail": "C:"})


def contact(engine: Engine, till: Till, at: float = NOW, **said: Any) -> Recorded:
    clock = datetime.fromtimestamp(at, UTC)
    return record_contact(engine, till.id, wire.Contact("1", clock, 0, 0, **said), received_at=at)


def told(engine: Engine, at: float = NOW) -> list[KnownTrouble]:
    with reading(engine) as connection:
        return till_troubles.till_troubles(connection, now=at)


def light(engine: Engine, at: float = NOW) -> str:
    found = overview.till_overview(engine, "caixa1", now=at)
    assert found is not None
    return found.cause


def test_files_seen_and_not_captured_for_a_minute_are_no_green_light(spool_engine: Engine, till_one: Till) -> None:
    contact(spool_engine, till_one, folder=wire.FolderCount(61, 1, 60, 50.0))
    assert told(spool_engine) == []
    assert light(spool_engine) == "ok", "the POS writes them just now"
    (one,) = told(spool_engine, NOW + 11)
    assert (one.code, one.count, one.since) == ("files_uncaptured", 60, NOW - 50)
    assert light(spool_engine, NOW + 11) == "troubled"
    contact(spool_engine, till_one, NOW + 20, folder=wire.FolderCount(61, 61, 0))
    assert told(spool_engine, NOW + 20) == []
    assert light(spool_engine, NOW + 20) == "ok"


def test_a_trouble_stands_with_its_age_and_value_until_the_till_says_it_no_longer(
    spool_engine: Engine, till_one: Till
) -> None:
    lost = wire.LostSale("a.xml", "00" * 32, "35", 1, 7, "2026-11-20T09:00:00-03:00", 3209)
    contact(spool_engine, till_one, troubles=[DISK, wire.TillTrouble("sales_lost", 5.0, 1, 3209)], lost=[lost])
    assert told(spool_engine) == [
        KnownTrouble(till_one.id, "caixa1", "till_disk_full", NOW - 120, 1, 0, {"detail": "C:"}),
    ]
    assert light(spool_engine) == "troubled"
    contact(spool_engine, till_one, NOW + 60, troubles=[])
    assert (told(spool_engine, NOW + 60), light(spool_engine, NOW + 60)) == ([], "lost"), "a sale stays lost"


def test_lost_sales_stay_until_they_come_or_a_person_answers_for_them(spool_engine: Engine, till_one: Till) -> None:
    own = [
        wire.LostSale(f"{n}.xml", f"{n:064x}", access_key(n), 1, n, "2026-11-20T09:00:00-03:00", 3209) for n in (7, 8)
    ]
    unreadable = wire.LostSale("outbox.sqlite3", "")
    trouble = wire.TillTrouble("sales_lost", 5.0, 3, 6418)
    contact(spool_engine, till_one, troubles=[trouble], lost=[*own, unreadable])
    assert [one.code for one in told(spool_engine)] == ["sales_lost"], "of one of them nothing is known"
    contact(spool_engine, till_one, NOW + 5, troubles=[])
    contact(spool_engine, till_one, NOW + 9, troubles=[], lost=own)
    seen = overview.till_overview(spool_engine, "caixa1", now=NOW + 10)
    assert seen is not None
    [finding] = seen.findings
    assert (finding.code, finding.count, finding.value, finding.since) == ("sales_lost", 2, 6418, NOW)
    with reading(spool_engine) as connection:
        listed = lost_sales.listed(connection)
    assert [(one.till, one.series, one.number, one.total) for one in listed] == [
        ("caixa1", 1, 7, 3209),
        ("caixa1", 1, 8, 3209),
    ]
    send_sales(Spool(spool_engine, language="en"), till_one, [7])
    lost_sales.settle(spool_engine)
    assert accept_lost(spool_engine, "CAIXA1", SYSTEM, "sem cópia", NOW + 20) == (1, 3209)
    assert audit.entries(spool_engine, limit=1)[0].action == "lost_accepted"
    assert light(spool_engine, NOW + 20) != "lost"
    contact(spool_engine, till_one, NOW + 30, troubles=[trouble], lost=own)
    assert light(spool_engine, NOW + 30) != "lost", "what was answered for is not told again"


def test_an_older_agent_that_says_nothing_takes_nothing_for_granted(spool_engine: Engine, till_one: Till) -> None:
    contact(spool_engine, till_one, troubles=[DISK], folder=wire.FolderCount(9, 0, 9, 900.0))
    contact(spool_engine, till_one)
    assert told(spool_engine) == []


def test_a_clock_off_by_more_than_a_minute_is_told(spool_engine: Engine, till_one: Till) -> None:
    late = wire.Contact("1", NOON - timedelta(seconds=61), 0, 0)
    record_contact(spool_engine, till_one.id, late, received_at=NOW)
    assert [one.code for one in told(spool_engine)] == ["clock_skewed"]
    assert light(spool_engine) == "skewed"
    contact(spool_engine, till_one)
    assert told(spool_engine) == []


@pytest.mark.parametrize("age", [float("inf"), -1e300, 1e300])
def test_an_impossible_age_is_kept_within_reason(spool_engine: Engine, till_one: Till, age: float) -> None:
    contact(spool_engine, till_one, troubles=[wire.TillTrouble("till_disk_full", age)])
    (one,) = told(spool_engine)
    assert NOW - 30 * 365 * 86_400 < one.since <= NOW


def test_days_replace_what_was_said_before_and_the_turn_is_told_back(spool_engine: Engine, till_one: Till) -> None:
    days = [wire.TillDay("2026-11-19", 3, 300, "aa", 4), wire.TillDay("2026-11-20", 1, 100, "bb", 5)]
    assert contact(spool_engine, till_one).books_turn == 0
    assert contact(spool_engine, till_one, days=days).books_turn == 5
    again = [wire.TillDay("2026-11-20", 2, 250, "cc", 6), wire.TillDay("1999-01-01", 1, 1, "dd", 7)]
    assert contact(spool_engine, till_one, days=again).books_turn == 7
    assert contact(spool_engine, till_one).books_turn == 7
    with reading(spool_engine) as connection:
        query = select(till_day.c.day, till_day.c["count"], till_day.c.total, till_day.c.sha256)
        kept = [tuple(row) for row in connection.execute(query.order_by(till_day.c.day))]
    assert kept == [("2026-11-19", 3, 300, "aa"), ("2026-11-20", 2, 250, "cc")], "no day of another century"
