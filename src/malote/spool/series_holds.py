"""Documents that wait because of their series: for a person, or for the till that owns it.

They have no time at which they are tried again, so that no poster takes them. What frees them is looked for here,
often and cheaply, whichever way it came about: a person gave the series to the till; or the till that owns the series
has sent the same document, since two agents read one folder, and the ERP is proven to have it. Then the copy goes to
the ERP too, whose ledger says that it is there already: one sale, booked for the series' own till, a proof for both.
"""

from collections.abc import Iterator, Sequence
from typing import Any, Final

import msgspec
from sqlalchemy import ColumnElement, Connection, Engine, and_, select, update

from malote.database.chunks import CHUNK, chunks
from malote.database.engine import reading, writing
from malote.database.tables import document as documents
from malote.database.tables import tally, till_series
from malote.database.tables import till as tills
from malote.spool import history
from malote.spool.documents import Reason
from malote.spool.state_changes import LockedDocument, Move, explain, lock_ids, move
from malote.tills.warnings import note_shared

ASKED = "series_asked"  # nobody owns the series, and the till has one already: a person is asked
AWAITED = "series_owner_awaited"  # it is another till's, whose agent may be slower
SHARED: Final = "folder_shared"  # the owner has sent the same document
HELD = (ASKED, AWAITED, SHARED)

NEVER_SENT = "series_of_another_till"  # what is rejected since the owner has not sent it


class Looked(msgspec.Struct):
    """How many documents are free now, known as copies, or rejected since the owner never sent them."""

    freed: int = 0
    shared: int = 0
    rejected: int = 0


class _Series(msgspec.Struct, frozen=True):
    """The held documents of one series at one till, and whose the series is."""

    till_id: int
    till: str
    issuer: str
    model: str
    series: int
    owner_id: int
    owner: str

    @property
    def facts(self) -> dict[str, str]:
        return {
            "till": self.till,
            "owner": self.owner,
            "issuer": self.issuer,
            "model": self.model,
            "series": str(self.series),
        }


def look(engine: Engine, *, patience: float, now: float) -> Looked:
    """Looks at all that is held. ``patience``: seconds that a document waits for the owner's. Raises ``StoreError``."""
    done = Looked()
    for series in _owned(engine):
        after = 0
        while page := _page(engine, series, after):
            after = page[-1].id
            if series.owner_id == series.till_id:
                done.freed += _free(engine, [row.id for row in page], now)
            else:
                _compare(engine, series, page, now - patience, now, done)
    return done


def _owned(engine: Engine) -> list[_Series]:
    """The series of held documents that somebody owns; nothing is read but the tallies where nothing is held."""
    waits = (tally.c.state == "waiting") & tally.c.reason_code.in_(HELD) & (tally.c.count > 0)
    key = (documents.c.issuer, documents.c.model, documents.c.series)
    with reading(engine) as connection:
        holding = list(connection.execute(select(tally.c.till_id).where(waits).distinct()).scalars())
        names = {row.id: row.name for row in connection.execute(select(tills.c.id, tills.c.name))} if holding else {}
        found = []
        for till_id in holding:
            owned = and_(*(ours == theirs for ours, theirs in zip(key, _OWNED_KEY, strict=True)))
            query = select(*key, till_series.c.till_id).join_from(documents, till_series, owned)
            for row in connection.execute(query.where(*_held_at(till_id)).distinct()):
                found.append(_Series(till_id, names[till_id], *row[:3], row.till_id, names[row.till_id]))
    return found


_OWNED_KEY = (till_series.c.issuer, till_series.c.model, till_series.c.series)


def _held_at(till_id: int) -> tuple[ColumnElement[bool], ...]:
    waits = documents.c.state == "waiting"
    return waits, documents.c.till_id == till_id, documents.c.retry_at.is_(None), documents.c.reason_code.in_(HELD)


