"""The figures of a till, or of all, in one look: what is on its way, and since when. Reads only."""

from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, exists, func, or_, select

from malote import wire
from malote.database.account_tables import audit_entry
from malote.database.order_tables import till_order
from malote.database.tables import document, tally, till
from malote.register import backlog
from malote.runbook.observations import MOST_NAMED, Cause, Figures
from malote.spool.state_changes import decode_reason

_SYNCHRONISE = till_order.c.kind == wire.SYNCHRONISE
QUIET_SECONDS = 60.0  # an agent that is there gives a sign every few seconds
LISTENING_SECONDS = 20.0  # a few of an agent's rounds: of an older sign nobody knows whether it is still true
_UNDER_WAY_SECONDS = 10.0  # a contact that was let in with the old token may be written down after its renewal
_RENEWALS = 50  # of tokens looked at, the newest


def figures(connection: Connection, till_id: int | None) -> Figures:
    """Of one till, or of all that are enabled. Raises ``StoreError``."""
    chosen = till.c.disabled_at.is_(None) if till_id is None else till.c.id == till_id
    columns = (func.count(), func.coalesce(func.sum(till.c.pending), 0), func.min(till.c.unsent_since))
    tills, at_till, unsent = connection.execute(select(*columns).where(chosen)).one()
    counts = _counts(connection, till_id)
    accepted = _oldest_accepted(connection, till_id)
    oldest = min((one for one in (unsent, accepted) if one is not None), default=None)
    return Figures(
        tills=int(tills),
        at_till=int(at_till),
        pending=sum(counts.get(state, (0, 0))[0] for state in ("accepted", "posting")),
        waiting=counts.get("waiting", (0, 0))[0],
        rejected=counts.get("rejected", (0, 0))[0],
        posted=counts.get("posted", (0, 0))[0],
        posted_value=counts.get("posted", (0, 0))[1],
        oldest=oldest,
        last_sale=_last_sale(connection, till_id),
        versions=_versions(connection, chosen),
    )


def is_anything_booked(connection: Connection) -> bool:
    """Whether this server has booked a document, of whichever till. Raises ``StoreError``."""
    booked = exists().where(tally.c.state == "posted", tally.c.count > 0)
    return bool(connection.scalar(select(booked)))


def quiet(connection: Connection, till_id: int | None, now: float) -> list[Cause]:
    """Tills that spoke before and don't now: earlier told than by their lights, which wait for a courier's pause."""
    silent = and_(till.c.disabled_at.is_(None), till.c.last_contact_at < now - QUIET_SECONDS)
    query = select(till.c.name, till.c.pending, till.c.last_contact_at).where(silent).order_by(till.c.last_contact_at)
    if till_id is not None:
        query = query.where(till.c.id == till_id)
    rows = connection.execute(query).all()
    if not rows:
        return []
    renewed = _renewed(connection)
    without = [row for row in rows if renewed.get(row.name, 0.0) > row.last_contact_at - _UNDER_WAY_SECONDS]
    others = [row for row in rows if row not in without]
    found = [_cause("token", "till_token_renewed", without), _cause("silent", "till_unheard", others)]
    return [one for one in found if one.tills]


def listening(connection: Connection, till_id: int | None, now: float) -> list[str]:
    """Tills that spoke before and that nobody can vouch for now: their last sign is older than they leave between two,
    or than the token that they need now. After a minute it is ``quiet`` that tells of them."""
    query = select(till.c.name, till.c.last_contact_at).where(till.c.disabled_at.is_(None))
    query = query.where(till.c.last_contact_at >= now - QUIET_SECONDS).order_by(till.c.last_contact_at)
    if till_id is not None:
        query = query.where(till.c.id == till_id)
    renewed = {name: at for name, at in _renewed(connection).items() if at >= now - QUIET_SECONDS - _UNDER_WAY_SECONDS}
    late = till.c.last_contact_at < now - LISTENING_SECONDS
    chosen = or_(late, till.c.name.in_(renewed)) if renewed else late
    return [
        row.name
        for row in connection.execute(query.where(chosen))
        if row.last_contact_at < max(now - LISTENING_SECONDS, renewed.get(row.name, 0.0) + _UNDER_WAY_SECONDS)
    ][:MOST_NAMED]


