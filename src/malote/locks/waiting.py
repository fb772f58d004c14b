"""Which sales wait behind which session, from what the posters noted in the spool. Reads only.

The tallies say how many wait in all, at the same cost however many there are; the reasons of those that wait for a lock
say for whom. While a lock lasts a poster tries only a few, so that most documents are merely accepted: they wait in the
same line.
"""

import threading
from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import TypeVar

import msgspec
from sqlalchemy import Engine

from malote.database.engine import reading
from malote.erp.protocol import LOCKED
from malote.register import backlog
from malote.spool.documents import Reason

Key = TypeVar("Key")

REMEMBER_SECONDS = 3.0  # longer than a poster rests


class NotedHolder(msgspec.Struct, frozen=True):
    """A holder as a poster noted it; ``session`` is "" where it could not be told."""

    session: str
    user: str
    program: str
    object: str
    since: float  # seconds since the epoch: when sales began to wait for it


class Waiting(msgspec.Struct, frozen=True):
    """Documents that are not posted, by till."""

    locked: dict[NotedHolder, dict[str, int]]  # tried, and kept back by a lock
    posting: dict[str, dict[str, int]]  # in a poster's hands now, by the name it has in the ERP
    in_line: dict[str, int]  # accepted, and not tried yet
    posted: int = 0  # of all tills, ever
    cents: int = 0  # of the sales among those that are not posted

    @property
    def tills(self) -> dict[str, int]:
        """All of them."""
        return together([*self.locked.values(), *self.posting.values(), self.in_line])


class Recent:
    """Remembers for a moment who was noted: the documents are in a poster's hands while it tries them again, and a
    blocker must not vanish from the screen for that. Safe for threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._noted: dict[str, tuple[float, NotedHolder, dict[str, int]]] = {}

    def completed(self, seen: Waiting, now: float) -> Waiting:
        """With the holders of a moment ago, as long as documents are being tried that may be theirs."""
        sessions = {noted.session for noted in seen.locked}
        with self._lock:
            self._noted = {key: one for key, one in self._noted.items() if 0 <= now - one[0] < REMEMBER_SECONDS}
            self._noted |= {noted.session: (now, noted, tills) for noted, tills in seen.locked.items()}
            before = {noted: tills for _, noted, tills in self._noted.values() if noted.session not in sessions}
        if not seen.posting or not before:
            return seen
        return Waiting({**seen.locked, **before}, {}, seen.in_line, seen.posted, seen.cents)


def together(counts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    """Added up by till, in the order of their names."""
    total: dict[str, int] = defaultdict(int)
    for tills in counts:
        for name, count in tills.items():
            total[name] += count
    return dict(sorted(total.items()))


def waiting(engine: Engine) -> Waiting:
    """As it is now. Raises ``StoreError``."""
    locked: dict[NotedHolder, dict[str, int]] = {}
    posting: dict[str, dict[str, int]] = {}
    with reading(engine) as connection:
        rows, posted = backlog.counts(connection), backlog.posted(connection)
        if any(one.code == LOCKED for one in rows):
            locked = _by((_noted(why), name, count) for name, why, count in backlog.waiting_for(connection, LOCKED))
        if any(one.state == "posting" for one in rows):
            posting = _by((_poster(lease), name, count) for name, lease, count in backlog.leased(connection))
    accepted = {one.till: one.documents for one in rows if one.state == "accepted"}
    cents = sum(one.total for one in rows if one.state in ("accepted", "posting") or one.code == LOCKED)
    return Waiting(locked, posting, accepted, posted, cents)


def _by(counted: Iterable[tuple[Key, str, int]]) -> dict[Key, dict[str, int]]:
    """Added up by what keeps them, and by till."""
    found: dict[Key, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for key, name, count in counted:
        found[key][name] += count
    return {key: dict(tills) for key, tills in found.items()}


def _poster(lease: str) -> str:
    """The owner in a lease's token."""
    return lease.rpartition(":")[0]


def _noted(reason: Reason | None) -> NotedHolder:
    facts = reason.facts if reason else {}
    return NotedHolder(
        session=facts.get("session", ""),
        user=facts.get("user", ""),
        program=facts.get("program", ""),
        object=facts.get("object", ""),
        since=_moment(facts.get("since", "")),
    )


def _moment(text: str) -> float:
    try:
        return datetime.fromisoformat(text).timestamp()
    except ValueError:
        return 0.0
