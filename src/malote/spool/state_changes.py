"""The one place where a document changes its state: the way is checked, and the tallies move with it.

Everything that changes rows locks them first, in the order of their ids, and the tallies last, in theirs: then no two
transactions ever wait for each other.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Connection, bindparam, func, select, text, update

from malote.database.chunks import chunks
from malote.database.tables import document as documents
from malote.database.touched_days import touch
from malote.spool import feed, states
from malote.spool.documents import Reason
from malote.spool.states import State

Tally = tuple[int, State, str]  # till, state, reason code or ""


class TallyChanges:
    """What is to be added to the tallies: documents, and the cents that their sales come to."""

    def __init__(self) -> None:
        self.documents: Counter[Tally] = Counter()
        self.cents: Counter[Tally] = Counter()

    def add(self, tally: Tally, documents: int, cents: int) -> None:
        self.documents[tally] += documents
        self.cents[tally] += cents


def value_of(kind: str | None, total: int | None) -> int:
    """The cents that a document counts for: only a sale has a value of its own."""
    return total or 0 if kind == "sale" else 0


_Values = tuple[State, str | None, str | None, float | None, float | None, bool]
_VALUE_NAMES = ("after", "code", "why", "retry", "settled", "again")


class LockedDocument(msgspec.Struct, frozen=True, gc=False):
    """A locked row: what deciding about it needs."""

    id: int
    till_id: int
    state: State
    reason_code: str | None
    kind: str | None
    access_key: str | None
    lease: str | None
    issued_on: str | None = None  # the day, as printed
    total: int | None = None  # cents

    @property
    def value(self) -> int:
        return value_of(self.kind, self.total)


class Move(msgspec.Struct, frozen=True, gc=False):
    """Where one document goes. What isn't said here is cleared, since it belonged to the state before."""

    standing: LockedDocument
    after: State
    reason: Reason | None = None
    retry_at: float | None = None
    settled_at: float | None = None
    duplicate: bool = False


def lock(connection: Connection, condition: ColumnElement[bool]) -> list[LockedDocument]:
    """The documents that fulfil the condition, for this transaction alone, in order of arrival."""
    query = select(*_STANDING).where(condition).order_by(documents.c.id).with_for_update()
    return [LockedDocument(*row) for row in connection.execute(query)]


def lock_ids(connection: Connection, ids: Iterable[int]) -> list[LockedDocument]:
    """The same by id; ids that don't exist are left out."""
    ordered = sorted(set(ids))
    found: list[LockedDocument] = []
    for chunk in chunks(ordered):
        found += lock(connection, documents.c.id.in_(chunk))
    return found


def move(connection: Connection, moves: Sequence[Move]) -> None:
    """Moves locked documents. Raises ``IllegalTransitionError``."""
    if not moves:
        return
    changes = TallyChanges()
    alike: dict[_Values, list[int]] = defaultdict(list)
    for one in moves:
        states.check(one.standing.state, one.after)
        standing = one.standing
        changes.add((standing.till_id, standing.state, standing.reason_code or ""), -1, -standing.value)
        changes.add((standing.till_id, one.after, one.reason.code if one.reason else ""), 1, standing.value)
        alike[_values(one)].append(one.standing.id)
    _update(connection, alike)
    for some in chunks([one.standing.id for one in moves if one.after in states.SETTLED]):
        feed.note(connection, some)
    count(connection, changes)
    touch(connection, ((one.standing.till_id, one.standing.issued_on) for one in moves))


def lease(connection: Connection, claimed: Mapping[int, tuple[Tally, int]], token: str, until: float) -> None:
    """Gives locked documents to the poster that holds ``token``. ``claimed``: by id, what each counts as now, and its
    cents.

    Raises ``IllegalTransitionError``.
    """
    changes = TallyChanges()
    for before, cents in claimed.values():
        state = before[1]
        if state == "posting":
            # Abandoned: back to accepted, and out again.
            states.check("posting", "accepted")
            state = "accepted"
        states.check(state, "posting")
        changes.add(before, -1, -cents)
        changes.add((before[0], "posting", ""), 1, cents)
    values = {"state": "posting", "lease": token, "lease_until": until, "attempts": documents.c.attempts + 1}
    cleared = {"retry_at": None, "reason_code": None, "reason": None}
    for chunk in chunks(list(claimed)):
        connection.execute(update(documents).where(documents.c.id.in_(chunk)).values({**values, **cleared}))
    count(connection, changes)


