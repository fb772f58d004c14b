"""Days of which a till counts more sales than are here, kept as either count changes: green asks no history."""

from collections.abc import Mapping
from datetime import date

import msgspec
from sqlalchemy import Connection, delete, func, select
from sqlalchemy.dialects import postgresql, sqlite

from malote.database.book_tables import lacking_day
from malote.database.till_tables import till_day


class Here(msgspec.Struct, frozen=True):
    """Sales of a till's business day that came; ``total`` in cents."""

    count: int = 0
    total: int = 0


class Lacking(msgspec.Struct, frozen=True):
    """Of one till: ``days`` that are over, what they lack in cents, and since when (seconds since the epoch)."""

    days: int
    total: int
    since: float


def note(connection: Connection, till_id: int, here: Mapping[str, Here]) -> None:
    """These days were counted again. ``since`` stays what it was while a day lacks anything."""
    own = (till_day.c.till_id == till_id, till_day.c.day.in_(list(here)))
    rows = []
    for told in connection.execute(select(till_day).where(*own)):
        came = here[told.day]
        lacks = int(told._mapping["count"]) - came.count
        if lacks > 0:
            value = max(int(told.total) - came.total, 0)
            rows.append({"till_id": till_id, "day": told.day, "count": lacks, "total": value, "since": told.told_at})
    whole = set(here) - {str(row["day"]) for row in rows}
    connection.execute(delete(lacking_day).where(lacking_day.c.till_id == till_id, lacking_day.c.day.in_(whole)))
    if rows:
        insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
        statement = insert(lacking_day)
        fresh = {name: statement.excluded[name] for name in ("count", "total")}
        connection.execute(statement.on_conflict_do_update(index_elements=["till_id", "day"], set_=fresh), rows)


def over(connection: Connection, today: date, before: float) -> dict[int, Lacking]:
    """By till, what days before ``today`` lack that was told before this moment (seconds since the epoch)."""
    columns = (func.count(), func.sum(lacking_day.c.total), func.min(lacking_day.c.since))
    chosen = (lacking_day.c.day < today.isoformat(), lacking_day.c.since < before)
    query = select(lacking_day.c.till_id, *columns).where(*chosen).group_by(lacking_day.c.till_id)
    return {row[0]: Lacking(int(row[1]), int(row[2]), row[3]) for row in connection.execute(query)}
