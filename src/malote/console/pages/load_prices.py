"""Which price had till 7 at 10:32 yesterday? And what was sold at another price than the till's list had."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
from litestar import Response, get

from malote.console.console_services import ConsoleServices
from malote.console.pages import load_manager, load_orders
from malote.console.pages.entry import EntryTrouble
from malote.console.rendering import answer
from malote.console.visits import ConsoleRequest, PageRefusedError, parameters, services_of
from malote.loads.sold_prices import SoldDay
from malote.register.flow_slots import store_of
from malote.tills.till import TillError

LONGEST = 60  # characters of a product's code or a till's name
MOST_LINES = 200


class StoreSold(msgspec.Struct, frozen=True):
    """A store's sums over its tills and days. ``cents``: more, or below zero less, than by the lists."""

    store: str
    lines: int
    differing: int
    unlisted: int
    unknown: int
    cents: int


def price(services: ConsoleServices, given: Mapping[str, str]) -> dict[str, Any]:
    """Raises ``PageRefusedError`` for a moment that is none."""
    product, till = (given.get(name, "").strip()[:LONGEST] for name in ("product", "till"))
    written = given.get("at", "").strip()[:40]
    moment = load_orders.moment_of(services, written)
    now = services.now()
    found, trouble = None, None
    if product:
        try:
            found = services.load_views.price_then(product, till, now if moment is None else moment)
        except TillError as error:
            trouble = EntryTrouble(error.code, error.facts)
    prices = found.answer.prices if found else []
    return {
        "section": "load-manager",
        "product": product,
        "wanted_till": till,
        "at": _field(services, moment),
        "found": found,
        "valid": [one for one in prices if one.is_valid],
        "others": [one for one in prices if not one.is_valid],
        "trouble": trouble,
        "tills": [one.till for one in services.structures.tills()][: load_manager.MOST_ROWS],
        "attention": load_manager.attention(services.load_views.entities(), services.loads.plans()),
    }


def sold(services: ConsoleServices, given: Mapping[str, str]) -> dict[str, Any]:
    """Raises ``PageRefusedError`` where there is no such till."""
    till = given.get("till", "").strip()[:LONGEST]
    try:
        days, lines = services.loads.sales(till)
    except TillError as error:
        raise PageRefusedError("page_unknown", 404) from error
    return {
        "section": "load-manager",
        "wanted_till": till,
        "stores": _by_store(services, days),
        "days": [one for one in days if one.differing],
        "lines": lines[:MOST_LINES],
        "more": len(lines) > MOST_LINES,
        "attention": load_manager.attention(services.load_views.entities(), services.loads.plans()),
    }


@get("/load-manager/price", sync_to_thread=True)
def show_price(request: ConsoleRequest) -> Response[str]:
    return answer(request, "load_price", price(services_of(request), parameters(request)))


@get("/load-manager/sold", sync_to_thread=True)
def show_sold(request: ConsoleRequest) -> Response[str]:
    return answer(request, "load_sold", sold(services_of(request), parameters(request)))


def _field(services: ConsoleServices, moment: float | None) -> str:
    """A moment as a browser's field for a day and a time has it, by the store's clock."""
    return "" if moment is None else datetime.fromtimestamp(moment, services.zone()).strftime("%Y-%m-%dT%H:%M")


def _by_store(services: ConsoleServices, days: Sequence[SoldDay]) -> list[StoreSold]:
    """The one that differs most first. A till without a store in its name is of this server's."""
    sums: dict[str, list[int]] = {}
    for one in days:
        each = sums.setdefault(store_of(one.till) or services.store_name, [0] * 5)
        for place, count in enumerate((one.lines, one.differing, one.unlisted, one.unknown, one.cents)):
            each[place] += count
    found = [StoreSold(store, *counts) for store, counts in sums.items()]
    return sorted(found, key=lambda one: (-abs(one.cents), -one.differing, one.store))


HANDLERS: list[Any] = [show_price, show_sold]
