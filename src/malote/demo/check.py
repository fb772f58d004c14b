"""``malote demo --check``: a store sells by itself, faults are planted, processes killed, and all is compared."""

import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from typing import Protocol

import msgspec
from sqlalchemy.exc import SQLAlchemyError

from malote.database.errors import StoreError
from malote.demo import evidence, locks, price_list
from malote.demo.check_faults import Faults
from malote.demo.erp_books import ErpBooks
from malote.demo.evidence import StoreEvidence
from malote.demo.phrases import Phrase
from malote.demo.pos import Habits, Pos
from malote.demo.processes import Crew, ProcessFailedError
from malote.demo.proof import DemoProof, ProofEvidence, prove
from malote.demo.store import Store, erp_database
from malote.erp.protocol import ErpError

# Nothing has moved for so long: it will not move by itself any more.
_PATIENCE_SECONDS = 90.0
_TICK_SECONDS = 0.2
_IN_FLIGHT_SECONDS = 10.0
_UNSETTLED = ("captured", "held", "accepted")


# What can end a demo without being a fault of its program: a full disk, an ERP or a database that went away.
FAILURES: tuple[type[Exception], ...] = (
    ProcessFailedError,
    StoreError,
    ErpError,
    OSError,
    sqlite3.Error,
    subprocess.SubprocessError,
    SQLAlchemyError,
)


class StuckError(Exception):
    """Something stopped moving before everything was settled. Its text says where the documents are."""


class Watcher(Protocol):
    """Who shows how the check goes."""

    def stage(self, phrase: Phrase) -> None: ...

    def progress(self, done: int, of: int) -> None: ...

    def note(self, phrase: Phrase, **facts: object) -> None: ...


class DemoOutcome(msgspec.Struct, frozen=True):
    """The outcome, and what it took."""

    proof: DemoProof
    engine: str  # of the ERP
    killed: tuple[str, ...]
    seconds: float


class DemoCheck:
    """One run over a laid-out store whose processes run."""

    def __init__(self, store: Store, crew: Crew, erp: ErpBooks, watcher: Watcher) -> None:
        self._store = store
        self._crew = crew
        self._erp = erp
        self._watcher = watcher
        self._server = StoreEvidence(store.database_url)
        self._tills = [Pos(till.plan, till.folder, till.ledger, habits=Habits()) for till in store.tills]
        self._faults = Faults(self._tills)
        self._to_sell = 0
        self.killed: list[str] = []

    def close(self) -> None:
        self._server.close()
        for till in self._tills:
            till.close()

    def run(self, sales: int, *, kill: bool) -> DemoProof:
        """Raises ``StuckError``, ``ProcessFailedError``."""
        self._to_sell = sales
        self._watcher.stage(Phrase.PLANTING)
        self._faults.plant_first()
        self._watcher.stage(Phrase.SELLING)
        victims = [("server", self._in_flight), ("poster", self._pending), ("caixa2", self._captured)] if kill else []
        for part in _shares(sales, len(victims) + 1):
            self._sell(part)
            if victims:
                self._kill(*victims.pop(0))
        self._watcher.stage(Phrase.PLANTING)
        self._wait(self._first_round_stands)
        self._faults.plant_second()
        for till in self._tills:
            till.settle()
        self._watcher.stage(Phrase.SETTLING)
        self._wait(self._settled(self._files()))
        with suppress(StuckError):  # what still disagrees then is told by the proof
            self._wait(self._folder_agrees)
        return prove(self._gather())

    def _sell(self, count: int) -> None:
        for till, share in zip(self._tills, _shares(count, len(self._tills)), strict=True):
            till.sell(share)
            self._look_after()

    def _kill(self, name: str, moment: Callable[[], bool]) -> None:
        """Kills a process while it has something in hand, as far as that can be caught."""
        deadline = time.monotonic() + _IN_FLIGHT_SECONDS
        while not moment() and time.monotonic() < deadline:
            time.sleep(0.005)
        self._crew.kill(name)
        self.killed.append(name)
        self._watcher.note(Phrase.KILLED, name=name)

    def _in_flight(self) -> bool:
        return any(states.get(state) for states in self._outboxes() for state in _UNSETTLED)

    def _captured(self) -> bool:
        return bool(evidence.outbox_states(self._store.tills[1].outbox).get("captured"))

    def _pending(self) -> bool:
        return any(till.pending for till in self._server.status())

    def _first_round_stands(self) -> bool:
        return self._faults.ready(evidence.documents(self._server))

    def _files(self) -> list[int]:
        return [len(set(evidence.written(till))) for till in self._store.tills]

    def _settled(self, files: Sequence[int]) -> Callable[[], bool]:
        def settled() -> bool:
            outboxes = self._outboxes()
            if any(sum(states.values()) < count for states, count in zip(outboxes, files, strict=True)):
                return False
            if any(states.get(state) for states in outboxes for state in _UNSETTLED):
                return False
            return not any(till.pending or till.waiting for till in self._server.status())

        return settled

    def _folder_agrees(self) -> bool:
        """The file of what is rejected no more goes a moment later than its state."""
        rejected = {(one.till, one.sha256) for one in evidence.documents(self._server) if one.state == "rejected"}
        return rejected == evidence.kept(self._store.rejected)

    def _wait(self, done: Callable[[], bool]) -> None:
        """Looks after the processes until it is done. Raises ``StuckError`` when nothing moves any more."""
        seen, since = "", time.monotonic()
        while not done():
            self._look_after()
            state = self._state()
            if state != seen:
                seen, since = state, time.monotonic()
            elif time.monotonic() - since > _PATIENCE_SECONDS:
                raise StuckError(state)
            time.sleep(_TICK_SECONDS)

    def _look_after(self) -> None:
        for name in self._crew.restart_the_dead():
            self._watcher.note(Phrase.RESTARTED, name=name)
        self._watcher.progress(self._erp.totals().sales, sum(till.sold for till in self._tills) + self._unsold())

    def _unsold(self) -> int:
        return max(0, self._to_sell - sum(till.sold for till in self._tills))

    def _state(self) -> str:
        outboxes = {
            till.plan.name: dict(states) for till, states in zip(self._store.tills, self._outboxes(), strict=True)
        }
        server = {
            each.till: (each.pending, each.waiting_reasons, each.posted, each.rejected_reasons)
            for each in self._server.status()
        }
        return f"{outboxes} {server}"

    def _outboxes(self) -> list[dict[str, int]]:
        return [dict(evidence.outbox_states(till.outbox)) for till in self._store.tills]

    def _gather(self) -> ProofEvidence:
        return evidence.gather(
            self._store.tills,
            self._server,
            self._store.rejected,
            self._erp,
            self._faults.planted,
            self._faults.refused,
        )


