"""What a server finds in its store as it starts: taken in before, and not booked yet."""

from typing import NamedTuple

from sqlalchemy import Engine, case, func, select

from malote.database.engine import reading
from malote.database.tables import tally
from malote.spool.states import OPEN


class Left(NamedTuple):
    """``documents``; ``total`` in cents, as far as known; ``interrupted`` ones were being booked as it ended."""

    documents: int
    total: int
    interrupted: int


def left_behind(engine: Engine) -> Left:
    """Raises ``StoreError``."""
    interrupted = func.sum(case((tally.c.state == "posting", tally.c.count), else_=0))
    query = select(func.sum(tally.c.count), func.sum(tally.c.total), interrupted)
    with reading(engine) as connection:
        row = connection.execute(query.where(tally.c.state.in_(sorted(OPEN)))).one()
        return Left(*(int(value or 0) for value in row))
