"""Giving documents out to posters: claimed by compare-and-set, fenced by a token, taken back when time runs out."""

import secrets
from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Connection, Engine, Select, exists, func, literal, or_, select, update

from malote import log as logs
from malote.database.engine import reading, writing
from malote.database.tables import document as documents
from malote.database.tables import pouch as pouches
from malote.database.tables import till as tills
from malote.fiscal.documents import Document
from malote.spool import rebooking, state_changes
from malote.spool.documents import LeasedDocument, Reason, Settlement
from malote.spool.extracted import by_its_own_clock, document_or_none, is_of, opened_or_none
from malote.spool.settling import settle
from malote.spool.state_changes import Tally, decode_reason, value_of
from malote.spool.states import State

DAMAGED = "extracted_form_damaged"

log = logs.get_logger("malote.posting")

STEP_SECONDS = 5.0  # that a clock may be put back without anybody noticing
LONGEST_LEASE = 3600.0  # seconds
LONGEST_WAIT = 86400.0

_POUCHES_AT_ONCE = 20  # in memory while their documents are decoded


class Wish(msgspec.Struct, frozen=True):
    owner: str
    limit: int
    seconds: float
    turn: int  # who gets the odd one when new and waiting documents share


class _Claim(msgspec.Struct, frozen=True, gc=False):
    id: int
    till_id: int
    state: State
    reason_code: str | None
    pouch_id: int
    extracted_index: int | None
    accepted_at: float
    attempts: int
    reason: str | None
    issued_at: str | None
    kind: str | None
    total: int | None  # cents
    access_key: str | None

    @property
    def tally(self) -> Tally:
        return self.till_id, self.state, self.reason_code or ""


class ClockRecord:
    """Whether the clock was put back since it was last looked at. For one spool; a race only looks twice."""

    def __init__(self) -> None:
        self._last: float | None = None

    def went_back(self, engine: Engine, now: float) -> bool:
        """By what this process saw; of a process that has just begun, by what stands in the store."""
        last, self._last = self._last, now
        if last is None:
            with reading(engine) as connection:
                last = max((connection.execute(query).scalar() or now for query in _NEWEST), default=now)
        return now < last - STEP_SECONDS


_NEWEST = (
    select(documents.c.accepted_at).order_by(documents.c.id.desc()).limit(1),
    select(func.max(tills.c.last_contact_at)),
)


def lease(engine: Engine, wish: Wish, now: float, *, put_back: bool = False) -> list[LeasedDocument]:
    """``put_back``: the clock was, so that no time in the store can be believed."""
    token = f"{wish.owner}:{secrets.token_hex(8)}"
    if put_back:
        _forget_times(engine, now, now + min(wish.seconds, LONGEST_LEASE))
    with reading(engine) as connection:
        # An idle poster looks often: it must not take the write lock for that.
        if not _anything(connection, now):
            return []
    with writing(engine) as connection:
        _distrust_the_clock(connection, now)
        claims = _choose(connection, wish, now)
        claimed = {one.id: (one.tally, value_of(one.kind, one.total)) for one in claims}
        state_changes.lease(connection, claimed, token, now + min(wish.seconds, LONGEST_LEASE))
    leased, damaged = _open(engine, claims, token)
    if damaged:
        settle(engine, damaged, now)
    return leased


def take_back(engine: Engine, owner: str, now: float) -> int:
    """What is leased by anybody whose name begins so, who is known to be dead, is due at once. How many documents."""
    named = documents.c.lease.like(f"{owner}%") & (documents.c.state == "posting")
    with writing(engine) as connection:
        return connection.execute(update(documents).where(named).values(lease_until=now)).rowcount


def _anything(connection: Connection, now: float) -> bool:
    # One question, since it is asked all day: each part is a look into an index.
    conditions = (_FRESH, _due(now), _abandoned(now), _waits_too_long(now), _leased_too_long(now))
    found = or_(*(exists(select(documents.c.id).where(condition)) for condition in conditions))
    return bool(connection.execute(select(literal(1)).where(found)).scalar())


def _distrust_the_clock(connection: Connection, now: float) -> None:
    """A time further ahead than any that is ever set was set by a clock that has been put back since."""
    connection.execute(update(documents).where(_waits_too_long(now)).values(retry_at=now))
    connection.execute(update(documents).where(_leased_too_long(now)).values(lease_until=now))


