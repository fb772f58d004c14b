"""A server that loads from an ERP, and tills that say which load they have and how far they are, as agents do."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from html import unescape
from pathlib import Path

import msgspec
from httpx import Response
from litestar import Litestar
from litestar.testing import TestClient

from malote import wire
from malote.accounts import audit
from malote.app import Services, services_for
from malote.config import LoadsSettings, Settings, StoreSettings
from malote.database.engine import reading
from malote.load_format.wire import LoadOrder
from malote.loads import entity_rows
from malote.loads.background_loads import BackgroundLoad
from malote.tills.till import Till
from tests.engines.loads_support import Erp
from tests.engines.posting_support import until
from tests.faces.console_support import csrf_of
from tests.faces.loads_fixtures import SOURCES
from tests.faces.test_console_in_portuguese import read, wrong


@contextmanager
def store_with_loads(home: Path, quiet_hours: str = "") -> Iterator[tuple[Services, Erp]]:
    """Of 50 products, none of which was read yet; every till gets loads by a person's order alone."""
    erp = Erp(home / "erp.sqlite3")
    (home / "cargas.toml").write_text(SOURCES, encoding="utf-8")
    loads = LoadsSettings(
        sources="cargas.toml",
        parameters={"loja": 3},
        least_rows=5,
        quiet_hours=quiet_hours,
        automatic=False,
        approval="canary",
    )
    settings = Settings(home=str(home), store=StoreSettings(name="Mercado Aurora"), loads=loads)
    settings = msgspec.structs.replace(settings, erp=msgspec.structs.replace(settings.erp, url=erp.url))
    try:
        with services_for(settings) as services:
            yield services, erp
    finally:
        erp.connection.close()


PATH = "/console/load-manager"


class LoadingAgent:
    """Of one till. It begins and obeys what it is told when a test says so."""

    def __init__(self, services: Services, till: Till) -> None:
        self.services, self.till = services, till
        self.version, self.applied_at = 0, 0
        self._said: list[wire.OrderProgress] = []
        self._payload = LoadOrder(0, {})

    def contact(self) -> wire.Order | None:
        contact = wire.Contact("1.4.0", datetime.now(UTC), 0, 0, orders=self._said, loads=self._held())
        self.services.record_contact(self.till, contact)
        told = self.services.orders_due(self.till, contact).orders or []
        return next((one for one in told if one.kind == "load"), None)

    def says(self, state: wire.OrderState, done: int = 0, total: int = 0, code: str = "") -> LoadOrder:
        """Of the order that it is told."""
        order = self.contact()
        assert order is not None
        if order.payload is not None:  # once it has begun it isn't told again
            self._payload = msgspec.json.decode(order.payload, type=LoadOrder)
        payload = self._payload
        self._said = [wire.OrderProgress("load", order.number, state, done, total, "rows", code)]
        if state == "done":
            self.version, self.applied_at = payload.version, int(time.time())
        self.contact()
        return payload

    def _held(self) -> wire.LoadsHeld:
        if not self.version:
            return wire.LoadsHeld(0)
        with reading(self.services.engine) as connection:
            states = entity_rows.states_at(connection, self.version)
        held = {name: wire.EntityHeld(state.version, state.sha256) for name, (_, state) in states.items()}
        return wire.LoadsHeld(self.version, self.applied_at, held)


class Shop:
    def __init__(self, services: Services, erp: Erp, ana: TestClient[Litestar], agents: list[LoadingAgent]) -> None:
        self.services, self.erp, self.ana, self.agents = services, erp, ana, agents

    def post(self, path: str, **fields: str | list[str]) -> Response:
        return self.ana.post(f"{PATH}/{path}", data={"csrf": csrf_of(self.ana), **fields})

    def page(self, path: str = "") -> str:
        answer = self.ana.get(f"{PATH}{path}")
        assert answer.status_code == 200, path
        text = unescape(answer.text)
        assert wrong(read(text)) == [], path
        return text

    def actions(self) -> list[str]:
        return [entry.action for entry in audit.entries(self.services.engine)]


def over(services: Services) -> BackgroundLoad:
    """The load that was asked for, once it is over."""

    def is_over() -> bool:
        found = services.asked_loads.last()
        return found is not None and found.state != "reading"

    until(is_over)
    last = services.asked_loads.last()
    assert last is not None
    return last


def look_anew(services: Services) -> None:
    """At what tills should have, and in which wave: it is remembered for half a second."""
    services.loads.orders._target._known.clear()
    services.loads.orders.waves._newest._known.clear()
