"""Who held sales up, from when to when: samples of what stands still, joined into episodes, and kept for 90 days.

An episode grows with each sample by the sales that waited times the seconds since the sample before. Several servers
may sample the same: each adds only what no other has, since the newest sample's time is compared before it is set.
"""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Literal

import msgspec
from sqlalchemy import ColumnElement, Connection, Engine, RowMapping, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from malote.database.engine import reading, writing
from malote.database.lock_tables import lock_episode as episodes
from malote.erp.protocol import LOCKED
from malote.locks.lock_reports import Head, Root, Stoppage
from malote.register import backlog

KEEP_SECONDS = 90 * 86400.0
JOIN_SECONDS = 15.0  # seen again within so long, it is the same episode: a poster rests between two tries
LOST_SECONDS = 60.0  # without a sample for longer, nobody knows what was so meanwhile, or whose number it is by now
MOST = 10_000  # episodes read at once

# How it came to an end: the session let go by itself, a person or the rule ended it, or nobody looked any more.
Ending = Literal["", "let_go", "person", "rule", "unseen"]


class Episode(msgspec.Struct, frozen=True):
    """Times in seconds since the epoch; ``most_cents``: the value of the sales that waited when most did."""

    id: int
    session: str  # Identity.key; "" where it could not be told
    user: str
    program: str
    object: str
    head: Head  # as last seen
    idle_seconds: float  # of what was seen of it: idle in its transaction
    active_seconds: float
    whole: bool
    started_at: float
    seen_at: float
    ended_at: float | None
    ending: Ending
    sales: int  # at the newest sample
    most_sales: int
    most_cents: int
    sales_seconds: float  # sales that waited, each times its seconds
    chosen_at: float | None  # when the automatic measure would have ended it, or did
    chosen_seconds: float | None  # sales_seconds at that moment
    chosen_by: str

    @property
    def seconds(self) -> float:
        """From its beginning to its end, or to the newest sample."""
        return max(0.0, (self.seen_at if self.ended_at is None else self.ended_at) - self.started_at)

    @property
    def idle(self) -> bool:
        """Whether it stood idle most of the time it was seen: then there is nothing of its to cancel."""
        return self.idle_seconds > self.active_seconds or (not self.active_seconds and self.head == "idle")

    @property
    def saved_seconds(self) -> float:
        """Sales-seconds after the automatic measure had chosen it."""
        return 0.0 if self.chosen_seconds is None else max(0.0, self.sales_seconds - self.chosen_seconds)


def wanted(engine: Engine) -> bool:
    """Whether a sample would tell anything: sales wait for a lock or are being tried, or an episode is open.

    Raises ``StoreError``.
    """
    with reading(engine) as connection:
        return backlog.any_may_wait_for(connection, LOCKED) or bool(_open(connection))


def any_open(engine: Engine) -> bool:
    """Whether an episode lasts still. Raises ``StoreError``."""
    with reading(engine) as connection:
        return bool(_open(connection))


def note(engine: Engine, stoppage: Stoppage | None, now: float) -> None:
    """Joins a sample with what is known, and closes what was not seen for long. Raises ``StoreError``."""
    roots = {root.blocker.session: root for root in stoppage.roots} if stoppage else {}
    with writing(engine) as connection:
        known = {row["session"]: row for row in _open(connection) if not _lost(connection, row, now)}
        if stoppage is not None:
            _name(connection, known, roots)
            since = now if known else min(stoppage.since, now)
            for session, root in roots.items():
                if session in known:
                    _grow(connection, known[session], root, stoppage, now)
                elif not _just_ended(connection, session, now):
                    _begin(connection, root, stoppage, since, now)
        for session, row in known.items():
            if session not in roots and now - row["seen_at"] > JOIN_SECONDS:
                _close(connection, row["id"], row["seen_at"], "let_go")


def end(engine: Engine, session: str, ending: Ending, now: float) -> None:
    """A person or the rule has ended the session. Raises ``StoreError``."""
    with writing(engine) as connection:
        found = update(episodes).where(episodes.c.session == session, episodes.c.ended_at.is_(None))
        connection.execute(found.values(ended_at=now, ending=ending, sales=0))


def choose(engine: Engine, session: str, rule: str, now: float) -> bool:
    """The automatic measure would end it, or is about to; False where it was chosen before, or no sample has it yet."""
    chosen = {"chosen_at": now, "chosen_seconds": episodes.c.sales_seconds, "chosen_by": rule}
    # A rule that was changed since chooses anew.
    fresh = (episodes.c.session == session, episodes.c.ended_at.is_(None), episodes.c.chosen_by != rule)
    with writing(engine) as connection:
        return bool(connection.execute(update(episodes).where(*fresh).values(chosen)).rowcount)


def listed(engine: Engine, since: float) -> list[Episode]:
    """Those that lasted at that moment or began later, the newest first; at most ``MOST``. Raises ``StoreError``."""
    later = (episodes.c.started_at > since) | (episodes.c.ended_at > since) | episodes.c.ended_at.is_(None)
    return _read(engine, later)


