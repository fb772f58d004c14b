import asyncio
from collections.abc import Awaitable, Callable
from threading import Lock

import pytest

from malote.api.faults import ApiRefusedError
from malote.api.load_news import LoadsWaitingRoom
from malote.load_format.wire import LoadNews

NEWS = LoadNews(7, 2)
LONG = 60.0  # for what happens at once on a machine that has time


class Store:
    def __init__(self) -> None:
        self.version, self.wave, self.looks, self.stops = 7, 2, 0, False
        self._lock = Lock()

    def newest(self) -> LoadNews:
        with self._lock:
            self.looks += 1
        return LoadNews(self.version, self.wave)

    def room(self, **limits: int) -> LoadsWaitingRoom:
        limits = {"most": 100, "of_address": 100} | limits
        return LoadsWaitingRoom(self.newest, stopping=lambda: self.stops, look_seconds=0.01, **limits)


def _run(test: Callable[[], Awaitable[None]]) -> None:
    async def within() -> None:
        async with asyncio.timeout(LONG):
            await test()

    asyncio.run(within())


def test_a_till_that_knows_another_version_hears_at_once() -> None:
    async def test() -> None:
        room = Store().room()
        assert [await room.wait(known, "10.0.0.1", LONG) for known in (-1, 6, 8)] == [NEWS] * 3

    _run(test)


def test_a_new_version_reaches_all_that_wait_by_one_look() -> None:
    store = Store()

    async def test() -> None:
        room = store.room()
        waiting = [asyncio.create_task(room.wait(7, f"10.0.0.{number}", LONG)) for number in range(50)]
        while store.looks < 3:
            await asyncio.sleep(0.01)
        assert not any(one.done() for one in waiting)
        store.version, before = 8, store.looks
        assert await asyncio.gather(*waiting) == [LoadNews(8, 2)] * 50
        assert store.looks - before < 100  # and not one for each till

    _run(test)


@pytest.mark.parametrize(("wave", "hears"), [(2, False), (1, True), (None, False)])
def test_a_wave_that_opens_is_news_to_a_till_that_asks_for_waves(wave: int | None, hears: bool) -> None:
    store = Store()

    async def test() -> None:
        room = store.room()
        store.wave = 2
        task = asyncio.create_task(room.wait(7, "10.0.0.1", LONG if hears else 0.2, wave=wave))
        assert await task == NEWS
        assert room._is_news(7, wave) is hears

    _run(test)


def test_one_hears_after_a_while_that_nothing_came() -> None:
    async def test() -> None:
        assert await Store().room().wait(7, "10.0.0.1", 0.05) == NEWS

    _run(test)


def test_nobody_is_kept_where_the_server_stops() -> None:
    store = Store()

    async def test() -> None:
        waits = asyncio.create_task(store.room().wait(7, "10.0.0.1", LONG))
        await asyncio.sleep(0.05)
        store.stops = True
        assert await waits == NEWS

    _run(test)


def test_nothing_is_looked_at_where_nobody_waits() -> None:
    store = Store()

    async def test() -> None:
        assert await store.room().wait(6, "10.0.0.1", LONG) == NEWS
        await asyncio.sleep(0.05)
        before = store.looks
        await asyncio.sleep(0.1)
        assert store.looks == before

    _run(test)


@pytest.mark.parametrize("limits", [{"most": 2}, {"of_address": 2}])
def test_those_that_wait_leave_connections_to_the_sales(limits: dict[str, int]) -> None:
    async def test() -> None:
        room = Store().room(**limits)
        waiting = [asyncio.create_task(room.wait(7, "10.0.0.1", 0.3)) for _ in range(2)]
        await asyncio.sleep(0.05)
        with pytest.raises(ApiRefusedError, match="server_busy"):
            await room.wait(7, "10.0.0.1", LONG)
        assert await asyncio.gather(*waiting) == [NEWS, NEWS]
        assert await room.wait(7, "10.0.0.1", 0.01) == NEWS

    _run(test)
