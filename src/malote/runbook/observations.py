"""What the procedure sees: of one till, or of the whole store. Plain figures, so that whoever gets them decides alike.

Times are seconds since the epoch, money is cents. No consumer's data stands here: an evidence carries it away.
"""

from typing import Literal

import msgspec

from malote.schema.definition import Scope

# What to do about rejected documents of one cause.
#   replay      they would be taken now
#   delete      the sale is elsewhere, provably, or they can't be one
#   structures  they lack a table or a column, and are replayed once that is there
#   cure        a person must open one
Advice = Literal["replay", "delete", "structures", "cure"]

# current   nothing is missing
# behind    a plan mends it; at tills: a roll-out does
# gone      it lacks tables that had sales of this server: whether they come back is asked before others are made
# conflict  a person must decide
# running   it is being updated
# failed    a roll-out stopped at a till
# unknown   it could not be looked at, for ``code``
StructureState = Literal["current", "behind", "gone", "conflict", "running", "failed", "unknown"]

MOST_NAMED = 5  # tills of a cause


class Cause(msgspec.Struct, frozen=True):
    """One thing that is wrong, with all tills that have it: ``name`` is a kind of finding's, or one of this room's."""

    name: str
    code: str
    tills: int = 0  # 0: it concerns the server itself
    named: list[str] = []  # of the tills, at most ``MOST_NAMED``
    count: int = 0
    value: int = 0
    since: float | None = None
    facts: dict[str, str] = {}  # of the heaviest
    example: int = 0  # a document that waits for it, where a person may do something on the document's page


class RejectedGroup(msgspec.Struct, frozen=True):
    """Rejected documents of one cause; ``till`` and ``example`` say where to open one."""

    code: str
    count: int
    value: int
    advice: Advice
    till: str
    example: int
    facts: dict[str, str] = {}


class ObservedStructure(msgspec.Struct, frozen=True):
    """``count``: differences, or tills. ``named`` objects, or tills, the first few."""

    scope: Scope
    state: StructureState
    count: int = 0
    named: list[str] = []
    code: str = ""
    facts: dict[str, str] = {}


class ObservedLock(msgspec.Struct, frozen=True):
    """Sales that stand still behind a session of the ERP; texts are "" where they aren't known."""

    since: float
    session: str
    user: str
    program: str
    object: str
    others: int
    tills: int
    sales: int
    whole: bool  # nothing at all gets through
    witnessed: bool = False  # the ERP itself was asked just now, and shows it


class OrdersUnderWay(msgspec.Struct, frozen=True):
    """The synchronisations that were asked for since the last change: of so many tills, so many not through."""

    asked_at: float
    tills: int
    open: int
    sent: int = 0  # documents posted since then, where one till is looked at
    silent: list[str] = []  # tills that have not heard of it, being away


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """Of one till or of all. ``tills``: how many of them are enabled."""

    tills: int
    at_till: int
    pending: int
    waiting: int
    rejected: int
    posted: int
    posted_value: int
    oldest: float | None  # of what is on its way: captured and not here, or accepted and not tried
    last_sale: str = ""  # series/number of the newest one, of one till
    versions: dict[str, int] = {}  # of agents, and how many tills run each


class Situation(Figures, frozen=True, kw_only=True):
    """``scope``: a till's name, "" for all."""

    at: float
    scope: str
    disabled: bool
    causes: list[Cause]  # the heaviest first
    groups: list[RejectedGroup]
    structures: list[ObservedStructure]
    lock: ObservedLock | None
    order: OrdersUnderWay | None
    listening: list[str] = []  # tills that gave no sign since a trouble of theirs could have begun, the first few
    server_version: str = ""
    timings: dict[str, float] = {}  # seconds that each look took


def at_rest(seen: Situation) -> tuple[str, int]:
    """What is said where nothing is on its way, and of how many: not all that came need be booked."""
    if seen.waiting:
        return "synchronise_waiting", seen.waiting
    return ("synchronise_rejected", seen.rejected) if seen.rejected else ("synchronise_nothing", 0)


class Marks(msgspec.Struct, frozen=True):
    """Where a procedure stands: what outlives a restart.

    ``seen`` and ``gone``: when each step's trouble was first met, and when it was found cured. ``orders``: the number
    of the newest synchronisation before the last change. ``posted``: documents in the ERP when it began.
    """

    opened_at: float
    opened_by: str
    posted: int = 0
    posted_value: int = 0
    seen: dict[str, float] = {}
    gone: dict[str, float] = {}
    orders: int = 0

    @property
    def last_change(self) -> str:
        """The step that was cured last; "" where none was yet."""
        return max(self.gone, key=lambda name: self.gone[name], default="")


MARKED = ("rejected", "structures", "locks", "look")
