"""Days that are over, and of which something booked was not compared with the ERP's own rows since: not proven yet.

Few, and those for moments: each is compared within a round (reconciliation/erp_rounds.py). One that stays so, as where
the ERP can't answer for its rows or another day takes all the time there is, is told.
"""

from collections import defaultdict
from collections.abc import Mapping
from datetime import date
from typing import Any

from sqlalchemy import Connection, Select, select, text

from malote.database.book_tables import book_day
from malote.findings.noted_findings import NotedStanding


def unproven(
    connection: Connection, today: date, now: float, known: Mapping[int, NotedStanding]
) -> dict[int, NotedStanding]:
    """By till, the days before ``today``, their booked cents, and since when a look has found any. Ask of ``known``
    what the look before found."""
    totals: dict[int, list[int]] = defaultdict(list)
    for till_id, total in connection.execute(days_before(today)):
        totals[till_id].append(int(total))
    since = {till_id: one.since for till_id, one in known.items() if one.since is not None}
    return {till_id: NotedStanding(len(some), sum(some), since.get(till_id, now)) for till_id, some in totals.items()}


def days_before(today: date) -> Select[Any]:
    """Not added up there: a grouping would make the database walk over all days by till."""
    return select(book_day.c.till_id, book_day.c.booked_total).where(_UNPROVEN, book_day.c.day < today.isoformat())


_UNPROVEN = text("book_day.looked_to < book_day.last_id")  # as the partial index has it
