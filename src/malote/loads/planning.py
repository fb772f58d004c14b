"""Loads at times of their own, as cron says them, by the store's clock: which are due, and when the next one is."""

from collections.abc import Callable
from datetime import datetime, tzinfo

import msgspec
from cronsim import CronSim, CronSimError
from sqlalchemy import Connection, delete, insert, select, update

from malote.database.load_tables import load_plan
from malote.loads.versions import LoadError


class Wanted(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a person or a plan wants tills to have. ``tills`` and ``entities`` empty: all. ``anew``: *Geral*."""

    tills: list[str] = []
    entities: list[str] = []
    anew: bool = False


class Plan(msgspec.Struct, frozen=True):
    """Times are seconds since the epoch. ``next_at`` None: never again."""

    id: int
    cron: str
    wanted: Wanted
    asked_by: str
    asked_at: float
    last_at: float
    next_at: float | None


def next_time(cron: str, after: float, zone: tzinfo | None) -> float | None:
    """Raises ``LoadError`` ``load_cron_invalid`` for what isn't five fields of cron."""
    try:
        times = CronSim(cron, datetime.fromtimestamp(after, zone).astimezone(zone))
        return next(times).timestamp()
    except CronSimError as error:
        raise LoadError("load_cron_invalid", cron=cron[:60], detail=str(error)) from error
    except StopIteration:
        return None


def plans(connection: Connection, zone: tzinfo | None) -> list[Plan]:
    """All, by number."""
    found = []
    for row in connection.execute(select(load_plan).order_by(load_plan.c.id)):
        wanted = msgspec.json.decode(row.wanted, type=Wanted)
        next_at = next_time(row.cron, row.last_at, zone)
        found.append(Plan(row.id, row.cron, wanted, row.asked_by, row.asked_at, row.last_at, next_at))
    return found


def add(connection: Connection, cron: str, wanted: Wanted, *, who: str, now: float, zone: tzinfo | None) -> int:
    """Its number. Raises as ``next_time`` does."""
    next_time(cron, now, zone)
    values = {"cron": cron, "wanted": msgspec.json.encode(wanted).decode(), "asked_by": who}
    statement = insert(load_plan).values(values | {"asked_at": now, "last_at": now}).returning(load_plan.c.id)
    return int(connection.execute(statement).scalar_one())


def remove(connection: Connection, plan_id: int) -> None:
    """Raises ``LoadError`` ``load_plan_unknown``."""
    if not connection.execute(delete(load_plan).where(load_plan.c.id == plan_id)).rowcount:
        raise LoadError("load_plan_unknown", plan=str(plan_id))


def claim(connection: Connection, plan: Plan, now: float) -> bool:
    """Whether it falls to the caller to do what is due of it: to one of several servers, once for what was missed."""
    same = (load_plan.c.id == plan.id) & (load_plan.c.last_at == plan.last_at)
    return bool(connection.execute(update(load_plan).where(same).values(last_at=now)).rowcount)


def clock_of(zone: tzinfo | None) -> Callable[[float], str]:
    """``HH:MM`` of a moment by the store's clock."""
    return lambda moment: datetime.fromtimestamp(moment, zone).astimezone(zone).strftime("%H:%M")
