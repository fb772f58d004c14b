"""A poster as a process that kills itself (-9) at a given batch: ``python -m tests.engines.posting_child``.

Arguments: store address, ERP address, where to die (``before`` or ``after`` the ERP's commit, ``settled``; ``within``:
at a call of the ERP's own procedure), at which batch or call, 0 meaning never, and a profile.
"""

import os
import signal
import sys
from collections.abc import Mapping, Sequence

import msgspec
from sqlalchemy import Connection

from malote.config import StoreSettings
from malote.database.engine import open_database
from malote.erp import call_statements
from malote.erp.factory import open_erp
from malote.erp.mapping import ErpTables
from malote.erp.profiles.profile import load
from malote.erp.protocol import Erp, Outcome, Posting
from malote.posting.poster import Poster
from malote.spool.documents import Settlement
from malote.spool.sql_queue import Spool
from tests.engines.posting_support import SETTINGS, Passing

LEASE_SECONDS = 1.0
BATCH = 20


def main(store_url: str, erp_url: str, where: str, at: int, profile: str = "") -> None:
    tables = ErpTables(load(profile))
    if where == "within":
        die_at_call(at)
    batches = iter(range(1, 10**6))
    settled = iter(range(1, 10**6))

    def post(erp: Erp, batch: Sequence[Posting]) -> list[Outcome]:
        dying = next(batches) == at
        if dying and where == "before":
            die()
        outcomes = erp.post(batch)
        if dying and where == "after":
            die()
        return outcomes

    def opened() -> Erp:
        return open_erp(erp_url, lock_timeout_seconds=5, statement_timeout_seconds=0.9, tables=tables)

    class DyingSpool(Spool):
        def settle(self, settlements: Sequence[Settlement]) -> int:
            counted = super().settle(settlements)
            if next(settled) == at and where == "settled":
                die()
            return counted

    engine = open_database(store_url)
    settings = msgspec.structs.replace(SETTINGS, batch=BATCH, lease_seconds=LEASE_SECONDS)
    poster = Poster(
        DyingSpool(engine),
        engine,
        lambda: Passing(opened(), post),
        lambda rejected: None,
        settings,
        StoreSettings(),
    )
    poster.drain()
    poster.close()
    engine.dispose()


def die_at_call(at: int) -> None:
    """Once the statement has run, within its transaction."""
    run, calls = call_statements.run, iter(range(1, 10**6))

    def dying(
        engine: call_statements.Engine, connection: Connection, statement: str, values: Mapping[str, str]
    ) -> list[call_statements.Answer]:
        answer = run(engine, connection, statement, values)
        if next(calls) == at:
            die()
        return answer

    call_statements.run = dying


def die() -> None:
    os.kill(os.getpid(), getattr(signal, "SIGKILL", signal.SIGTERM))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]), *sys.argv[5:])
