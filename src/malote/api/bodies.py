"""Bodies on their way in: never more of them in memory than there is room for, and none waited for without end."""

import asyncio
from collections import Counter, OrderedDict, deque
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from http import HTTPStatus

from litestar.exceptions import InternalServerException

from malote import wire
from malote.api.api_services import TillRequest, services_of
from malote.api.faults import ApiRefusedError

PAUSE_SECONDS = 30.0  # between two pieces of a body
PLACES = 4  # pouches opened at once, of as many tills; each may grow to intake.max_pouch_bytes
MOST_WAITING = 64  # requests of one till
QUEUE_SECONDS = wire.PATIENCE_SECONDS / 4  # that one may wait for its place, before the till is asked to come again


class Room:
    """Memory set aside for bodies, in bytes, of which no till gets more than ``share``. One event loop uses it."""

    def __init__(self, size: int, share: int | None = None) -> None:
        self._free = size
        self._share = size if share is None else share
        self._taken: Counter[int] = Counter()  # by till

    def take(self, till_id: int, size: int) -> None:
        """Raises ``ApiRefusedError``: the till tries again later."""
        if size > self._free or self._taken[till_id] + size > self._share:
            raise ApiRefusedError("server_busy")
        self._free -= size
        self._taken[till_id] += size

    def give_back(self, till_id: int, size: int) -> None:
        self._free += size
        self._taken[till_id] -= size
        if not self._taken[till_id]:
            del self._taken[till_id]


class Places:
    """Few pouches are open at once, one of each till, and tills that wait take turns. One event loop uses it."""

    def __init__(self, places: int = PLACES, patience: float = QUEUE_SECONDS) -> None:
        self._free = places
        self._patience = patience
        self._inside: set[int] = set()
        self._waiting: OrderedDict[int, deque[asyncio.Future[None]]] = OrderedDict()

    @asynccontextmanager
    async def place(self, till_id: int) -> AsyncGenerator[None, None]:
        """Raises ``ApiRefusedError`` where too many requests of the till wait, or none was free for too long."""
        await self._enter(till_id)
        try:
            yield
        finally:
            self._leave(till_id)

    async def _enter(self, till_id: int) -> None:
        if self._free and till_id not in self._inside:
            self._free -= 1
            self._inside.add(till_id)
            return
        queue = self._waiting.setdefault(till_id, deque())
        if len(queue) >= MOST_WAITING:
            raise ApiRefusedError("server_busy")
        called: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        queue.append(called)
        try:
            async with asyncio.timeout(self._patience):
                await called
        except BaseException as error:
            if called.done() and not called.cancelled():
                self._leave(till_id)  # the place came in the same moment
            elif called in queue:
                queue.remove(called)
                if not queue:
                    self._waiting.pop(till_id, None)
            if isinstance(error, TimeoutError):
                raise ApiRefusedError("server_busy") from error
            raise

    def _leave(self, till_id: int) -> None:
        self._inside.discard(till_id)
        self._free += 1
        for waiting in list(self._waiting):
            if not self._free:
                return
            if waiting not in self._inside:
                self._call(waiting)

    def _call(self, till_id: int) -> None:
        """The till's first request goes in, and its next one waits behind those of the others."""
        queue = self._waiting.pop(till_id)
        while queue and queue[0].done():
            queue.popleft()
        if queue:
            queue.popleft().set_result(None)
            self._free -= 1
            self._inside.add(till_id)
        if queue:
            self._waiting[till_id] = queue


async def whole_body(request: TillRequest) -> AsyncGenerator[bytes, None]:
    """The body, for as long as its handler runs, and only when it is its till's turn.

    Raises ``ApiRefusedError``, ``SlowedError``, and the framework's own error for a body over the route's limit.
    """
    till_id = request.auth.id
    # Before a byte is read: what a till that is slowed sends costs next to nothing.
    services_of(request).intake.quota.check(till_id)
    room: Room = request.app.state["room"]
    places: Places = request.app.state["places"]
    pieces: list[bytes] = []
    taken = 0
    try:
        async for piece in _pieces(request):
            room.take(till_id, len(piece))
            taken += len(piece)
            pieces.append(piece)
        async with places.place(till_id):
            yield b"".join(pieces)
    finally:
        room.give_back(till_id, taken)


async def small_body(request: TillRequest) -> bytes:
    """A body of JSON; its route's limit keeps it small. Raises the same."""
    return b"".join([piece async for piece in _pieces(request)])


async def _pieces(request: TillRequest) -> AsyncGenerator[bytes, None]:
    stream = request.stream()
    while True:
        try:
            piece = await asyncio.wait_for(anext(stream, None), PAUSE_SECONDS)
        except TimeoutError as error:
            status = HTTPStatus.REQUEST_TIMEOUT
            raise ApiRefusedError("request_invalid", status=status, detail="the body stopped coming") from error
        except InternalServerException as error:
            raise ApiRefusedError("request_invalid", detail="the client went away") from error
        if piece is None:
            return
        if piece:
            yield piece


def room_of(request_limit: int) -> Room:
    """For several ordinary bodies, or for two of the largest, of which no till has both."""
    size = max(2 * request_limit, 8_000_000)
    return Room(size, size // 2)
