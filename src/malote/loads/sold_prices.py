"""Sold lines against the price list that the till had when it sold them: what was sold at another price, in R$.

Walks the feed of what was booked, so that each sale is looked at once: when its till has been heard of after it was
booked, since the till's word of its newest list may come after the sale.
"""

import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import tzinfo
from typing import Any

import msgspec
from sqlalchemy import Connection, Engine, insert, select, update

from malote import log as logs
from malote.database.engine import reading, writing
from malote.database.errors import StoreError
from malote.database.load_tables import load_sale, load_sale_day, load_sale_walk
from malote.database.upserting import insert_into
from malote.fiscal.documents import Sale
from malote.loads import sold_lines, tills_held
from malote.loads.sold_lines import ComparedSale
from malote.register.reopening import ExtractedPlace, reopened
from malote.spool import feed
from malote.spool.feed import Change
from malote.tills.clocks import wrong_clocks
from malote.tills.till import last_contacts, list_tills

PAGE = 500
PATIENCE_SECONDS = 50.0  # after it was booked, with a till that isn't heard of
LOOK_SECONDS = 1.0

log = logs.get_logger("malote.sold_prices")


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

    def __init__(
        self, engine: Engine, clock: Callable[[], float] = time.time, zone: Callable[[], tzinfo | None] = lambda: None
    ) -> None:
        """``zone``: of the store's days; None: this machine's."""
        self._engine = engine
        self._clock = clock
        self._zone = zone

    def run(self, stop: threading.Event) -> None:
        """In a thread of its own, so that no long look at the ERP's catalogue stands before it."""
        said = ""
        while not stop.wait(LOOK_SECONDS):
            try:
                while self.look() == PAGE and not stop.is_set():
                    pass
                said = ""
            except StoreError as error:
                if error.code != said:
                    log.warning("sold_prices_wait", code=error.code)
                said = error.code

    def look(self) -> int:
        """Compares what was booked since it was last called: how many documents, at most a page of them."""
        feed.number(self._engine)
        with reading(self._engine) as connection:
            after = connection.execute(select(load_sale_walk.c.feed_to)).scalar_one_or_none()
        if after is None:
            self._begin()
            return 0
        page = feed.changes(self._engine, after, PAGE)
        if not page:
            return 0
        ids = {one.name: one.id for one in list_tills(self._engine)}
        with reading(self._engine) as connection:
            page = _ready(connection, page, ids, self._clock())
        if not page:
            return 0
        sales, zone = self._sales(page, ids), self._zone()
        with reading(self._engine) as connection:
            found = list(sold_lines.compared(connection, _by_the_servers_time(connection, sales), zone))
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

    def _sales(self, page: Sequence[Change], ids: Mapping[str, int]) -> list[ComparedSale]:
        booked = [one for one in page if one.what == "booked" and not one.duplicate]
        places = [ExtractedPlace(one.document_id, one.pouch_id, one.extracted_index) for one in booked]
        found = []
        for change, (_, document) in zip(booked, reopened(self._engine, places), strict=True):
            if isinstance(document, Sale) and change.access_key is not None:
                found.append(ComparedSale(ids[change.till], change.access_key, document))
        return found


def _by_the_servers_time(connection: Connection, sales: Sequence[ComparedSale]) -> list[ComparedSale]:
    skews = wrong_clocks(connection, list({one.till_id for one in sales}))
    return [msgspec.structs.replace(one, skew=skews.get(one.till_id, 0.0)) for one in sales]


def _ready(connection: Connection, page: Sequence[Change], ids: Mapping[str, int], now: float) -> list[Change]:
    """Those before the first whose till may still tell of a list that it had when it sold. What a till says of its
    list is noted before its contact is (``app.Services.record_contact``)."""
    selling = {ids[one.till] for one in page}
    waited_for = tills_held.newest(connection, selling)
    heard = last_contacts(connection, selling)
    for place, one in enumerate(page):
        till_id = ids[one.till]
        if till_id in waited_for and heard.get(till_id, 0.0) <= one.at and now - one.at < PATIENCE_SECONDS:
            return list(page[:place])
    return list(page)


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


def otherwise(connection: Connection, keys: Collection[str]) -> set[tuple[str, int]]:
    """Of some sales, by access key: the lines that were sold otherwise, as key and number of the line."""
    query = select(load_sale.c.access_key, load_sale.c.line).where(load_sale.c.access_key.in_(keys))
    return {(row.access_key, row.line) for row in connection.execute(query)}


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
