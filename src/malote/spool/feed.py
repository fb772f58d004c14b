"""What became of documents, in one order for everybody who is told of it.

A change is noted in its own transaction. Its number comes later, from one at a time: of two that end at once the one
that was noted first may be committed last, and whoever had read past it would never see it. So nothing is read that has
no number, and what has one never changes.
"""

import hashlib
import time
from collections.abc import Sequence
from typing import Any, Literal, get_args

import msgspec
from sqlalchemy import ColumnElement, Connection, Engine, Select, case, func, insert, literal, or_, select, text, update

from malote.database.consumer_tables import feed, feed_head
from malote.database.engine import reading, writing
from malote.database.tables import document as documents
from malote.database.tables import till as tills
from malote.explained_error import ExplainedError
from malote.spool.states import SETTLED

What = Literal[
    "booked",  # a sale, in the ERP
    "cancelled",  # a sale that was booked
    "voided",  # numbers that will never be used
    "authorised",  # a booked sale, by an answer that came later
    "taken_back",  # a booked sale, in favour of another one of its number
    "rejected",  # a person must act
    "deleted",  # by a person, after it was rejected
    "kept",  # no sale, or nothing that isn't booked already
]
WHATS: tuple[What, ...] = get_args(What)

NUMBERED_AT_ONCE = 5000  # changes: a poster waits no longer for that than for a batch of another's


class Change(msgspec.Struct, frozen=True):
    """One thing that happened to one document, with the row it is about. Times are seconds since the epoch."""

    number: int
    what: What
    code: str | None  # of the reason, where there is one
    at: float
    document_id: int
    pouch_id: int
    extracted_index: int | None
    till: str
    kind: str | None
    access_key: str | None
    model: str | None
    issuer: str | None
    series: int | None
    document_number: int | None
    issued_at: str | None
    total: int | None  # cents
    file_sha256: bytes
    position: int
    authorised: bool | None
    duplicate: bool

    @property
    def cursor(self) -> str:
        """Where to go on after this one. Whoever got it from another history than this one's is found out."""
        return f"{self.number}-{_mark(self.number, self.document_id, self.what, self.at)}"


class CursorError(ExplainedError):
    """``code``: ``cursor_invalid``, or ``cursor_foreign`` for one that this history never gave."""


def note(connection: Connection, document_ids: Sequence[int]) -> None:
    """Notes where these few documents have come to, in the transaction that moved them; not those under way."""
    _note(connection, documents.c.id.in_(document_ids))


def note_arrived(connection: Connection, pouch_id: int) -> None:
    """Notes what was settled at its arrival."""
    _note(connection, documents.c.pouch_id == pouch_id)


def number(engine: Engine) -> int:
    """Numbers what is new, the first few thousand of it; the newest number. Raises ``StoreError``."""
    with reading(engine) as connection:
        new = connection.execute(select(feed.c.id).where(_NEW).limit(1)).first()
        if new is None:
            return _newest(connection)
    with writing(engine) as connection:
        # Others wait here, and then see what this one has numbered.
        last = int(connection.execute(select(feed_head.c.number).with_for_update()).scalar_one())
        rank = (func.row_number().over(order_by=feed.c.id) + literal(last)).label("rank")
        first = select(feed.c.id).where(_NEW).order_by(feed.c.id).limit(NUMBERED_AT_ONCE).subquery()
        new_rows = select(feed.c.id, rank).where(feed.c.id.in_(select(first.c.id))).subquery()
        done = connection.execute(update(feed).where(feed.c.id == new_rows.c.id).values(number=new_rows.c.rank))
        connection.execute(update(feed_head).values(number=last + done.rowcount))
        return last + done.rowcount


def newest(engine: Engine) -> int:
    """The newest number; 0 before the first. Raises ``StoreError``."""
    with reading(engine) as connection:
        return _newest(connection)


def end(engine: Engine) -> int:
    """The number that the newest change has, or will have. Raises ``StoreError``."""
    with reading(engine) as connection:
        new = connection.execute(select(func.count()).select_from(feed).where(_NEW)).scalar_one()
        return _newest(connection) + int(new)


