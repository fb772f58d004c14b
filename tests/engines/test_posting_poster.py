"""The poster between a real spool and a real ERP: everything once, whatever happens on the way."""

import threading
from collections.abc import Sequence
from contextlib import closing
from typing import Any

import msgspec
import pytest

from malote.erp.protocol import Erp, Outcome, Posting
from malote.posting.poster import Poster
from malote.register import rejected_handover, replaying
from malote.spool.documents import RejectedDocument
from tests.engines.erp_support import Tables
from tests.engines.posting_support import SETTINGS, Shop, passing, running, until
from tests.engines.sales import cancellation, contingency, item, number_void, sale, supermarket
from tests.engines.spool_support import Clock

pytest_plugins = ["tests.engines.posting_fixtures"]


# ---- what becomes of documents ----


def test_all_that_was_accepted_is_posted(posting_shop: Shop, posting_poster: Poster, tables: Tables) -> None:
    sold = supermarket(250)
    posting_shop.accept(*sold)
    posting_shop.accept(*sold[:20], cancellation(sold[0]), number_void())
    assert posting_poster.drain() == 272
    assert posting_shop.counted() == {"posted": 272}
    assert sum(one.duplicate for one in posting_shop.documents()) == 20
    assert tables.counts()["sale"] == 250
    assert posting_poster.step() == 0


def test_a_poison_sale_is_quarantined_and_all_others_flow(
    posting_shop: Shop, posting_poster: Poster, tables: Tables
) -> None:
    refuse_product(tables)
    poison = sale(1000, items=(item(product="666"),))
    sold = supermarket(60)
    posting_shop.accept(*sold[:37], poison, *sold[37:], msgspec.structs.replace(sold[0], change=1))
    assert posting_poster.step() == 62
    assert posting_shop.counted() == {"posted": 60, "rejected": 2}
    assert sorted(posting_shop.reasons()) == ["divergent_content", "erp_constraint"]
    kept = {one.access_key: one for one in posting_shop.kept}
    assert set(kept) == {poison.access_key, sold[0].access_key}
    assert kept[poison.access_key].content.endswith(f"-{poison.access_key}</nfeProc>".encode())
    assert kept[poison.access_key].till == "caixa1"
    assert rejected_handover.unkept(posting_shop.spool.engine) == []
    assert tables.counts()["sale"] == 60


def test_many_culprits_in_one_batch(posting_shop: Shop, posting_poster: Poster, tables: Tables) -> None:
    refuse_product(tables)
    sold = [sale(n, items=(item(product="666" if n % 3 == 0 else "1"),)) for n in range(1, 91)]
    posting_shop.accept(*sold)
    posting_poster.drain()
    assert posting_shop.counted() == {"posted": 60, "rejected": 30}
    assert tables.counts()["sale"] == 60


def test_a_cancellation_waits_for_its_sale_and_is_woken_by_it(
    posting_shop: Shop, posting_poster: Poster, tables: Tables, posting_clock: Clock
) -> None:
    posting_shop.accept(cancellation(sale(1)))
    posting_poster.drain()
    assert posting_shop.reasons() == ["sale_not_here"]
    posting_shop.accept(sale(1))
    posting_poster.drain()
    assert posting_shop.counted() == {"posted": 2}
    assert tables.stock() == {"1001": 0}


def test_a_note_without_protocol_is_woken_by_its_authorised_version(
    posting_shop: Shop, posting_poster: Poster, tables: Tables
) -> None:
    posting_shop.accept(sale(1, authorised=False))
    posting_poster.drain()
    assert posting_shop.reasons() == ["not_authorised_yet"]
    posting_shop.accept(sale(1))
    posting_poster.drain()
    assert posting_shop.counted() == {"posted": 2}
    assert tables.counts()["sale"] == 1


def test_a_note_that_is_never_authorised_is_rejected_in_the_end(
    posting_shop: Shop, posting_poster: Poster, posting_clock: Clock
) -> None:
    posting_shop.accept(sale(1, authorised=False), contingency(2))
    posting_poster.drain()
    assert posting_shop.counted() == {"waiting": 1, "posted": 1}
    posting_clock.now += 24 * 3600
    posting_poster.drain()
    assert posting_shop.reasons() == ["never_authorised"]
    assert [one.access_key for one in posting_shop.kept] == [sale(1).access_key]


def test_an_outdated_structure_rejects_with_what_is_missing_and_replay_cures(
    posting_shop: Shop, posting_poster: Poster, tables: Tables
) -> None:
    tables.run("DROP TABLE number_void")
    posting_shop.accept(*supermarket(20), number_void(1, 1), number_void(2, 2))
    posting_poster.drain()
    assert posting_shop.counted() == {"posted": 20, "rejected": 2}
    facts = [one.reason.facts for one in posting_shop.documents() if one.reason]
    assert facts == [{"detail": "number_void"}] * 2
    with closing(posting_shop.erp()) as erp:
        erp.create_structure()
    replaying.replay(
        posting_shop.spool.engine,
        [one.id for one in posting_shop.documents() if one.state == "rejected"],
        now=posting_shop.spool.clock(),
    )
    posting_poster.drain()
    assert posting_shop.counted() == {"posted": 22}


# ---- the quarantine ----


