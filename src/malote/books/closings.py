"""The POS's own closings beside what was booked: payments by method of each till and day.

A closing is kept as it was read, and held against the payments of the booked sales of its day once the day is over, and
again whenever the day is counted again. Of a sale that is cancelled nothing counts; the change is taken off the cash.
"""

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy import Connection, Engine, select, update

from malote import durable
from malote import log as logs
from malote.accounts import audit
from malote.accounts.audit import Actor
from malote.books import closing_file
from malote.books.closing_file import Closing, ClosingError
from malote.business_day import BusinessCalendar
from malote.database.book_tables import pos_closing
from malote.database.chunks import chunks
from malote.database.engine import reading, writing
from malote.database.tables import document as documents
from malote.database.tables import till as tills
from malote.database.upserting import insert_into
from malote.findings.noted_findings import NotedStanding
from malote.fiscal.documents import Sale
from malote.fiscal.payment_methods import CASH
from malote.reconciliation import book_days
from malote.reconciliation.booked_content import contents

MOST_JUDGED = 100  # days at one look
MOST_FILES = 20  # at one look
MOST_LISTED = 1000
READ, REFUSED = "lidos", "recusados"  # folders that a file goes to

log = logs.get_logger("malote.books")


class ComparedClosing(msgspec.Struct, frozen=True):
    """One till's day, cents by method. ``booked`` None until the day is over; ``unread`` booked sales of it whose files
    have left the server, so that nothing can be said."""

    till: str
    day: date
    closing: dict[str, int]
    booked: dict[str, int] | None
    unread: int
    accepted: bool

    @property
    def differs(self) -> dict[str, int]:
        """By method, booked minus closing, where that isn't 0."""
        if self.booked is None or self.unread:
            return {}
        return difference(self.closing, self.booked)


def difference(closing: Mapping[str, int], booked: Mapping[str, int]) -> dict[str, int]:
    both = {method: booked.get(method, 0) - closing.get(method, 0) for method in sorted({*closing, *booked})}
    return {method: cents for method, cents in both.items() if cents}


def keep(engine: Engine, closing: Closing, name: str, now: float, actor: Actor | None = None) -> list[tuple[str, date]]:
    """Keeps a closing, in place of one of the same till and day. What is of no till here comes back, and then nothing
    of the file is kept. ``actor``: a person who ordered it, for the audit trail. Raises ``StoreError``."""
    with writing(engine) as connection:
        known = {row.name_key: row.id for row in connection.execute(select(tills.c.id, tills.c.name_key))}
        unknown = [place for place in closing if place[0] not in known]
        if unknown or not closing:
            return unknown
        statement = insert_into(connection, pos_closing)
        names = ("totals", "file", "read_at", "booked", "differs", "judged_at", "accepted_at")
        fresh = {column: statement.excluded[column] for column in names}
        rows = [
            {
                "till_id": known[till],
                "day": day.isoformat(),
                "totals": json.dumps(sums, sort_keys=True),
                "file": name[:200],
                "read_at": now,
                "booked": None,
                "unread": 0,
                "differs": 0,
                "judged_at": None,
                "accepted_at": None,
            }
            for (till, day), sums in closing.items()
        ]
        for some in range(0, len(rows), 500):
            same = statement.on_conflict_do_update(index_elements=["till_id", "day"], set_=fresh)
            connection.execute(same, rows[some : some + 500])
        if actor is not None:
            after: audit.Facts = {"file": name[:200], "days": len(rows)}
            audit.record(connection, actor, "closings_read", "server", after=after, now=now)
    return []


def read_folder(engine: Engine, folder: Path, now: float) -> int:
    """Reads what a POS put there, each file once: it goes to ``lidos`` or, where it is no closing, to ``recusados``.

    How many were read. A file that is written still, or can't be moved, is left for the next look. Raises
    ``StoreError``.
    """
    done = 0
    try:
        waiting = [one for one in folder.iterdir() if one.suffix.lower() == ".csv" and one.is_file()][:MOST_FILES]
    except OSError as error:
        log.warning("closings_folder", reason=str(error))
        return 0
    for file in sorted(waiting):
        try:
            stat = file.stat()
            if now - stat.st_mtime < 2.0 and now >= stat.st_mtime:
                continue
            done += _read(engine, file, stat.st_size, now)
        except OSError as error:
            log.warning("closing_unread", file=file.name, reason=str(error))
    return done


