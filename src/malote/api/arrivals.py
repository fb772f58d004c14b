"""How often an address may connect: one that does it without a pause is refused before anything is made for it."""

import socket
import time
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress

from malote.api.log_throttle import Seldom

MOST_ADDRESSES = 10_000  # remembered
REFUSED_AT_ONCE = 50  # then the event loop does something else


class Arrivals:
    """A bucket for each address: ``at_once`` may come, then as many as are allowed in a second."""

    def __init__(
        self,
        per_second: float,
        *,
        at_once: int,
        is_proxy: Callable[[str], bool] = lambda address: False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """``is_proxy``: addresses that many clients share, which may come as often as they like."""
        self._per_second = per_second
        self._at_once = at_once
        self._is_proxy = is_proxy
        self._clock = clock
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()  # and when that was
        self.refusals = Seldom("connections_refused", clock)

    def admits(self, address: str) -> bool:
        now = self._clock()
        left, at = self._left.get(address, (self._at_once, now))
        left = min(self._at_once, left + (now - at) * self._per_second)
        admitted = left >= 1 or self._is_proxy(address)
        self._left[address] = left - 1 if left >= 1 else left, now
        self._left.move_to_end(address)
        if len(self._left) > MOST_ADDRESSES:
            self._left.popitem(last=False)
        if not admitted:
            self.refusals.tell(address)
        return admitted


class ArrivalGate(socket.socket):
    """A listening socket that shows its server only those who are admitted; the others get a word, and nothing is made
    for them. A server that doesn't ask its socket (Windows' own way of accepting) gets them all."""

    def __init__(self, listener: socket.socket, arrivals: Arrivals, word: bytes) -> None:
        """Takes ``listener`` over."""
        super().__init__(listener.family, listener.type, listener.proto, listener.detach())
        self._arrivals = arrivals
        self._word = word

    def accept(self) -> tuple[socket.socket, object]:
        """Raises ``BlockingIOError`` where nobody waits who is admitted."""
        for _ in range(REFUSED_AT_ONCE):
            connection, address = super().accept()
            if self._arrivals.admits(str(address[0])):
                return connection, address
            with suppress(OSError):
                connection.setblocking(False)
                connection.send(self._word)
            connection.close()
        raise BlockingIOError
