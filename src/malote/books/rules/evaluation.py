"""Asks the rules: of each sale when something became of it, of each till's day once it is over or was counted again.

The cost is that of what changed. Of sales the changes are followed in their one order (spool/feed.py).
"""

from collections.abc import Callable, Sequence
from datetime import date, timedelta
from functools import partial
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Connection, Engine, Select, bindparam, delete, func, select, update

from malote.books import closings
from malote.books.rules import fields, rule_store
from malote.books.rules.file import OwnRule
from malote.business_day import BusinessCalendar
from malote.database.book_tables import book_day
from malote.database.chunks import among, chunks
from malote.database.engine import reading, writing
from malote.database.rule_tables import own_rule_finding, own_rule_walk
from malote.database.tables import document as documents
from malote.database.tables import till as tills
from malote.database.till_tables import till_day
from malote.database.upserting import insert_into
from malote.findings.noted_findings import NotedStanding
from malote.fiscal.documents import Sale
from malote.reconciliation import book_days
from malote.reconciliation.booked_content import contents
from malote.spool import feed

PAGE = 500  # changes in one transaction
MOST_CHANGES = 4000  # at one look
MOST_DAYS = 100  # at one look


class RuleHit(msgspec.Struct, frozen=True):
    """Where a rule holds. ``access_key`` "" of a day; ``total`` in cents."""

    rule: str
    till_id: int
    day: str
    access_key: str
    number: int | None
    total: int


def look(engine: Engine, calendar: BusinessCalendar, today: date, now: float) -> None:
    """``today``: the first day that isn't over. Raises ``StoreError``."""
    with reading(engine) as connection:
        rules = rule_store.kept(connection)
    of_sales = [one for one in rules if one.written.of == "sale"]
    of_days = [one for one in rules if one.written.of == "day"]
    if of_sales:
        _follow(engine, calendar, of_sales, now)
    if of_days:
        _judge_days(engine, calendar, of_days, today, now)
        _judge_empty(engine, calendar, of_days, today, now)


def standing(connection: Connection) -> dict[int, NotedStanding]:
    """By till, how many stand that nobody answers for."""
    columns = own_rule_finding.c
    sums = (func.count(), func.sum(columns.total), func.min(columns.found_at))
    query = select(columns.till_id, *sums).where(columns.accepted_at.is_(None)).group_by(columns.till_id)
    return {row[0]: NotedStanding(int(row[1]), int(row[2]), row[3]) for row in connection.execute(query)}


# ---- sales ----


