"""Who holds up Malote's own work in the ERP, seen with the posting user's login while the work waits, or afterwards."""

from collections.abc import Collection, Sequence
from typing import Protocol

import msgspec

from malote.erp.protocol import Posting


class Holder(msgspec.Struct, frozen=True):
    """The session at the head of the queue, as far as the posting user may see it."""

    session: str  # protocol.Identity.key
    user: str
    program: str
    object: str  # what Malote waits for there; "" when not known


class Wait(msgspec.Struct, frozen=True):
    """A session of Malote's that waits for a lock."""

    program: str  # the waiting one's own name
    holders: tuple[Holder, ...]
    age: float | None  # seconds; None where the server doesn't tell


class SessionsSight(msgspec.Struct, frozen=True):
    """What a look has shown."""

    waits: list[Wait] = []  # Malote's sessions in this database that wait for a lock now
    holding: frozenset[str] = frozenset()  # of the sessions asked for, those that hold any lock
    idle: dict[str, bool] = {}  # of these and of the holders: whether idle in a transaction; absent where not shown


class Watch(Protocol):
    """A second connection to the ERP. Safe for threads. Methods raise ``SessionsError`` and connect anew at the next
    call."""

    def look(self, sessions: Collection[str] = ()) -> SessionsSight:
        """Who waits, and which of ``sessions`` (keys of identities) still hold locks."""
        ...

    def held(self, batch: Sequence[Posting]) -> dict[int, Holder]:
        """Which of these documents need a row that another program holds, by ``document_id``.

        Waits for nothing itself. What it does not find may be held all the same: a table, say.
        """
        ...

    def close(self) -> None: ...
