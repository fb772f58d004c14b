"""Which connections the server holds open: so many in all, so many of one address, some kept back for tills.

Where there is no more room, whoever has kept the server waiting longest makes it: of the address with the most of
those, so that one that floods pushes out its own. A connection whose request is being served is never pushed out.
"""

from collections import Counter, OrderedDict
from collections.abc import Callable
from typing import Protocol

import msgspec

TILLS_REMEMBERED = 20_000  # addresses


class HttpLine(Protocol):
    """A connection."""

    def turn_away(self) -> None:
        """Ends it with a word, and calls ``leave``."""


class ConnectionLimits(msgspec.Struct, frozen=True):
    most: int
    per_address: int
    for_tills: int  # of ``most``, only for addresses that a till's right token came from
    lingering: int = 16  # that were turned away, and are still listened to for a moment


class HttpConnections:
    """Belongs to one event loop."""

    def __init__(self, limits: ConnectionLimits, *, is_proxy: Callable[[str], bool] = lambda address: False) -> None:
        """``is_proxy``: addresses that many clients share, for which only the limit in all counts."""
        self._limits = limits
        self._is_proxy = is_proxy
        self._counts: Counter[str] = Counter()
        self._addresses: dict[HttpLine, str] = {}
        # By address, the longest first: a dict keeps the order of its keys.
        self._waiting: dict[str, dict[HttpLine, None]] = {}
        self._tills: OrderedDict[str, None] = OrderedDict()
        self._lingering: set[HttpLine] = set()
        self.turned_away = 0

    def __len__(self) -> int:
        return len(self._addresses)

    def enter(self, line: HttpLine, address: str) -> bool:
        """Whether there is room for it, made if need be; it begins waiting."""
        if self._is_full(address):
            self.turned_away += 1
            longest = self._longest(address)
            if longest is None:
                return False
            longest.turn_away()
        self._addresses[line] = address
        self._counts[address] += 1
        self.waits(line)
        return True

    def waits(self, line: HttpLine) -> None:
        """The server waits for it from now on."""
        if line in self._addresses:
            self._waiting.setdefault(self._addresses[line], {}).setdefault(line)

    def is_served(self, line: HttpLine) -> None:
        """It waits for the server."""
        address = self._addresses.get(line)
        if address is None or line not in self._waiting.get(address, ()):
            return
        del self._waiting[address][line]
        if not self._waiting[address]:
            del self._waiting[address]

    def may_linger(self, line: HttpLine) -> bool:
        """Whether one that found no room may be listened to for a moment, until it ``leave``s."""
        if len(self._lingering) < self._limits.lingering:
            self._lingering.add(line)
            return True
        return False

    def leave(self, line: HttpLine) -> None:
        self._lingering.discard(line)
        self.is_served(line)
        address = self._addresses.pop(line, None)
        if address is None:
            return
        self._counts[address] -= 1
        if not self._counts[address]:
            del self._counts[address]

    def is_a_tills(self, address: str) -> None:
        """A till's right token came from there."""
        self._tills[address] = None
        self._tills.move_to_end(address)
        while len(self._tills) > TILLS_REMEMBERED:
            self._tills.popitem(last=False)

    def _is_full(self, address: str) -> bool:
        return self._is_crowded(address) or len(self) >= self._room(address)

    def _is_crowded(self, address: str) -> bool:
        return self._counts[address] >= self._limits.per_address and not self._is_proxy(address)

    def _room(self, address: str) -> int:
        return self._limits.most - (0 if address in self._tills else self._limits.for_tills)

    def _longest(self, address: str) -> HttpLine | None:
        """Who must go so that one more of this address may come; None where nobody can."""
        waiting = self._waiting
        fullest = waiting.get(address, {}) if self._is_crowded(address) else max(waiting.values(), key=len, default={})
        return next(iter(fullest), None)