def run(store: Store, sales: int, watcher: Watcher, *, kill: bool, sqlite: bool = False) -> DemoOutcome:
    """Everything, from starting the ERP to stopping it.

    Raises ``StuckError``, ``ProcessFailedError``, ``StoreNotStartedError``, ``HomeBusyError``.
    """
    began = time.monotonic()
    with started(store, watcher, sqlite=sqlite) as (crew, erp):
        erp.refuse_unknown_codes()
        check = DemoCheck(store, crew, erp, watcher)
        try:
            proof = check.run(sales, kill=kill)
        finally:
            check.close()
        return DemoOutcome(proof, erp.engine, tuple(check.killed), time.monotonic() - began)


@contextmanager
def started(store: Store, watcher: Watcher, *, sqlite: bool = False) -> Iterator[tuple[Crew, ErpBooks]]:
    """The store with all its processes, stopped in order at the end."""
    with ExitStack() as stack:
        stack.enter_context(store.alone())
        if not sqlite:
            watcher.stage(Phrase.STARTING_ERP)
        erp_url, why_not = stack.enter_context(erp_database(store.home, prefer_sqlite=sqlite))
        if why_not:
            watcher.note(Phrase.SQLITE_INSTEAD, reason=why_not)
        erp = stack.enter_context(ErpBooks(erp_url))
        erp.prepare(last_year=store.last_year)
        locks.prepare(erp_url, store.erp_data)
        price_list.prepare(erp_url)
        store.lay_out(erp_url)
        watcher.stage(Phrase.STARTING)
        crew = stack.enter_context(Crew(store.logs))
        server, *others = store.programs()
        crew.start(server)
        store.wait_for_server(crew.restart_the_dead)
        for program in others:
            crew.start(program)
        yield crew, erp


def _shares(count: int, parts: int) -> list[int]:
    """``count`` in so many nearly equal parts."""
    return [count // parts + (part < count % parts) for part in range(parts)]
