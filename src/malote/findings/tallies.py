"""Each till's counts and cents by state, with the heaviest reason of each, from the tallies and never from history."""

from functools import cache

from sqlalchemy import Boolean, ColumnElement, Subquery, Text, and_, case, func, literal_column, or_, select

from malote import rejection
from malote.database.tables import document, open_sale, tally, till

STRUCTURE_OUTDATED = "structure_outdated"


@cache
def stopping_codes() -> tuple[str, ...]:
    """The reasons for which a DBA must do something before anything is posted."""
    return tuple(code for code, entry in rejection.catalogue().items() if entry.transient and entry.cure == "dba")


def counts_of(only: ColumnElement[bool] | None, *, brief: bool = False) -> Subquery:
    """What is not settled for good, with one row per till. Most tills have nothing of it most of the time.

    Of each group its number of documents; unless ``brief``, its ``…_total`` in cents too, and ``…_code`` behind a digit
    of its weight.
    """
    waits, rejected = tally.c.state == "waiting", tally.c.state == "rejected"
    lacking, stopped = tally.c.reason_code == STRUCTURE_OUTDATED, _is_one_of(stopping_codes())
    groups: dict[str, ColumnElement[bool]] = {
        "pending": tally.c.state.in_(("accepted", "posting")),
        "all_waiting": waits,
        "all_rejected": rejected,
        "waiting": and_(waits, ~stopped),
        "erp_stopped": and_(waits, stopped),
        "rejected": and_(rejected, ~lacking),
        "structure": and_(rejected, lacking),
        "flagged": and_(tally.c.state == "posted", tally.c.reason_code != ""),
    }
    columns: list[ColumnElement[object]] = [tally.c.till_id]
    for name, condition in groups.items():
        columns.append(func.sum(case((condition, tally.c.count), else_=0)).label(name))
        if not brief:
            columns.append(func.sum(case((condition, tally.c.total), else_=0)).label(f"{name}_total"))
            columns.append(func.min(case((condition, _ranked()))).label(f"{name}_code"))
    unsettled = tally.c.state.in_(("accepted", "posting", "waiting", "rejected"))
    statement = select(*columns).where(or_(unsettled, groups["flagged"]), tally.c.count > 0)
    if only is not None:
        statement = statement.where(tally.c.till_id.in_(select(till.c.id).where(only)))
    return statement.group_by(tally.c.till_id).subquery("counts")


# As text and not as parameters: there are hundreds of codes, and all are the catalogue's own.
@cache
def _ranked() -> ColumnElement[str]:
    """A reason's code behind a digit, so that the heaviest of several comes first."""
    whens = " ".join(f"WHEN {_listed(codes)} THEN '{rank}'" for rank, codes in enumerate(rejection.by_weight()))
    return literal_column(f"(CASE {whens} ELSE '9' END) || tally.reason_code", Text)


def _is_one_of(codes: tuple[str, ...]) -> ColumnElement[bool]:
    return literal_column(f"({_listed(codes)})", Boolean)


def _listed(codes: tuple[str, ...]) -> str:
    names = ", ".join(f"'{code}'" for code in codes if code.isidentifier())
    return f"tally.reason_code IN ({names})"


def late(now: ColumnElement[float]) -> Subquery:
    """Of booked sales that lack their protocol after the deadline, a row per till that has any."""
    return (
        select(
            open_sale.c.till_id,
            func.count().label("overdue"),
            func.coalesce(func.sum(document.c.total), 0).label("overdue_total"),
            func.min(open_sale.c.due_at).label("overdue_since"),
        )
        .join_from(open_sale, document, document.c.id == open_sale.c.document_id)
        .where(open_sale.c.due_at < now)
        .group_by(open_sale.c.till_id)
        .subquery("late")
    )
