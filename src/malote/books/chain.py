"""Closed days: each till's day as a signed entry, chained to the till's entry before; what comes late is a supplement.

An entry commits to the sales of a day: their keys, states, totals and the hashes of their files. Nothing of it is ever
changed. What became otherwise since stands in an entry of its own, under the same day, at the end of the chain.
"""

import json
from collections.abc import Callable, Sequence
from datetime import date, timedelta
from typing import Protocol

import msgspec
from sqlalchemy import ColumnElement, Connection, Engine, insert, select, true, update

from malote import frames
from malote.accounts import audit
from malote.accounts.audit import Actor
from malote.books import closing_marks
from malote.books.verifying import GENESIS, digest_of, link_of
from malote.business_day import BusinessCalendar
from malote.database.book_tables import book_day, chained_day
from malote.database.chunks import chunks
from malote.database.engine import reading, writing
from malote.database.tables import document as documents
from malote.database.tables import till as tills
from malote.reconciliation import book_days

_LARGEST = 2**30  # bytes of one day's lines, which this server packed itself

AT_ONCE = 50  # days of tills in a transaction: each would wait for the disk, and tills wait meanwhile

LATE_DAYS = 60  # for so long a closed day is looked at for what came late, by itself; an export looks at its own always


class Signer(Protocol):
    """The server's key."""

    @property
    def public(self) -> str: ...

    def sign(self, message: bytes) -> str: ...


class ChainEntry(msgspec.Struct, frozen=True):
    """``lines`` are what ``statement`` commits to: of a supplement, just what became otherwise."""

    till: str
    turn: int
    day: date
    statement: str
    signature: str
    lines: list[str]


def close(
    engine: Engine,
    calendar: BusinessCalendar,
    signer: Signer,
    today: date,
    now: float,
    only: date | None = None,
    actor: Actor | None = None,
) -> int:
    """Closes every day before ``today``, and adds what came late; how many entries that made. ``actor``: a person who
    ordered it, for the audit trail.

    Raises ``StoreError``, and ``ChainKeyError`` where another key signed the chain so far.
    """
    since = only or today - timedelta(days=LATE_DAYS)
    bounds = since, min(only or today, today - timedelta(days=1))
    return _close_all(engine, calendar, signer, now, bounds, true(), actor)


def close_changed(
    engine: Engine,
    calendar: BusinessCalendar,
    signer: Signer,
    today: date,
    now: float,
    stopping: Callable[[], bool] = lambda: False,
) -> int:
    """The same of the last two days, and of others as far as they were counted again since they were closed: the cost
    of a night is that of what changed. Ends early where it is ``stopping``. Raises ``StoreError``, ``ChainKeyError``.
    """
    since, yesterday = today - timedelta(days=LATE_DAYS), today - timedelta(days=1)
    lately = (yesterday - timedelta(days=1)).isoformat()  # a cancellation of its own day comes a day later at most
    changed = book_day.c.closed_at.is_(None) | (book_day.c.day >= lately)
    return _close_all(engine, calendar, signer, now, (since, yesterday), changed, stopping=stopping)


def _close_all(
    engine: Engine,
    calendar: BusinessCalendar,
    signer: Signer,
    now: float,
    bounds: tuple[date, date],
    chosen: ColumnElement[bool],
    actor: Actor | None = None,
    *,
    stopping: Callable[[], bool] = lambda: False,
) -> int:
    book_days.recount(engine, calendar, 10**9)
    with reading(engine) as connection:
        within = book_day.c.day.between(bounds[0].isoformat(), bounds[1].isoformat())
        query = select(book_day.c.till_id, tills.c.name, book_day.c.day).join_from(book_day, tills)
        days = connection.execute(query.where(within, chosen).order_by(book_day.c.till_id, book_day.c.day)).all()
    added = 0
    for start in range(0, len(days), AT_ONCE):
        if stopping():
            break
        with writing(engine) as connection:
            closing_marks.check_key(connection, signer.public)
            for till_id, name, day in days[start : start + AT_ONCE]:
                # First, so that what is counted again meanwhile waits for this, and takes the mark away afterwards.
                own = (book_day.c.till_id == till_id, book_day.c.day == day)
                connection.execute(update(book_day).where(*own).values(closed_at=now))
                closed = _close(connection, calendar, signer, (till_id, name, date.fromisoformat(day)), now)
                if closed and actor is not None:
                    audit.record(connection, actor, "day_closed", f"till:{name}", after={"day": day}, now=now)
                added += closed
    return added