def _follow(engine: Engine, calendar: BusinessCalendar, rules: Sequence[OwnRule], now: float) -> None:
    last = feed.number(engine)
    for _ in range(MOST_CHANGES // PAGE):
        walked = rule_store.walk(engine)
        if walked is None or walked.feed_to >= last:
            return
        page = feed.changes(engine, walked.feed_to, PAGE)
        keys = sorted({one.access_key for one in page if one.access_key})
        with reading(engine) as connection:
            found = of_keys(connection, calendar, rules, keys)
        with writing(engine) as connection:
            moved = update(own_rule_walk).where(own_rule_walk.c.feed_to == walked.feed_to)
            if not connection.execute(moved.values(feed_to=page[-1].number if page else last)).rowcount:
                return  # another looks too
            _forget(connection, own_rule_finding.c.access_key.in_, keys, rules, found)
            _write(connection, found, now)


def of_keys(
    connection: Connection, calendar: BusinessCalendar, rules: Sequence[OwnRule], keys: Sequence[str]
) -> list[RuleHit]:
    """Where rules of sales hold among those of these keys that are booked and whose content is still here."""
    cancelled = _cancelled(connection, keys)
    ids = {row.name: row.id for row in connection.execute(select(tills.c.id, tills.c.name))} if keys else {}
    found: dict[tuple[str, str], RuleHit] = {}
    for one in contents(connection, [], keys):
        if one.duplicate or not isinstance(one.document, Sale):
            continue
        values = fields.of_sale(one.document, one.till, calendar, cancelled.get(one.access_key))
        place = (ids[one.till], str(values["day"] or ""), one.access_key)
        for rule in rules:
            if rule.condition.holds(values):
                total = one.document.totals.total
                found[rule.name, one.access_key] = RuleHit(rule.name, *place, one.document.number, total)
    return list(found.values())


def _cancelled(connection: Connection, keys: Sequence[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for some in chunks(sorted(keys)):
        query = select(documents.c.access_key, documents.c.issued_at).where(documents.c.access_key.in_(some))
        query = query.where(documents.c.kind == "cancellation", documents.c.state == "posted")
        found |= {key: at or "" for key, at in connection.execute(query)}
    return found


# ---- days ----


def _judge_days(engine: Engine, calendar: BusinessCalendar, rules: Sequence[OwnRule], today: date, now: float) -> None:
    query = days_due(today)
    with reading(engine) as connection:
        if connection.execute(query.limit(1)).first() is None:
            return
    with writing(engine) as connection:
        due = connection.execute(query.with_for_update(of=book_day)).all()
        found = [
            one
            for row in due
            for one in of_day(connection, calendar, rules, row.till_id, row.name, date.fromisoformat(row.day))
        ]
        own = [(row.till_id, row.day) for row in due]
        judged = update(book_day).where(among((book_day.c.till_id, book_day.c.day), own))
        connection.execute(judged.values(ruled_at=now))
        _forget(connection, partial(among, (own_rule_finding.c.till_id, own_rule_finding.c.day)), own, rules, found)
        _write(connection, found, now)


def days_due(today: date) -> Select[Any]:
    """Days that are over, and that were counted since they were asked about."""
    query = select(book_day.c.till_id, book_day.c.day, tills.c.name).join_from(book_day, tills)
    query = query.where(book_day.c.ruled_at.is_(None), book_day.c.day < today.isoformat())
    return query.order_by(book_day.c.day).limit(MOST_DAYS)


def _judge_empty(engine: Engine, calendar: BusinessCalendar, rules: Sequence[OwnRule], today: date, now: float) -> None:
    """Days of which nothing came from a till that was there already."""
    walked = rule_store.walk(engine)
    yesterday = today - timedelta(days=1)
    if walked is None or not walked.empty_to or walked.empty_to >= yesterday.isoformat():
        return
    first = max(date.fromisoformat(walked.empty_to), yesterday - timedelta(days=rule_store.BACK_DAYS))
    days = [first + timedelta(days=place) for place in range(1, (yesterday - first).days + 1)]
    with writing(engine) as connection:
        enabled = select(tills.c.id, tills.c.name, tills.c.created_at).where(tills.c.disabled_at.is_(None))
        found: list[RuleHit] = []
        there = connection.execute(enabled).all()
        for day in days:
            came = set(connection.scalars(select(book_day.c.till_id).where(book_day.c.day == day.isoformat())))
            for row in there:
                if row.id not in came and calendar.at(row.created_at) < day:
                    found += of_day(connection, calendar, rules, row.id, row.name, day)
        _write(connection, found, now)
        connection.execute(update(own_rule_walk).values(empty_to=yesterday.isoformat()))


def of_day(
    connection: Connection, calendar: BusinessCalendar, rules: Sequence[OwnRule], till_id: int, till: str, day: date
) -> list[RuleHit]:
    """Where rules of days hold of this one."""
    best: dict[str, Any] = {}
    for row in book_days.of_day(connection, calendar, till_id, day):
        key = row.access_key or f"#{row.id}"
        if key not in best or row.state == "posted":
            best[key] = row
    text = day.isoformat()
    told = connection.scalar(select(till_day.c.count).where(till_day.c.till_id == till_id, till_day.c.day == text))
    cancelled = _cancelled(connection, [key for key in best if not key.startswith("#")])
    values = fields.of_day(till, day, calendar, list(best.values()), cancelled, told)
    if any(rule.condition.names & set(fields.PAYMENTS) for rule in rules):
        sums, unread = closings.booked(connection, calendar, till_id, text)
        values |= dict.fromkeys(fields.PAYMENTS) if unread else fields.paid(sums, [])
    cents = int(values["total"].scaleb(2))
    return [RuleHit(one.name, till_id, text, "", None, cents) for one in rules if one.condition.holds(values)]


# ---- what is kept ----


def _forget(
    connection: Connection,
    among_these: Callable[[Sequence[Any]], ColumnElement[bool]],
    chosen: Sequence[Any],
    rules: Sequence[OwnRule],
    found: Sequence[RuleHit],
) -> None:
    """What was found of these and holds no more; what a person answered for stays."""
    known = {(one.rule, one.till_id, one.day, one.access_key) for one in found}
    of_rules = (own_rule_finding.c.rule.in_([one.name for one in rules]), own_rule_finding.c.accepted_at.is_(None))
    for some in chunks(list(chosen)):
        held = connection.execute(select(*_PLACE).where(among_these(some), *of_rules)).all()
        gone = [row for row in held if tuple(row) not in known]
        for each in chunks(gone):
            statement = delete(own_rule_finding).where(*(one == bindparam(f"of_{one.name}") for one in _PLACE))
            connection.execute(statement, [{f"of_{name}": one for name, one in row._mapping.items()} for row in each])


_PLACE = tuple(own_rule_finding.c[name] for name in ("rule", "till_id", "day", "access_key"))


def _write(connection: Connection, found: Sequence[RuleHit], now: float) -> None:
    if not found:
        return
    statement = insert_into(connection, own_rule_finding)
    same = statement.on_conflict_do_update(
        index_elements=["rule", "till_id", "day", "access_key"], set_={"total": statement.excluded.total}
    )
    for place in range(0, len(found), 500):
        rows = [{**msgspec.structs.asdict(one), "found_at": now} for one in found[place : place + 500]]
        connection.execute(same, rows)
