"""Whether anything is other than before: what open pages ask every moment, and so the cheapest look there is."""

from sqlalchemy import Engine, case, func, select

from malote.database.engine import reading
from malote.database.erp_tables import erp_memory
from malote.database.finding_tables import till_finding
from malote.database.lock_tables import poster_sign
from malote.database.tables import tally, till
from malote.reconciliation.erp_memory import outside_of
from malote.spool.deleted_unbooked import by_till


def pulse(engine: Engine, till_name: str | None = None) -> str:
    """A text that changes when anything that a screen shows of the tills (or of one till) changes.

    Raises ``StoreError``.
    """
    weights = {"accepted": 3, "posting": 5, "posted": 7, "waiting": 11, "rejected": 13, "discarded": 17, "kept": 19}
    weight = case(weights, value=tally.c.state, else_=1)
    weighted = func.sum(tally.c.count * weight * tally.c.till_id)
    counts = select(func.count(), func.coalesce(weighted, 0)).select_from(tally)
    lost, deleted = outside_of(), by_till()
    differences = select(*(func.coalesce(func.sum(column), 0) for column in lost.c))
    signs = select(
        func.count(),
        func.coalesce(func.sum(till.c.last_contact_at), 0),
        func.coalesce(func.sum(till.c.pending), 0),
        func.count(till.c.disabled_at),
        func.coalesce(func.sum(till.c.last_number), 0),
        func.coalesce(func.sum(till.c.slowed_at), 0),
        func.coalesce(func.sum(till.c.shared_at), 0),
        func.coalesce(func.sum(till.c.uncaptured), 0),
    )
    open_ones = [
        select(func.count(), func.coalesce(func.sum(deleted.c.deleted), 0)).select_from(deleted),
        select(func.count(), func.coalesce(func.sum(till_finding.c.count), 0)),
        select(func.count(), func.coalesce(func.max(poster_sign.c.trouble), "")),
        select(func.count(erp_memory.c.looked_at)),
    ]
    if till_name is not None:
        chosen = select(till.c.id).where(till.c.name_key == till_name.lower()).scalar_subquery()
        counts, signs = counts.where(tally.c.till_id == chosen), signs.where(till.c.id == chosen)
        differences = differences.where(lost.c.till_id == chosen)
    with reading(engine) as connection:
        found = [connection.execute(query).one() for query in (counts, signs, differences, *open_ones)]
    return repr([*map(tuple, found)])
