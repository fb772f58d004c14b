"""Roll-outs on both kinds of store database: waves, failures, tills that are away, cancel and resume."""

import time
from datetime import UTC, datetime

import pytest
from sqlalchemy import Engine

from malote import wire
from malote.accounts import audit
from malote.config import StructuresSettings
from malote.orders.book import OrderBook
from malote.orders.rollout_reports import Rollout
from malote.schema.definition import FORMAT, StructureError, fingerprint
from malote.schema.till_structure import TILL
from malote.structures.rollout import Rollouts
from malote.structures.structure_orders import LOOK_SECONDS, StructureOrders
from malote.tills.contact import record_contact
from malote.tills.till import Till, create_till, disable
from malote.trust.signatures import is_signed
from malote.trust.signing_key import SigningKey
from tests.engines.spool_support import Clock
from tests.engines.structures_support import ACTOR

pytest_plugins = ("tests.engines.spool_fixtures",)

SHA256 = fingerprint(TILL)
OLD = wire.TillStructure(FORMAT, 1, "")


class Chain:
    """Some tills and what they say."""

    def __init__(self, engine: Engine, clock: Clock, count: int) -> None:
        self.engine = engine
        self.clock = clock
        key = SigningKey(bytes(32))
        self.public_key = key.public
        self.rollouts = Rollouts(engine, StructuresSettings(), key, lambda: TILL, clock)
        self.orders = StructureOrders(engine, StructuresSettings(), clock)
        self.book = OrderBook(engine, [self.orders], key.sign, clock)
        self.done: set[int] = set()
        self.tills = [create_till(engine, f"caixa{number:02d}")[0] for number in range(1, count + 1)]

    def contact(
        self, till: Till, said: wire.TillStructure | None = OLD, *orders: wire.OrderProgress
    ) -> wire.StructureOrder | None:
        at = datetime.fromtimestamp(self.clock(), UTC)
        contact = wire.Contact("1", at, 0, 0, structure=said, orders=list(orders) or None)
        record_contact(self.engine, till.id, contact, received_at=self.clock())
        # Looks whether a wave may open are spaced in real time, since many tills ask at once.
        self.orders._looked_at = float("-inf")
        return self.book.due(till, contact).structure

    def all_contact(self) -> list[str]:
        """Who is offered something."""
        return [till.name for till in self.tills if till.id not in self.done and self.contact(till) is not None]

    def succeed(self, till: Till) -> None:
        order = self.contact(till)
        assert order is not None
        self.contact(till, wire.TillStructure(FORMAT, TILL.version, SHA256, order.number, True, seconds=0.25))
        self.done.add(till.id)

    def fail(self, till: Till, code: str = "disk_full") -> None:
        order = self.contact(till)
        assert order is not None
        said = wire.TillStructure(FORMAT, 1, "", order.number, code=code, facts={"detail": "/data"})
        self.contact(till, said)

    def newest(self) -> Rollout:
        found = self.rollouts.find(None)
        assert found is not None
        return found


@pytest.fixture
def chain(spool_engine: Engine, spool_clock: Clock) -> Chain:
    made = Chain(spool_engine, spool_clock, 20)
    made.all_contact()
    return made


def test_a_canary_then_a_few_then_the_rest(chain: Chain) -> None:
    begun = chain.rollouts.start(None, ACTOR, dry_run=False)
    assert (begun.state, begun.wave, begun.waves, begun.total) == ("running", 1, 3, 20)
    assert chain.all_contact() == ["caixa01"]
    chain.succeed(chain.tills[0])
    assert chain.newest().wave == 2
    assert chain.all_contact() == ["caixa02", "caixa03"]
    chain.succeed(chain.tills[1])
    assert chain.newest().wave == 2, "one of the few is at it still"
    chain.succeed(chain.tills[2])
    for till in chain.tills[3:]:
        chain.succeed(till)
    ended = chain.newest()
    assert (ended.state, ended.counts) == ("done", {"done": 20})
    assert ended.finished_at == chain.clock()
    assert {one.seconds for one in chain.rollouts.tills_of(ended.id)} == {0.25}
    assert all(one.current for one in chain.rollouts.structures_of_tills())


def test_the_order_is_signed_and_repeated_until_it_is_answered(chain: Chain) -> None:
    chain.rollouts.start(None, ACTOR, dry_run=False)
    first = chain.contact(chain.tills[0])
    assert first is not None
    assert is_signed(first.structure.encode(), first.signature, chain.public_key)
    assert chain.contact(chain.tills[0]) == first, "the reply may have been lost"
    assert [one.state for one in chain.rollouts.tills_of(chain.newest().id)].count("offered") == 1


