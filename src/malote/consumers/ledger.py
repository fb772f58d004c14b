"""How far a webhook has come, and what it refused: every write about it, under the lease of whoever delivers.

A consumer's ``got`` moves after the deliveries it stands for, never before: whoever dies in between delivers again,
under the same ids.
"""

import secrets
from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, Engine, delete, func, insert, or_, select, update

from malote.accounts import audit
from malote.accounts.audit import Actor
from malote.consumers import log
from malote.consumers.accounts import Consumer
from malote.consumers.log import Got
from malote.database.consumer_tables import consumer as consumers
from malote.database.consumer_tables import consumer_refusal as refusals
from malote.database.engine import reading, writing
from malote.spool.documents import Reason
from malote.spool.state_changes import encode_reason

LEASE_SECONDS = 45.0  # longer than a turn lasts; whoever takes longer delivers some again
LONGEST_PAUSE_SECONDS = 86400.0  # a time further ahead was set by a clock that has been put back since
REFUSED_AT_ONCE = 10


class Claim(msgspec.Struct, frozen=True):
    """The right to deliver to one consumer for a while."""

    consumer_id: int
    token: str
    got: int
    attempts: int


class WebhookRefusal(msgspec.Struct, frozen=True):
    """Something that a webhook refused while it took others. Times are seconds since the epoch."""

    number: int
    status: int
    refused_at: float
    attempts: int
    retry_at: float


def claim(engine: Engine, consumer_id: int, now: float) -> Claim | None:
    """None where another process delivers, where it is too early to try again, or for one that was revoked."""
    token = secrets.token_hex(8)
    free = or_(
        consumers.c.lease_until.is_(None),
        consumers.c.lease_until <= now,
        consumers.c.lease_until > now + LEASE_SECONDS,
    )
    due = or_(
        consumers.c.retry_at.is_(None), consumers.c.retry_at <= now, consumers.c.retry_at > now + LONGEST_PAUSE_SECONDS
    )
    mine = (consumers.c.id == consumer_id) & consumers.c.revoked_at.is_(None)
    with writing(engine) as connection:
        values = {"lease": token, "lease_until": now + LEASE_SECONDS}
        query = update(consumers).where(mine, free, due).values(values)
        row = connection.execute(query.returning(consumers.c.got, consumers.c.attempts)).one_or_none()
    return Claim(consumer_id, token, row.got, row.attempts) if row else None


def delivered(connection: Connection, held: Claim, numbers: Sequence[int], now: float) -> bool:
    """Notes these, which follow one another. False where the lease was lost: another delivers them again."""
    values = {
        "got": numbers[-1],
        "got_at": now,
        "attempts": 0,
        "failing_since": None,
        "failure": None,
        "retry_at": None,
    }
    if not connection.execute(update(consumers).where(_held(held)).values(values)).rowcount:
        return False
    log.record(connection, held.consumer_id, Got("delivered", len(numbers), numbers[0], numbers[-1]), now)
    return True


def refused(connection: Connection, held: Claim, number: int, status: int, now: float, retry_at: float) -> bool:
    """Sets one aside that others were taken behind."""
    if not connection.execute(update(consumers).where(_held(held)).values(got=number)).rowcount:
        return False
    row = {"consumer_id": held.consumer_id, "number": number, "status": status, "refused_at": now, "attempts": 1}
    connection.execute(insert(refusals).values(**row, retry_at=retry_at))
    log.record(connection, held.consumer_id, Got("refused", 1, number, number, {"status": str(status)}), now)
    return True


def failed(connection: Connection, held: Claim, reason: Reason, now: float, retry_at: float) -> None:
    """Nothing more is taken now."""
    values = {
        "attempts": consumers.c.attempts + 1,
        "failing_since": func.coalesce(consumers.c.failing_since, now),
        "failure": encode_reason(reason),
        "retry_at": retry_at,
    }
    connection.execute(update(consumers).where(_held(held)).values(values))


def release(engine: Engine, held: Claim) -> None:
    """Lets another one deliver."""
    with writing(engine) as connection:
        connection.execute(update(consumers).where(_held(held)).values(lease=None, lease_until=None))


def due_refusals(engine: Engine, consumer_id: int, now: float) -> list[WebhookRefusal]:
    """Those whose time has come, in order."""
    query = _refusals(consumer_id).where(refusals.c.retry_at <= now).limit(REFUSED_AT_ONCE)
    with reading(engine) as connection:
        return [WebhookRefusal(*row) for row in connection.execute(query)]


def all_refusals(engine: Engine, consumer_id: int) -> list[WebhookRefusal]:
    """Everything that one refused and that it hasn't taken since."""
    with reading(engine) as connection:
        return [WebhookRefusal(*row) for row in connection.execute(_refusals(consumer_id))]


def taken_after_all(connection: Connection, held: Claim, number: int, now: float) -> None:
    """What was refused was taken."""
    connection.execute(delete(refusals).where(_refusal(held, number)))
    log.record(connection, held.consumer_id, Got("delivered", 1, number, number), now)


def refused_again(connection: Connection, held: Claim, number: int, status: int, retry_at: float) -> None:
    """It waits longer from time to time."""
    values = {"attempts": refusals.c.attempts + 1, "status": status, "retry_at": retry_at}
    connection.execute(update(refusals).where(_refusal(held, number)).values(values))


def retry_now(engine: Engine, consumer: Consumer, actor: Actor, now: float) -> int:
    """A person says that it will take them now. How many refused ones are tried at once. Raises ``StoreError``."""
    with writing(engine) as connection:
        connection.execute(update(consumers).where(consumers.c.id == consumer.id).values(retry_at=now))
        mine = refusals.c.consumer_id == consumer.id
        count = connection.execute(update(refusals).where(mine).values(retry_at=now)).rowcount
        on, after = f"consumer:{consumer.name}", {"retried": count}
        audit.record(connection, actor, "consumer_retried", on, after=after, now=now)
        return count


def _refusals(consumer_id: int) -> Any:
    columns = (refusals.c[name] for name in ("number", "status", "refused_at", "attempts", "retry_at"))
    return select(*columns).where(refusals.c.consumer_id == consumer_id).order_by(refusals.c.number)


def _refusal(held: Claim, number: int) -> Any:
    return (refusals.c.consumer_id == held.consumer_id) & (refusals.c.number == number)


def _held(held: Claim) -> Any:
    return (consumers.c.id == held.consumer_id) & (consumers.c.lease == held.token)
