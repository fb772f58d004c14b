"""The times in which nothing could be booked: no poster worked, or the ERP took nothing.

What waits for another document isn't given up for hours that nobody could have used: the other one may be the next in
the queue. Posters that book say so again and again; what lies between two such words, if it is long, was an outage.
"""

from sqlalchemy import Connection, Engine, delete, func, insert, select, update

from malote.database.engine import reading
from malote.database.lock_tables import posting_outage, posting_possible

SHORTEST_SECONDS = 180.0  # several times as long as between two words of a poster that books
FORGET_SECONDS = 400 * 86400.0


def possible(connection: Connection, now: float) -> None:
    """A poster can book, at this moment. ``now`` in seconds since the epoch."""
    last = connection.scalar(select(posting_possible.c.at))
    if last is None:
        connection.execute(insert(posting_possible).values(id=1, at=now))
        return
    # Of several posters that are back at once, one writes the outage down.
    first = connection.execute(update(posting_possible).where(posting_possible.c.at == last).values(at=now)).rowcount
    if first and now - last > SHORTEST_SECONDS:
        known = select(func.count()).where(posting_outage.c.began == last)
        if not connection.scalar(known):  # a clock that was put back may tell a moment twice
            connection.execute(insert(posting_outage).values(began=last, ended=now))
        connection.execute(delete(posting_outage).where(posting_outage.c.ended < now - FORGET_SECONDS))


def lost(engine: Engine, since: float, until: float) -> float:
    """How many seconds between these moments (since the epoch) nothing could be booked. Raises ``StoreError``."""
    query = select(posting_outage).where(posting_outage.c.ended > since, posting_outage.c.began < until)
    with reading(engine) as connection:
        outages = connection.execute(query.order_by(posting_outage.c.began)).all()
    found, counted = 0.0, since
    for one in outages:
        began, ended = max(one.began, counted), min(one.ended, until)
        found += max(0.0, ended - began)
        counted = max(counted, ended)
    return found
