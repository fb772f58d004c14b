"""A log line for each address and minute, and not for each of the thousands of times that something is done to it."""

import time
from collections import OrderedDict
from collections.abc import Callable

from malote import log as logs

EVERY_SECONDS = 60.0
MOST_ADDRESSES = 1_000  # whose last line is remembered

log = logs.get_logger("malote.api")


class Seldom:
    """One kind of event. Belongs to one event loop."""

    def __init__(self, event: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._event = event
        self._clock = clock
        self._told: OrderedDict[str, tuple[float, int]] = OrderedDict()  # when, and how often since

    def tell(self, address: str, **facts: object) -> None:
        """At once the first time; then it is counted, and told when a minute has gone by."""
        if address in self._told:
            at, more = self._told[address]
            self._told[address] = at, more + 1
            return
        log.info(self._event, address=address, **facts)
        self._told[address] = self._clock(), 0
        if len(self._told) > MOST_ADDRESSES:
            self._say(*self._told.popitem(last=False))

    def catch_up(self) -> None:
        """Call it now and then: tells the counts of minutes that are over."""
        while self._told:
            address, (at, more) = next(iter(self._told.items()))
            if self._clock() - at < EVERY_SECONDS:
                return
            del self._told[address]
            self._say(address, (at, more))
            if more:
                self._told[address] = self._clock(), 0

    def _say(self, address: str, told: tuple[float, int]) -> None:
        if told[1]:
            log.info(self._event, address=address, more=told[1])
