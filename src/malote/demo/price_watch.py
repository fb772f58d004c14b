"""How long new prices take from the ERP to the tills, seen from outside: in each till's view, and in what it sells."""

import sqlite3
import time
from collections.abc import Mapping, Sequence
from contextlib import closing, suppress
from pathlib import Path

import msgspec

from malote.demo import loaded_prices
from malote.demo.evidence import TillPlace
from malote.demo.price_list import PriceChange

_LOOK_SECONDS = 0.1


class TillSeconds(msgspec.Struct, frozen=True):
    """From the ERP's commit until the till's view had every new price, and until its first sale at one; None: not in
    the time it was watched."""

    till: str
    shown: float | None
    sold: float | None


def last_number(ledger: Path) -> int:
    """Of the till's last sale; 0 before its first."""
    return max((number for number, _ in _sales(ledger, 0)), default=0)


def watch(
    places: Sequence[TillPlace], before: Mapping[str, int], change: PriceChange, seconds: float
) -> list[TillSeconds]:
    """Until all have them, or ``seconds`` are over. ``before``: each till's last number before the change."""
    shown: dict[str, float] = {}
    sold: dict[str, float] = {}
    wanted = {place.plan.name for place in places}
    while time.monotonic() < change.committed + seconds and not wanted <= set(shown) & set(sold):
        for place in places:
            name, took = place.plan.name, time.monotonic() - change.committed
            if name not in shown and change.prices.items() <= loaded_prices.beside(place.outbox)().items():
                shown[name] = took
            if name not in sold and _sells_at(place.ledger, before[name], change.prices):
                sold[name] = took
        time.sleep(_LOOK_SECONDS)
    return [TillSeconds(one.plan.name, shown.get(one.plan.name), sold.get(one.plan.name)) for one in places]


def _sells_at(ledger: Path, after: int, prices: Mapping[str, int]) -> bool:
    return any(prices.items() & told.items() for _, told in _sales(ledger, after))


def _sales(ledger: Path, after: int) -> list[tuple[int, dict[str, int]]]:
    """Number, and what wasn't sold at the catalogue's price."""
    with suppress(sqlite3.Error), closing(sqlite3.connect(f"{ledger.absolute().as_uri()}?mode=ro", uri=True)) as opened:
        rows = opened.execute("SELECT number, prices FROM sale WHERE number > ? ORDER BY number", (after,))
        return [(number, msgspec.json.decode(told, type=dict[str, int])) for number, told in rows]
    return []
