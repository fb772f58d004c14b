"""The poster between a real spool and a real ERP: everything once, whatever happens on the way."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import pytest

from malote.database.errors import StoreError
from malote.erp.protocol import Erp, ErpError, Outcome, Posting
from malote.fiscal.documents import Sale
from malote.posting.poster import Poster
from malote.register import rejected_handover, replaying
from malote.spool.documents import RejectedDocument, Settlement
from malote.spool.sql_queue import Spool
from tests.engines.erp_support import Tables
from tests.engines.posting_support import SETTINGS, Passing, Shop, open_shop, own_server, until
from tests.engines.sales import cancellation, contingency, item, number_void, sale, supermarket
from tests.engines.spool_support import Clock

pytest_plugins = ["tests.engines.erp_fixtures"]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def shop(tmp_path: Path, erp_url: str, tables: Tables, clock: Clock) -> Iterator[Shop]:
    """``tables`` comes first, since it has the ERP's structure made."""
    with open_shop(tmp_path, erp_url, clock) as opened:
        yield opened


@pytest.fixture
def poster(shop: Shop) -> Iterator[Poster]:
    made = shop.poster()
    yield made
    made.close()


# ---- what becomes of documents ----


def test_all_that_was_accepted_is_posted(shop: Shop, poster: Poster, tables: Tables) -> None:
    sold = supermarket(250)
    shop.accept(*sold)
    shop.accept(*sold[:20], cancellation(sold[0]), number_void())
    assert poster.drain() == 272
    assert shop.counted() == {"posted": 272}
    assert sum(one.duplicate for one in shop.documents()) == 20
    assert tables.counts()["sale"] == 250
    assert poster.step() == 0


def test_a_poison_sale_is_quarantined_and_all_others_flow(shop: Shop, poster: Poster, tables: Tables) -> None:
    refuse_product(tables)
    poison = sale(1000, items=(item(product="666"),))
    sold = supermarket(60)
    shop.accept(*sold[:37], poison, *sold[37:], msgspec.structs.replace(sold[0], change=1))
    assert poster.step() == 62
    assert shop.counted() == {"posted": 60, "rejected": 2}
    assert sorted(shop.reasons()) == ["divergent_content", "erp_constraint"]
    kept = {one.access_key: one for one in shop.kept}
    assert set(kept) == {poison.access_key, sold[0].access_key}
    assert kept[poison.access_key].content.endswith(f"-{poison.access_key}</nfeProc>".encode())
    assert kept[poison.access_key].till == "caixa1"
    assert rejected_handover.unkept(shop.spool.engine) == []
    assert tables.counts()["sale"] == 60


def test_many_culprits_in_one_batch(shop: Shop, poster: Poster, tables: Tables) -> None:
    refuse_product(tables)
    sold = [sale(n, items=(item(product="666" if n % 3 == 0 else "1"),)) for n in range(1, 91)]
    shop.accept(*sold)
    poster.drain()
    assert shop.counted() == {"posted": 60, "rejected": 30}
    assert tables.counts()["sale"] == 60


def test_a_cancellation_waits_for_its_sale_and_is_woken_by_it(
    shop: Shop, poster: Poster, tables: Tables, clock: Clock
) -> None:
    shop.accept(cancellation(sale(1)))
    poster.drain()
    assert shop.reasons() == ["sale_not_here"]
    shop.accept(sale(1))
    poster.drain()
    assert shop.counted() == {"posted": 2}
    assert tables.stock() == {"1001": 0}


def test_a_note_without_protocol_is_woken_by_its_authorised_version(shop: Shop, poster: Poster, tables: Tables) -> None:
    shop.accept(sale(1, authorised=False))
    poster.drain()
    assert shop.reasons() == ["not_authorised_yet"]
    shop.accept(sale(1))
    poster.drain()
    assert shop.counted() == {"posted": 2}
    assert tables.counts()["sale"] == 1


def test_a_note_that_is_never_authorised_is_rejected_in_the_end(shop: Shop, poster: Poster, clock: Clock) -> None:
    shop.accept(sale(1, authorised=False), contingency(2))
    poster.drain()
    assert shop.counted() == {"waiting": 1, "posted": 1}
    clock.now += 24 * 3600
    poster.drain()
    assert shop.reasons() == ["never_authorised"]
    assert [one.access_key for one in shop.kept] == [sale(1).access_key]