def _read(engine: Engine, file: Path, size: int, now: float) -> int:
    target, told = READ, ""
    try:
        if size > closing_file.LARGEST:
            raise ClosingError(1, "too_large")
        unknown = keep(engine, closing_file.parse(file.read_bytes()), file.name, now)
        if unknown:
            target, told = REFUSED, f"no till {unknown[0][0]}"
    except ClosingError as error:
        target, told = REFUSED, str(error)
    if told:
        log.warning("closing_refused", file=file.name, reason=told)
    place = durable.make_folder(file.parent / target)
    durable.move(file, place / f"{int(now)}-{file.name}")
    return int(target == READ)


def judge(engine: Engine, calendar: BusinessCalendar, today: date, now: float) -> None:
    """Compares the days before ``today`` that have a closing and changed since. Raises ``StoreError``."""
    query = select(pos_closing).where(pos_closing.c.judged_at.is_(None), pos_closing.c.day < today.isoformat())
    query = query.order_by(pos_closing.c.day).limit(MOST_JUDGED)
    with reading(engine) as connection:
        due = connection.execute(query).all()
        judged = [(row, *booked(connection, calendar, row.till_id, row.day)) for row in due]
    if not judged:
        return
    with writing(engine) as connection:
        for row, sums, unread in judged:
            off = 0 if unread else sum(map(abs, difference(json.loads(row.totals), sums).values()))
            own = (pos_closing.c.till_id == row.till_id, pos_closing.c.day == row.day)
            stays = {} if off == row.differs else {"accepted_at": None}
            values = {"booked": json.dumps(sums, sort_keys=True), "unread": unread, "differs": off, "judged_at": now}
            connection.execute(update(pos_closing).where(*own).values(values | stays))


def booked(connection: Connection, calendar: BusinessCalendar, till_id: int, day: str) -> tuple[dict[str, int], int]:
    """What was booked of the day, cents by method; and of how many sales that can't be told any more."""
    rows = book_days.of_day(connection, calendar, till_id, date.fromisoformat(day))
    keys = {row.access_key for row in rows if row.state == "posted" and row.access_key}
    for some in chunks(sorted(keys)):
        query = select(documents.c.access_key).where(documents.c.access_key.in_(some), documents.c.state == "posted")
        keys -= set(connection.scalars(query.where(documents.c.kind == "cancellation")))
    sums: dict[str, int] = defaultdict(int)
    read: set[str] = set()
    for one in contents(connection, [], sorted(keys)):
        if isinstance(one.document, Sale) and one.access_key not in read and not one.duplicate:
            read.add(one.access_key)
            for payment in one.document.payments:
                sums[payment.method] += payment.amount
            sums[CASH] -= one.document.change
    return {method: cents for method, cents in sorted(sums.items()) if cents}, len(keys - read)


def standing(connection: Connection) -> dict[int, NotedStanding]:
    """By till, the days whose closings differ and that nobody answers for."""
    found: dict[int, NotedStanding] = {}
    for row in connection.execute(select(pos_closing).where(_DIFFERS)):
        known = found.get(row.till_id, NotedStanding(0, 0, row.judged_at))
        since = min(known.since or row.judged_at, row.judged_at)
        found[row.till_id] = NotedStanding(known.count + 1, known.total + int(row.differs), since)
    return found


def listed(engine: Engine, till: str | None = None, since: date | None = None) -> list[ComparedClosing]:
    """By till and day, the newest first, at most a thousand. Raises ``StoreError``."""
    query = select(pos_closing, tills.c.name).join_from(pos_closing, tills)
    if till is not None:
        query = query.where(tills.c.name_key == till.lower())
    if since is not None:
        query = query.where(pos_closing.c.day >= since.isoformat())
    with reading(engine) as connection:
        rows = connection.execute(query.order_by(tills.c.name_key, pos_closing.c.day.desc()).limit(MOST_LISTED)).all()
    return [_compared(row) for row in rows]


def accept(connection: Connection, till: str, day: date, now: float) -> int:
    """A person says why a day's closing differs; by how many cents."""
    own = (pos_closing.c.till_id.in_(select(tills.c.id).where(tills.c.name_key == till.lower())), _DIFFERS)
    rows: Sequence[Any] = connection.execute(
        select(pos_closing.c.differs).where(*own, pos_closing.c.day == day.isoformat())
    ).all()
    changed = update(pos_closing).where(*own, pos_closing.c.day == day.isoformat())
    connection.execute(changed.values(accepted_at=now))
    return sum(int(row.differs) for row in rows)


def _compared(row: Any) -> ComparedClosing:
    sums = json.loads(row.booked) if row.booked is not None else None
    day = date.fromisoformat(row.day)
    return ComparedClosing(row.name, day, json.loads(row.totals), sums, int(row.unread), row.accepted_at is not None)


_DIFFERS = (pos_closing.c.differs > 0) & pos_closing.c.accepted_at.is_(None)
