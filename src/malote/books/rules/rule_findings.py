"""Where the rules hold, for people: listed, tried on the past, and answered for with a reason in the audit trail."""

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from typing import Any

import msgspec
from sqlalchemy import Connection, Engine, func, select, update

from malote.accounts import audit
from malote.accounts.audit import Actor
from malote.books.rules import evaluation
from malote.books.rules.evaluation import RuleHit
from malote.books.rules.file import OwnRule
from malote.business_day import BusinessCalendar
from malote.database.chunks import chunks
from malote.database.engine import reading, writing
from malote.database.rule_tables import own_rule, own_rule_finding
from malote.database.tables import till as tills
from malote.reconciliation import book_days

MOST_LISTED = 1000


class ToldRule(msgspec.Struct, frozen=True):
    """A rule that holds. ``access_key`` "" of a day; ``total`` in cents; ``text_en`` "" where there is none."""

    rule: str
    till: str
    day: str
    access_key: str
    number: int | None
    total: int
    weight: int
    text: str
    text_en: str
    since: float | None = None
    accepted: bool = False


class WantedFindings(msgspec.Struct, frozen=True):
    """What a person answers for: all of a rule at a till, or of one day, or one sale by its number."""

    rule: str
    till: str
    day: date | None = None
    number: int | None = None


def listed(
    engine: Engine, till: str | None = None, day: date | None = None, *, accepted: bool = False
) -> list[ToldRule]:
    """The heaviest first, the newest day first; at most a thousand. Raises ``StoreError``."""
    columns = own_rule_finding.c
    joined = own_rule_finding.join(tills).join(own_rule, own_rule.c.name == columns.rule)
    query = select(own_rule_finding, own_rule, tills.c.name.label("till")).select_from(joined)
    if not accepted:
        query = query.where(columns.accepted_at.is_(None))
    if till is not None:
        query = query.where(tills.c.name_key == till.lower())
    if day is not None:
        query = query.where(columns.day == day.isoformat())
    order = (own_rule.c.weight.desc(), columns.day.desc(), tills.c.name_key, columns.rule, columns.number)
    with reading(engine) as connection:
        return [_told(row) for row in connection.execute(query.order_by(*order).limit(MOST_LISTED))]


def accept(engine: Engine, wanted: WantedFindings, actor: Actor, reason: str, now: float) -> int:
    """A person says why it is so; of how many findings. Raises ``StoreError``."""
    columns = own_rule_finding.c
    own = [
        columns.rule == wanted.rule,
        columns.accepted_at.is_(None),
        columns.till_id.in_(select(tills.c.id).where(tills.c.name_key == wanted.till.lower())),
    ]
    own += [columns.day == wanted.day.isoformat()] if wanted.day is not None else []
    own += [columns.number == wanted.number] if wanted.number is not None else []
    with writing(engine) as connection:
        total = int(connection.scalar(select(func.coalesce(func.sum(columns.total), 0)).where(*own)) or 0)
        count = connection.execute(update(own_rule_finding).where(*own).values(accepted_at=now)).rowcount
        if count:
            after: dict[str, Any] = {"rule": wanted.rule, "count": count, "total_cents": total}
            after |= {"day": wanted.day.isoformat()} if wanted.day is not None else {}
            after |= {"number": wanted.number} if wanted.number is not None else {}
            on = f"till:{wanted.till}"
            audit.record(connection, actor, "rule_accepted", on, after=after, reason=reason, now=now)
        return count


def tried(
    engine: Engine,
    calendar: BusinessCalendar,
    rules: Sequence[OwnRule],
    since: date,
    until: date,
    till: str | None = None,
) -> Iterator[ToldRule]:
    """Where these would hold among what is here of these business days, both included. Keeps nothing.

    Raises ``StoreError``.
    """
    of = {kind: [one for one in rules if one.written.of == kind] for kind in ("sale", "day")}
    by_name = {one.name: one for one in rules}
    with reading(engine) as connection:
        query = select(tills.c.id, tills.c.name).order_by(tills.c.name_key)
        there = connection.execute(query if till is None else query.where(tills.c.name_key == till.lower())).all()
        for day in (since + timedelta(days=place) for place in range((until - since).days + 1)):
            for row in there:
                found = evaluation.of_day(connection, calendar, of["day"], row.id, row.name, day) if of["day"] else []
                if of["sale"]:
                    found += _of_sales(connection, calendar, of["sale"], row.id, day)
                yield from (_named(one, by_name[one.rule], row.name) for one in found)


def _of_sales(
    connection: Connection, calendar: BusinessCalendar, rules: Sequence[OwnRule], till_id: int, day: date
) -> list[RuleHit]:
    rows = book_days.of_day(connection, calendar, till_id, day)
    keys = sorted({row.access_key for row in rows if row.state == "posted" and row.access_key})
    found = [one for some in chunks(keys) for one in evaluation.of_keys(connection, calendar, rules, some)]
    return sorted(found, key=lambda one: (one.number or 0, one.rule))


def _named(one: RuleHit, rule: OwnRule, till: str) -> ToldRule:
    said = rule.written
    place = (one.day, one.access_key, one.number, one.total)
    return ToldRule(one.rule, till, *place, said.weight, said.text, said.text_en)


def _told(row: Any) -> ToldRule:
    place = (row.rule, row.till, row.day, row.access_key, row.number, int(row.total))
    return ToldRule(*place, row.weight, row.text, row.text_en, row.found_at, row.accepted_at is not None)
