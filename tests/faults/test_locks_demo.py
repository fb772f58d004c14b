"""The whole demo with a planted lock: sales stop, the banner names the session, the DBA ends it, nothing is lost."""

import tempfile
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from malote.accounts.audit import Actor
from malote.app import services_for
from malote.config import load
from malote.demo import locks as demo
from malote.demo.check import DemoCheck, started
from malote.demo.phrases import Phrase
from malote.demo.store import Store
from malote.erp.sessions.protocol import DbaLogin
from malote.locks.alarm import words
from malote.locks.lock_reports import Stoppage

pytestmark = [pytest.mark.processes, pytest.mark.postgresql]

ACTOR = Actor("maria", "10.0.0.7")


class Silent:
    """Nobody watches the check."""

    def stage(self, phrase: Phrase) -> None: ...

    def progress(self, done: int, of: int) -> None: ...

    def note(self, phrase: Phrase, **facts: object) -> None: ...


def test_a_planted_lock_is_named_ended_and_costs_nothing() -> None:
    with tempfile.TemporaryDirectory(prefix="malote-demo-", ignore_cleanup_errors=True) as folder:
        store = Store(Path(folder) / "store", "pt")
        with started(store, Silent()) as (crew, erp), ThreadPoolExecutor(2) as threads:
            erp.refuse_unknown_codes()
            check = DemoCheck(store, crew, erp, Silent())
            try:
                freed = threads.submit(lock_and_free, store, threads)
                proof = check.run(240, kill=False)
                stoppage, ending = freed.result(timeout=300)
            finally:
                check.close()
    assert (stoppage.blocker.user, stoppage.blocker.program) == ("gerente", "retaguarda")
    assert stoppage.blocker.object == "stock"
    assert words(stoppage, stoppage.since + 3).startswith("Vendas paradas há 3 s: a sessão ")
    assert ending == "ended"
    assert proof.holds, proof


def lock_and_free(store: Store, threads: ThreadPoolExecutor) -> tuple[Stoppage, demo.Ending]:
    """Holds the stock, waits for the banner, signs in as the DBA, and ends the session that it names."""
    settings = load(store.settings_path, {})
    held = threading.Event()
    holding: Future[demo.Ending] = threads.submit(demo.hold, settings.erp_url, 300.0, held.set)
    assert held.wait(30)
    with services_for(settings) as services:
        locks = services.locks
        end = time.monotonic() + 300
        while (found := locks.stoppage()) is None or not found.blocker.session:
            assert time.monotonic() < end
            time.sleep(0.2)
        locks.sign_in("visit", DbaLogin(demo.DBA, demo.DBA_PASSWORD), ACTOR)
        root = next(node for node in locks.tree("visit").roots if node.identity.key == found.blocker.session)
        locks.kill("visit", [root.identity], ACTOR, reason="vendas paradas")
    return found, holding.result(timeout=300)
