"""Tills that say what structure they have, and what became of an order, as their agents do it."""

import time
from collections.abc import Sequence
from datetime import UTC, datetime

from malote import wire
from malote.accounts.audit import Actor
from malote.app import Services
from malote.schema.definition import FORMAT, fingerprint
from malote.schema.till_structure import TILL
from malote.tills.till import Till

OLD = wire.TillStructure(FORMAT, 1, "")
NEW = fingerprint(TILL)


class Agents:
    """Talks for each till; remembers the orders."""

    def __init__(self, services: Services, tills: Sequence[Till]) -> None:
        self.services = services
        self.tills = list(tills)
        self.actor = Actor("maria")
        self._orders: dict[str, wire.StructureOrder] = {}
        self._done: set[str] = set()

    def contact(self) -> list[str]:
        """Every till says what it has; those that were told to update."""
        return [till.name for till in self.tills if self._says(till, self._known(till))]

    def succeed(self, name: str) -> None:
        order = self._orders.pop(name)
        self._done.add(name)
        till = self._till(name)
        self._says(till, wire.TillStructure(FORMAT, TILL.version, NEW, order.number, True, seconds=0.25))

    def fail(self, name: str, code: str = "till_disk_full") -> None:
        order = self._orders.pop(name)
        said = wire.TillStructure(FORMAT, 1, "", order.number, code=code, facts={"detail": "/var/lib/pdv"})
        self._says(self._till(name), said)

    def succeed_all(self, seconds: float = 300) -> None:
        """Wave by wave, to the end."""
        end = time.monotonic() + seconds
        while len(self._done) < len(self.tills):
            assert time.monotonic() < end
            self._orders.clear()
            for name in self.contact():
                self.succeed(name)
            time.sleep(0.1)

    def _says(self, till: Till, said: wire.TillStructure) -> bool:
        contact = wire.Contact("1.4.0", datetime.now(UTC), 0, 0, structure=said)
        self.services.record_contact(till, contact)
        order = self.services.orders_due(till, contact).structure
        if order is not None:
            self._orders[till.name] = order
        return order is not None

    def _known(self, till: Till) -> wire.TillStructure:
        return wire.TillStructure(FORMAT, TILL.version, NEW) if till.name in self._done else OLD

    def _till(self, name: str) -> Till:
        return next(till for till in self.tills if till.name == name)