def test_while_the_quarantine_cannot_keep_it_a_document_waits(
    posting_shop: Shop, tables: Tables, posting_clock: Clock, erp_url: str
) -> None:
    refuse_product(tables)
    full = True

    def keep(rejected: RejectedDocument) -> None:
        if full:
            raise OSError(28, "No space left on device")
        posting_shop.keep(rejected)

    posting_poster = posting_shop.poster(keep=keep)
    posting_shop.accept(sale(1), sale(2, items=(item(product="666"),)))
    posting_poster.drain()
    assert posting_shop.counted() == {"posted": 1, "waiting": 1}
    assert posting_shop.reasons() == ["disk_full"]
    full = False
    posting_clock.now += 60
    posting_poster.drain()
    assert posting_shop.reasons() == ["erp_constraint"]
    posting_poster.close()


# ---- crashes and leases ----


class Dying(BaseException):
    """The process ends here."""


def test_after_a_crash_between_commit_and_settlement_there_is_one_sale(
    posting_shop: Shop, tables: Tables, posting_clock: Clock
) -> None:
    def post_and_die(erp: Erp, batch: Sequence[Posting]) -> list[Outcome]:
        erp.post(batch)
        raise Dying

    sold = supermarket(30)
    posting_shop.accept(*sold, cancellation(sold[0]), number_void())
    died = posting_shop.poster(erp=lambda: passing(posting_shop.erp(), post_and_die))
    with pytest.raises(Dying):
        died.step()
    died.close()
    stock, counts = tables.stock(), tables.counts()
    assert counts["sale"] == 30
    survivor = posting_shop.poster()
    assert survivor.step() == 0
    posting_clock.now += SETTINGS.lease_seconds + 1
    survivor.drain()
    survivor.close()
    assert posting_shop.counted() == {"posted": 32}
    # Booked for these very documents: nothing of it is somebody's duplicate.
    assert not any(one.duplicate for one in posting_shop.documents())
    assert (tables.stock(), tables.counts()) == (stock, counts)


def test_who_lost_the_lease_settles_nothing(posting_shop: Shop, tables: Tables, posting_clock: Clock) -> None:
    posting_shop.accept(sale(1))

    def post_slowly(erp: Erp, batch: Sequence[Posting]) -> list[Outcome]:
        outcomes = erp.post(batch)
        posting_clock.now += SETTINGS.lease_seconds + 1
        other = posting_shop.poster()
        assert other.step() == 1
        other.close()
        return outcomes

    slow = posting_shop.poster(erp=lambda: passing(posting_shop.erp(), post_slowly))
    slow.step()
    slow.close()
    assert posting_shop.counted() == {"posted": 1}
    assert tables.counts()["sale"] == 1


def test_a_quiet_store_is_looked_at_more_rarely_until_something_comes(posting_shop: Shop) -> None:
    posting_poster = posting_shop.poster()
    pauses = [posting_poster._round() for _ in range(12)]
    assert pauses[9:] == [SETTINGS.idle_seconds, 5 * SETTINGS.idle_seconds, 5 * SETTINGS.idle_seconds]
    posting_shop.accept(sale(1))
    posting_poster._round()
    assert posting_poster._round() == SETTINGS.idle_seconds
    posting_poster.close()


def test_what_this_process_accepts_wakes_a_poster_that_rests(posting_shop: Shop) -> None:
    posting_poster = posting_shop.poster(settings=msgspec.structs.replace(SETTINGS, idle_seconds=3600))
    stop = threading.Event()
    thread = threading.Thread(target=posting_poster.run, args=(stop,))
    thread.start()
    try:
        posting_shop.accept(sale(1))
        until(lambda: posting_shop.counted() == {"posted": 1}, seconds=60)
        posting_shop.accept(sale(2))
        until(lambda: posting_shop.counted() == {"posted": 2}, seconds=60)
    finally:
        stop.set()
        posting_shop.accept(sale(3))
        thread.join(60)
    assert not thread.is_alive()


def test_three_posters_share_one_spool(posting_shop: Shop, tables: Tables, posting_clock: Clock) -> None:
    def all_posted() -> bool:
        posting_clock.now += 0.02  # who met another's lock waits for a while
        return posting_shop.counted() == {"posted": 900}

    sold = supermarket(600)
    posting_shop.accept(*sold)
    posting_shop.accept(*sold[::2])
    with running(*(posting_shop.poster(settings=msgspec.structs.replace(SETTINGS, batch=40)) for _ in range(3))):
        until(all_posted)
    counts = tables.counts()
    assert (counts["sale"], counts["sale_item"], counts["posting_key"]) == (600, 4800, 600)
    assert sum(one.duplicate for one in posting_shop.documents()) == 300
    expected: dict[str, Any] = {}
    for one in sold:
        for line in one.items:
            expected[line.product_code] = expected.get(line.product_code, 0) - line.quantity
    assert tables.stock() == expected


def refuse_product(tables: Tables) -> None:
    if tables.engine.dialect.name == "postgresql":
        tables.run("ALTER TABLE sale_item ADD CONSTRAINT no_666 CHECK (product_code <> '666')")
    else:
        tables.run(
            "CREATE TRIGGER no_666 BEFORE INSERT ON sale_item WHEN NEW.product_code = '666'"
            " BEGIN SELECT RAISE(ABORT, 'no_666'); END"
        )
