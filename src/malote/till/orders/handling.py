"""What is to be known of a kind of orders at the till. A new kind is a file here with one of these in it, named in
``registry``, and one at the server (``malote.orders.kinds``)."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import msgspec

from malote import wire
from malote.explained_error import ExplainedError
from malote.till.outbox import Outbox
from malote.till.trouble_notices import Voice

if TYPE_CHECKING:
    from malote.till.server_client import ServerClient

if TYPE_CHECKING:
    pass


class OrderError(ExplainedError):
    """The order isn't obeyed, for good: the server is told."""


class HandlingProgress(msgspec.Struct, frozen=True):
    """How far it is; ``total`` is 0 where nobody knows."""

    done: int
    total: int = 0
    unit: str = ""  # rows, bytes


class Means(msgspec.Struct, frozen=True):
    """With what orders are carried out. ``rescan``: the capture shall look at everything again."""

    outbox: Outbox
    server: "ServerClient"
    voice: Voice
    rescan: Callable[[], None]
    now: Callable[[], float]  # seconds since the epoch, by the till's clock


class Handler:
    """Carries out the orders of a kind, in the courier's thread."""

    kind: str
    # Of one that breaks off without getting any further each time, since it ends the process, say.
    most_tries: int | None = 3
    # Whether obeying one that isn't the server's, or is an old one, can do no harm: a server without the key that this
    # till knows may still give it.
    is_harmless = False

    def __init__(self, means: Means) -> None:
        self.means = means

    def check(self, payload: str) -> None:
        """Raises ``OrderError`` for what this agent can't or won't do, before anything of it is done."""

    def carry_out(self, order: "OrderRecord") -> Iterator[HandlingProgress]:
        """Does it, in steps of at most a second or so: between them sales are sent. What is yielded is told.

        It begins anew after the agent was killed, and may have been done up to any point: whatever it finds done stays
        done. Raises ``OrderError``; ``OutboxError`` and ``ServerError`` where it is to be tried again after a while.
        """
        raise NotImplementedError


class OrderRecord(msgspec.Struct, frozen=True, omit_defaults=True):
    """An order as the outbox remembers it: the last of its kind that was the server's own."""

    number: int
    state: wire.OrderState = "begun"
    payload: str = ""  # of one that goes on
    tries: int = 0
    done: int = 0
    total: int = 0
    unit: str = ""
    code: str = ""
    facts: dict[str, str] = {}
    seconds: float = 0.0


class KindRecord(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the outbox remembers of a kind. ``newest``: no smaller number is obeyed."""

    newest: int = 0
    # "standing" is what it is called in outboxes.
    current: OrderRecord | None = msgspec.field(default=None, name="standing")
    refused: OrderRecord | None = None  # since ``current`` came, and told beside it


def progress_of(kind: str, order: OrderRecord) -> wire.OrderProgress:
    """As the server hears of it."""
    return wire.OrderProgress(
        kind, order.number, order.state, order.done, order.total, order.unit, order.code, order.facts, order.seconds
    )