def chosen(engine: Engine, rule: str, since: float) -> list[Episode]:
    """Those that this rule has chosen since then, the newest first. Raises ``StoreError``."""
    return _read(engine, (episodes.c.chosen_by == rule) & (episodes.c.chosen_at >= since))


def forget(engine: Engine, now: float) -> int:
    """Drops what is older than is kept; how many. Raises ``StoreError``."""
    old = (episodes.c.started_at < now - KEEP_SECONDS, episodes.c.ended_at.is_not(None))
    with writing(engine) as connection:
        return connection.execute(delete(episodes).where(*old)).rowcount


# ---- the rows ----


def _open(connection: Connection) -> list[dict[str, Any]]:
    return [dict(row) for row in connection.execute(select(episodes).where(episodes.c.ended_at.is_(None))).mappings()]


def _name(connection: Connection, known: dict[str, dict[str, Any]], roots: Mapping[str, Root]) -> None:
    """What nobody could name at first is the one that has a name by now."""
    nameless = known.get("")
    fresh = next((session for session in roots if session and session not in known), None)
    if nameless is None or fresh is None or "" in roots:
        return
    connection.execute(update(episodes).where(episodes.c.id == nameless["id"]).values(session=fresh))
    known[fresh] = known.pop("")


def _lost(connection: Connection, row: Mapping[str, Any], now: float) -> bool:
    """Whether it was not looked at for long; then it is closed as it was last seen."""
    if now - row["seen_at"] <= LOST_SECONDS:
        return False
    _close(connection, row["id"], row["seen_at"], "unseen")
    return True


def _begin(connection: Connection, root: Root, stoppage: Stoppage, since: float, now: float) -> None:
    """Sales began to wait at ``since``, one after the other: half of them times the time is what they waited."""
    seconds = now - since if now - since <= LOST_SECONDS else 0.0
    blank: dict[str, Any] = dict.fromkeys(("sales", "most_sales", "most_cents"), 0)
    blank |= dict.fromkeys(("idle_seconds", "active_seconds", "sales_seconds"), 0.0)
    row = blank | {"started_at": since, "seen_at": now, "ending": "", "chosen_by": "", "whole": False}
    row |= {"session": root.blocker.session} | _sample(row, root, stoppage, seconds)
    with suppress(IntegrityError), connection.begin_nested():  # another server was first
        connection.execute(insert(episodes).values(row))


def _grow(connection: Connection, row: Mapping[str, Any], root: Root, stoppage: Stoppage, now: float) -> None:
    seconds = now - row["seen_at"]
    if seconds <= 0:
        return
    grown = _sample(row, root, stoppage, seconds) | {"seen_at": now}
    same = (episodes.c.id == row["id"], episodes.c.seen_at == row["seen_at"])
    connection.execute(update(episodes).where(*same).values(grown))


def _sample(row: Mapping[str, Any], root: Root, stoppage: Stoppage, seconds: float) -> dict[str, Any]:
    one, head = root.blocker, root.head
    # Who waited at both ends of it, waited all the time: whatever is open is the same session still.
    waited = (row["sales"] + root.sales) / 2 * seconds
    named = {"db_user": one.user, "program": one.program, "object": one.object}
    return {name: text or row.get(name, "") for name, text in named.items()} | {
        "head": head,
        "idle_seconds": row["idle_seconds"] + (seconds if head == "idle" else 0.0),
        "active_seconds": row["active_seconds"] + (seconds if head == "active" else 0.0),
        "whole": row["whole"] or stoppage.whole,
        "sales": root.sales,
        "most_sales": max(row["most_sales"], root.sales),
        "most_cents": max(row["most_cents"], root.cents),
        "sales_seconds": row["sales_seconds"] + waited,
    }


def _just_ended(connection: Connection, session: str, now: float) -> bool:
    """Posters name one that is gone for a moment still."""
    ended = (episodes.c.session == session, episodes.c.started_at > now - KEEP_SECONDS)
    query = select(episodes.c.id).where(*ended, episodes.c.ended_at > now - JOIN_SECONDS)
    return connection.execute(query.limit(1)).first() is not None


def _close(connection: Connection, episode: int, at: float, ending: Ending) -> None:
    same = (episodes.c.id == episode, episodes.c.ended_at.is_(None), episodes.c.seen_at == at)
    connection.execute(update(episodes).where(*same).values(ended_at=at, ending=ending, sales=0))


def _read(engine: Engine, condition: ColumnElement[bool]) -> list[Episode]:
    query = select(episodes).where(condition).order_by(episodes.c.started_at.desc(), episodes.c.id.desc()).limit(MOST)
    with reading(engine) as connection:
        rows = list(connection.execute(query).mappings())
    return [_episode(row) for row in rows]


def _episode(row: RowMapping) -> Episode:
    values = dict(row)
    values["user"] = values.pop("db_user")
    return Episode(**values)
