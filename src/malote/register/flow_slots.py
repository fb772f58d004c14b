"""Where a document counts in the sums of the dashboard: slots of several widths, and ranges of lags.

Pure: ``flow_keeping`` counts by it what is old enough to be kept, ``flow_history`` what came since.
"""

import math
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, tzinfo
from functools import lru_cache
from typing import Any, Literal, NamedTuple

MINUTE, QUARTER, HOUR, DAY = 60, 900, 3600, 86400
WIDTHS = (MINUTE, QUARTER, HOUR, DAY)
# How long sums are kept, by the width of their slots: a little longer than anybody looks back.
KEPT_SECONDS = {MINUTE: 3 * 3600.0, QUARTER: 2 * 86400.0, HOUR: 9 * 86400.0, DAY: 35 * 86400.0}
BY_STORE = frozenset({HOUR, DAY})  # of these widths, each store is counted by itself too
STORE_SEPARATOR = "-"  # in a till's name, what stands before it is its store: loja002-caixa-10

# A range of lags begins a tenth beyond the one before, so that a percentile is right to a tenth.
_STEP = math.log(1.1)
_LEAST = 0.1  # seconds: what is booked sooner is as soon as anybody can tell

What = Literal["received", "booked", "rejected", "lag", "store_received", "store_rejected"]


class FlowPlace(NamedTuple):
    width: int
    slot: int
    what: What
    part: str


class FlowSums:
    """How many documents, and the cents of the sales among them, by place. What is too old to be kept is left out."""

    def __init__(self, zone: tzinfo | None, now: float) -> None:
        self.counts: Counter[FlowPlace] = Counter()
        self.cents: Counter[FlowPlace] = Counter()
        self._zone, self._now = zone, now

    def received(self, at: float, store: str, cents: int) -> None:
        self._add(at, "received", "", cents)
        self._add(at, "store_received", store, cents)

    def booked(self, at: float, cents: int, issued_at: str | None) -> None:
        self._add(at, "booked", "", cents)
        lag = at - datetime.fromisoformat(issued_at).timestamp() if issued_at else -1.0
        if lag >= 0:  # a till's clock may say that the sale is still to come
            self._add(at, "lag", str(lag_range(lag)), 0)

    def rejected(self, at: float, store: str, code: str, cents: int) -> None:
        self._add(at, "rejected", code, cents)
        self._add(at, "store_rejected", store, cents)

    def rows(self) -> Iterator[tuple[FlowPlace, int, int]]:
        """In one order for all who write them: no two ever wait for each other."""
        for place in sorted(self.counts):
            yield place, self.counts[place], self.cents[place]

    def _add(self, at: float, what: What, part: str, cents: int) -> None:
        for width in WIDTHS:
            kept = at > self._now - KEPT_SECONDS[width]
            if kept and (width in BY_STORE or not what.startswith("store_")):
                place = FlowPlace(width, slot_of(at, width, self._zone), what, part)
                self.counts[place] += 1
                self.cents[place] += cents


def store_of(till: str) -> str:
    """The store of a till by its name; "" of one whose name says none."""
    return till.partition(STORE_SEPARATOR)[0] if STORE_SEPARATOR in till else ""


def slot_of(at: float, width: int, zone: tzinfo | None) -> int:
    """The beginning of the slot: of a day, the store's midnight (``zone``; None: this machine's)."""
    if width != DAY:
        return int(at // width) * width
    return _midnight(int(at // QUARTER) * QUARTER, zone)


def slots(first: float, last: float, width: int, zone: tzinfo | None) -> list[int]:
    """The beginnings from that of ``first`` to that of ``last``. Days are as long as the zone's clock makes them."""
    found = [slot_of(first, width, zone)]
    while found[-1] < slot_of(last, width, zone):
        found.append(slot_of(found[-1] + width * 1.5, width, zone))
    return found


def lag_range(seconds: float) -> int:
    """The number of the range that a lag falls into."""
    return math.ceil(math.log(max(seconds, _LEAST) / _LEAST) / _STEP)


def longest_of(number: int) -> float:
    """The longest lag of a range, in seconds."""
    return float(_LEAST * math.exp(number * _STEP))


def percentile(ranges: Iterable[tuple[int, int]], share: float) -> float | None:
    """A lag that at least ``share`` of all do not exceed, to a tenth; of (range, how many) pairs. None of nothing."""
    ordered = sorted(ranges)
    wanted = math.ceil(share * sum(count for _, count in ordered))
    for number, count in ordered:
        wanted -= count
        if wanted <= 0:
            return longest_of(number)
    return None


@lru_cache(maxsize=4096)
def _midnight(at: int, zone: Any) -> int:
    here = datetime.fromtimestamp(at, UTC).astimezone(zone)
    return int(datetime.combine(here.date(), datetime.min.time(), zone).timestamp())
