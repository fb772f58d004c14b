import asyncio
import threading
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from malote import wire
from malote.api.beside_sales import BesideSales

FOREVER = 3600.0
PATIENCE = 60.0  # for what happens at once on a machine that has time


class Sale:
    """A sale's request: its body comes when told, and so does the end of its reply."""

    def __init__(self, beside: BesideSales) -> None:
        self.body, self.reply = asyncio.Event(), asyncio.Event()
        self.is_read = asyncio.Event()
        self._app = beside.watching(self._served)

    async def _served(self, _scope: Any, receive: Any, _send: Any) -> None:
        await receive()
        self.is_read.set()
        await self.reply.wait()

    async def _come(self) -> Any:
        await self.body.wait()
        return {"type": "http.request"}

    async def _nothing(self, _message: Any) -> None: ...

    async def __call__(self) -> None:
        await self._app({"type": "http", "path": wire.PATH_POUCHES}, self._come, self._nothing)  # type: ignore[arg-type]


@asynccontextmanager
async def _served(beside: BesideSales) -> Any:
    sale = Sale(beside)
    task = asyncio.create_task(sale())
    await asyncio.sleep(0)
    try:
        yield sale
    finally:
        sale.body.set()
        sale.reply.set()
        await task


def _run(test: Callable[[], Awaitable[None]]) -> None:
    async def within() -> None:
        async with asyncio.timeout(PATIENCE):
            await test()

    asyncio.run(within())


def test_a_few_are_served_at_once() -> None:
    inside, most, lock = 0, 0, threading.Lock()
    met = threading.Barrier(2)  # both places are used, or nobody gets on

    def work() -> None:
        nonlocal inside, most
        with lock:
            inside += 1
            most = max(most, inside)
        met.wait(PATIENCE)
        with lock:
            inside -= 1

    async def test() -> None:
        beside = BesideSales(2)
        await asyncio.gather(*(beside.run(work) for _ in range(6)))

    _run(test)
    assert most == 2


def test_a_sale_that_is_served_goes_before() -> None:
    done: list[str] = []

    async def test() -> None:
        beside = BesideSales(longest_wait=FOREVER)
        async with _served(beside) as sale:
            sale.body.set()
            await sale.is_read.wait()
            asked = asyncio.create_task(beside.run(lambda: done.append("load")))
            await asyncio.sleep(0.05)
            assert not done
            done.append("sale")
            sale.reply.set()
            await asked

    _run(test)
    assert done == ["sale", "load"]


def test_a_sale_whose_sender_is_slow_holds_nobody_back() -> None:
    async def test() -> None:
        beside = BesideSales(longest_wait=FOREVER)
        async with _served(beside):
            assert await beside.run(lambda: "load") == "load"

    _run(test)


def test_sales_without_end_delay_and_do_not_starve() -> None:
    async def test() -> None:
        beside = BesideSales(longest_wait=0.05)
        async with _served(beside) as sale:
            sale.body.set()
            await sale.is_read.wait()
            assert await asyncio.gather(*(beside.run(lambda: "load") for _ in range(20))) == ["load"] * 20

    _run(test)