def test_an_outdated_structure_rejects_with_what_is_missing_and_replay_cures(
    shop: Shop, poster: Poster, tables: Tables
) -> None:
    tables.run("DROP TABLE number_void")
    shop.accept(*supermarket(20), number_void(1, 1), number_void(2, 2))
    poster.drain()
    assert shop.counted() == {"posted": 20, "rejected": 2}
    facts = [one.reason.facts for one in shop.documents() if one.reason]
    assert facts == [{"detail": "number_void"}] * 2
    with closing(shop.erp()) as erp:
        erp.create_structure()
    replaying.replay(
        shop.spool.engine, [one.id for one in shop.documents() if one.state == "rejected"], now=shop.spool.clock()
    )
    poster.drain()
    assert shop.counted() == {"posted": 22}


# ---- the quarantine ----


def test_while_the_quarantine_cannot_keep_it_a_document_waits(
    shop: Shop, tables: Tables, clock: Clock, erp_url: str
) -> None:
    refuse_product(tables)
    full = True

    def keep(rejected: RejectedDocument) -> None:
        if full:
            raise OSError(28, "No space left on device")
        shop.keep(rejected)

    poster = shop.poster(keep=keep)
    shop.accept(sale(1), sale(2, items=(item(product="666"),)))
    poster.drain()
    assert shop.counted() == {"posted": 1, "waiting": 1}
    assert shop.reasons() == ["disk_full"]
    full = False
    clock.now += 60
    poster.drain()
    assert shop.reasons() == ["erp_constraint"]
    poster.close()


# ---- crashes and leases ----


class Dying(BaseException):
    """The process ends here."""


def test_after_a_crash_between_commit_and_settlement_there_is_one_sale(
    shop: Shop, tables: Tables, clock: Clock
) -> None:
    def post_and_die(erp: Erp, batch: Sequence[Posting]) -> list[Outcome]:
        erp.post(batch)
        raise Dying

    sold = supermarket(30)
    shop.accept(*sold, cancellation(sold[0]), number_void())
    died = shop.poster(erp=lambda: passing(shop.erp(), post_and_die))
    with pytest.raises(Dying):
        died.step()
    died.close()
    stock, counts = tables.stock(), tables.counts()
    assert counts["sale"] == 30
    survivor = shop.poster()
    assert survivor.step() == 0
    clock.now += SETTINGS.lease_seconds + 1
    survivor.drain()
    survivor.close()
    assert shop.counted() == {"posted": 32}
    # Booked for these very documents: nothing of it is somebody's duplicate.
    assert not any(one.duplicate for one in shop.documents())
    assert (tables.stock(), tables.counts()) == (stock, counts)


def test_who_lost_the_lease_settles_nothing(shop: Shop, tables: Tables, clock: Clock) -> None:
    shop.accept(sale(1))

    def post_slowly(erp: Erp, batch: Sequence[Posting]) -> list[Outcome]:
        outcomes = erp.post(batch)
        clock.now += SETTINGS.lease_seconds + 1
        other = shop.poster()
        assert other.step() == 1
        other.close()
        return outcomes

    slow = shop.poster(erp=lambda: passing(shop.erp(), post_slowly))
    slow.step()
    slow.close()
    assert shop.counted() == {"posted": 1}
    assert tables.counts()["sale"] == 1


def test_a_quiet_store_is_looked_at_more_rarely_until_something_comes(shop: Shop) -> None:
    poster = shop.poster()
    pauses = [poster._round() for _ in range(12)]
    assert pauses[9:] == [SETTINGS.idle_seconds, 5 * SETTINGS.idle_seconds, 5 * SETTINGS.idle_seconds]
    shop.accept(sale(1))
    poster._round()
    assert poster._round() == SETTINGS.idle_seconds
    poster.close()


def test_what_this_process_accepts_wakes_a_poster_that_rests(shop: Shop) -> None:
    poster = shop.poster(settings=msgspec.structs.replace(SETTINGS, idle_seconds=3600))
    stop = threading.Event()
    thread = threading.Thread(target=poster.run, args=(stop,))
    thread.start()
    try:
        shop.accept(sale(1))
        until(lambda: shop.counted() == {"posted": 1}, seconds=60)
        shop.accept(sale(2))
        until(lambda: shop.counted() == {"posted": 2}, seconds=60)
    finally:
        stop.set()
        shop.accept(sale(3))
        thread.join(60)
    assert not thread.is_alive()


