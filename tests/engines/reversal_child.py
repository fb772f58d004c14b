"""A poster as a process that kills itself (-9) around a reversal: ``python -m tests.engines.reversal_child``.

Arguments: store address, ERP address, where to die: ``ordered`` (the order is read, nothing done), ``within`` (the
ERP's transaction has written all and isn't committed), ``after`` (committed, not settled), ``settled``, or ``never``.
"""

import os
import signal
import sys
from collections.abc import Sequence

import msgspec

from malote.config import StoreSettings
from malote.database.engine import open_database
from malote.erp.factory import open_erp
from malote.erp.protocol import Outcome, Posting
from malote.erp.superseding import Superseding
from malote.posting.poster import Poster
from malote.spool.documents import Settlement
from malote.spool.sql_queue import Spool
from tests.engines.posting_support import SETTINGS, Passing

LEASE_SECONDS = 1.0


def die() -> None:
    os.kill(os.getpid(), getattr(signal, "SIGKILL", signal.SIGTERM))


def main(store_url: str, erp_url: str, where: str) -> None:
    class DyingSpool(Spool):
        def settle(self, settlements: Sequence[Settlement]) -> int:
            counted = super().settle(settlements)
            if where == "settled" and settlements:
                die()
            return counted

    if where == "within":
        book = Superseding.book

        def dying(self: Superseding, batch: Sequence[Posting]) -> list[Outcome]:
            book(self, batch)
            die()
            return []

        Superseding.book = dying  # type: ignore[method-assign,assignment]

    engine = open_database(store_url)
    erp = open_erp(erp_url, lock_timeout_seconds=5, statement_timeout_seconds=0.9)
    passing = Passing(erp, lambda inner, batch: inner.post(batch))

    def supersede(posting: Posting) -> Outcome:
        if where == "ordered":
            die()
        outcome = erp.supersede(posting)
        if where == "after":
            die()
        return outcome

    passing.supersede = supersede
    settings = msgspec.structs.replace(SETTINGS, lease_seconds=LEASE_SECONDS)
    poster = Poster(DyingSpool(engine), engine, lambda: passing, lambda rejected: None, settings, StoreSettings())
    poster.drain()
    poster.close()
    engine.dispose()


if __name__ == "__main__":
    main(*sys.argv[1:4])