def _forget_times(engine: Engine, now: float, lease_until: float) -> None:
    """What waits is tried now, and no lease lasts longer than one that is given now."""
    with writing(engine) as connection:
        _distrust_the_clock(connection, now)
        connection.execute(update(documents).where(documents.c.retry_at > now).values(retry_at=now))
        connection.execute(
            update(documents).where(documents.c.lease_until > lease_until).values(lease_until=lease_until)
        )
    log.warning("clock_put_back")


def _choose(connection: Connection, wish: Wish, now: float) -> list[_Claim]:
    abandoned = _select(connection, _abandoned(now), documents.c.lease_until, wish.limit)
    room = wish.limit - len(abandoned)
    due = _select(connection, _due(now), documents.c.retry_at, room)
    fresh = _select(connection, _FRESH, documents.c.id, room)
    for_due = max((room + wish.turn % 2) // 2, room - len(fresh))
    due = due[:for_due]
    return sorted(abandoned + due + fresh[: room - len(due)], key=lambda claim: claim.id)


_FRESH = documents.c.state == "accepted"


def _due(now: float) -> ColumnElement[bool]:
    return documents.c.retry_at <= now


def _abandoned(now: float) -> ColumnElement[bool]:
    return documents.c.lease_until <= now


def _waits_too_long(now: float) -> ColumnElement[bool]:
    return documents.c.retry_at > now + LONGEST_WAIT


def _leased_too_long(now: float) -> ColumnElement[bool]:
    return documents.c.lease_until > now + LONGEST_LEASE


def _select(
    connection: Connection, condition: ColumnElement[bool], order: ColumnElement[Any], limit: int
) -> list[_Claim]:
    query: Select[Any] = select(*_CLAIM).where(condition).order_by(order).limit(limit).with_for_update(skip_locked=True)
    return [_Claim(*row) for row in connection.execute(query)]


_CLAIM = (
    documents.c.id,
    documents.c.till_id,
    documents.c.state,
    documents.c.reason_code,
    documents.c.pouch_id,
    documents.c.extracted_index,
    documents.c.accepted_at,
    documents.c.attempts,
    documents.c.reason,
    documents.c.issued_at,
    documents.c.kind,
    documents.c.total,
    documents.c.access_key,
)


def _open(engine: Engine, claims: Sequence[_Claim], token: str) -> tuple[list[LeasedDocument], list[Settlement]]:
    """The claimed documents, and the rejections of those whose extracted form is damaged: of no others."""
    leased: list[LeasedDocument] = []
    damaged: list[Settlement] = []
    by_pouch: dict[int, list[_Claim]] = defaultdict(list)
    for claim in claims:
        by_pouch[claim.pouch_id].append(claim)
    with reading(engine) as connection:
        names = _till_names(connection, {claim.till_id for claim in claims})
        again = rebooking.ordered(connection, [claim.id for claim in claims if claim.attempts])
        for pouch_id, blob, digests in _blobs(connection, list(by_pouch)):
            extracted = opened_or_none(blob, digests)
            for claim in by_pouch[pouch_id]:
                document = document_or_none(extracted, claim.extracted_index)
                if document is None or not is_of(document, claim.access_key, claim.total):
                    damaged.append(Settlement(claim.id, token, "rejected", Reason(DAMAGED)))
                else:
                    leased.append(_leased(claim, names[claim.till_id], token, document, again=claim.id in again))
    leased.sort(key=lambda one: one.id)
    return leased, damaged


def _leased(claim: _Claim, till: str, token: str, document: Document, *, again: bool) -> LeasedDocument:
    reason = decode_reason(claim.reason)
    document = by_its_own_clock(document, claim.issued_at)
    return LeasedDocument(claim.id, till, token, document, claim.accepted_at, claim.attempts, reason, again)


def _till_names(connection: Connection, ids: Collection[int]) -> dict[int, str]:
    query = select(tills.c.id, tills.c.name).where(tills.c.id.in_(ids))
    return {row.id: row.name for row in connection.execute(query)}


def _blobs(connection: Connection, pouch_ids: Sequence[int]) -> Iterator[tuple[int, bytes | None, bytes | None]]:
    """The extracted forms, a few pouches at a time, so that memory stays bounded."""
    for start in range(0, len(pouch_ids), _POUCHES_AT_ONCE):
        chunk = pouch_ids[start : start + _POUCHES_AT_ONCE]
        query = select(pouches.c.id, pouches.c.extracted, pouches.c.extracted_digests).where(pouches.c.id.in_(chunk))
        for row in connection.execute(query):
            yield row.id, row.extracted, row.extracted_digests
