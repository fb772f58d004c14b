"""Drops history beyond its retention. What any till may still be brought from, or is kept at, and the newest of all,
stay."""

from datetime import UTC, datetime

from sqlalchemy import Engine, delete, func, select
from sqlalchemy.sql import exists

from malote.database.engine import reading, writing
from malote.database.load_tables import load_row, load_sale, load_sale_day, load_state, load_till, load_version
from malote.loads import back_rows

_AT_ONCE = 5000  # rows of one transaction


def forget(engine: Engine, before: float) -> int:
    """How many rows. Each step is a transaction of its own, so that no sale waits for it.

    First the states: a till that has one of them gets whole rows from then on, and no changes that lack some.
    """
    gone = _forget_sold(engine, before)
    with reading(engine) as connection:
        floor = connection.execute(
            select(func.max(load_version.c.id)).where(load_version.c.made_at < before)
        ).scalar_one_or_none()
        kept_at = back_rows.oldest_needed(connection, before)
    if floor and kept_at is not None:
        floor = min(floor, kept_at)
    if not floor:
        return gone
    later = load_state.alias()
    replaced = exists().where(
        later.c.entity_id == load_state.c.entity_id, later.c.version > load_state.c.version, later.c.version <= floor
    )
    with writing(engine) as connection:
        connection.execute(delete(load_state).where(load_state.c.version < floor, replaced))
    gone += _forget_rows(engine, floor)
    with writing(engine) as connection:
        needed = select(load_state.c.version)
        connection.execute(delete(load_version).where(load_version.c.id < floor, load_version.c.id.not_in(needed)))
        newest = select(func.max(load_till.c.id)).group_by(load_till.c.till_id)
        connection.execute(delete(load_till).where(load_till.c.heard_at < before, load_till.c.id.not_in(newest)))
    return gone


def _forget_sold(engine: Engine, before: float) -> int:
    """What was sold at which price, by the day of issue."""
    first = datetime.fromtimestamp(before, UTC).date().isoformat()
    with writing(engine) as connection:
        return sum(
            connection.execute(delete(table).where(table.c.day < first)).rowcount
            for table in (load_sale, load_sale_day)
        )


def _forget_rows(engine: Engine, floor: int) -> int:
    gone = 0
    with reading(engine) as connection:
        ids = connection.scalars(select(load_row.c.entity_id).where(load_row.c.version_to <= floor).distinct()).all()
    for entity_id in ids:
        mine = (load_row.c.entity_id == entity_id) & (load_row.c.version_to <= floor)
        last, keys = b"", [b""]
        while keys:
            behind = mine & (load_row.c.key > last)
            some = select(load_row.c.key).where(behind).order_by(load_row.c.key).limit(_AT_ONCE)
            with writing(engine) as connection:
                keys = [bytes(key) for key in connection.scalars(some)]
                if keys:
                    last = keys[-1]
                    gone += connection.execute(delete(load_row).where(behind, load_row.c.key <= last)).rowcount
    return gone
