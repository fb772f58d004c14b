"""Content stays for a consumer that lacks it, for a while; nobody else's goes or stays because of it."""

import time

import pytest
from sqlalchemy import Engine, select

from malote.consumers import accounts as consumers
from malote.consumers import holding, ledger, log
from malote.consumers.accounts import WantedConsumer
from malote.consumers.log import Got
from malote.database.consumer_tables import consumer_refusal
from malote.database.engine import reading, writing
from malote.database.tables import pouch
from malote.spool import feed, retention
from malote.spool.sql_queue import Spool
from malote.tills.till import Till
from tests.engines.spool_support import START, Clock, posted, send_sales

pytest_plugins = ("tests.engines.spool_fixtures",)

DAY = 86400.0
LATER = START + 100 * DAY


@pytest.fixture
def booked(spool: Spool, till_one: Till, spool_engine: Engine, spool_clock: Clock) -> None:
    """Three pouches of one sale each, all booked long ago."""
    for number in (1, 2, 3):
        send_sales(spool, till_one, [number])
        spool.settle([posted(one) for one in spool.lease("p", 10, 60)])
    feed.number(spool_engine)
    spool_clock.now = LATER


def add(engine: Engine, name: str, got: int, kind: consumers.Kind = "webhook") -> int:
    return consumers.add(engine, WantedConsumer(name, kind, got=got))[0].id


def kept(engine: Engine) -> list[int]:
    with reading(engine) as connection:
        return list(
            connection.execute(select(pouch.c.id).where(pouch.c.pruned_at.is_(None)).order_by(pouch.c.id)).scalars()
        )


def prune(engine: Engine, spool: Spool, hold_days: float = 30.0) -> int:
    before = LATER - 90 * DAY
    return retention.prune(spool.engine, before, holding.hold(engine, before - hold_days * DAY), now=spool.clock())


@pytest.mark.usefixtures("booked")
def test_what_the_slowest_lacks_stays(spool: Spool, spool_engine: Engine) -> None:
    add(spool_engine, "fast", 3)
    slow = add(spool_engine, "slow", 1)
    assert prune(spool_engine, spool) == 1
    assert kept(spool_engine) == [2, 3]
    hold = holding.hold(spool_engine, 0.0)
    assert hold is not None
    assert retention.held_back(spool_engine, LATER - 90 * DAY, hold) == 2
    log.note_pull(spool_engine, slow, 3, Got("pulled", 2, 2, 3), LATER)
    assert prune(spool_engine, spool) == 2


@pytest.mark.usefixtures("booked")
def test_what_was_refused_stays(spool: Spool, spool_engine: Engine) -> None:
    picky = add(spool_engine, "picky", 3)
    values = {"number": 3, "status": 500, "refused_at": START, "attempts": 1, "retry_at": START}
    with writing(spool_engine) as connection:
        connection.execute(consumer_refusal.insert().values(consumer_id=picky, **values))
    assert prune(spool_engine, spool) == 2
    assert kept(spool_engine) == [3]


@pytest.mark.usefixtures("booked")
def test_a_dead_one_fills_no_disk(spool: Spool, spool_engine: Engine) -> None:
    add(spool_engine, "dead", 0)
    assert prune(spool_engine, spool) == 0
    assert prune(spool_engine, spool, hold_days=5) == 3


@pytest.mark.usefixtures("booked")
def test_a_revoked_one_and_a_folder_hold_nothing(spool: Spool, spool_engine: Engine) -> None:
    add(spool_engine, "gone", 0)
    add(spool_engine, "folder", 0, "folder")
    consumers.revoke(spool_engine, "gone")
    assert holding.hold(spool_engine, 0.0) is None
    assert prune(spool_engine, spool) == 3


@pytest.mark.usefixtures("booked")
def test_one_delivers_at_a_time(spool_engine: Engine) -> None:
    hook = add(spool_engine, "hook", 0)
    now = time.time()
    held = ledger.claim(spool_engine, hook, now)
    assert held is not None
    assert ledger.claim(spool_engine, hook, now) is None
    with writing(spool_engine) as connection:
        assert ledger.delivered(connection, held, [1, 2], now)
    ledger.release(spool_engine, held)
    # A clock put back leaves nobody waiting: neither for a lease nor for a pause.
    assert ledger.claim(spool_engine, hook, now) is not None
    assert ledger.claim(spool_engine, hook, now - 10 * DAY) is not None
    assert [(one.first, one.last) for one in log.entries(spool_engine, hook)] == [(1, 2)]
