"""What is wrong in the whole store and stops no till: a consumer that takes nothing, rules that can't be read."""

from typing import Any

from sqlalchemy import Connection, Engine, func, or_, select

from malote import rejection
from malote.database.consumer_tables import consumer as consumers
from malote.database.consumer_tables import consumer_refusal as refusals
from malote.database.consumer_tables import feed, feed_head
from malote.database.engine import reading
from malote.database.rule_tables import own_rule_walk
from malote.findings.kinds import USUAL_SECONDS, Finding, finding_of
from malote.spool.state_changes import decode_reason

RULES_UNUSABLE = "rules_unusable"
CONSUMER_BEHIND = "consumer_behind"


def store_findings(connection: Connection, now: float) -> list[Finding]:
    """Raises ``StoreError``."""
    return [*_consumers(connection, now), *_rules(connection)]


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
