"""Bodies on their way in: never more of them in memory than there is room for, and none waited for without end."""

import asyncio
from collections.abc import AsyncGenerator
from http import HTTPStatus

from litestar.exceptions import InternalServerException

from malote.api.faults import RefusedError
from malote.api.services import TillRequest

PAUSE_SECONDS = 30.0  # between two pieces of a body
OPENED_AT_ONCE = 2  # pouches; each may grow to intake.max_pouch_bytes


class Room:
    """Memory set aside for bodies, in bytes. One event loop uses it."""

    def __init__(self, size: int) -> None:
        self._free = size
        self.opening = asyncio.Semaphore(OPENED_AT_ONCE)

    def take(self, size: int) -> None:
        """Raises ``RefusedError``: the till tries again later."""
        if size > self._free:
            raise RefusedError("server_busy")
        self._free -= size

    def give_back(self, size: int) -> None:
        self._free += size


async def whole_body(request: TillRequest) -> AsyncGenerator[bytes, None]:
    """The body, for as long as its handler runs, and only when it is that handler's turn.

    Raises ``RefusedError``, and the framework's own error for a body over the route's limit.
    """
    room: Room = request.app.state["room"]
    pieces: list[bytes] = []
    taken = 0
    try:
        async for piece in _pieces(request):
            room.take(len(piece))
            taken += len(piece)
            pieces.append(piece)
        async with room.opening:
            yield b"".join(pieces)
    finally:
        room.give_back(taken)


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
            raise RefusedError("request_invalid", status=status, detail="the body stopped coming") from error
        except InternalServerException as error:
            raise RefusedError("request_invalid", detail="the client went away") from error
        if piece is None:
            return
        if piece:
            yield piece


def room_of(request_limit: int) -> int:
    """Bytes for several ordinary bodies, or for two of the largest."""
    return max(2 * request_limit, 8_000_000)