def test_a_failure_stops_the_wave_and_resuming_tries_anew(chain: Chain) -> None:
    begun = chain.rollouts.start(None, ACTOR, dry_run=False)
    chain.succeed(chain.tills[0])
    chain.fail(chain.tills[1])
    stopped = chain.newest()
    assert (stopped.state, stopped.code, stopped.stopped_by) == ("stopped", "disk_full", "caixa02")
    failed = chain.rollouts.tills_of(begun.id)[0]
    assert (failed.till, failed.state, failed.code, failed.facts) == (
        "caixa02",
        "failed",
        "disk_full",
        {"detail": "/data"},
    )
    assert chain.all_contact() == []
    resumed = chain.rollouts.resume(begun.id, ACTOR)
    assert (resumed.state, resumed.wave, resumed.counts) == ("running", 2, {"done": 1, "pending": 19})
    assert chain.all_contact() == ["caixa02", "caixa03"]
    for till in chain.tills[1:]:
        chain.succeed(till)
    assert chain.newest().state == "done"


def test_what_another_agent_calls_its_trouble_is_an_unknown_reason(chain: Chain) -> None:
    chain.rollouts.start(None, ACTOR, dry_run=False)
    chain.fail(chain.tills[0], "flux_capacitor")
    (failed, *_) = chain.rollouts.tills_of(chain.newest().id)
    assert (failed.code, failed.facts["code"]) == ("unknown_reason", "flux_capacitor")


def test_nobody_is_told_of_one_that_stopped_and_who_was_at_it_may_say_how_it_ended(chain: Chain) -> None:
    chain.rollouts.start(None, ACTOR, dry_run=False)
    chain.succeed(chain.tills[0])
    order = chain.contact(chain.tills[2])
    assert order is not None
    chain.fail(chain.tills[1])
    assert chain.newest().state == "stopped"
    assert chain.contact(chain.tills[2]) is None
    chain.contact(chain.tills[2], wire.TillStructure(FORMAT, TILL.version, SHA256, order.number, True, seconds=0.5))
    (done,) = chain.rollouts.tills_of(chain.newest().id, "caixa03")
    assert (done.state, done.seconds) == ("done", 0.5)


def test_tills_that_are_away_hold_nobody_up_and_catch_up(chain: Chain) -> None:
    chain.clock.now += 3600
    away, here = chain.tills[:5], chain.tills[5:]
    for till in here:
        chain.contact(till)
    begun = chain.rollouts.start(None, ACTOR, dry_run=False)
    assert chain.all_contact() != [], "the canary is one that is there"
    waves = {one.till: one.wave for one in chain.rollouts.tills_of(begun.id)}
    assert {waves[till.name] for till in away} == {3}
    for till in here:
        chain.succeed(till)
    assert chain.newest().counts == {"done": 15, "pending": 5}
    assert chain.newest().state == "running"
    chain.clock.now += 86_400
    assert all(one.offline_since for one in chain.rollouts.tills_of(begun.id) if one.state == "pending")
    for till in away:
        chain.succeed(till)
    assert chain.newest().state == "done"


def test_a_few_of_the_second_wave_may_go_away(chain: Chain) -> None:
    chain.rollouts.start(None, ACTOR, dry_run=False)
    chain.succeed(chain.tills[0])
    chain.succeed(chain.tills[1])
    chain.clock.now += 3600
    for till in chain.tills[3:]:
        chain.contact(till)
    assert chain.newest().wave == 3, "caixa03 was not heard of for an hour"


def test_cancelled_and_resumed(chain: Chain) -> None:
    begun = chain.rollouts.start(["caixa01", "CAIXA02", "caixa05"], ACTOR, dry_run=False)
    assert begun.total == 3
    chain.succeed(chain.tills[0])
    order = chain.contact(chain.tills[1])
    assert order is not None
    cancelled = chain.rollouts.cancel(begun.id, ACTOR, "Black Friday")
    assert (cancelled.state, cancelled.counts) == ("cancelled", {"done": 1, "cancelled": 2})
    assert chain.all_contact() == []
    chain.contact(chain.tills[1], wire.TillStructure(FORMAT, TILL.version, SHA256, order.number, True))
    assert chain.newest().counts == {"done": 2, "cancelled": 1}, "it was at it already, and says so"
    with pytest.raises(StructureError) as caught:
        chain.rollouts.cancel(begun.id, ACTOR, "")
    assert caught.value.code == "rollout_over"
    chain.rollouts.resume(begun.id, ACTOR)
    chain.succeed(chain.tills[4])
    assert chain.newest().state == "done"
    trail = [entry.action for entry in audit.entries(chain.engine, on=f"rollout:{begun.id}")]
    assert trail == ["rollout_resumed", "rollout_cancelled", "rollout_started"]


