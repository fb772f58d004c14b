"""All tills judged at once, in one statement: those that aren't green with their figures, of all others only as many
names as are asked for."""

from collections import Counter
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Connection, Integer, Select, bindparam, case, func, null, select

from malote.database.tables import till
from malote.findings import lights
from malote.findings.finding_counts import not_in_erp, not_in_erp_total
from malote.findings.kinds import CAUSES, Cause, Finding

OK, DISABLED = CAUSES.index("ok"), CAUSES.index("disabled")


class JudgedTill(msgspec.Struct, frozen=True):
    """``rank``: its cause's place in ``CAUSES``; ``code``: the reason of its heaviest finding, "" where the cause has
    one of its own; ``sales`` aren't in the ERP for it, and come to ``cents``: what is merely on its way is none of a
    refused file's doing."""

    id: int
    name: str
    rank: int
    code: str
    sales: int = 0
    cents: int = 0


def judge(connection: Connection, whole: Finding | None, now: float) -> list[JudgedTill]:
    """All that are neither green nor disabled: what is dear, once for however many questions. Raises ``StoreError``."""
    rows = connection.execute(_troubled(), lights.given(now, whole)).all()
    return [JudgedTill(row.id, row.name, row.rank, row.code or "", int(row.sales), int(row.cents)) for row in rows]


def with_quiet(
    connection: Connection, troubled: Sequence[JudgedTill], search: str, named: Callable[[int, int], int]
) -> tuple[list[JudgedTill], Counter[int]]:
    """What the search matches of all tills, with how many there are of each rank.

    Those that are green or disabled need no look at their figures; ``named`` says of their rank and count how many are
    told at all. Raises ``StoreError``.
    """
    searched = bool(search.strip())
    given = lights.pattern(search)
    matching = set(connection.scalars(_MATCHING, given)) if searched else None
    judged = [one for one in troubled if matching is None or one.id in matching]
    counts = Counter(one.rank for one in judged)
    known = {one.id for one in judged}
    enabled, disabled = connection.execute(_count(searched), given).one()
    quiet = {OK: enabled - len(judged), DISABLED: disabled}
    for rank, count in quiet.items():
        counts[rank] += count
        most = named(rank, count)
        if count:
            rows = connection.execute(_others(searched, rank), given | {"most": len(known) + most}).all()
            others = [JudgedTill(till_id, name, rank, "") for till_id, name in rows if till_id not in known]
            judged += others[:most]
    return judged, counts


@cache
def _troubled() -> Select[tuple[Any, ...]]:
    judged = lights.judged_in_full()
    return select(
        judged.c.id,
        judged.c.name,
        judged.c.rank,
        _code_of(judged).label("code"),
        _held_by(judged, "", not_in_erp(judged.c)).label("sales"),
        _held_by(judged, "_total", not_in_erp_total(judged.c)).label("cents"),
    ).where(judged.c.rank < OK)


@cache
def _count(searched: bool) -> Select[int, int]:
    """Of what is enabled, and of what isn't."""
    statement = select(func.count() - func.count(till.c.disabled_at), func.count(till.c.disabled_at)).select_from(till)
    return statement.where(lights.matching()) if searched else statement


@cache
def _others(searched: bool, rank: int) -> Select[tuple[Any, ...]]:
    is_on = till.c.disabled_at.is_(None)
    statement = select(till.c.id, till.c.name).where(is_on if rank == OK else ~is_on)
    if searched:
        statement = statement.where(lights.matching())
    return statement.order_by(till.c.name_key).limit(bindparam("most", type_=Integer))


_MATCHING = select(till.c.id).where(lights.matching())


def _code_of(judged: Any) -> ColumnElement[Any]:
    """The reason that a till's heaviest finding tells, where its kind has none of its own."""
    names: tuple[Cause, ...] = ("erp_stopped", "rejected", "flagged", "waiting")
    return case(*((judged.c.rank == CAUSES.index(name), judged.c[f"{name}_code"]) for name in names), else_=null())


# What holds its own documents and no others, and what is only told: no sale is missing from the ERP for it.
_ITS_OWN: tuple[Cause, ...] = ("structure", "lost", "rejected", "deleted", "waiting")
_TOLD: tuple[Cause, ...] = (
    *("numbers", "differing", "flagged", "damaged", "overdue", "days", "unproven", "closings", "rules", "sharing"),
    *("skewed", "checking"),
)


def _held_by(judged: Any, suffix: str, otherwise: Any) -> ColumnElement[Any]:
    """Of a till's figures those that its heaviest cause accounts for."""
    own = ((judged.c.rank == CAUSES.index(name), judged.c[f"{name}{suffix}"]) for name in _ITS_OWN)
    return case(*own, (judged.c.rank.in_([CAUSES.index(name) for name in _TOLD]), 0), else_=otherwise)
