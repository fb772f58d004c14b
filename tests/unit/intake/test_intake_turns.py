"""Who waits has its turn before anybody has a second one; a till that brings rubbish waits alone."""

import asyncio
import threading

import pytest

from malote.api.bodies import MOST_WAITING, Places
from malote.api.faults import ApiRefusedError
from malote.intake.quota import Quota, SlowedError
from malote.intake.turns import Turns


class Line:
    """Threads that wait for one turn, in an order that the test decides."""

    def __init__(self, turns: Turns) -> None:
        self.turns = turns
        self.went: list[str] = []
        self.threads: list[threading.Thread] = []

    def join(self, name: str, till_id: int) -> None:
        """Returns once the thread stands in line."""
        before = self._standing()
        thread = threading.Thread(target=self._wait, args=(name, till_id))
        thread.start()
        self.threads.append(thread)
        while self._standing() == before:
            thread.join(0.001)

    def end(self) -> list[str]:
        for thread in self.threads:
            thread.join()
        return self.went

    def _standing(self) -> int:
        with self.turns._lock:
            return sum(map(len, self.turns._waiting.values()))

    def _wait(self, name: str, till_id: int) -> None:
        with self.turns.turn(till_id):
            self.went.append(name)


def test_tills_take_turns_however_many_one_of_them_has_waiting() -> None:
    turns = Turns(at_once=1)
    line = Line(turns)
    with turns.turn(1):
        for name in ("a1", "a2", "a3"):
            line.join(name, 1)
        line.join("b1", 2)
        line.join("c1", 3)
        line.join("b2", 2)
    assert line.end() == ["a1", "b1", "c1", "a2", "b2", "a3"]


def test_a_large_pouch_lets_a_sale_pass_between_its_slices() -> None:
    turns = Turns(at_once=1)
    line = Line(turns)
    for slice_of_rubbish in range(50):
        with turns.turn(1):
            if slice_of_rubbish == 0:
                line.join("sale", 2)
        # The flood asks again at once, and yet the sale, which waited, is through already.
        if slice_of_rubbish == 1:
            assert line.went == ["sale"]
    assert line.end() == ["sale"]


def test_no_more_at_once_than_are_allowed() -> None:
    turns, inside, most = Turns(at_once=2), [0], [0]
    lock = threading.Lock()

    def work(till_id: int) -> None:
        for _ in range(50):
            with turns.turn(till_id):
                with lock:
                    inside[0] += 1
                    most[0] = max(most[0], inside[0])
                with lock:
                    inside[0] -= 1

    threads = [threading.Thread(target=work, args=(till_id,)) for till_id in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most[0] <= 2
    assert turns._free == 2


# ---- places ----


async def _go(places: Places, till_id: int, went: list[str], name: str, until: asyncio.Event) -> None:
    async with places.place(till_id):
        went.append(name)
        await until.wait()


async def _settle() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


def test_one_pouch_of_each_till_is_open_and_a_flood_holds_one_place() -> None:
    async def run() -> list[str]:
        places, went, until = Places(places=2), list[str](), asyncio.Event()
        flood = [asyncio.create_task(_go(places, 1, went, f"a{number}", until)) for number in range(10)]
        await _settle()
        good = asyncio.create_task(_go(places, 2, went, "b", until))
        await _settle()
        assert went == ["a0", "b"]
        until.set()
        await asyncio.gather(*flood, good)
        return went

    assert sorted(asyncio.run(run())) == sorted(["b", *(f"a{number}" for number in range(10))])


def test_tills_that_wait_for_a_place_take_turns() -> None:
    async def run() -> list[str]:
        places, went, until = Places(places=1), list[str](), asyncio.Event()
        tasks = []
        for till_id, name in ((1, "a0"), (2, "b0"), (2, "b1"), (3, "c0"), (1, "a1")):
            tasks.append(asyncio.create_task(_go(places, till_id, went, name, until)))
            await _settle()
        until.set()
        await asyncio.gather(*tasks)
        return went

    assert asyncio.run(run()) == ["a0", "b0", "c0", "a1", "b1"]


def test_a_place_that_does_not_come_is_refused_for_now_and_nothing_is_lost() -> None:
    async def run() -> None:
        places, went, until = Places(places=1, patience=0.01), list[str](), asyncio.Event()
        first = asyncio.create_task(_go(places, 1, went, "a", until))
        await _settle()
        with pytest.raises(ApiRefusedError):
            await _go(places, 2, went, "b", until)
        gone = asyncio.create_task(_go(places, 3, went, "c", until))
        await _settle()
        gone.cancel()
        await asyncio.gather(gone, return_exceptions=True)
        until.set()
        await first
        await _go(places, 2, went, "d", until)
        assert went == ["a", "d"]
        assert (places._free, dict(places._waiting), places._inside) == (1, {}, set())

    asyncio.run(run())


def test_a_till_may_not_queue_without_end() -> None:
    async def run() -> None:
        places, went, until = Places(places=1), list[str](), asyncio.Event()
        tasks = [asyncio.create_task(_go(places, 1, went, "a", until)) for _ in range(MOST_WAITING + 1)]
        await _settle()
        with pytest.raises(ApiRefusedError):
            await _go(places, 1, went, "b", until)
        until.set()
        await asyncio.gather(*tasks)
        assert len(went) == MOST_WAITING + 1

    asyncio.run(run())


# ---- the quota of rejects ----


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def _slowed(quota: Quota, till_id: int) -> float:
    with pytest.raises(SlowedError) as caught:
        quota.check(till_id)
    return caught.value.retry_after


def test_a_till_over_its_quota_waits_alone(clock: Clock) -> None:
    quota = Quota(60, clock=clock)
    quota.note(1, 59)
    quota.check(1)
    quota.note(1, 31)
    wait = _slowed(quota, 1)
    assert 30 <= wait <= 40
    quota.check(2)
    clock.now += wait
    quota.check(1)


def test_it_is_told_once_each_time_it_begins(clock: Clock) -> None:
    told: list[int] = []
    quota = Quota(60, told.append, clock=clock)
    for _ in range(2):
        quota.note(7, 120)
        for _ in range(5):
            _slowed(quota, 7)
        clock.now += 600
        quota.check(7)
    assert told == [7, 7]


def test_no_quota_slows_nobody(clock: Clock) -> None:
    quota = Quota(0, clock=clock)
    quota.note(1, 10**6)
    quota.check(1)


def test_what_was_long_ago_is_forgotten_and_takes_no_memory(clock: Clock) -> None:
    quota = Quota(60, clock=clock)
    for till_id in range(1000):
        quota.note(till_id, 10)
    clock.now += 61
    for till_id in range(1000):
        quota.check(till_id)
    assert not quota._used
