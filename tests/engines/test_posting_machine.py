"""Posting with an ERP that fails, over any course of events Hypothesis can think of: exactly once, and money equal.

The ERP is a real one (SQLite); what fails is the way to it: refusals, a lock, a deadlock, an ERP that is away, a reply
that is lost after the commit, and posters that are killed before it, after it, or whose lease runs out meanwhile.
"""

import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import cast

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from malote.erp.protocol import BookedSale, Erp, ErpError, Outcome, Posting
from malote.fiscal.documents import Sale
from malote.posting.poster import Poster
from malote.register import replaying
from tests.engines.posting_support import SETTINGS, Passing, open_shop
from tests.engines.sales import cancellation, sale
from tests.engines.spool_support import Clock

NUMBERS = st.integers(1, 12)
POISON = frozenset({5, 11})  # what the ERP refuses for good, as long as it isn't mended
FAILURES = {"away": "erp_away", "lock": "erp_locked", "deadlock": "erp_conflict", "full": "erp_full"}
# How many courses; more only where somebody waits for it (minutes).
EXAMPLES = 400 if os.environ.get("MALOTE_SOAK") else 8


class Killed(BaseException):
    """The process ends here."""


class PostingMachine(RuleBasedStateMachine):
    """The model: what was sold, what was cancelled, and what the ERP refuses."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        self.clock = Clock()
        erp_url = f"sqlite:///{Path(self.folder.name) / 'erp.sqlite3'}"
        self.opened = open_shop(Path(self.folder.name), erp_url, self.clock)
        self.shop = self.opened.__enter__()
        self.erp = self.shop.erp()
        self.erp.create_structure()
        self.sold: dict[str, Sale] = {}
        self.cancelled: set[str] = set()
        self.poison = POISON
        self.trouble = ""
        self.poster = self._poster()

    def _poster(self) -> Poster:
        return self.shop.poster(erp=lambda: cast(Erp, Passing(self.shop.erp(), self._post)))

    def _post(self, erp: Erp, batch: Sequence[Posting]) -> list[Outcome]:
        trouble = self.trouble
        if trouble in FAILURES:
            raise ErpError(FAILURES[trouble], detail="the machine")
        if trouble == "killed before":
            raise Killed
        if any(isinstance(one.document, Sale) and one.document.number in self.poison for one in batch):
            raise ErpError("erp_constraint", detail="sale, the machine")
        outcomes = erp.post(batch)
        if trouble == "killed after":
            raise Killed
        if trouble == "reply lost":
            raise ErpError("erp_away", detail="the reply was lost")
        if trouble == "lease runs out":
            self.clock.now += SETTINGS.lease_seconds + 1
        return outcomes

    def teardown(self) -> None:
        """Once nothing fails any more all of it is booked, once, and what the ERP refuses is with a person."""
        try:
            self.finish()
        finally:
            self.poster.close()
            self.erp.close()
            self.opened.__exit__(None, None, None)
            self.folder.cleanup()

    def finish(self) -> None:
        self.trouble = ""
        for _ in range(6):  # leases run out, waits end, and what is woken by a sale goes behind it
            self.clock.now += SETTINGS.lease_seconds + 1
            self.poster.drain()
        refused = {key for key, one in self.sold.items() if one.number in self.poison}
        booked = {one.access_key: one for one in self.erp.booked()}
        # Each version of a sale that differs in nothing is settled as what it is: a duplicate.
        assert set(booked) == set(self.sold) - refused
        assert sum(one.total for one in booked.values()) == sum(
            one.totals.total for key, one in self.sold.items() if key not in refused
        )
        assert {key for key, one in booked.items() if one.cancelled} == self.cancelled - refused
        assert set(self.shop.counted()) <= {"posted", "rejected", "waiting", "kept"}
        assert {key for key, state in self.shop.states().items() if state == "posted" and key in refused} == set()

    @rule(numbers=st.lists(NUMBERS, min_size=1, max_size=4))
    def sell(self, numbers: list[int]) -> None:
        """The same sale may come again, in another file."""
        sales = [sale(number) for number in numbers]
        self.shop.accept(*sales)
        self.sold |= {one.access_key: one for one in sales}

    @precondition(lambda self: self.sold)
    @rule(place=st.integers(0, 11))
    def cancel(self, place: int) -> None:
        keys = sorted(self.sold)
        key = keys[place % len(keys)]
        if key not in self.cancelled:
            self.shop.accept(cancellation(self.sold[key]))
            self.cancelled.add(key)

    @rule(trouble=st.sampled_from(["", "", *FAILURES, "killed before", "killed after", "reply lost", "lease runs out"]))
    def post(self, trouble: str) -> None:
        self.trouble = trouble
        try:
            self.poster.step()
        except Killed:
            self.poster.close()
            self.poster = self._poster()

    @rule(seconds=st.sampled_from([0.3, SETTINGS.lease_seconds + 1]))
    def let_time_pass(self, seconds: float) -> None:
        self.clock.now += seconds

    @rule()
    def mend(self) -> None:
        """Whoever keeps the ERP mends what it refuses, and somebody has the refused ones tried again."""
        self.poison = frozenset()
        rejected = [one.id for one in self.shop.documents() if one.state == "rejected"]
        replaying.replay(self.shop.engine, rejected, now=self.clock())

    @invariant()
    def once_and_for_its_value(self) -> None:
        booked: list[BookedSale] = list(self.erp.booked())
        assert len(booked) == len({one.access_key for one in booked}), "a sale stands twice"
        for one in booked:
            assert one.total == self.sold[one.access_key].totals.total
        proven = {key for key, state in self.shop.states().items() if state == "posted" and key in self.sold}
        assert proven <= {one.access_key for one in booked} | self.cancelled, "told as proven, and not in the ERP"


TestPostingMachine = PostingMachine.TestCase
TestPostingMachine.settings = settings(
    max_examples=EXAMPLES, stateful_step_count=12, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