def explain(connection: Connection, reasons: Sequence[tuple[LockedDocument, Reason | None]]) -> None:
    """Gives locked documents another reason for the state they stay in, or none; the quarantine writes them anew.

    Those whose reason is what it was are left as they are.
    """
    changes = TallyChanges()
    known: dict[int, str | None] = {}
    for chunk in chunks([standing.id for standing, _ in reasons]):
        query = select(documents.c.id, documents.c.reason).where(documents.c.id.in_(chunk))
        known |= {row.id: row.reason for row in connection.execute(query)}
    for standing, reason in reasons:
        if known.get(standing.id) == encode_reason(reason):
            continue
        code = reason.code if reason else None
        changes.add((standing.till_id, standing.state, standing.reason_code or ""), -1, -standing.value)
        changes.add((standing.till_id, standing.state, code or ""), 1, standing.value)
        values = {"reason_code": code, "reason": encode_reason(reason), "kept": False}
        connection.execute(update(documents).where(documents.c.id == standing.id).values(values))
    count(connection, changes)


def count(connection: Connection, changes: TallyChanges) -> None:
    """Adds to the tallies. Nobody else writes them."""
    rows = [
        {"till_id": tally[0], "state": tally[1], "reason_code": tally[2], "change": change, "cents": cents}
        for tally, change in sorted(changes.documents.items())
        if (cents := changes.cents[tally]) or change
    ]
    if rows:
        connection.execute(_COUNT, rows)


def encode_reason(reason: Reason | None) -> str | None:
    return None if reason is None else msgspec.json.encode(reason).decode()


def decode_reason(stored: str | None) -> Reason | None:
    return None if stored is None else _reason.decode(stored)


_reason = msgspec.json.Decoder(Reason)

_STANDING = (
    documents.c.id,
    documents.c.till_id,
    documents.c.state,
    documents.c.reason_code,
    documents.c.kind,
    documents.c.access_key,
    documents.c.lease,
    func.substr(documents.c.issued_at, 1, 10),
    documents.c.total,
)

_SET: dict[str, Any] = {
    "state": bindparam("after"),
    "reason_code": bindparam("code"),
    "reason": bindparam("why"),
    "retry_at": bindparam("retry"),
    "settled_at": bindparam("settled"),
    "duplicate": bindparam("again"),
    "lease": None,
    "lease_until": None,
    "kept": False,
}
_MOVE_ONE = update(documents).where(documents.c.id == bindparam("which")).values(_SET)
_MOVE_MANY = update(documents).where(documents.c.id.in_(bindparam("which", expanding=True))).values(_SET)

_COUNT = text(
    "INSERT INTO tally (till_id, state, reason_code, count, total)"
    " VALUES (:till_id, :state, :reason_code, :change, :cents) ON CONFLICT (till_id, state, reason_code)"
    " DO UPDATE SET count = tally.count + excluded.count, total = tally.total + excluded.total"
)


def _update(connection: Connection, alike: Mapping[_Values, Sequence[int]]) -> None:
    """Most of a batch ends alike: one statement for hundreds of rows. The others go one by one, in one round."""
    alone: list[dict[str, Any]] = []
    for values, ids in alike.items():
        named = dict(zip(_VALUE_NAMES, values, strict=True))
        if len(ids) == 1:
            alone.append(named | {"which": ids[0]})
            continue
        for chunk in chunks(ids):
            connection.execute(_MOVE_MANY, named | {"which": chunk})
    if alone:
        connection.execute(_MOVE_ONE, alone)


def _values(one: Move) -> _Values:
    code = one.reason.code if one.reason else None
    return (one.after, code, encode_reason(one.reason), one.retry_at, one.settled_at, one.duplicate)