def _page(engine: Engine, series: _Series, after: int) -> Sequence[Any]:
    columns = (documents.c.id, documents.c.kind, documents.c.access_key, documents.c.file_sha256, documents.c.position)
    query = (
        select(*columns, documents.c.accepted_at, documents.c.reason_code)
        .where(*_held_at(series.till_id), documents.c.id > after)
        .where(documents.c.issuer == series.issuer, documents.c.model == series.model)
        .where(documents.c.series == series.series)
        .order_by(documents.c.id)
        .limit(CHUNK)
    )
    with reading(engine) as connection:
        return connection.execute(query).all()


def _free(engine: Engine, ids: Sequence[int], now: float) -> int:
    """Makes them due: a poster takes them next."""
    with writing(engine) as connection:
        still = [one.id for one in _still(connection, ids)]
        for chunk in chunks(still):
            connection.execute(update(documents).where(documents.c.id.in_(chunk)).values(retry_at=now))
    return len(still)


def _still(connection: Connection, ids: Sequence[int]) -> list[LockedDocument]:
    return [one for one in lock_ids(connection, ids) if one.state == "waiting" and one.reason_code in HELD]


def _compare(engine: Engine, series: _Series, page: Sequence[Any], since: float, now: float, done: Looked) -> None:
    """Each held document beside what the series' owner has sent."""
    with reading(engine) as connection:
        states = dict(_of_owner(connection, series.owner_id, page))
    proven = [row.id for row in page if states.get(_identity(row)) == "posted"]
    copies = [row.id for row in page if _identity(row) in states and row.reason_code != SHARED]
    alone = [row for row in page if _identity(row) not in states]
    late = [row.id for row in alone if row.accepted_at < since]
    renamed = [row.id for row in alone if row.accepted_at >= since and row.reason_code != AWAITED]
    done.shared += _explain(engine, copies, Reason(SHARED, series.facts), now)
    _explain(engine, renamed, Reason(AWAITED, series.facts), now)
    done.rejected += _reject(engine, late, Reason(NEVER_SENT, series.facts), now)
    if proven:
        done.freed += _free(engine, proven, now)


def _of_owner(connection: Connection, owner_id: int, page: Sequence[Any]) -> Iterator[tuple[object, str]]:
    """The owner's documents among them, by identity, each with its state; a posted one speaks for all of its key."""
    columns = (documents.c.kind, documents.c.access_key, documents.c.file_sha256, documents.c.position)
    keys = sorted({row.access_key for row in page if row.access_key})
    files = sorted({bytes(row.file_sha256) for row in page if not row.access_key})
    query = select(*columns, documents.c.state).where(documents.c.till_id == owner_id)
    # In this order the last one counts: what is posted.
    for condition in (documents.c.access_key.in_(keys), documents.c.file_sha256.in_(files)):
        rows = connection.execute(query.where(condition)).all()
        yield from ((_identity(row), row.state) for row in sorted(rows, key=lambda row: row.state == "posted"))


def _identity(row: Any) -> object:
    """What makes two documents the same: the key and what it is about, or the file where there is no key."""
    return (row.kind, row.access_key) if row.access_key else (bytes(row.file_sha256), row.position)


def _explain(engine: Engine, ids: Sequence[int], reason: Reason, now: float) -> int:
    if not ids:
        return 0
    with writing(engine) as connection:
        still = _still(connection, ids)
        if reason.code == SHARED:
            history.record(connection, [history.about(one.id, SHARED, reason) for one in still], history.SYSTEM, now)
            note_shared(connection, {one.till_id for one in still}, reason.facts["owner"], now)
        explain(connection, [(one, reason) for one in still])
    return len(still)


def _reject(engine: Engine, ids: Sequence[int], reason: Reason, now: float) -> int:
    """The owner never sent them: this till's numbers are wrong, and a person has to look."""
    if not ids:
        return 0
    with writing(engine) as connection:
        still = _still(connection, ids)
        history.record(connection, [history.about(one.id, "rejected", reason) for one in still], history.SYSTEM, now)
        move(connection, [Move(one, "rejected", reason, settled_at=now) for one in still])
    return len(still)
