"""Takes orders at the till: proves each, writes it down, has it carried out step by step, says how far it is.

What is taken is on the disk before it begins, so that a killed agent goes on with it, without the server too.
"""

import hashlib
from collections.abc import Callable, Iterator, Sequence

import msgspec

from malote import wire
from malote.till.orders import older_servers, order_memory, server_key
from malote.till.orders.handling import (
    Handler,
    HandlingProgress,
    KindRecord,
    Means,
    OrderError,
    OrderRecord,
    progress_of,
)
from malote.till.orders.older_servers import Given
from malote.till.orders.registry import HANDLERS
from malote.till.outbox import Outbox
from malote.till.server_client import ServerError
from malote.till.storage import OutboxDamagedError, OutboxError
from malote.trust.signatures import is_signed


class Running(msgspec.Struct):
    """One that goes on in this process."""

    steps: Iterator[HandlingProgress]
    began: float  # by the monotonic clock


class Orders:
    """Belongs to its outbox's thread. Every method may raise ``OutboxError``."""

    def __init__(
        self, means: Means, till: int, monotonic: Callable[[], float], handlers: Sequence[type[Handler]] = HANDLERS
    ) -> None:
        """``till``: the number that its token begins with; orders to others are not obeyed."""
        self._outbox = means.outbox
        self._voice = means.voice
        self._till = till
        self._monotonic = monotonic
        self._handlers = {one.kind: one(means) for one in handlers}
        self._records = {kind: order_memory.recall(self._outbox, kind) for kind in self._handlers}
        self._unknown: dict[str, OrderRecord] = {}  # refused, of kinds that this agent doesn't know
        self._running: dict[str, Running] = {}

    def said(self) -> list[wire.OrderProgress]:
        """What the next contact tells: of each kind the last one, and one that was refused since."""
        known = [
            progress_of(kind, order)
            for kind, record in self._records.items()
            for order in (record.current, record.refused)
            if order is not None
        ]
        return [*known, *(progress_of(kind, order) for kind, order in self._unknown.items())][: 2 * wire.MAX_ORDERS]

    @property
    def busy(self) -> bool:
        """Whether there is something to carry out."""
        return bool(self._begun())

    # ---- taking ----

    def heed(self, reply: wire.ContactReply) -> bool:
        """Takes what a contact brought. Whether there is anything new to tell of."""
        key = server_key.known(self._outbox, reply.server_key)
        now = reply.clock.timestamp()
        given = older_servers.orders_of(reply, self._till)[: wire.MAX_ORDERS]
        taken = [self._take(one, key, reply.server_key, now) for one in given]
        return any(taken)

    def _take(self, given: Given, key: str, offered: str, now: float) -> bool:
        order = given.order
        self._refresh(order.kind)
        if self._has(order):
            return False
        handler = self._handlers.get(order.kind)
        try:
            if handler is None:
                raise OrderError("order_unknown", kind=order.kind[:40])
            newest = self._proven(given, handler, key, offered)
            if order.expires_at and now >= order.expires_at:
                raise OrderError("order_expired")
            handler.check(order.payload or "")
        except OrderError as error:
            self._refuse(order, error)
            return True
        self._remember(order.kind, KindRecord(newest, OrderRecord(order.number, payload=order.payload or "")))
        self._stop(order.kind)
        return True

    def _refresh(self, kind: str) -> None:
        """A person may have made the outbox forget numbers, in a process of its own (``trust_anew``)."""
        if kind in self._records:
            now = order_memory.recall(self._outbox, kind)
            self._records[kind] = msgspec.structs.replace(self._records[kind], newest=now.newest, refused=now.refused)

    def _has(self, order: wire.Order) -> bool:
        """Whether it was taken or refused before; also one that comes without what it says, which isn't here."""
        known = self._records.get(order.kind, KindRecord())
        before = [one for one in (known.current, known.refused, self._unknown.get(order.kind)) if one is not None]
        return (order.number > 0 and any(one.number == order.number for one in before)) or order.payload is None

    def _proven(self, given: Given, handler: Handler, key: str, offered: str) -> int:
        """The newest number from now on. Raises ``OrderError`` for what this server hasn't ordered, or long ago."""
        order, newest = given.order, self._records[given.order.kind].newest
        if not given.numbered:
            return newest
        if hashlib.sha256((order.payload or "").encode("utf-8", "surrogatepass")).hexdigest() != order.sha256.lower():
            raise OrderError("order_tampered")
        if not is_signed(given.statement, order.signature, key):
            if handler.is_harmless:
                return newest
            raise OrderError("order_foreign" if key == offered else "order_key_changed")
        if order.number <= newest:
            raise OrderError("order_old", number=str(order.number))
        return order.number

    def _refuse(self, order: wire.Order, error: OrderError) -> None:
        """One that goes on is not disturbed by it."""
        self._voice.happened(error.code, **error.facts)
        refused = OrderRecord(order.number, "failed", code=error.code, facts=error.facts)
        if order.kind in self._records:
            self._remember(order.kind, msgspec.structs.replace(self._records[order.kind], refused=refused))
        elif len(self._unknown) < wire.MAX_ORDERS:
            self._unknown[order.kind] = refused

    # ---- carrying out ----

    def step(self) -> bool:
        """Goes one step on with each order there is. Whether one came to its end, which is told soon.

        Raises ``ServerError``, and ``OutboxDamagedError`` where one found the file damaged.
        """
        ended = [self._step(kind, order) for kind, order in self._begun()]
        return any(ended)

    def _begun(self) -> list[tuple[str, OrderRecord]]:
        """Those that go on, by kind."""
        orders = [(kind, record.current) for kind, record in self._records.items()]
        return [(kind, order) for kind, order in orders if order is not None and order.state == "begun"]

    def _step(self, kind: str, order: OrderRecord) -> bool:
        try:
            if kind not in self._running:
                order = self._begin(kind, order)
            self._further(kind, order, next(self._running[kind].steps))
        except StopIteration:
            self._end(kind, msgspec.structs.replace(order, state="done"))
        except OrderError as error:
            self._voice.happened(error.code, **error.facts)
            self._end(kind, msgspec.structs.replace(order, state="failed", code=error.code, facts=error.facts))
        except OutboxDamagedError:
            self._stop(kind)
            raise
        except (ServerError, OutboxError):
            # To be begun anew: what broke off is the line, or the disk, and not this program.
            self._stop(kind)
            self._remember_order(kind, msgspec.structs.replace(order, tries=0))
            raise
        except BaseException:
            self._stop(kind)
            raise
        else:
            return False
        return True

    def _begin(self, kind: str, order: OrderRecord) -> OrderRecord:
        """Counted before it begins, so that one which ends the process each time is found out."""
        handler = self._handlers[kind]
        if handler.most_tries is not None:
            if order.tries >= handler.most_tries:
                raise OrderError("order_broke_off", tries=str(handler.most_tries))
            order = msgspec.structs.replace(order, tries=order.tries + 1)
            self._remember_order(kind, order)
        self._running[kind] = Running(handler.carry_out(order), self._monotonic())
        return order

    def _further(self, kind: str, order: OrderRecord, progress: HandlingProgress) -> None:
        changes = {"done": progress.done, "total": progress.total, "unit": progress.unit}
        after = msgspec.structs.replace(order, **changes)
        if progress.done > order.done and order.tries:
            self._remember_order(kind, msgspec.structs.replace(after, tries=0))
        else:
            # Not written down each time: whoever resumes it says where it stands.
            self._records[kind] = msgspec.structs.replace(self._records[kind], current=after)

    def _end(self, kind: str, order: OrderRecord) -> None:
        running = self._running.pop(kind, None)
        seconds = round(self._monotonic() - running.began, 3) if running else 0.0
        self._remember_order(kind, msgspec.structs.replace(order, seconds=seconds, payload=""))

    def _stop(self, kind: str) -> None:
        self._running.pop(kind, None)

    def _remember_order(self, kind: str, order: OrderRecord) -> None:
        self._remember(kind, msgspec.structs.replace(self._records[kind], current=order))

    def _remember(self, kind: str, record: KindRecord) -> None:
        order_memory.remember(self._outbox, kind, record)
        self._records[kind] = record


def trust_anew(outbox: Outbox) -> None:
    """Forgets the server's key and its orders: that of the next contact is believed. Raises ``OutboxError``."""
    server_key.forget(outbox)
    order_memory.forget_numbers(outbox, [one.kind for one in HANDLERS])