def test_three_posters_share_one_spool(shop: Shop, tables: Tables, clock: Clock) -> None:
    def all_posted() -> bool:
        clock.now += 0.02  # who met another's lock waits for a while
        return shop.counted() == {"posted": 900}

    sold = supermarket(600)
    shop.accept(*sold)
    shop.accept(*sold[::2])
    with running(*(shop.poster(settings=msgspec.structs.replace(SETTINGS, batch=40)) for _ in range(3))):
        until(all_posted)
    counts = tables.counts()
    assert (counts["sale"], counts["sale_item"], counts["posting_key"]) == (600, 4800, 600)
    assert sum(one.duplicate for one in shop.documents()) == 300
    expected: dict[str, Any] = {}
    for one in sold:
        for line in one.items:
            expected[line.product_code] = expected.get(line.product_code, 0) - line.quantity
    assert tables.stock() == expected


# ---- when something is away ----


def test_an_erp_that_is_away_is_probed_and_then_everything_flows(tmp_path: Path) -> None:
    with own_server() as server, open_shop(tmp_path, server.url, time.time) as shop:
        erp = shop.erp()
        erp.create_structure()
        server.stop()
        shop.accept(*supermarket(400))
        attempts: list[int] = []

        def count(real: Erp, batch: Sequence[Posting]) -> list[Outcome]:
            attempts.append(len(batch))
            return real.post(batch)

        with running(shop.poster(erp=lambda: passing(erp, count))):
            until(lambda: len(attempts) >= 4)
            assert attempts[0] == 100
            assert max(attempts[1:4]) <= 10
            assert set(shop.reasons()) == {"erp_away"}
            assert shop.kept == []
            server.start()
            until(lambda: shop.counted() == {"posted": 400})
        assert max(attempts) == 100


def test_draining_says_what_holds_it_up(shop: Shop) -> None:
    shop.erp_url = "postgresql://nobody@127.0.0.1:1/none"
    shop.accept(sale(1))
    poster = shop.poster()
    with pytest.raises(ErpError) as held_up:
        poster.drain()
    poster.close()
    assert held_up.value.code == "erp_away"
    assert shop.counted() == {"waiting": 1}


def test_a_spool_that_is_away_for_a_while_stops_nobody(shop: Shop) -> None:
    shop.accept(*supermarket(10))

    class Failing(Spool):
        failures = 2

        def settle(self, settlements: Sequence[Settlement]) -> int:
            if self.failures:
                self.failures -= 1
                raise StoreError("store_away", detail="test")
            return super().settle(settlements)

    clock = shop.clock
    assert isinstance(clock, Clock)
    with running(shop.poster(spool=Failing(shop.engine, clock=clock))):

        def advance() -> bool:
            clock.now += SETTINGS.lease_seconds + 1
            return shop.counted() == {"posted": 10}

        until(advance)
    assert not any(one.duplicate for one in shop.documents())


def test_a_fault_of_the_program_over_one_document_does_not_hold_back_the_others(shop: Shop) -> None:
    sold = supermarket(150)

    def stumble(erp: Erp, batch: Sequence[Posting]) -> list[Outcome]:
        if any(isinstance(p.document, Sale) and p.document.access_key == sold[70].access_key for p in batch):
            raise ZeroDivisionError("52998224725")
        return erp.post(batch)

    clock = shop.clock
    assert isinstance(clock, Clock)
    shop.accept(*sold)
    with running(shop.poster(erp=lambda: passing(shop.erp(), stumble))):

        def advance() -> bool:
            clock.now += 1
            return shop.counted() == {"posted": 149, "rejected": 1}

        until(advance)
    assert shop.reasons() == ["document_breaks_program"]
    reason = next(one.reason for one in shop.documents() if one.reason)
    assert reason.facts["detail"].startswith("ZeroDivisionError ")
    assert "52998224725" not in str(reason)


# ---- helpers ----


class running:  # noqa: N801 reads as a statement
    """The posters at work, each in a thread, while the block lasts."""

    def __init__(self, *posters: Poster) -> None:
        self._posters = posters
        self._stop = threading.Event()
        self._threads = ThreadPoolExecutor(len(posters))

    def __enter__(self) -> None:
        self._runs = [self._threads.submit(poster.run, self._stop) for poster in self._posters]

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for run in self._runs:
            run.result(timeout=300)
        self._threads.shutdown()


def passing(erp: Erp, post: Callable[[Erp, Sequence[Posting]], list[Outcome]]) -> Erp:
    return Passing(erp, post)


def refuse_product(tables: Tables) -> None:
    if tables.engine.dialect.name == "postgresql":
        tables.run("ALTER TABLE sale_item ADD CONSTRAINT no_666 CHECK (product_code <> '666')")
    else:
        tables.run(
            "CREATE TRIGGER no_666 BEFORE INSERT ON sale_item WHEN NEW.product_code = '666'"
            " BEGIN SELECT RAISE(ABORT, 'no_666'); END"
        )
