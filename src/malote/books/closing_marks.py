"""What the chain of closed days stands at, and whether it is written still.

The mark says by when the next day must be in the chain: whoever looks at the lights sees one that passed, also where
the thread that closes days is dead. And it names the key that signs, since entries of two keys verify under neither.
"""

from datetime import date, timedelta
from typing import Any

from sqlalchemy import Connection, Engine, insert, select, update

from malote.accounts import audit
from malote.accounts.audit import Actor
from malote.business_day import BusinessCalendar
from malote.database.closing_tables import day_closing
from malote.database.engine import reading, writing
from malote.explained_error import ExplainedError
from malote.findings.kinds import USUAL_SECONDS
from malote.plain import clean

PATIENCE_SECONDS = 600.0  # after a day can be closed, until it must be
_LONGEST = 200  # characters of a failure


class ChainKeyError(ExplainedError):
    """The server's key isn't the one that signed the chain so far."""


def note_closed(engine: Engine, calendar: BusinessCalendar, today: date) -> None:
    """All before ``today`` is in the chain. Raises ``StoreError``."""
    due = calendar.begins_at(today + timedelta(days=1)) + USUAL_SECONDS + PATIENCE_SECONDS
    with reading(engine) as connection:
        known = _row(connection)
    if known is not None and known.before >= today.isoformat() and known.failing_since is None:
        return
    with writing(engine) as connection:
        _set(connection, before=today.isoformat(), due_at=due, failing_since=None, failure=None, failure_code=None)


def note_failed(engine: Engine, error: Exception, now: float) -> None:
    """Closing failed just now: written down once, until it fails otherwise. Raises ``StoreError``."""
    code = error.code if isinstance(error, ExplainedError) else ""
    failure = clean(f"{type(error).__name__}: {error}", _LONGEST)
    with reading(engine) as connection:
        known = _row(connection)
    if known is not None and known.failure == failure:
        return
    since = known.failing_since if known is not None and known.failing_since is not None else now
    with writing(engine) as connection:
        _set(connection, failing_since=since, failure=failure, failure_code=code)


def check_key(connection: Connection, public: str) -> None:
    """Raises ``ChainKeyError`` where another key signed the chain so far, and nobody said that this one goes on."""
    known = _row(connection)
    if known is None or not known.key:
        _set(connection, key=public)
    elif known.key != public:
        raise ChainKeyError("chain_key_changed", known=known.key[:16], found=public[:16])


def take_key(engine: Engine, public: str, actor: Actor, reason: str, now: float) -> bool:
    """A person says that the server's key is another for good, and this one signs from now on; False where it does
    already. Raises ``StoreError``."""
    with writing(engine) as connection:
        known = _row(connection)
        if known is not None and known.key == public:
            return False
        _set(connection, key=public)
        before, after = {"signs": known.key[:16] if known is not None else ""}, {"signs": public[:16]}
        audit.record(connection, actor, "chain_key_taken", "books", before=before, after=after, reason=reason, now=now)
        return True


def _row(connection: Connection) -> Any:
    return connection.execute(select(day_closing)).first()


def _set(connection: Connection, **values: Any) -> None:
    if not connection.execute(update(day_closing).values(values)).rowcount:
        blank = {"id": 1, "before": "", "due_at": 0.0, "key": ""}
        connection.execute(insert(day_closing).values(blank | values))
