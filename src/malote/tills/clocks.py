"""The clock that most tills print on their notes: the store's, where the settings name none; and which are wrong."""

from collections.abc import Sequence
from datetime import datetime, tzinfo

from sqlalchemy import Connection, Engine, func, select

from malote.database.engine import reading
from malote.database.tables import till
from malote.tills.till import ids_of
from malote.tills.troubles import is_skewed

_OFFSET = len("-03:00")


def store_clock(engine: Engine | Connection, zone: tzinfo | None) -> tzinfo | None:
    """``zone`` where the settings name one. Raises ``StoreError``."""
    return common_clock(engine) if zone is None else zone


def common_clock(engine: Engine | Connection) -> tzinfo | None:
    """None while no till has sold anything. Raises ``StoreError``."""
    printed = till.c.last_issued_at
    offset = func.substr(printed, func.length(printed) - _OFFSET + 1)
    statement = (
        select(func.max(printed))
        .where(printed.is_not(None), till.c.disabled_at.is_(None))
        .group_by(offset)
        .order_by(func.count().desc(), offset)
        .limit(1)
    )
    if isinstance(engine, Connection):
        newest: str | None = engine.scalar(statement)
    else:
        with reading(engine) as connection:
            newest = connection.scalar(statement)
    try:
        return datetime.fromisoformat(newest or "").tzinfo
    except ValueError:
        return None


def wrong_clocks(connection: Connection, till_ids: Sequence[int]) -> dict[int, float]:
    """Of those among these tills whose clock is wrong: seconds less the server's, as of the last contact."""
    asked = ids_of(till_ids)
    query = select(till.c.id, till.c.clock_skew_seconds).join(asked, asked.c.id == till.c.id).where(is_skewed())
    return {row.id: row.clock_skew_seconds for row in connection.execute(query)}
