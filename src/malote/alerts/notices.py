"""What is told and what is still to be told, in the store database."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, Engine, Select, delete, insert, select, update

from malote.alerts.policy import CauseState
from malote.backoff import pause
from malote.database.alert_tables import alert_notice, alert_state
from malote.database.engine import reading, writing

KEPT_SECONDS = 30 * 86_400.0
LONGEST_TRY_SECONDS = 86_400.0  # then it is given up: nobody wants to hear of yesterday's trouble in a week
_FIRST_SECONDS, _LONGEST_SECONDS = 15.0, 900.0


class ToldNotice(msgspec.Struct, frozen=True):
    """One message to one target. Times are seconds since the epoch; ``sent_at`` None while it isn't through."""

    id: int
    code: str
    kind: str  # "begun", "over", "test"
    target: str
    title: str
    body: str
    count: int
    value: int  # cents
    made_at: float
    attempts: int
    next_at: float | None
    sent_at: float | None


def states(engine: Engine) -> dict[str, CauseState]:
    """Raises ``StoreError``."""
    with reading(engine) as connection:
        return {row.code: CauseState(**row._asdict()) for row in connection.execute(select(alert_state))}


def decided(
    engine: Engine, changed: Mapping[str, CauseState | None], rows: Sequence[Mapping[str, object]], now: float
) -> None:
    """The states and what is to be told, in one transaction. Raises ``StoreError``."""
    if not changed and not rows:
        return
    with writing(engine) as connection:
        connection.execute(delete(alert_state).where(alert_state.c.code.in_(list(changed))))
        kept = [msgspec.structs.asdict(one) for one in changed.values() if one is not None]
        if kept:
            connection.execute(insert(alert_state), kept)
        _add(connection, rows, now)


def add(engine: Engine, rows: Sequence[Mapping[str, object]], now: float) -> None:
    """To be told at once. Raises ``StoreError``."""
    with writing(engine) as connection:
        _add(connection, rows, now)


def due(engine: Engine, now: float) -> list[ToldNotice]:
    """What is to be sent now, in order. Raises ``StoreError``."""
    waiting = alert_notice.c.next_at <= now
    return _read(engine, select(alert_notice).where(waiting).order_by(alert_notice.c.id).limit(100))


def newest(engine: Engine, limit: int) -> list[ToldNotice]:
    """The newest first. Raises ``StoreError``."""
    return _read(engine, select(alert_notice).order_by(alert_notice.c.id.desc()).limit(limit))


def settle(engine: Engine, one: ToldNotice, now: float, *, sent: bool) -> None:
    """Raises ``StoreError``."""
    attempts = one.attempts + 1
    over = sent or now - one.made_at > LONGEST_TRY_SECONDS
    wait = pause(attempts, _FIRST_SECONDS, _LONGEST_SECONDS)
    values = {"attempts": attempts, "next_at": None if over else now + wait, "sent_at": now if sent else None}
    with writing(engine) as connection:
        connection.execute(update(alert_notice).where(alert_notice.c.id == one.id).values(values))


def drop(engine: Engine, targets: Iterable[str]) -> None:
    """Gives up what was for targets that the settings name no longer. Raises ``StoreError``."""
    known = list(targets)
    gone = alert_notice.c.next_at.is_not(None) & alert_notice.c.target.not_in(known)
    with reading(engine) as connection:
        if connection.execute(select(alert_notice.c.id).where(gone).limit(1)).first() is None:
            return
    with writing(engine) as connection:
        connection.execute(update(alert_notice).where(gone).values(next_at=None))


def silence(connection: Connection, code: str, until: float, now: float) -> None:
    """Nothing of this cause is told before then."""
    known = connection.execute(update(alert_state).where(alert_state.c.code == code).values(silenced_until=until))
    if not known.rowcount:
        fresh = msgspec.structs.asdict(CauseState(code, now, gone_at=now, silenced_until=until))
        connection.execute(insert(alert_state), [fresh])


def _add(connection: Connection, rows: Sequence[Mapping[str, object]], now: float) -> None:
    old = (alert_notice.c.made_at < now - KEPT_SECONDS) & alert_notice.c.next_at.is_(None)
    connection.execute(delete(alert_notice).where(old))
    if rows:
        connection.execute(
            insert(alert_notice), [{**row, "made_at": now, "attempts": 0, "next_at": now} for row in rows]
        )


def _read(engine: Engine, query: Select[Any]) -> list[ToldNotice]:
    with reading(engine) as connection:
        return [ToldNotice(**row._asdict()) for row in connection.execute(query)]
