"""While ERP, spool or program fail, nothing is lost or held back, and everything flows afterwards."""

import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from malote.database.errors import StoreError
from malote.erp.protocol import Erp, ErpError, Outcome, Posting
from malote.fiscal.documents import Sale
from malote.spool.documents import Settlement
from malote.spool.sql_queue import Spool
from tests.engines.posting_support import Shop, open_shop, own_server, passing, running, until
from tests.engines.sales import sale, supermarket
from tests.engines.spool_support import Clock

pytest_plugins = ["tests.engines.posting_fixtures"]


def test_an_erp_that_is_away_is_probed_and_then_everything_flows(tmp_path: Path) -> None:
    with own_server() as server, open_shop(tmp_path, server.url, time.time) as posting_shop:
        erp = posting_shop.erp()
        erp.create_structure()
        server.stop()
        posting_shop.accept(*supermarket(400))
        attempts: list[int] = []

        def count(real: Erp, batch: Sequence[Posting]) -> list[Outcome]:
            attempts.append(len(batch))
            return real.post(batch)

        with running(posting_shop.poster(erp=lambda: passing(erp, count))):
            until(lambda: len(attempts) >= 4)
            assert attempts[0] == 100
            assert max(attempts[1:4]) <= 10
            assert set(posting_shop.reasons()) == {"erp_away"}
            assert posting_shop.kept == []
            server.start()
            until(lambda: posting_shop.counted() == {"posted": 400})
        assert max(attempts) == 100


def test_draining_says_what_holds_it_up(posting_shop: Shop) -> None:
    posting_shop.erp_url = "postgresql://nobody@127.0.0.1:1/none"
    posting_shop.accept(sale(1))
    posting_poster = posting_shop.poster()
    with pytest.raises(ErpError) as held_up:
        posting_poster.drain()
    posting_poster.close()
    assert held_up.value.code == "erp_away"
    assert posting_shop.counted() == {"waiting": 1}


def test_what_a_store_could_not_take_for_a_while_waits_for_no_lease_to_run_out(posting_shop: Shop) -> None:
    """As with a disk that was full: the ERP has them, and the clock stands still."""
    posting_shop.accept(*supermarket(10))

    class Failing(Spool):
        failures = 2

        def settle(self, settlements: Sequence[Settlement]) -> int:
            if self.failures:
                self.failures -= 1
                raise StoreError("store_away", detail="test")
            return super().settle(settlements)

    posting_clock = posting_shop.clock
    assert isinstance(posting_clock, Clock)
    with running(posting_shop.poster(spool=Failing(posting_shop.engine, clock=posting_clock))):
        until(lambda: posting_shop.counted() == {"posted": 10})
    assert not any(one.duplicate for one in posting_shop.documents())


def test_a_fault_of_the_program_over_one_document_does_not_hold_back_the_others(posting_shop: Shop) -> None:
    sold = supermarket(150)

    def stumble(erp: Erp, batch: Sequence[Posting]) -> list[Outcome]:
        if any(isinstance(p.document, Sale) and p.document.access_key == sold[70].access_key for p in batch):
            raise ZeroDivisionError("52998224725")
        return erp.post(batch)

    posting_clock = posting_shop.clock
    assert isinstance(posting_clock, Clock)
    posting_shop.accept(*sold)
    with running(posting_shop.poster(erp=lambda: passing(posting_shop.erp(), stumble))):

        def advance() -> bool:
            posting_clock.now += 1
            return posting_shop.counted() == {"posted": 149, "rejected": 1}

        until(advance)
    assert posting_shop.reasons() == ["document_breaks_program"]
    reason = next(one.reason for one in posting_shop.documents() if one.reason)
    assert reason.facts["detail"].startswith("ZeroDivisionError ")
    assert "52998224725" not in str(reason)
