"""What the lock console shows and answers."""

from typing import Literal

import msgspec

from malote.erp.sessions.protocol import ErpSession, SessionIdentity


class Behind(msgspec.Struct, frozen=True):
    """Sales that wait behind a session: how many of each till, by its name."""

    tills: dict[str, int] = {}

    @property
    def sales(self) -> int:
        return sum(self.tills.values())


class Node(msgspec.Struct, frozen=True):
    """One row of the tree, in the order of display: a blocker, then those that wait for it, one level deeper."""

    session: ErpSession
    depth: int  # 0: waits for nobody
    marked: bool  # X: it blocks or is blocked
    root: bool  # it blocks, and waits for nobody itself (or stands in a ring, which has no first)
    waiters: int  # sessions behind it, at any distance
    behind: Behind
    killable: bool  # by default: a root blocker without protection
    killable_anyway: bool  # also with ``any_session``: without protection

    @property
    def identity(self) -> SessionIdentity:
        return self.session.identity


class Tree(msgspec.Struct, frozen=True):
    """``engine`` "sqlite" has no sessions: ``busy`` then says whether a program holds its write lock right now."""

    engine: str
    at: float  # when it was read, seconds since the epoch
    nodes: list[Node]
    unnamed: Behind = Behind()  # sales that wait for a lock whose holder is not known
    busy: bool | None = None

    @property
    def roots(self) -> list[Node]:
        return [node for node in self.nodes if node.root]


class DatabaseLogin(msgspec.Struct, frozen=True):
    """``missing``: privileges that the login lacks, in the engine's words; what can be seen is shown all the same."""

    user: str
    until: float  # seconds since the epoch; then it must be typed again
    missing: list[str]
    password_asked: bool  # False: this server lets the user in without looking at the password


# What became of a session.
#   ended      it is gone, and was there before
#   released   what it ran was cancelled and it holds no lock any more; it stays connected
#   gone       it had ended before anything was done
#   replaced   its number belongs to another session by now; nothing was done to that one
#   holding    it was told to end and still holds its locks
#   unknown    the connection broke in between: look again
#   planned    a dry run
Outcome = Literal["ended", "released", "gone", "replaced", "holding", "unknown", "planned"]


class Killed(msgspec.Struct, frozen=True):
    identity: SessionIdentity
    outcome: Outcome
    steps: tuple[Literal["cancel", "terminate"], ...]  # what was sent to it, in order


class KillReport(msgspec.Struct, frozen=True):
    """``tree`` was read afterwards (None where that failed), ``next`` are its root blockers: the queue may have moved
    up, and they may not have blocked before."""

    killed: list[Killed]
    tree: Tree | None
    next: list[Node]


class Blocker(msgspec.Struct, frozen=True):
    """Who holds the sales up, as far as the posting user may see."""

    session: str  # Identity.key; "" when not known
    user: str = ""
    program: str = ""
    object: str = ""  # the table, "" when not known


Head = Literal["idle", "active", "prepared", "unknown"]


class Root(msgspec.Struct, frozen=True):
    """One who holds sales up: how many of them now, and what the session does meanwhile."""

    blocker: Blocker
    sales: int
    cents: int
    head: Head = "unknown"


class Stoppage(msgspec.Struct, frozen=True):
    """Sales that can't be posted since the ERP is locked. ``words`` are in ``malote.locks.alarm``."""

    since: float  # seconds since the epoch
    blocker: Blocker
    others: int  # further blockers
    tills: dict[str, int]  # sales waiting, by till
    whole: bool  # nothing at all gets through; otherwise other sales flow
    roots: tuple[Root, ...] = ()  # all blockers, the heaviest first; their sales add up to all that wait
    witnessed: bool = False  # the ERP itself was asked, and shows it

    @property
    def sales(self) -> int:
        return sum(self.tills.values())
