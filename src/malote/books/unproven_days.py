"""Days that are over, and of which something booked was not compared with the ERP's own rows since: not proven yet.

Few, and those for moments: each is compared within a round (reconciliation/erp_rounds.py). One that stays so, as where
the ERP can't answer for its rows or another day takes all the time there is, is told.
"""

from collections.abc import Mapping
from datetime import date

from sqlalchemy import Connection, func, select, text

from malote.database.book_tables import book_day
from malote.findings.noted_findings import Standing


def unproven(connection: Connection, today: date, now: float, known: Mapping[int, Standing]) -> dict[int, Standing]:
    """By till, the days before ``today``, their booked cents, and since when a look has found any. Ask of ``known``
    what the look before found."""
    sums = (func.count(), func.sum(book_day.c.booked_total))
    days = select(book_day.c.till_id, *sums).where(_UNPROVEN, book_day.c.day < today.isoformat())
    found: dict[int, Standing] = {}
    for till_id, count, total in connection.execute(days.group_by(book_day.c.till_id)):
        before = known.get(till_id)
        since = before.since if before is not None and before.since is not None else now
        found[till_id] = Standing(int(count), int(total), since)
    return found


_UNPROVEN = text("book_day.looked_to < book_day.last_id")  # as the partial index has it
