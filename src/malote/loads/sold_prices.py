"""Sold lines against the price list that the till had when it sold them: what was sold at another price, in R$.

A line counts as right if its price was valid for the product at any moment of the minutes before the sale was issued:
what was scanned first may have been of the list before. Walks the feed of what was booked, so that each sale is looked
at once; a while after it was booked, since the till's word of its newest list may come after the sale.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from typing import Any

import msgspec
from sqlalchemy import Connection, Engine, insert, select, update

from malote.database.engine import reading, writing
from malote.database.load_tables import load_sale, load_sale_day, load_sale_walk
from malote.database.upserting import insert_into
from malote.fiscal.documents import Item, Sale
from malote.loads import entity_rows, price_history, tills_held
from malote.register.reopening import ExtractedPlace, reopened
from malote.spool import feed
from malote.spool.feed import Change
from malote.tills.till import Till, list_tills

PAGE = 500
PATIENCE_SECONDS = 60.0  # after it was booked
SCANNED_SECONDS = 900.0  # before it was issued
# A note is issued in whole seconds, and the till's clock is known but for what its contact took: so long after the sale
# a list may seem to have come that it was sold at.
CLOCK_SECONDS = 5.0
_CENT = Decimal("0.01")


class SoldOtherwise(msgspec.Struct, frozen=True):
    """A line that was sold at a price that its till's list didn't have. Prices as decimals, ``cents`` more (or, below
    zero, less) than by the list. ``version``: of the list."""

    till: str
    access_key: str
    line: int
    day: str
    issued_at: str
    product: str
    quantity: str
    sold: str
    listed: str
    cents: int
    version: int


class SoldDay(msgspec.Struct, frozen=True):
    """A till's day: ``lines`` compared; ``unlisted``: of products that its list didn't have; ``unknown``: sold when
    nobody knows what it had."""

    till: str
    day: str
    lines: int
    unlisted: int
    unknown: int
    differing: int
    cents: int


class SoldPrices:
    """Safe for threads and processes: one of several that look notes what was found. Raises ``StoreError``."""

    def __init__(self, engine: Engine, clock: Callable[[], float] = time.time) -> None:
        self._engine = engine
        self._clock = clock

    def look(self) -> int:
        """Compares what was booked since it was last called: how many documents, at most a page of them."""
        feed.number(self._engine)
        with reading(self._engine) as connection:
            after = connection.execute(select(load_sale_walk.c.feed_to)).scalar_one_or_none()
        if after is None:
            self._begin()
            return 0
        until = self._clock() - PATIENCE_SECONDS
        page = [one for one in feed.changes(self._engine, after, PAGE) if one.at <= until]
        if not page:
            return 0
        ids = {one.name: one for one in list_tills(self._engine)}
        found = [line for change, sale in self._sales(page) for line in self._lines(ids.get(change.till), change, sale)]
        with writing(self._engine) as connection:
            moved = update(load_sale_walk).where(load_sale_walk.c.feed_to == after).values(feed_to=page[-1].number)
            if connection.execute(moved).rowcount:
                _write(connection, found)
        return len(page)

    def _begin(self) -> None:
        """With what is booked from now on: of what was before, nobody knows what tills had."""
        newest = feed.newest(self._engine)
        with writing(self._engine) as connection:
            if connection.execute(select(load_sale_walk.c.feed_to)).first() is None:
                connection.execute(insert(load_sale_walk).values(id=1, feed_to=newest))

    def _sales(self, page: Sequence[Change]) -> Iterator[tuple[Change, Sale]]:
        booked = [one for one in page if one.what == "booked" and not one.duplicate]
        places = [ExtractedPlace(one.document_id, one.pouch_id, one.extracted_index) for one in booked]
        for change, (_, document) in zip(booked, reopened(self._engine, places), strict=True):
            if isinstance(document, Sale):
                yield change, document

    def _lines(self, till: Till | None, change: Change, sale: Sale) -> Iterator[dict[str, Any]]:
        if till is None or change.access_key is None:
            return
        moment = sale.issued_at.timestamp()
        with reading(self._engine) as connection:
            versions = _versions(connection, till.id, moment)
            for item in sale.items:
                line = {"till_id": till.id, "access_key": change.access_key, "line": item.number}
                line |= {"day": sale.issued_at.date().isoformat(), "issued_at": sale.issued_at.isoformat()}
                yield line | _compared(connection, item, versions, moment)


def _versions(connection: Connection, till_id: int, moment: float) -> list[tuple[int, dict[str, int]]]:
    """Of the price list, with rows of others, that the till had from the scanning to the issue; the newest first."""
    found: list[tuple[int, dict[str, int]]] = []
    for held in tills_held.between(connection, till_id, moment - SCANNED_SECONDS, moment + CLOCK_SECONDS):
        had = (held.version_of("price"), held.chosen.get("price", {}))
        if had[0] and had not in found:
            found.append(had)
    return found


def _compared(
    connection: Connection, item: Item, versions: Sequence[tuple[int, dict[str, int]]], moment: float
) -> dict[str, Any]:
    if not versions:
        return {"state": "unknown"}
    first: tuple[Decimal, int] | None = None
    for price, version in _prices(connection, item.product_code, versions, moment):
        if abs(item.unit_price - price) < _CENT / 2:
            return {"state": "right"}
        first = first or (price, version)
    if first is None:
        return {"state": "unlisted"}
    listed, version = first
    cents = int(((item.unit_price - listed) * item.quantity * 100).to_integral_value())
    return {
        "state": "differing",
        "product": item.product_code,
        "quantity": str(item.quantity),
        "sold": str(item.unit_price),
        "listed": str(listed),
        "cents": cents,
        "version": version,
    }


def _prices(
    connection: Connection, product: str, versions: Sequence[tuple[int, dict[str, int]]], moment: float
) -> Iterator[tuple[Decimal, int]]:
    """Each with its list's version, the newest first; asked for one by one, since most lines are right by the first."""
    for version, chosen in versions:
        rows = price_history.prices(connection, product, version, moment, chosen)
        for scanned in map(price_history.spelt, (moment, moment - SCANNED_SECONDS)):
            valid = [one.values["price"] for one in rows if price_history.is_valid(one.values, scanned)]
            yield from ((Decimal(str(price)), version) for price in valid)
    yield from _promotions(connection, product, [version for version, _ in versions], moment)