def newest_facts(connection: Connection, code: str) -> dict[str, str]:
    """Of the reason of the newest document that waits for it."""
    waiting = (document.c.state == "waiting") & (document.c.reason_code == code)
    told = connection.scalar(select(document.c.reason).where(waiting).order_by(document.c.id.desc()).limit(1))
    reason = decode_reason(told)
    return reason.facts if reason else {}


def example(connection: Connection, code: str, till_id: int | None) -> int:
    """The oldest document that waits for it; 0 where none does."""
    waiting = (document.c.state == "waiting") & (document.c.reason_code == code)
    if till_id is not None:
        waiting &= document.c.till_id == till_id
    return int(connection.scalar(select(document.c.id).where(waiting).order_by(document.c.id).limit(1)) or 0)


def orders_since(connection: Connection, till_id: int | None, after: int) -> list[Any]:
    """The synchronisations behind that number: when the first was asked for, how many tills, and those not through."""
    query = (
        select(till_order.c.asked_at, till_order.c.ended_at, till_order.c.id, till.c.name, till.c.last_contact_at)
        .join_from(till_order, till, till.c.id == till_order.c.till_id)
        .where(_SYNCHRONISE, till_order.c.id > after, till.c.disabled_at.is_(None))
        .order_by(till_order.c.id)
    )
    if till_id is not None:
        query = query.where(till_order.c.till_id == till_id)
    newest = {row.name: row for row in connection.execute(query)}
    return list(newest.values())


def newest_order(connection: Connection, before: float) -> int:
    """The number of the newest synchronisation that was asked for before that moment; 0 where there is none."""
    older = _SYNCHRONISE & (till_order.c.asked_at < before)
    newest = select(till_order.c.id).where(older).order_by(till_order.c.id.desc()).limit(1)
    return int(connection.scalar(newest) or 0)


def _counts(connection: Connection, till_id: int | None) -> dict[str, tuple[int, int]]:
    query = select(tally.c.state, func.sum(tally.c.count), func.sum(tally.c.total)).group_by(tally.c.state)
    if till_id is not None:
        query = query.where(tally.c.till_id == till_id)
    return {state: (int(count), int(total)) for state, count, total in connection.execute(query)}


def _oldest_accepted(connection: Connection, till_id: int | None) -> float | None:
    """From an index, the first of each state."""
    found = [backlog.oldest(connection, state, till_id) for state in ("accepted", "posting")]
    return min((one for one in found if one is not None), default=None)


def _last_sale(connection: Connection, till_id: int | None) -> str:
    if till_id is None:
        return ""
    row = connection.execute(select(till.c.last_series, till.c.last_number).where(till.c.id == till_id)).one()
    return "" if row.last_number is None else f"{row.last_series}/{row.last_number}"


def _versions(connection: Connection, chosen: ColumnElement[bool]) -> dict[str, int]:
    query = select(till.c.agent_version, func.count()).where(chosen, till.c.agent_version.is_not(None))
    rows = connection.execute(query.group_by(till.c.agent_version))
    return {str(version): int(count) for version, count in rows}


def _renewed(connection: Connection) -> dict[str, float]:
    """When each till's token was last renewed, of the newest renewals."""
    query = select(audit_entry.c.object, audit_entry.c.at).where(audit_entry.c.action == "till_key_renewed")
    rows = connection.execute(query.order_by(audit_entry.c.id.desc()).limit(_RENEWALS)).all()
    return {row.object.removeprefix("till:"): row.at for row in reversed(rows)}


def _cause(name: str, code: str, rows: list[Any]) -> Cause:
    named = [row.name for row in rows[:MOST_NAMED]]
    since = min((row.last_contact_at for row in rows), default=None)
    return Cause(name, code, len(rows), named, sum(row.pending or 0 for row in rows), since=since)
