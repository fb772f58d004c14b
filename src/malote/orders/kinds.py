"""What is to be known of a kind of orders. A new kind is a file of the room that gives the orders, with one of these in
it (as ``quarantine/synchronise_orders.py``), named in ``app_building.build_orders``; and one at the till, in
``till/orders/``."""

import msgspec
from sqlalchemy import Connection, Engine

from malote import wire
from malote.orders.rows import StoredOrder
from malote.tills.till import Till


class OrderKind:
    """How a kind differs from one that a person orders, the till carries out, and that is over then.

    Every method is safe for threads.
    """

    name: str
    waits = False  # whether the server has to see to something once the till has done its part: ``result`` says

    def merged(self, held: str, new: str) -> str:
        """The payload of an order that takes the place of an open one: the new one's, unless both must be obeyed."""
        del held
        return new

    def call(self, till: Till, contact: wire.Contact) -> bool:
        """At each sign of life, before the till is told: places what is due to it now. Whether it placed anything."""
        del till, contact
        return False

    def heard(self, connection: Connection, till: Till, order: StoredOrder, said: wire.OrderProgress) -> None:
        """In the transaction that notes what the till said: it has begun, is further, is done, has failed."""

    def result(self, engine: Engine, order: StoredOrder, now: float) -> str | None:
        """JSON of what came of an order that the till has obeyed; None while the server isn't through with it."""
        del engine, order, now
        return "{}"


class Placing(msgspec.Struct, frozen=True):
    """An order to be placed. ``note``: JSON, what its kind keeps beside it."""

    till_id: int
    payload: str = ""
    note: str = "{}"
    number: int = 0  # 0: the book finds one
    expires_at: int = 0
