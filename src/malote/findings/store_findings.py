"""What is wrong in the whole store and stops no till: a consumer that takes nothing, rules that can't be read, closed
days that nobody writes into their chain."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Engine, func, or_, select

from malote import rejection
from malote.database.book_tables import book_day
from malote.database.closing_tables import day_closing
from malote.database.consumer_tables import consumer as consumers
from malote.database.consumer_tables import consumer_refusal as refusals
from malote.database.consumer_tables import feed, feed_head
from malote.database.engine import reading
from malote.database.rule_tables import own_rule_walk
from malote.findings.kinds import USUAL_SECONDS, Finding, finding_of
from malote.findings.load_findings import load_findings
from malote.spool.state_changes import decode_reason

RULES_UNUSABLE = "rules_unusable"
CONSUMER_BEHIND = "consumer_behind"
CHAIN_BEHIND = "chain_behind"
_DAY_SECONDS = 86400


def store_findings(connection: Connection, now: float) -> list[Finding]:
    """Raises ``StoreError``."""
    return [
        *_consumers(connection, now),
        *_rules(connection),
        *_chain(connection, now),
        *load_findings(connection, now),
    ]


def store_findings_of(engine: Engine, now: float) -> list[Finding]:
    """The same on a connection of its own. Raises ``StoreError``."""
    with reading(engine) as connection:
        return store_findings(connection, now)


def _consumers(connection: Connection, now: float) -> list[Finding]:
    """Those that are delivered to and have failed beyond the usual moment, or refused something for as long."""
    refused = (
        select(refusals.c.consumer_id, func.count().label("count"), func.min(refusals.c.refused_at).label("since"))
        .group_by(refusals.c.consumer_id)
        .subquery("refused")
    )
    fails = or_(consumers.c.failing_since < now - USUAL_SECONDS, refused.c.since < now - USUAL_SECONDS)
    rows = connection.execute(
        select(consumers, refused.c.count.label("refused"), refused.c.since)
        .outerjoin(refused, refused.c.consumer_id == consumers.c.id)
        .where(consumers.c.revoked_at.is_(None), fails)
        .order_by(consumers.c.name_key)
    ).all()
    if not rows:
        return []
    new = select(func.count()).select_from(feed).where(feed.c.number.is_(None))
    end = int(connection.scalar(select(feed_head.c.number)) or 0) + int(connection.scalar(new) or 0)
    return [_behind(row, end) for row in rows]


def _behind(row: Any, end: int) -> Finding:
    count = (end - row.got if row.failing_since is not None else 0) + (row.refused or 0)
    failure = decode_reason(row.failure)
    answer = rejection.cause(failure.code, failure.facts) if failure else ""
    ages = [at for at in (row.failing_since, row.since) if at is not None]
    facts = {"consumer": row.name, "count": str(count), "answer": answer}
    return finding_of("store", "", f"{CONSUMER_BEHIND}:{row.name}", count=count, since=min(ages), facts=facts)


def _rules(connection: Connection) -> list[Finding]:
    row = connection.execute(select(own_rule_walk).where(own_rule_walk.c.fault_pt != "")).first()
    if row is None:
        return []
    facts = {"detail": row.fault_pt, "detail_en": row.fault_en}
    return [finding_of("store", "", RULES_UNUSABLE, since=row.fault_since, facts=facts)]


def _chain(connection: Connection, now: float) -> list[Finding]:
    """The time passed by which the next day had to be in the chain, or closing fails for longer than a moment."""
    row = connection.execute(select(day_closing)).first()
    if row is None:
        return []
    fails = row.failing_since is not None and row.failing_since < now - USUAL_SECONDS
    if not fails and not 0 < row.due_at < now:
        return []
    open_ = (book_day.c.closed_at.is_(None), book_day.c.booked > 0, book_day.c.day < _is_over_before(row, now))
    query = select(func.count(), func.coalesce(func.sum(book_day.c.booked_total), 0)).where(*open_)
    count, total = connection.execute(query).one()
    if not count:
        return []
    since = min(at for at in (row.failing_since, row.due_at) if at)
    code, words = row.failure_code, row.failure or "–"
    detail = [rejection.title(code, language) if code else words for language in ("pt", "en")]
    facts = {"before": row.before or "–", "detail": detail[0], "detail_en": detail[1]}
    return [finding_of("store", "", CHAIN_BEHIND, count=int(count), value=int(total), since=since, facts=facts)]


def _is_over_before(row: Any, now: float) -> str:
    """All days before this one are over: the calendar isn't known here, but the mark's own day and hour are."""
    if not row.before:
        return datetime.fromtimestamp(now, UTC).date().isoformat()
    days = int((now - row.due_at) // _DAY_SECONDS) + 1
    return (date.fromisoformat(row.before) + timedelta(days=max(days, 0))).isoformat()
