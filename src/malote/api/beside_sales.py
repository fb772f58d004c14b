"""What tills ask for besides bringing sales: a few at once, and for a moment none while a sale is served.

All of a server is computed one step at a time: a sale waits for whatever is done meanwhile for a contact or a load.
Nothing is refused, and no till waits without end, however many sales come: ``LONGEST_WAIT`` is all that they cost it.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Any, TypeVar

from anyio import to_thread
from litestar.types import ASGIApp, Receive, Scope, Send

from malote import wire

AT_ONCE = 2
LONGEST_WAIT = 0.5  # seconds from the asking on that sales go before
SALES = (wire.PATH_POUCHES, wire.PATH_DOCUMENTS)

Answer = TypeVar("Answer")


class BesideSales:
    """Belongs to one event loop."""

    def __init__(self, at_once: int = AT_ONCE, longest_wait: float = LONGEST_WAIT) -> None:
        self._longest_wait = longest_wait
        self._turns = asyncio.Semaphore(at_once)
        self._sales = 0  # being served
        self._no_sales = asyncio.Event()
        self._no_sales.set()

    async def run(self, work: Callable[[], Answer]) -> Answer:
        """In a thread, when its turn has come. Raises what it raises."""
        until = time.monotonic() + self._longest_wait
        async with self._turns:
            await self._let_sales_by(until)
            return await to_thread.run_sync(work)

    async def _let_sales_by(self, until: float) -> None:
        while self._sales and (left := until - time.monotonic()) > 0:
            try:
                async with asyncio.timeout(left):
                    await self._no_sales.wait()
            except TimeoutError:
                return

    def watching(self, app: ASGIApp) -> ASGIApp:
        """The application, with an eye on the sales that it serves; not while it waits for their senders."""

        async def run(scope: Scope, receive: Receive, send: Send) -> None:
            async def listen() -> Any:
                self._count(-1)
                try:
                    return await receive()
                finally:
                    self._count(1)

            if scope.get("path") not in SALES:
                await app(scope, receive, send)
                return
            self._count(1)
            try:
                await app(scope, listen, send)
            finally:
                self._count(-1)

        return run

    def _count(self, more: int) -> None:
        self._sales += more
        if self._sales:
            self._no_sales.clear()
        else:
            self._no_sales.set()