def test_a_new_one_ends_the_one_before(chain: Chain) -> None:
    first = chain.rollouts.start(None, ACTOR, dry_run=False)
    second = chain.rollouts.start(["caixa03"], ACTOR, dry_run=False)
    before = chain.rollouts.find(first.id)
    assert before is not None
    assert before.state == "cancelled"
    assert chain.all_contact() == ["caixa03"]
    with pytest.raises(StructureError) as caught:
        chain.rollouts.resume(first.id, ACTOR)
    assert caught.value.facts["state"] == "replaced"
    assert chain.newest().id == second.id


def test_a_till_that_comes_later_joins_one_for_everybody(chain: Chain) -> None:
    chain.rollouts.start(None, ACTOR, dry_run=False)
    for till in chain.tills:
        chain.succeed(till)
    late, _ = create_till(chain.engine, "caixa99")
    chain.succeed(late)
    assert chain.newest().counts == {"done": 21}
    assert chain.newest().state == "done"


def test_tills_that_have_it_already_are_done_without_an_order(chain: Chain) -> None:
    chain.rollouts.start(None, ACTOR, dry_run=False)
    for till in chain.tills:
        assert chain.contact(till, wire.TillStructure(FORMAT, TILL.version, SHA256)) is None
    assert chain.newest().state == "done"


def test_a_till_that_has_it_and_is_still_at_its_order_is_done_once_it_says_so(chain: Chain) -> None:
    begun = chain.rollouts.start(None, ACTOR, dry_run=False)
    till, has = chain.tills[0], wire.TillStructure(FORMAT, TILL.version, SHA256)
    order = chain.contact(till)
    assert order is not None
    chain.contact(till, has, wire.OrderProgress(wire.STRUCTURE, order.number, "begun"))
    chain.contact(till, has, wire.OrderProgress(wire.STRUCTURE, order.number, "done", seconds=0.25))
    (found,) = chain.rollouts.tills_of(begun.id, till.name)
    assert (found.state, found.seconds) == ("done", 0.25)


def test_old_agents_and_disabled_tills(chain: Chain) -> None:
    disable(chain.engine, "caixa02")
    mute, _ = create_till(chain.engine, "aaa")
    chain.contact(mute, None)
    begun = chain.rollouts.start(None, ACTOR, dry_run=False)
    names = [one.till for one in chain.rollouts.tills_of(begun.id)]
    assert "caixa02" not in names
    assert names[0] == "caixa01", "one that can't answer is no canary"
    assert chain.contact(mute, None) is None
    said = {one.till: one.current for one in chain.rollouts.structures_of_tills()}
    assert (said["aaa"], said["caixa01"]) == (None, False)


def test_nothing_to_roll_out_to(spool_engine: Engine, spool_clock: Clock) -> None:
    empty = Chain(spool_engine, spool_clock, 0)
    with pytest.raises(StructureError) as caught:
        empty.rollouts.start(None, ACTOR, dry_run=False)
    assert caught.value.code == "rollout_no_tills"
    with pytest.raises(StructureError) as caught:
        empty.rollouts.cancel(4, ACTOR, "")
    assert caught.value.code == "rollout_unknown"


def test_a_dry_run_orders_nothing(chain: Chain) -> None:
    foreseen = chain.rollouts.start(None, ACTOR, dry_run=True)
    assert (foreseen.id, foreseen.total, foreseen.waves) == (0, 20, 3)
    assert chain.rollouts.find(None) is None


def test_many_tills_that_wait_cost_few_looks(chain: Chain, monkeypatch: pytest.MonkeyPatch) -> None:
    chain.rollouts.start(None, ACTOR, dry_run=False)
    looks: list[int] = []
    monkeypatch.setattr(StructureOrders, "_advance", lambda *_: looks.append(1))
    chain.orders._looked_at = time.monotonic() + LOOK_SECONDS
    contact = wire.Contact("1", datetime.fromtimestamp(chain.clock(), UTC), 0, 0, structure=OLD)
    for till in chain.tills[5:]:
        assert chain.book.due(till, contact).structure is None
    assert looks == []
