"""The spool against a simple model of it, over any course of events Hypothesis can think of."""

import tempfile
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, rule
from sqlalchemy import Engine, select

from malote.database.engine import open_database, reading
from malote.database.migrations import migrate
from malote.database.tables import document
from malote.register import replaying
from malote.spool.documents import LeasedDocument
from malote.spool.sql_queue import Spool
from malote.tills.till import Till, create_till
from tests import ready_stores
from tests.engines.postgres_support import discard_postgresql
from tests.engines.spool_support import (
    Clock,
    assert_tallies_true,
    posted,
    rejected,
    send_sales,
    sha256_of,
    waiting,
)

LEASE_SECONDS = 60.0
NUMBERS = st.lists(st.integers(0, 12), min_size=1, max_size=5)


class Known:
    """What the model knows of one document."""

    def __init__(self, key: tuple[str, int]) -> None:
        self.key = key  # till and number
        self.state = "accepted"
        self.lease: str | None = None
        self.until = 0.0  # of the lease, or of the waiting


class SpoolMachine(RuleBasedStateMachine):
    """The model: a list of documents in order of arrival, each with its state and its lease."""

    leases: Bundle[list[LeasedDocument]] = Bundle("leases")

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        self.engine = self.open()
        migrate(self.engine)
        self.clock = Clock()
        self.spool = Spool(self.engine, language="en", clock=self.clock)
        self.model: list[Known] = []
        self.ids: dict[int, Known] = {}

    def open(self) -> Engine:
        return open_database(f"sqlite:///{Path(self.folder.name) / 'store.sqlite3'}")

    def teardown(self) -> None:
        self.engine.dispose()
        self.folder.cleanup()

    @initialize()
    def enrol(self) -> None:
        self.tills: dict[str, Till] = {name: create_till(self.engine, name)[0] for name in ("one", "two")}

    @rule(till=st.sampled_from(["one", "two"]), numbers=NUMBERS)
    def send(self, till: str, numbers: list[int]) -> None:
        receipts = send_sales(self.spool, self.tills[till], numbers, at=self.clock.now)
        before = {one.key: one for one in self.model}
        for number, receipt in zip(numbers, receipts, strict=True):
            assert receipt.already_known == ((till, number) in before)
        fresh = dict.fromkeys(number for number in numbers if (till, number) not in before)
        self.model += [Known((till, number)) for number in fresh]
        self.wake(set(fresh))
        self.learn_ids()

    @rule(target=leases, limit=st.integers(1, 6))
    def lease(self, limit: int) -> list[LeasedDocument]:
        free = [one for one in self.model if self.is_free(one)]
        leased = self.spool.lease("poster", limit, LEASE_SECONDS)
        assert len(leased) == min(limit, len(free))
        assert [one.id for one in leased] == sorted(one.id for one in leased)
        for one in leased:
            known = self.ids[one.id]
            assert known in free
            known.state, known.lease, known.until = "posting", one.lease, self.clock.now + LEASE_SECONDS
        return leased

    @rule(leased=consumes(leases), choices=st.lists(st.sampled_from(["posted", "waiting", "rejected"]), min_size=6))
    def settle(self, leased: list[LeasedDocument], choices: list[str]) -> None:
        retry_at = self.clock.now + 30
        settlements = []
        expected = 0
        settled = set()
        for one, choice in zip(leased, choices, strict=False):
            settle = {"posted": posted(one), "waiting": waiting(one, retry_at), "rejected": rejected(one)}[choice]
            settlements.append(settle)
            known = self.ids[one.id]
            if known.lease == one.lease:
                known.state, known.lease, known.until = choice, None, retry_at
                expected += 1
                # Whatever waits for this sale hears of its end, booked or refused.
                settled |= set() if choice == "waiting" else {known.key[1]}
        assert self.spool.settle(settlements) == expected
        self.wake(settled)

    @rule(leased=consumes(leases))
    def release(self, leased: list[LeasedDocument]) -> None:
        held = [self.ids[one.id] for one in leased if self.ids[one.id].lease == one.lease]
        assert self.spool.release(leased) == len(held)
        for known in held:
            known.state, known.lease = "accepted", None

    @rule(leased=leases)
    def forget(self, leased: list[LeasedDocument]) -> None:
        """A poster that dies: nothing happens, until the time is over."""

    @rule(seconds=st.sampled_from([1.0, 31.0, 61.0]))
    def let_time_pass(self, seconds: float) -> None:
        self.clock.now += seconds

    @rule(chosen=st.lists(st.integers(1, 20), max_size=6))
    def replay(self, chosen: list[int]) -> None:
        going = {self.ids[one] for one in chosen if one in self.ids and self.ids[one].state == "rejected"}
        assert len(replaying.replay(self.spool.engine, chosen, now=self.spool.clock()).ids) == len(going)
        for known in going:
            known.state = "accepted"

    @rule(till=st.sampled_from(["one", "two"]), numbers=NUMBERS)
    def ask(self, till: str, numbers: list[int]) -> None:
        receipts = self.spool.receipts(self.tills[till].id, [sha256_of(number) for number in numbers])
        states = {one.key: one.state for one in self.model}
        open_ones = ("accepted", "posting", "waiting")
        for number, receipt in zip(numbers, receipts, strict=True):
            state = states.get((till, number), "unknown")
            assert receipt.state == ("accepted" if state in open_ones else state)

    @invariant()
    def same_states(self) -> None:
        with reading(self.engine) as connection:
            rows = connection.execute(select(document.c.id, document.c.state).order_by(document.c.id)).all()
        assert [row.state for row in rows] == [one.state for one in self.model]
        assert_tallies_true(self.engine)

    def is_free(self, known: Known) -> bool:
        match known.state:
            case "accepted":
                return True
            case "waiting":
                return known.until <= self.clock.now
            case "posting":
                return known.until <= self.clock.now
            case _:
                return False

    def wake(self, numbers: set[int]) -> None:
        for known in self.model:
            if known.state == "waiting" and known.key[1] in numbers:
                known.until = min(known.until, self.clock.now)

    def learn_ids(self) -> None:
        with reading(self.engine) as connection:
            ids = connection.execute(select(document.c.id).order_by(document.c.id)).scalars().all()
        self.ids = dict(zip(ids, self.model, strict=True))


class PostgresqlSpoolMachine(SpoolMachine):
    def open(self) -> Engine:
        self.url = ready_stores.postgresql_url()
        return open_database(self.url)

    def teardown(self) -> None:
        super().teardown()
        discard_postgresql(self.url)


TestSpoolMachine = SpoolMachine.TestCase
TestSpoolMachine.settings = settings(
    max_examples=25, stateful_step_count=25, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
TestPostgresqlSpoolMachine = PostgresqlSpoolMachine.TestCase
TestPostgresqlSpoolMachine.settings = settings(TestSpoolMachine.settings, max_examples=8)
