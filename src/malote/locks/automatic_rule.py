"""How far the automatic measure may go: off, in rehearsal, or let loose by a person who has read the rehearsal.

What the rule says stands in the settings; how far it has come, in the store database, with whoever decided it in the
audit trail. A rule whose words were changed is another rule: it begins with a rehearsal again.
"""

from typing import Literal

import msgspec
from sqlalchemy import Connection, Engine, RowMapping, delete, insert, select

from malote.accounts import audit
from malote.accounts.audit import SYSTEM, Actor
from malote.bilingual import Bilingual
from malote.config import LocksSettings
from malote.database.engine import reading, writing
from malote.database.lock_tables import lock_rule
from malote.erp.sessions.errors import SessionsError
from malote.locks import episodes
from malote.locks.episodes import Episode
from malote.rejection import Language

State = Literal["off", "rehearsal", "on"]


class LockRule(msgspec.Struct, frozen=True):
    """``rehearsed``: what it has chosen since its rehearsal began, the newest first; while it is on, what it has ended
    since. ``wanted``: whether the settings ask for it at all."""

    wanted: bool
    state: State
    since: float | None  # of this state; None before the server has begun it
    actor: str
    minutes: float
    users: list[str]
    programs: list[str]
    rehearsed: list[Episode]

    @property
    def sessions(self) -> int:
        return len(self.rehearsed)

    @property
    def saved_seconds(self) -> float:
        """Sales-seconds that were waited after it had chosen."""
        return sum(one.saved_seconds for one in self.rehearsed)


def definition(settings: LocksSettings) -> str:
    """The rule's words, in one text: another rule has another."""
    words = (settings.automatic_minutes, sorted(settings.automatic_users), sorted(settings.automatic_programs))
    return msgspec.json.encode(words).decode()


def current(engine: Engine, settings: LocksSettings) -> LockRule:
    """As it stands. Raises ``StoreError``."""
    with reading(engine) as connection:
        row = _row(connection, settings)
    state: State = "off" if not settings.automatic else row["state"] if row else "rehearsal"
    since = row["since"] if row and settings.automatic else None
    found = _done(engine, settings, state, since) if since is not None else []
    words = (settings.automatic_minutes, settings.automatic_users, settings.automatic_programs)
    return LockRule(settings.automatic, state, since, row["actor"] if row else "", *words, found)


def _done(engine: Engine, settings: LocksSettings, state: State, since: float) -> list[Episode]:
    """What it has ended since it was let loose, or would have ended since its rehearsal began."""
    if state == "off":
        return []
    if state == "on":
        return [one for one in episodes.listed(engine, since) if one.ending == "rule" and (one.ended_at or 0) >= since]
    return episodes.chosen(engine, definition(settings), since)


def begin(engine: Engine, settings: LocksSettings, now: float) -> State:
    """The state that the automatic measure acts by; a rule that is new begins its rehearsal. Raises ``StoreError``."""
    with reading(engine) as connection:
        row = _row(connection, settings)
    if row is not None:
        state: State = row["state"]
        return state
    with writing(engine) as connection:
        _write(connection, settings, "rehearsal", SYSTEM, now, "settings.locks")
    return "rehearsal"


def switch(
    engine: Engine,
    settings: LocksSettings,
    state: State,
    actor: Actor,
    now: float,
    *,
    reason: str,
    rehearsed: int | None = None,
) -> LockRule:
    """Off, or to a new rehearsal, at any time; on only from a rehearsal that has chosen somebody.

    ``rehearsed``: how many sessions the rehearsal would have ended, as the person has read it. Raises
    ``SessionsError``: ``lock_rule_unset`` where the settings don't ask for it, ``lock_rule_untried`` where there is no
    rehearsal, or it has chosen nobody, ``lock_rule_unread`` where the number is another; and ``StoreError``.
    """
    before = current(engine, settings)
    if not before.wanted:
        raise SessionsError("lock_rule_unset")
    if state == "on" and before.state != "on":
        if before.state != "rehearsal" or not before.sessions:
            raise SessionsError("lock_rule_untried")
        if rehearsed != before.sessions:
            raise SessionsError("lock_rule_unread", count=str(before.sessions))
    if state != before.state:
        with writing(engine) as connection:
            _write(connection, settings, state, actor, now, reason, before)
    return current(engine, settings)


def words(rule: LockRule, language: Language = "pt") -> str:
    """What it would have done, or did, in a sentence."""
    minutes = round(rule.saved_seconds / 60)
    if rule.state == "on":
        return _DID.of(language)[rule.sessions != 1].format(count=rule.sessions)
    return _WOULD.of(language)[rule.sessions != 1].format(count=rule.sessions, minutes=minutes)


_WOULD = Bilingual(
    (
        "teria encerrado {count} sessão, poupado {minutes} minutos de venda",
        "teria encerrado {count} sessões, poupado {minutes} minutos de venda",
    ),
    (
        "would have ended {count} session, saved {minutes} sale-minutes",
        "would have ended {count} sessions, saved {minutes} sale-minutes",
    ),
)
_DID = Bilingual(
    ("encerrou {count} sessão", "encerrou {count} sessões"), ("has ended {count} session", "has ended {count} sessions")
)


def _row(connection: Connection, settings: LocksSettings) -> RowMapping | None:
    """None where the rule was never begun, or was another."""
    row = connection.execute(select(lock_rule)).mappings().first()
    return row if row is not None and row["definition"] == definition(settings) else None


def _write(
    connection: Connection,
    settings: LocksSettings,
    state: State,
    actor: Actor,
    now: float,
    reason: str,
    before: LockRule | None = None,
) -> None:
    connection.execute(delete(lock_rule))
    row = {"id": 1, "definition": definition(settings), "state": state, "since": now, "actor": actor.name}
    connection.execute(insert(lock_rule).values(row))
    told: audit.Facts = {
        "state": before.state if before else None,
        "sessions": before.sessions if before else 0,
        "saved_minutes": round(before.saved_seconds / 60) if before else 0,
    }
    after: audit.Facts = {
        "state": state,
        "minutes": settings.automatic_minutes,
        "users": list(settings.automatic_users),
        "programs": list(settings.automatic_programs),
    }
    audit.record(connection, actor, "lock_rule_switched", "locks", before=told, after=after, reason=reason)
