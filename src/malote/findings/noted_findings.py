"""Findings of looks that are too dear to be taken for every page: kept until the next look of the same kind.

Whoever looks says all that it found of the tills it looked at; what it found of them before goes.
"""

from collections.abc import Collection, Mapping

import msgspec
from sqlalchemy import Engine, Subquery, case, delete, func, insert, select

from malote.database.chunks import chunks
from malote.database.engine import reading, writing
from malote.database.finding_tables import till_finding
from malote.findings.kinds import Name

STANDING: tuple[Name, ...] = ("numbers", "days", "unproven", "closings", "rules", "damaged")


class NotedStanding(msgspec.Struct, frozen=True):
    """``total`` in cents, as far as known; ``since`` in seconds since the epoch."""

    count: int
    total: int = 0
    since: float | None = None


def note(engine: Engine, name: Name, looked: Collection[int] | None, found: Mapping[int, NotedStanding]) -> None:
    """What a look at these tills (None: at all) found, by till. Writes only where something is other than before.

    Raises ``StoreError``.
    """
    known = noted(engine, name)
    if looked is None:
        looked = {*known, *found}
    now = {one: found[one] for one in looked if one in found}
    gone = [one for one in looked if one in known and known[one] != now.get(one)]
    fresh = [one for one in now if known.get(one) != now[one]]
    if not gone and not fresh:
        return
    with writing(engine) as connection:
        for some in chunks(gone):
            chosen = (till_finding.c.name == name) & till_finding.c.till_id.in_(some)
            connection.execute(delete(till_finding).where(chosen))
        rows = [{"till_id": one, "name": name, **msgspec.structs.asdict(now[one])} for one in fresh]
        if rows:
            connection.execute(insert(till_finding), rows)


def by_till() -> Subquery:
    """A row per till that has any: ``till_id``, and of each kind its count, ``…_total`` in cents and ``…_since``."""
    columns = []
    for name in STANDING:
        condition = till_finding.c.name == name
        columns += [
            func.sum(case((condition, till_finding.c.count), else_=0)).label(name),
            func.sum(case((condition, till_finding.c.total), else_=0)).label(f"{name}_total"),
            func.min(case((condition, till_finding.c.since))).label(f"{name}_since"),
        ]
    return select(till_finding.c.till_id, *columns).group_by(till_finding.c.till_id).subquery("standing")


def noted(engine: Engine, name: Name) -> dict[int, NotedStanding]:
    """By till, as the last look found it. Raises ``StoreError``."""
    query = select(till_finding).where(till_finding.c.name == name)
    with reading(engine) as connection:
        rows = connection.execute(query).all()
        return {row.till_id: NotedStanding(int(row._mapping["count"]), int(row.total), row.since) for row in rows}
