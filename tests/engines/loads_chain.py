"""A chain of tills that hear of loads: each says what it has, and obeys when a test says so."""

from datetime import UTC, datetime

import msgspec
from sqlalchemy import select, update

from malote import wire
from malote.config import LoadsSettings
from malote.database.engine import reading, writing
from malote.database.order_tables import till_order
from malote.database.tables import till as tills
from malote.load_format.wire import LoadOrder
from malote.loads.damaged_files import DAMAGED, DamagedFiles
from malote.loads.files_made import PublishedFile
from malote.loads.going_back import GoingBack
from malote.loads.load_orders import LoadOrders
from malote.loads.load_rollouts import LoadRollouts
from malote.orders import rows
from malote.orders.book import OrderBook
from malote.tills.till import Till, create_till
from tests.engines.loads_support import PRICE, SETTINGS, Shop

MANY = 8  # tills: one, two, five
WAVES = msgspec.structs.replace(SETTINGS, waves=True, second_wave_percent=25.0, error_percent=25.0)


class Chain(Shop):
    """Tills that say what they have, and obey when the test says so."""

    def begin(self, settings: LoadsSettings, many: int = MANY) -> "Chain":
        self.settings, self.sources = settings, {"price": PRICE}
        self.tills = [create_till(self.engine, f"caixa{number:02}")[0] for number in range(1, many + 1)]
        self.held: dict[int, wire.LoadsHeld] = {}
        self.files: dict[str, PublishedFile] = {}  # by the hash that tills may say of them
        self.server()
        self.next_version()
        for till in self.tills:  # a first load comes by itself
            self.says(till)
            self.obeys(till)
        return self

    def server(self, settings: LoadsSettings | None = None) -> None:
        """As after a restart."""
        self.settings = settings or self.settings
        damaged = DamagedFiles(self.files.get, self.clock)
        self.kind = LoadOrders(self.engine, self.settings, lambda _: "12:00", self.clock, damaged)
        self.book = OrderBook(self.engine, [self.kind], lambda _: "00", self.clock)
        self.back = GoingBack(self.engine, self.kind, self.clock)
        self.rollouts = LoadRollouts(self.engine, self.settings, self.kind.waves, self.clock)

    def next_version(self, price: str = "", **others: bool) -> int:
        if price:
            self.erp.set_price(1, price)
        return self.stage(**others).version

    def says(self, till: Till, *progress: wire.OrderProgress) -> wire.Order | None:
        """A contact; the load that the till is told of."""
        self.clock.now += 0.01
        for remembered in (self.kind._target, self.kind._kept_back, self.kind.waves._newest):
            remembered._known.clear()  # looked at twice a second
        self.kind.waves._looked_at = float("-inf")
        loads = self.held.get(till.id, wire.LoadsHeld(0))
        with writing(self.engine) as connection:
            connection.execute(update(tills).where(tills.c.id == till.id).values(last_contact_at=self.clock()))
        said = wire.Contact("1", datetime.now(UTC), 0, 0, orders=list(progress), loads=loads)
        return next(iter(self.book.due(till, said).orders or []), None)

    def obeys(self, till: Till, *, fails: bool = False, damaged: str = "") -> None:
        """``damaged``: the hash of a file that comes otherwise."""
        with reading(self.engine) as connection:
            mine = (till_order.c.till_id == till.id) & till_order.c.ended_at.is_(None)
            row = connection.execute(select(till_order.c.number, till_order.c.payload_sha256).where(mine)).one()
            payload = msgspec.json.decode(rows.payload_of(connection, row.payload_sha256), type=LoadOrder)
        if not (fails or damaged):
            states = payload.entities.items()
            held = {name: wire.EntityHeld(state.version, state.sha256) for name, state in states}
            self.held[till.id] = wire.LoadsHeld(payload.version, int(self.clock()), held, payload.back_from, row.number)
        ended = wire.OrderProgress("load", row.number, "done")
        if fails or damaged:
            code, facts = (DAMAGED, {"sha256": damaged}) if damaged else ("loads_no_room", {})
            ended = wire.OrderProgress("load", row.number, "failed", code=code, facts=facts)
        self.says(till, ended)

    def told(self) -> list[int]:
        """Places of the tills that are told of something, after all have been heard of."""
        return [place for place, till in enumerate(self.tills) if self.says(till)]

    def state(self) -> tuple[str, int]:
        found = self.rollouts.find()
        assert found
        return found.state, found.wave
