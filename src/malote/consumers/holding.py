"""Content that is kept a while longer, since a consumer doesn't have it yet."""

from sqlalchemy import Engine, func, select

from malote.database.consumer_tables import consumer as consumers
from malote.database.consumer_tables import consumer_refusal as refusals
from malote.database.engine import reading
from malote.spool.retention import Hold


def hold(engine: Engine, since: float) -> Hold | None:
    """Of everything beyond what the slowest consumer has, in pouches received since then; None where there is nobody.

    Folders get what they are sent and hold nothing back. Raises ``StoreError``.
    """
    live = consumers.c.revoked_at.is_(None) & (consumers.c.kind != "folder")
    slowest = select(func.min(consumers.c.got)).where(live)
    refused = select(func.min(refusals.c.number)).where(refusals.c.consumer_id.in_(select(consumers.c.id).where(live)))
    with reading(engine) as connection:
        got = connection.execute(slowest).scalar()
        first_refused = connection.execute(refused).scalar()
    if got is None:
        return None
    return Hold(got if first_refused is None else min(got, first_refused - 1), since)
