"""Lines of sales against the price lists that their tills had: a few questions for all sales of a batch.

A line counts as right if its price was valid for the product at any moment of the minutes before the sale was issued:
what was scanned first may have been of the list before.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import tzinfo
from decimal import Decimal
from typing import Any

import msgspec
from sqlalchemy import Connection

from malote.fiscal.documents import Item, Sale
from malote.loads import price_history, rows_by_code, tills_held
from malote.loads.price_history import PriceList, Prices, in_force, is_valid, spelt
from malote.loads.rows_by_code import CodeRows
from malote.loads.tills_held import Held

SCANNED_SECONDS = 900.0  # before it was issued
# A note is issued in whole seconds, and the till's clock is known but for what its contact took: so long after the sale
# a list may seem to have come that it was sold at.
CLOCK_SECONDS = 5.0
_TOGETHER_SECONDS = 3600  # sales whose tills' lists are asked for together
_CENT = Decimal("0.01")
_MOST_CENTS = 10**13  # that a line differs by: what no till sells may not stop the comparison of all others


class ComparedSale(msgspec.Struct, frozen=True):
    """``skew``: the clock of the till less the server's, in seconds, where it is wrong."""

    till_id: int
    access_key: str
    sale: Sale
    skew: float = 0.0

    @property
    def moment(self) -> float:
        """By the server's clock, as the till's dated prices go."""
        return self.sale.issued_at.timestamp() - self.skew

    @property
    def hour(self) -> tuple[int, int]:
        return self.till_id, int(self.moment // _TOGETHER_SECONDS)


class _Lists(msgspec.Struct, frozen=True):
    """What a till had: its prices and its promotions may be of two versions."""

    prices: PriceList
    promotions: PriceList


class _Asked(msgspec.Struct, frozen=True):
    prices: Prices
    promotions: CodeRows


def compared(
    connection: Connection, sales: Sequence[ComparedSale], zone: tzinfo | None = None
) -> Iterator[dict[str, Any]]:
    """Of each line what is noted of it: ``state`` is ``right``, ``differing``, ``unlisted`` or ``unknown``. ``zone``:
    of the store's days; None: this machine's.

    A till whose clock is wrong sells by the server's time, and may print either: right by one of them is right."""
    as_printed = [msgspec.structs.replace(one, skew=0.0) for one in sales if one.skew]
    printed = {(one["access_key"], one["line"]): one for one in _compared(connection, as_printed, zone)}
    for line in _compared(connection, sales, zone):
        other = printed.get((line["access_key"], line["line"]), line)
        yield other if other["state"] == "right" else line


def _compared(connection: Connection, sales: Sequence[ComparedSale], zone: tzinfo | None) -> Iterator[dict[str, Any]]:
    held = {hour: _held_in(connection, *hour) for hour in {one.hour for one in sales}}
    lists = [_lists(held[one.hour], one.moment) for one in sales]
    asked = _asked(connection, sales, lists)
    for one, its in zip(sales, lists, strict=True):
        issued = one.sale.issued_at
        for item in one.sale.items:
            line = {"till_id": one.till_id, "access_key": one.access_key, "line": item.number}
            line |= {"day": issued.astimezone(zone).date().isoformat(), "issued_at": issued.isoformat()}
            yield line | _judged(asked, item, its, one.moment)


def _held_in(connection: Connection, till_id: int, hour: int) -> list[Held]:
    first, last = hour * _TOGETHER_SECONDS - SCANNED_SECONDS, (hour + 1) * _TOGETHER_SECONDS + CLOCK_SECONDS
    return tills_held.between(connection, till_id, first, last)


def _lists(held: Sequence[Held], moment: float) -> list[_Lists]:
    """Those that the till had from the scanning to the issue, the newest first."""
    found: list[_Lists] = []
    for one in held:
        if one.applied_at > moment + CLOCK_SECONDS:
            continue
        had = _Lists(_had(one, "price"), _had(one, "promotion"))
        if had.prices.version and had not in found:
            found.append(had)
        if one.applied_at <= moment - SCANNED_SECONDS:
            break
    return found


def _had(held: Held, entity: str) -> PriceList:
    return PriceList(held.version_of(entity), held.chosen.get(entity, price_history.NONE_CHOSEN))


def _asked(connection: Connection, sales: Sequence[ComparedSale], lists: Sequence[Sequence[_Lists]]) -> _Asked:
    listed = [(one.sale, its) for one, its in zip(sales, lists, strict=True) if its]
    products = {item.product_code for sale, _ in listed for item in sale.items}
    every = [one for _, its in listed for one in its]
    promoted = {version for one in every for version in one.promotions.versions}
    promotions = rows_by_code.find(connection, "promotion", products, promoted)
    return _Asked(Prices(connection, products, [one.prices for one in every]), promotions)


def _judged(asked: _Asked, item: Item, lists: Sequence[_Lists], moment: float) -> dict[str, Any]:
    if not lists:
        return {"state": "unknown"}
    first: tuple[Decimal, int] | None = None
    is_kept = all(asked.prices.has(one.prices.version) for one in lists)
    for price, version in _prices(asked, item.product_code, lists, moment):
        if abs(item.unit_price - price) < _CENT / 2:
            return {"state": "right"}
        first = first or (price, version)
    if not is_kept:  # it may have been right by a list whose rows are gone here
        return {"state": "unknown"}
    if first is None:
        return {"state": "unlisted"}
    listed, version = first
    cents = int(((item.unit_price - listed) * item.quantity * 100).to_integral_value())
    cents = max(-_MOST_CENTS, min(cents, _MOST_CENTS))
    return {
        "state": "differing",
        "product": item.product_code,
        "quantity": str(item.quantity),
        "sold": str(item.unit_price),
        "listed": str(listed),
        "cents": cents,
        "version": version,
    }


def _prices(asked: _Asked, product: str, lists: Sequence[_Lists], moment: float) -> Iterator[tuple[Decimal, int]]:
    """Each with its list's version, the newest first; promotions last."""
    for one in lists:
        rows = asked.prices.rows(product, one.prices)
        for scanned in map(spelt, (moment, moment - SCANNED_SECONDS)):
            yield from ((_decimal(row.values), one.prices.version) for row in in_force(rows, scanned))
    at = spelt(moment)
    for one in lists:
        promoted = [row.values for row in price_history.of_list(asked.promotions, product, one.promotions)]
        valid = [row for row in promoted if row["price"] is not None and is_valid(row, at)]
        yield from ((_decimal(row), one.prices.version) for row in valid)


def _decimal(row: Mapping[str, Any]) -> Decimal:
    return Decimal(str(row["price"]))
