"""Which sales wait behind which session, from what the posters noted in the spool. Reads only.

The tallies say how many wait in all, at the same cost however many there are; the reasons of those that wait for a lock
say for whom. While a lock lasts a poster tries only a few, so that most documents are merely accepted: they wait in the
same line.
"""

import threading
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import TypeVar

import msgspec
from sqlalchemy import ColumnElement, Connection, Engine, func, select

from malote.database.engine import reading
from malote.database.tables import document, tally, till
from malote.erp.protocol import LOCKED
from malote.spool.moving import decode_reason

Key = TypeVar("Key")

REMEMBER_SECONDS = 3.0  # longer than a poster rests
_NEWEST = 2000  # documents by arrival, looked at for a sale that got through


class Noted(msgspec.Struct, frozen=True):
    """A holder as a poster noted it; ``session`` is "" where it could not be told."""

    session: str
    user: str
    program: str
    object: str
    since: float  # seconds since the epoch: when sales began to wait for it


class Waiting(msgspec.Struct, frozen=True):
    """Documents that are not posted, by till."""

    locked: dict[Noted, dict[str, int]]  # tried, and kept back by a lock
    posting: dict[str, dict[str, int]]  # in a poster's hands now, by the name it has in the ERP
    in_line: dict[str, int]  # accepted, and not tried yet
    posted: int = 0  # of all tills, ever

    @property
    def tills(self) -> dict[str, int]:
        """All of them."""
        return together([*self.locked.values(), *self.posting.values(), self.in_line])


class Recent:
    """Remembers for a moment who was noted: the documents are in a poster's hands while it tries them again, and a
    blocker must not vanish from the screen for that. Safe for threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._noted: dict[str, tuple[float, Noted, dict[str, int]]] = {}

    def completed(self, seen: Waiting, now: float) -> Waiting:
        """With the holders of a moment ago, as long as documents are being tried that may be theirs."""
        sessions = {noted.session for noted in seen.locked}
        with self._lock:
            self._noted = {key: one for key, one in self._noted.items() if 0 <= now - one[0] < REMEMBER_SECONDS}
            self._noted |= {noted.session: (now, noted, tills) for noted, tills in seen.locked.items()}
            before = {noted: tills for _, noted, tills in self._noted.values() if noted.session not in sessions}
        if not seen.posting or not before:
            return seen
        return Waiting({**seen.locked, **before}, {}, seen.in_line, seen.posted)


def together(counts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    """Added up by till, in the order of their names."""
    total: dict[str, int] = defaultdict(int)
    for tills in counts:
        for name, count in tills.items():
            total[name] += count
    return dict(sorted(total.items()))


def waiting(engine: Engine) -> Waiting:
    """As it is now. Raises ``StoreError``."""
    counts = (
        select(till.c.name, tally.c.state, tally.c.reason_code, tally.c.count)
        .join(till, till.c.id == tally.c.till_id)
        .where(tally.c.state.in_(("accepted", "posting", "posted", "waiting")), tally.c.count > 0)
    )
    locked: dict[Noted, dict[str, int]] = {}
    posting: dict[str, dict[str, int]] = {}
    with reading(engine) as connection:
        rows = connection.execute(counts).all()
        if any(code == LOCKED for _, _, code, _ in rows):
            locked = _by(connection, document.c.reason, document.c.reason_code == LOCKED, "waiting", _noted)
        if any(state == "posting" for _, state, _, _ in rows):
            posting = _by(connection, document.c.lease, document.c.lease.is_not(None), "posting", _poster)
    in_line = {name: count for name, state, _, count in rows if state == "accepted"}
    return Waiting(locked, posting, in_line, sum(count for _, state, _, count in rows if state == "posted"))


def flows(engine: Engine, since: float) -> bool:
    """Whether a sale was posted after that moment, as far as the newest arrivals tell. Raises ``StoreError``."""
    newest = select(func.coalesce(func.max(document.c.id), 0)).scalar_subquery()
    query = (
        select(document.c.id)
        .where(document.c.id > newest - _NEWEST, document.c.state == "posted", document.c.kind == "sale")
        .where(document.c.settled_at > since, document.c.duplicate.is_(False))
        .limit(1)
    )
    with reading(engine) as connection:
        return connection.execute(query).first() is not None


def _by(
    connection: Connection,
    column: ColumnElement[str],
    condition: ColumnElement[bool],
    state: str,
    name_of: Callable[[str], Key],
) -> dict[Key, dict[str, int]]:
    query = (
        select(till.c.name, column, func.count())
        .join(till, till.c.id == document.c.till_id)
        .where(document.c.state == state, condition)
        .group_by(till.c.name, column)
    )
    found: dict[Key, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for name, value, count in connection.execute(query):
        found[name_of(value)][name] += count
    return {key: dict(tills) for key, tills in found.items()}


def _poster(lease: str) -> str:
    """The owner in a lease's token."""
    return lease.rpartition(":")[0]


def _noted(stored: str) -> Noted:
    reason = decode_reason(stored)
    facts = reason.facts if reason else {}
    return Noted(
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
