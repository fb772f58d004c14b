"""What is wrong with the loads: held ones, tills that make no progress or have other rows, sales at another price."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec
from sqlalchemy import Connection, func, select

from malote.database.load_tables import load_back, load_hold, load_sale, load_till
from malote.database.order_tables import till_order
from malote.database.tables import till as tills
from malote.findings.kinds import Finding, finding_of

STALLED_SECONDS = 600.0  # that a load makes no progress at a till
SOLD_DAYS = 7  # that a line sold at another price stays told
_SHOWN = 5  # tills named

_facts = msgspec.json.Decoder(dict[str, str])


def load_findings(connection: Connection, now: float) -> list[Finding]:
    """Each costs a look into an index, however long the history. Raises ``StoreError``."""
    of_tills = [*_stalled(connection, now), *_differing(connection), *_kept_back(connection, now)]
    return [*_held(connection), *of_tills, *_sold(connection, now)]


def _held(connection: Connection) -> list[Finding]:
    rows = connection.execute(select(load_hold).where(load_hold.c.confirmed_by == "").order_by(load_hold.c.entity))
    return [
        finding_of("store", "", f"{row.code}:{row.entity}", count=1, since=row.since, facts=_facts.decode(row.facts))
        for row in rows
    ]


def _stalled(connection: Connection, now: float) -> list[Finding]:
    moved = func.coalesce(till_order.c.moved_at, till_order.c.begun_at)
    query = (
        select(tills.c.name, moved.label("at"))
        .join(till_order, till_order.c.till_id == tills.c.id)
        .where(till_order.c.ended_at.is_(None), till_order.c.kind == "load", till_order.c.begun_at.is_not(None))
        .where(moved < now - STALLED_SECONDS, tills.c.last_contact_at > now - STALLED_SECONDS)
        .order_by(tills.c.name_key)
    )
    return _of_tills("load_stalled", connection.execute(query).all())


def _differing(connection: Connection) -> list[Finding]:
    later = load_till.alias()
    newer = select(later.c.id).where(later.c.till_id == load_till.c.till_id, later.c.id > load_till.c.id).exists()
    query = (
        select(tills.c.name, load_till.c.heard_at.label("at"))
        .join(load_till, load_till.c.till_id == tills.c.id)
        .where(load_till.c.differing != "[]", ~newer, tills.c.disabled_at.is_(None))
        .order_by(tills.c.name_key)
    )
    return _of_tills("load_differs", connection.execute(query).all())


def _kept_back(connection: Connection, now: float) -> list[Finding]:
    stands = load_back.c.released_at.is_(None) & (load_back.c.until.is_(None) | (load_back.c.until > now))
    query = (
        select(tills.c.name, load_back.c.asked_at.label("at"))
        .join(load_back, load_back.c.till_id == tills.c.id)
        .where(stands, tills.c.disabled_at.is_(None))
        .order_by(tills.c.name_key)
    )
    return _of_tills("load_kept_back", connection.execute(query).all())


def _sold(connection: Connection, now: float) -> list[Finding]:
    since = (datetime.fromtimestamp(now).astimezone() - timedelta(days=SOLD_DAYS)).date().isoformat()
    query = (
        select(tills.c.name, func.count().label("many"), func.sum(func.abs(load_sale.c.cents)).label("cents"))
        .join(load_sale, load_sale.c.till_id == tills.c.id)
        .where(load_sale.c.issued_at >= since)
        .group_by(tills.c.name)
        .order_by(tills.c.name)
    )
    rows = connection.execute(query).all()
    if not rows:
        return []
    facts = {"tills": _names([row.name for row in rows]), "count": str(sum(row.many for row in rows))}
    value = int(sum(row.cents for row in rows))
    return [finding_of("store", "", "sold_otherwise", count=sum(row.many for row in rows), value=value, facts=facts)]


def _of_tills(code: str, rows: Sequence[Any]) -> list[Finding]:
    if not rows:
        return []
    facts = {"tills": _names([row.name for row in rows]), "count": str(len(rows))}
    return [finding_of("store", "", code, count=len(rows), since=min(row.at for row in rows), facts=facts)]


def _names(names: Sequence[str]) -> str:
    more = f" (+{len(names) - _SHOWN})" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
