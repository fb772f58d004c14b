"""What is not booked yet, and of which till: in line, in a poster's hands, or kept back for a reason."""

from typing import Literal, NamedTuple

from sqlalchemy import Connection, Engine, func, select

from malote.database.engine import reading
from malote.database.tables import document, tally, till
from malote.spool.documents import Reason
from malote.spool.state_changes import decode_reason
from malote.spool.states import State

_NEWEST = 2000  # documents by arrival, looked at for a sale that got through


class Count(NamedTuple):
    """How many documents of a till are in a state, for a reason ("" where there is none)."""

    till: str
    state: State
    code: str
    documents: int
    total: int  # cents of the sales among them


def counts(connection: Connection) -> list[Count]:
    """Of all that is in line or waits, from the tallies."""
    query = (
        select(till.c.name, tally.c.state, tally.c.reason_code, tally.c.count, tally.c.total)
        .join(till, till.c.id == tally.c.till_id)
        .where(tally.c.state.in_(("accepted", "posting", "waiting")), tally.c.count > 0)
    )
    return [Count(*row) for row in connection.execute(query).all()]


def posted(connection: Connection) -> int:
    """How many documents of all tills were ever posted, from the tallies."""
    query = select(func.coalesce(func.sum(tally.c.count), 0)).where(tally.c.state == "posted")
    return int(connection.execute(query).scalar_one())


def any_may_wait_for(connection: Connection, code: str) -> bool:
    """Whether any document waits for this, or is being tried, from the tallies."""
    waits = (tally.c.state == "waiting") & (tally.c.reason_code == code)
    query = select(tally.c.till_id).where(waits | (tally.c.state == "posting"), tally.c.count > 0)
    return connection.execute(query.limit(1)).first() is not None


def waiting_for(connection: Connection, code: str) -> list[tuple[str, Reason | None, int]]:
    """The documents that wait for this: by till and reason as it was noted, how many."""
    of_code = document.c.reason_code == code
    query = (
        select(till.c.name, document.c.reason, func.count())
        .join(till, till.c.id == document.c.till_id)
        .where(document.c.state == "waiting", of_code)
        .group_by(till.c.name, document.c.reason)
    )
    return [(name, decode_reason(reason), int(count)) for name, reason, count in connection.execute(query)]


def leased(connection: Connection) -> list[tuple[str, str, int]]:
    """The documents that posters have now: by till and lease, how many."""
    query = (
        select(till.c.name, document.c.lease, func.count())
        .join(till, till.c.id == document.c.till_id)
        .where(document.c.state == "posting", document.c.lease.is_not(None))
        .group_by(till.c.name, document.c.lease)
    )
    return [(name, lease, int(count)) for name, lease, count in connection.execute(query)]


def oldest(
    connection: Connection, state: Literal["accepted", "posting"] = "accepted", till_id: int | None = None
) -> float | None:
    """When the first of these came, in seconds since the epoch."""
    query = select(document.c.accepted_at).where(document.c.state == state).order_by(document.c.id).limit(1)
    if till_id is not None:
        query = query.where(document.c.till_id == till_id)
    return connection.execute(query).scalar()


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