def _promotions(
    connection: Connection, product: str, versions: Sequence[int], moment: float
) -> list[tuple[Decimal, int]]:
    found = []
    for version in versions:
        if entity_rows.state_of(connection, "promotion", version) is not None:
            rows = price_history.promotions(connection, product, version, moment)
            found += [(Decimal(str(one["price"])), version) for one in rows if one.get("price") is not None]
    return found


def _write(connection: Connection, found: Sequence[dict[str, Any]]) -> None:
    days: dict[tuple[int, str], dict[str, int]] = {}
    for one in found:
        day = days.setdefault((one["till_id"], one["day"]), dict.fromkeys(_COUNTED, 0))
        day["lines"] += 1
        day["cents"] += one.get("cents", 0)
        if one["state"] in day:
            day[one["state"]] += 1
        if one["state"] == "differing":
            values = {name: value for name, value in one.items() if name != "state"}
            connection.execute(insert_into(connection, load_sale).values(values).on_conflict_do_nothing())
    for (till_id, day_name), counts in days.items():
        values = {name: counts[name] for name in _COUNTED}
        statement = insert_into(connection, load_sale_day).values(till_id=till_id, day=day_name, **values)
        added = {name: load_sale_day.c[name] + statement.excluded[name] for name in _COUNTED}
        connection.execute(statement.on_conflict_do_update(index_elements=["till_id", "day"], set_=added))


_COUNTED = ("lines", "unlisted", "unknown", "differing", "cents")


def lines(connection: Connection, names: dict[int, str], till_id: int | None, limit: int) -> list[SoldOtherwise]:
    """What was sold otherwise, the newest first."""
    query = select(load_sale).order_by(load_sale.c.issued_at.desc(), load_sale.c.access_key, load_sale.c.line)
    if till_id is not None:
        query = query.where(load_sale.c.till_id == till_id)
    found = []
    for row in connection.execute(query.limit(limit)):
        values = {name: getattr(row, name) for name in SoldOtherwise.__struct_fields__ if name != "till"}
        found.append(SoldOtherwise(till=names.get(row.till_id, "?"), **values))
    return found


def days(connection: Connection, names: dict[int, str], till_id: int | None, limit: int) -> list[SoldDay]:
    """Day by day, the newest first."""
    query = select(load_sale_day).order_by(load_sale_day.c.day.desc(), load_sale_day.c.till_id)
    if till_id is not None:
        query = query.where(load_sale_day.c.till_id == till_id)
    found = []
    for row in connection.execute(query.limit(limit)):
        values = {name: getattr(row, name) for name in SoldDay.__struct_fields__ if name != "till"}
        found.append(SoldDay(till=names.get(row.till_id, "?"), **values))
    return found
