"""Tills wait here for the next version of the loads, or for their turn to have it where it comes in waves: they hear of
it when it comes instead of at their next contact.

A waiting till holds a connection and nothing else: one look at the store database serves all that wait, and none is
made where nobody does. So many that they could take a sale's connection may not wait; those go by their contacts.
"""

import asyncio
import random
from collections import Counter
from collections.abc import Callable
from typing import Any

from anyio import to_thread
from litestar import get
from litestar.params import FromQuery

from malote import log as logs
from malote.api.api_services import ApiServices, TillRequest
from malote.api.description import FAULTS
from malote.api.faults import ApiRefusedError
from malote.database.errors import StoreError
from malote.load_format.wire import PATH_NEWS, LoadNews

LONGEST_WAIT = 25.0  # seconds; a proxy on the way gives up after a minute or half of one
LOOK_SECONDS = 0.5  # between two looks, while somebody waits
TOLD_A_SECOND = 200  # tills at most, each of which comes with a contact
SHARE = 4  # of the connections, in all and of an address, that waiting tills may hold: one in so many

log = logs.get_logger("malote.api")


class LoadsWaitingRoom:
    """Belongs to one event loop."""

    def __init__(
        self,
        newest: Callable[[], LoadNews],
        *,
        most: int,
        of_address: int,
        stopping: Callable[[], bool] = lambda: False,
        look_seconds: float = LOOK_SECONDS,
    ) -> None:
        """``newest``: the version that tills should have, and the open wave; called in a thread. ``stopping``: whether
        nobody is to wait any more."""
        self._newest = newest
        self._most, self._of_address = most, of_address
        self._stopping = stopping
        self._look_seconds = look_seconds
        self._waiting: Counter[str] = Counter()  # by address
        self._news: LoadNews | None = None
        self._moved = asyncio.Event()
        self._looking: asyncio.Task[None] | None = None

    async def wait(
        self, known: int, address: str, seconds: float = LONGEST_WAIT, *, wave: int | None = None
    ) -> LoadNews:
        """The newest version and wave, once they are others than ``known`` and ``wave``, or the time is over. ``wave``:
        None for a till that asks for none. Raises ``ApiRefusedError``."""
        if self._waiting.total() >= self._most or self._waiting[address] >= self._of_address:
            raise ApiRefusedError("server_busy")
        self._waiting[address] += 1
        try:
            if self._looking is None or self._looking.done():
                self._news = None
                self._looking = asyncio.create_task(self._look())
            async with asyncio.timeout(seconds):
                while not self._stopping() and not self._is_news(known, wave):
                    await self._moved.wait()
                # All at once would be a crowd before the door, with sales among them.
                await asyncio.sleep(random.random() * self._waiting.total() / TOLD_A_SECOND)  # noqa: S311
        except TimeoutError:
            pass
        finally:
            self._waiting[address] -= 1
            if not self._waiting[address]:
                del self._waiting[address]
        return self._news or LoadNews(known, wave or 0)

    def _is_news(self, known: int, wave: int | None) -> bool:
        found = self._news
        return found is not None and (found.version != known or wave not in (None, found.wave))

    async def _look(self) -> None:
        """As long as somebody waits."""
        while self._waiting and not self._stopping():
            try:
                found = await to_thread.run_sync(self._newest)
            except StoreError as error:  # told where it hurts; here they wait
                log.debug("load_news_wait", code=error.code)
            else:
                self._tell(found)
            await asyncio.sleep(self._look_seconds)
        self._wake()

    def _tell(self, found: LoadNews) -> None:
        if found != self._news:
            self._news = found
            self._wake()

    def _wake(self) -> None:
        """All that wait now; whoever comes after them waits for the next time."""
        self._moved.set()
        self._moved = asyncio.Event()


@get(PATH_NEWS, responses=FAULTS)
async def tell_load_news(
    request: TillRequest, known: FromQuery[int] = -1, wave: FromQuery[int | None] = None
) -> LoadNews:
    """The newest version of the loads, and the open wave of the newest roll-out: at once where they aren't those that
    the till knows of, else when another comes, or after 25 seconds."""
    room: LoadsWaitingRoom = request.app.state["loads_waiting_room"]
    return await room.wait(known, request.client.host if request.client else "", wave=wave)


def waiting_room(services: ApiServices, stopping: Callable[[], bool]) -> LoadsWaitingRoom:
    limits = services.settings.server
    return LoadsWaitingRoom(
        services.newest_load,
        most=limits.connections // SHARE,
        of_address=limits.connections_per_address // SHARE,
        stopping=stopping,
    )


HANDLERS: list[Any] = [tell_load_news]
