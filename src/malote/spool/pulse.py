"""Whether anything is other than before: what open pages ask every moment, and so the cheapest look there is."""

from sqlalchemy import Engine, case, func, select

from malote.database.engine import reading
from malote.database.tables import tally, till
from malote.spool.erp_memory import outside_of


def pulse(engine: Engine, till_name: str | None = None) -> str:
    """A text that changes when anything that a screen shows of the tills (or of one till) changes.

    Raises ``StoreError``.
    """
    weights = {"accepted": 3, "posting": 5, "posted": 7, "waiting": 11, "rejected": 13, "discarded": 17, "kept": 19}
    weight = case(weights, value=tally.c.state, else_=1)
    weighted = func.sum(tally.c.count * weight * tally.c.till_id)
    counts = select(func.count(), func.coalesce(weighted, 0)).select_from(tally)
    lost = outside_of()
    differences = select(*(func.coalesce(func.sum(column), 0) for column in lost.c))
    signs = select(
        func.count(),
        func.coalesce(func.sum(till.c.last_contact_at), 0),
        func.coalesce(func.sum(till.c.pending), 0),
        func.count(till.c.disabled_at),
        func.coalesce(func.sum(till.c.last_number), 0),
        func.coalesce(func.sum(till.c.slowed_at), 0),
        func.coalesce(func.sum(till.c.shared_at), 0),
    )
    if till_name is not None:
        chosen = select(till.c.id).where(till.c.name_key == till_name.lower()).scalar_subquery()
        counts, signs = counts.where(tally.c.till_id == chosen), signs.where(till.c.id == chosen)
        differences = differences.where(lost.c.till_id == chosen)
    with reading(engine) as connection:
        found = [connection.execute(query).one() for query in (counts, signs, differences)]
    return repr([*map(tuple, found)])
