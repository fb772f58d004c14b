"""Orders to bring an outbox up to a structure: placed in the book once a till's wave is open, and what came of them."""

import time
from collections.abc import Callable

import msgspec
from sqlalchemy import Connection, Engine, select

from malote import wire
from malote.config import StructuresSettings
from malote.database.engine import reading, writing
from malote.database.structure_tables import till_structure
from malote.orders import book, rows
from malote.orders.kinds import OrderKind, Placing
from malote.orders.rows import StoredOrder
from malote.orders.waves import is_over, open_wave
from malote.structures import rollout_rows
from malote.structures.rollout_rows import ROWS, StandingOrder
from malote.tills.till import Till

SAID_SECONDS = 60.0  # between two notes of the same words of a till
LOOK_SECONDS = 1.0  # between two looks whether the next wave may open


class StructureOrderNote(msgspec.Struct, frozen=True):
    """What is kept beside an order."""

    rollout: int


class StructureOrders(OrderKind):
    """Safe for threads. Methods raise ``StoreError``."""

    name = wire.STRUCTURE

    def __init__(self, engine: Engine, settings: StructuresSettings, clock: Callable[[], float] = time.time) -> None:
        self._engine = engine
        self._settings = settings
        self._clock = clock
        self._looked_at = float("-inf")

    def call(self, till: Till, contact: wire.Contact) -> bool:
        """Notes what the till has, and orders what the newest roll-out has for it."""
        said, now = contact.structure, self._clock()
        if said is None:
            return False
        with reading(self._engine) as connection:
            told = rollout_rows.standing_order(connection, till.id)
            noted = connection.execute(select(till_structure).where(till_structure.c.till_id == till.id)).one_or_none()
        news = noted is None or (noted.version, noted.sha256) != (said.version, said.sha256)
        is_fresh = not news and noted is not None and noted.said_at >= now - SAID_SECONDS
        if is_fresh and not _moves(told):
            return False
        if told is not None and not news and self._waits(told):
            return False
        # Applied, and its end not yet written down at the till: the next contact tells how long it took.
        ends_soon = any((one.kind, one.state) == (self.name, "begun") for one in contact.orders or ())
        with writing(self._engine) as connection:
            rollout_rows.remember(connection, till.id, said, now)
            return told is not None and self._order(connection, till, said, told, ends_soon=ends_soon)

    def heard(self, connection: Connection, till: Till, order: StoredOrder, said: wire.OrderProgress) -> None:
        """The till's part of the roll-out is done, or stops it."""
        rollout_id = msgspec.json.decode(order.note, type=StructureOrderNote).rollout
        now = self._clock()
        row = rollout_rows.lock(connection, rollout_id)
        if said.state == "done":
            values = {"state": "done", "reported_at": now, "seconds": said.seconds}
            ROWS.mark(connection, rollout_id, till.id, **values)
            self._advance(connection, rollout_id, now)
        # One of before it went on again says nothing of this time.
        elif said.state == "failed" and order.number == row.number:
            code, facts = book.reason_of(said)
            values = {"state": "failed", "reported_at": now, "seconds": said.seconds, "code": code, "facts": facts}
            ROWS.mark(connection, rollout_id, till.id, **values)
            ROWS.stop(connection, rollout_id, code, till.name, now)

    def _waits(self, told: StandingOrder) -> bool:
        """Whether it is too early to look again whether a till's wave may open: many tills ask at once."""
        if told.state != "pending" or told.open:
            return False
        now = time.monotonic()
        if now - self._looked_at < LOOK_SECONDS:
            return True
        self._looked_at = now
        return False

    def _order(
        self, connection: Connection, till: Till, said: wire.TillStructure, told: StandingOrder, *, ends_soon: bool
    ) -> bool:
        now = self._clock()
        rollout_rows.lock(connection, told.rollout_id)
        if ROWS.state_of(connection, told.rollout_id, till.id) is None:
            ROWS.join(connection, told.rollout_id, till.id)
        # Read again: another process may have moved it since.
        current = rollout_rows.standing_order(connection, till.id)
        if current is None or current.rollout_id != told.rollout_id or current.state == "done":
            return False
        if said.sha256 == current.sha256:
            if ends_soon:
                return False
            self._has_it(connection, till, current, now)
            return True
        if not current.open and current.running:
            self._advance(connection, current.rollout_id, now)
            current = rollout_rows.standing_order(connection, till.id)
        if current is None or not current.open or not current.running or current.ordered:
            return False
        if current.state == "pending":
            ROWS.mark(connection, current.rollout_id, till.id, state="offered", offered_at=now)
        elif current.state != "offered":
            return False
        self._place(connection, till, current, now)
        return True

    def _place(self, connection: Connection, till: Till, current: StandingOrder, now: float) -> None:
        found = rollout_rows.lock(connection, current.rollout_id)
        note = msgspec.json.encode(StructureOrderNote(current.rollout_id)).decode()
        placing = Placing(till.id, found.published, note, current.number)
        book.place(connection, self, [placing], who=found.asked_by, now=now, asked_at=found.asked_at)

    def _has_it(self, connection: Connection, till: Till, current: StandingOrder, now: float) -> None:
        """Without an order, or by one of another server."""
        values = {"state": "done", "reported_at": now, "seconds": None}
        ROWS.mark(connection, current.rollout_id, till.id, **values)
        for order in rows.open_by_till(connection, self.name, [till.id]).values():
            rows.end(connection, order.id, "done", now, result="{}")
        self._advance(connection, current.rollout_id, now)

    def _advance(self, connection: Connection, rollout_id: int, now: float) -> None:
        """Opens the next wave, or notes the end."""
        row = rollout_rows.lock(connection, rollout_id)
        if row.state != "running":
            return
        standings = rollout_rows.standings(connection, rollout_id, now - self._settings.offline_minutes * 60)
        if is_over(standings):
            ROWS.end(connection, rollout_id, "done", now)
        else:
            ROWS.move(connection, rollout_id, open_wave(standings, row.wave))


def _moves(told: StandingOrder | None) -> bool:
    """Whether that the till says anything moves the roll-out: its wave may open, or it isn't told yet."""
    if told is None:
        return False
    return told.state == "pending" or (told.state == "offered" and told.running and not told.ordered)
