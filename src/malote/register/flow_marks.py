"""What a plot of the past is marked with: locks of the ERP, roll-outs, updated structures, starts of the server."""

from typing import Literal

import msgspec
from sqlalchemy import Engine, select

from malote.database.engine import reading
from malote.database.flow_tables import server_start
from malote.database.lock_tables import lock_episode
from malote.database.structure_tables import rollout, structure_run

MOST = 40  # locks: those that most sales waited for longest

Kind = Literal["lock", "rollout", "structure", "start"]


class FlowMark(msgspec.Struct, frozen=True):
    """``began`` and ``ended`` (None: it lasts) in seconds since the epoch; a start takes no time."""

    kind: Kind
    began: float
    ended: float | None
    who: str = ""  # of a lock the session's user, else who ordered it
    what: str = ""  # of a lock the table it held, of a structure its scope, of a start the version
    sales: int = 0  # that waited at most


def marks(engine: Engine, since: float) -> list[FlowMark]:
    """Those that lasted at that moment or began later, in order of their beginnings. Raises ``StoreError``."""
    locks = lock_episode.c
    runs, orders = structure_run.c, rollout.c
    with reading(engine) as connection:
        held = connection.execute(
            select(locks.started_at, locks.ended_at, locks.db_user, locks.object, locks.most_sales)
            .where((locks.started_at > since) | (locks.ended_at > since) | locks.ended_at.is_(None))
            .order_by(locks.sales_seconds.desc())
            .limit(MOST)
        ).all()
        ordered = connection.execute(
            select(orders.asked_at, orders.finished_at, orders.asked_by).where(
                (orders.asked_at > since) | (orders.finished_at > since) | (orders.state == "running")
            )
        ).all()
        changed = connection.execute(
            select(runs.started_at, runs.finished_at, runs.asked_by, runs.scope).where(runs.started_at > since)
        ).all()
        starts = connection.execute(select(server_start).where(server_start.c.at > since)).all()
    found = [FlowMark("lock", row[0], row[1], row[2], row[3], row[4]) for row in held]
    found += [FlowMark("rollout", row[0], row[1], row[2]) for row in ordered]
    found += [FlowMark("structure", row[0], row[1], row[2], row[3]) for row in changed]
    found += [FlowMark("start", row.at, row.at, what=row.version) for row in starts]
    return sorted(found, key=lambda one: one.began)
