"""What changes whenever something that a screen shows of loads has changed. Costs what is open, not the history."""

from sqlalchemy import Connection, Engine, func, select

from malote.database.engine import reading
from malote.database.load_tables import load_hold, load_plan, load_till, load_version
from malote.database.order_tables import till_order
from malote.load_format.wire import LOAD
from malote.loads import back_rows
from malote.loads.load_reports import AWAY_SECONDS
from malote.tills import till


def pulse(engine: Engine, now: float) -> str:
    """``now`` in seconds since the epoch. Raises ``StoreError``."""
    with reading(engine) as connection:
        seen = [
            connection.execute(select(func.max(load_version.c.id))).one(),
            connection.execute(select(func.max(load_till.c.id))).one(),
            connection.execute(select(load_hold.c.entity, load_hold.c.seen_at, load_hold.c.confirmed_by)).all(),
            connection.execute(select(load_plan.c.id, load_plan.c.last_at).order_by(load_plan.c.id)).all(),
            _open(connection),
            back_rows.open_count(connection),
            till.heard(connection, now - AWAY_SECONDS),
        ]
    return repr(seen)


def _open(connection: Connection) -> object:
    # Not by the index of kinds, in which every order of old stands.
    query = select(
        func.count(), func.max(till_order.c.id), func.sum(till_order.c.done), func.max(till_order.c.begun_at)
    )
    return connection.execute(query.where(till_order.c.ended_at.is_(None), (till_order.c.kind + "") == LOAD)).one()