def position(engine: Engine, cursor: str) -> int:
    """The number that a cursor stands for; 0 for an empty one, the beginning.

    Raises ``CursorError``, ``StoreError``.
    """
    if not cursor:
        return 0
    digits, _, mark = cursor.partition("-")
    if not (digits.isascii() and digits.isdigit() and len(digits) < 19 and len(mark) == _MARK and mark.isalnum()):
        raise CursorError("cursor_invalid")
    found = int(digits)
    query = select(feed.c.document_id, feed.c.what, feed.c.at).where(feed.c.number == found)
    with reading(engine) as connection:
        row = connection.execute(query).one_or_none()
    if row is None or _mark(found, row.document_id, row.what, row.at) != mark:
        raise CursorError("cursor_foreign")
    return found


def changes(engine: Engine, after: int, limit: int) -> list[Change]:
    """What was numbered beyond ``after``, in order. Raises ``StoreError``."""
    with reading(engine) as connection:
        return [Change(*row) for row in connection.execute(page(after, limit))]


def change(engine: Engine, wanted: int) -> Change | None:
    """The one of this number."""
    return next(iter(changes(engine, wanted - 1, 1)), None)


def numbers_of(engine: Engine, access_key: str) -> list[int]:
    """The numbers of everything about a key, in order; of what is numbered. Raises ``StoreError``."""
    joined = feed.join(documents, documents.c.id == feed.c.document_id)
    query = select(feed.c.number).select_from(joined).where(documents.c.access_key == access_key)
    with reading(engine) as connection:
        return sorted(connection.execute(query.where(feed.c.number.is_not(None))).scalars())


def page(after: int, limit: int) -> Select[Any]:
    """The query of ``changes``."""
    joined = feed.join(documents, documents.c.id == feed.c.document_id).join(tills, tills.c.id == documents.c.till_id)
    return select(*_CHANGE).select_from(joined).where(feed.c.number > after).order_by(feed.c.number).limit(limit)


def unread(beyond: int) -> ColumnElement[bool]:
    """Of a document of the enclosing query: whether something of it lies beyond this number, or has none yet."""
    lies_beyond = or_(feed.c.number > beyond, feed.c.number.is_(None))
    return select(feed.c.id).where(feed.c.document_id == documents.c.id, lies_beyond).exists()


def _newest(connection: Connection) -> int:
    return int(connection.execute(select(feed_head.c.number)).scalar_one())


def _note(connection: Connection, condition: ColumnElement[bool]) -> None:
    settled = (
        select(documents.c.id, _WHAT, documents.c.reason_code, literal(time.time()))
        .where(condition, documents.c.state.in_(SETTLED))
        # A sale and its cancellation may be settled together, and the cancellation have come first.
        .order_by(documents.c.kind == "cancellation", documents.c.id)
    )
    connection.execute(insert(feed).from_select(["document_id", "what", "code", "at"], settled))


_MARK = 8  # characters


def _mark(number: int, document_id: int, what: str, at: float) -> str:
    return hashlib.sha256(f"{number}:{document_id}:{what}:{at!r}".encode()).hexdigest()[:_MARK]


_NEW = text("feed.number IS NULL")  # as the partial index has it

_WHAT = case(
    (documents.c.state == "rejected", "rejected"),
    (documents.c.state == "discarded", "deleted"),
    ((documents.c.state == "kept") & (documents.c.reason_code == "taken_back"), "taken_back"),
    (documents.c.state == "kept", "kept"),
    (documents.c.kind == "sale", "booked"),
    (documents.c.kind == "cancellation", "cancelled"),
    (documents.c.kind == "number_void", "voided"),
    (documents.c.kind == "answer", "authorised"),
    else_="kept",
).label("what")

_CHANGE = (
    feed.c.number,
    feed.c.what,
    feed.c.code,
    feed.c.at,
    documents.c.id,
    documents.c.pouch_id,
    documents.c.extracted_index,
    tills.c.name,
    documents.c.kind,
    documents.c.access_key,
    documents.c.model,
    documents.c.issuer,
    documents.c.series,
    documents.c.number,
    documents.c.issued_at,
    documents.c.total,
    documents.c.file_sha256,
    documents.c.position,
    documents.c.authorised,
    documents.c.duplicate,
)
