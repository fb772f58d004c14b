"""Why documents are where they are now, from the tallies."""

from typing import Literal

from sqlalchemy import Engine, func, select

from malote.database.engine import reading
from malote.database.tables import tally


def by_reason(engine: Engine, state: Literal["rejected", "waiting"]) -> dict[str, int]:
    """How many documents there are for each reason, the most frequent first. Raises ``StoreError``."""
    count = func.sum(tally.c["count"])
    query = (
        select(tally.c.reason_code, count)
        .where(tally.c.state == state, tally.c["count"] > 0)
        .group_by(tally.c.reason_code)
        .order_by(count.desc(), tally.c.reason_code)
    )
    with reading(engine) as connection:
        return {code: int(documents) for code, documents in connection.execute(query)}
