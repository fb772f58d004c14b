"""How long somebody waits for the first paint of a page of the console at 10,000 tills, in a real browser.

The bound is the page for signing in, which the same server draws for the same browser without looking at any till.
Each page is opened as one that was never open: no cache, a new page each time; it is the server that is warm.
"""

import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from playwright.sync_api import Browser
from sqlalchemy import case, update
from tests.browser.browser_support import browsing, watched

from bench.measured_server import Running, server, signed_in, wait_of_a_sale
from malote import wire
from malote.app import Services, services_for
from malote.config import Settings
from malote.database.engine import writing
from malote.database.tables import till as tills
from malote.tills.contact import record_contact
from malote.tills.till import create_till, list_tills

TILLS = 10_000
TILLS_OF_A_STORE = 8
SILENT_EVERY = 50  # one of so many tills has not been heard for twelve minutes
SILENT_SECONDS = 720.0
TIMES = 7
SALES = 20
SIGN_IN = "/console/sign-in"
PAGES = {
    "Gerenciamento": "/console/tills",
    "Gerenciamento by store": "/console/tills?group=store",
    "Gerenciador de carga": "/console/load-manager",
    "Painel": "/console/dashboard",
    "Conciliação": "/console/reconciliation",
}
_PAINTED = """() => new Promise(done => new PerformanceObserver(list => {
    const first = list.getEntriesByName("first-contentful-paint")[0];
    if (first) done(first.startTime);
}).observe({type: "paint", buffered: true}))"""

Row = dict[str, Any]


def run() -> list[Row]:
    """Milliseconds from the request to the first paint, the median of seven."""
    with server() as running:
        with services_for(Settings(home=str(running.home))) as services:
            _fill(services)
        with running.till() as till:
            for number in range(1, SALES + 1):
                wait_of_a_sale(till, number)
        with _looking(running) as (browser, cookies):
            bound = _painted(browser, running, SIGN_IN, [])
            return [_row(name, _painted(browser, running, path, cookies), bound) for name, path in PAGES.items()]


def _row(page: str, value: float, bound: float) -> Row:
    # Times: the bound is the least there can be, so that the ratio is its share.
    return {
        "name": f"first paint at {TILLS} tills: {page}",
        "value": value,
        "unit": "ms",
        "bound": bound,
        "ratio": bound / value,
    }


def _fill(services: Services) -> None:
    """A chain of stores, all of whose tills were heard in this minute, but for some."""
    for number in range(1, TILLS):
        store, place = divmod(number, TILLS_OF_A_STORE)
        create_till(services.engine, f"loja{store:04d}-caixa-{place:02d}")
    said = wire.Contact("bench", datetime.now(UTC), 0, 0)
    for till in list_tills(services.engine):
        record_contact(services.engine, till.id, said, received_at=time.time())
    # Ten thousand contacts take longer than a till may be silent: they are heard of anew, all at once.
    ago = case((tills.c.id % SILENT_EVERY == 0, SILENT_SECONDS), else_=tills.c.id % 60)
    with writing(services.engine) as connection:
        connection.execute(update(tills).values(last_contact_at=time.time() - ago))


@contextmanager
def _looking(running: Running) -> Iterator[tuple[Browser, list[dict[str, str]]]]:
    cookies = [{"name": name, "value": value, "url": running.address} for name, value in signed_in(running).items()]
    with browsing() as browser:
        yield browser, cookies


def _painted(browser: Browser, running: Running, path: str, cookies: list[dict[str, str]]) -> float:
    """The first time, which compiles the page's template, is left out."""
    return statistics.median([_once(browser, running, path, cookies) for _ in range(TIMES + 1)][1:])


def _once(browser: Browser, running: Running, path: str, cookies: list[dict[str, str]]) -> float:
    with watched(browser, running.address) as opened:
        opened.page.context.add_cookies(cookies)  # type: ignore[arg-type]
        opened.page.goto(path)
        return float(opened.page.evaluate(_PAINTED))
