"""What the lights are made of: each till's counts by state, with the heaviest reason of each, from the tallies."""

from functools import cache

from sqlalchemy import ColumnElement, Subquery, and_, case, func, literal, or_, select

from malote import rejection
from malote.database.tables import open_sale, tally, till


@cache
def stopping_codes() -> tuple[str, ...]:
    """The reasons for which a DBA must do something before anything is posted."""
    return tuple(code for code, entry in rejection.catalogue().items() if entry.transient and entry.cure == "dba")


def counts_of(only: ColumnElement[bool] | None) -> Subquery:
    """What is not settled for good, with one row per till. Most tills have nothing of it most of the time."""
    waits = tally.c.state == "waiting"
    flagged = and_(tally.c.state == "posted", tally.c.reason_code != "")
    stops = and_(waits, tally.c.reason_code.in_(stopping_codes()))

    def total(condition: ColumnElement[bool], name: str) -> ColumnElement[int]:
        return func.sum(case((condition, tally.c.count), else_=0)).label(name)

    ranked = _ranked()

    def code(condition: ColumnElement[bool], name: str) -> ColumnElement[str]:
        return func.min(case((condition, ranked))).label(name)

    statement = select(
        tally.c.till_id,
        total(tally.c.state.in_(("accepted", "posting")), "pending"),
        total(waits, "waiting"),
        total(tally.c.state == "rejected", "rejected"),
        total(flagged, "flagged"),
        code(flagged, "flagged_code"),
        code(stops, "stopping_code"),
        code(waits, "waiting_code"),
        code(tally.c.state == "rejected", "rejected_code"),
    ).where(or_(tally.c.state.in_(("accepted", "posting", "waiting", "rejected")), flagged), tally.c.count > 0)
    if only is not None:
        statement = statement.where(tally.c.till_id.in_(select(till.c.id).where(only)))
    return statement.group_by(tally.c.till_id).subquery("counts")


def _ranked() -> ColumnElement[str]:
    """A reason's code behind a digit, so that the heaviest of several comes first."""
    weights = [(tally.c.reason_code.in_(codes), str(rank)) for rank, codes in enumerate(rejection.by_weight())]
    rank = case(*((condition, literal(digit)) for condition, digit in weights), else_=literal("9"))
    return rank.concat(tally.c.reason_code)


def late(now: float) -> ColumnElement[int]:
    """How many booked sales of a till lack their protocol after the deadline."""
    overdue = (
        select(func.count()).select_from(open_sale).where(open_sale.c.till_id == till.c.id, open_sale.c.due_at < now)
    )
    return overdue.scalar_subquery()
