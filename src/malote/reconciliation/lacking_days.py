"""Days of which a till counts more sales than are here, kept as either count changes: green asks no history."""

from collections.abc import Mapping

import msgspec
from sqlalchemy import Connection, delete, select

from malote.database.book_tables import day_difference, lacking_day
from malote.database.till_tables import till_day
from malote.database.upserting import insert_into


class Here(msgspec.Struct, frozen=True):
    """Sales of a till's business day that came; ``total`` in cents."""

    count: int = 0
    total: int = 0


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
    empty = [day for day, came in here.items() if not came.count]
    of_empty = (day_difference.c.till_id == till_id, day_difference.c.day.in_(empty))
    # Of a day that came it is judged by its row in book_day; of these there is none.
    connection.execute(delete(day_difference).where(*of_empty, day_difference.c.accepted_at.is_(None)))
    if rows:
        statement = insert_into(connection, lacking_day)
        fresh = {name: statement.excluded[name] for name in ("count", "total")}
        connection.execute(statement.on_conflict_do_update(index_elements=["till_id", "day"], set_=fresh), rows)