def entries(engine: Engine, day: date) -> list[ChainEntry]:
    """Of each till the entries of this day with all between them, and the one before the first: they must hold
    together. In the order of their tills and turns. Raises ``StoreError``."""
    found: list[ChainEntry] = []
    with reading(engine) as connection:
        query = select(chained_day, tills.c.name).join_from(chained_day, tills)
        own = connection.execute(query.where(chained_day.c.day == day.isoformat())).all()
        for till_id in sorted({row.till_id for row in own}):
            turns = [row.turn for row in own if row.till_id == till_id]
            within = chained_day.c.turn.between(min(turns) - 1, max(turns))
            rows = connection.execute(
                query.where(chained_day.c.till_id == till_id, within).order_by(chained_day.c.turn)
            )
            found += [
                ChainEntry(
                    row.name, row.turn, date.fromisoformat(row.day), row.statement, row.signature, _unpacked(row.lines)
                )
                for row in rows
            ]
    return found


def _close(
    connection: Connection, calendar: BusinessCalendar, signer: Signer, of: tuple[int, str, date], now: float
) -> int:
    till_id, name, day = of
    own = select(chained_day).where(chained_day.c.till_id == till_id).order_by(chained_day.c.turn.desc())
    last = connection.execute(own.limit(1).with_for_update()).first()
    told: dict[str, str] = {}
    for row in connection.execute(
        own.where(chained_day.c.day == day.isoformat()).order_by(None).order_by(chained_day.c.turn)
    ):
        told |= {line.split(" ")[0]: line for line in _unpacked(row.lines)}
    current = {line.split(" ")[0]: line for line in _current(connection, calendar, till_id, day)}
    lines = [line for key, line in current.items() if told.get(key) != line]
    gone = sorted(key for key in set(told) - set(current) if " withdrawn " not in told[key])
    lines += [f"{key} withdrawn 0 -" for key in gone]
    if not lines:
        return 0
    statement = json.dumps(
        {
            "malote": "day/1",
            "till": name,
            "day": day.isoformat(),
            "turn": last.turn + 1 if last else 1,
            "kind": "supplement" if told else "day",
            "previous": link_of(last.statement) if last else GENESIS,
            "count": len(lines),
            "total": sum(int(line.split(" ")[2]) for line in lines),
            "digest": digest_of(lines),
        },
        sort_keys=True,
    )
    added = {
        "till_id": till_id,
        "turn": last.turn + 1 if last else 1,
        "day": day.isoformat(),
        "statement": statement,
        "signature": signer.sign(statement.encode()),
        "lines": frames.pack("\n".join(sorted(lines)).encode()),
        "closed_at": now,
    }
    connection.execute(insert(chained_day), added)
    return 1


def _current(connection: Connection, calendar: BusinessCalendar, till_id: int, day: date) -> list[str]:
    """A line for each sale that is booked now, of its first document."""
    rows = [row for row in book_days.of_day(connection, calendar, till_id, day) if row.state == "posted"]
    first = {row.access_key: row for row in reversed(rows) if row.access_key}
    cancelled: set[str | None] = set()
    hashes: dict[int, bytes] = {}
    for keys in chunks(sorted(first)):
        query = select(documents.c.access_key).where(documents.c.access_key.in_(keys), documents.c.state == "posted")
        cancelled |= set(connection.scalars(query.where(documents.c.kind == "cancellation")))
    for ids in chunks(sorted(row.id for row in first.values())):
        query_ids = select(documents.c.id, documents.c.file_sha256).where(documents.c.id.in_(ids))
        hashes |= {row.id: bytes(row.file_sha256) for row in connection.execute(query_ids)}
    return [
        f"{key} {'cancelled' if key in cancelled else 'booked'} {row.total or 0} {hashes[row.id].hex()}"
        for key, row in sorted(first.items())
    ]


def _unpacked(lines: bytes) -> list[str]:
    return frames.unpack(lines, _LARGEST).decode().split("\n")


def hashes_of(found: Sequence[ChainEntry], day: date) -> dict[str, set[str]]:
    """By till, the hashes of the files that the entries of this day commit to."""
    wanted: dict[str, set[str]] = {}
    for entry in found:
        if entry.day == day:
            wanted.setdefault(entry.till, set()).update(line.split(" ")[3] for line in entry.lines)
    return {till: hashes - {"-"} for till, hashes in wanted.items()}
