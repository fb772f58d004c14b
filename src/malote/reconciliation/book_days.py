"""Counting again what a till's business days come to, where something of them changed, and of nothing else."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from typing import Any, Protocol

import msgspec
from sqlalchemy import Connection, Engine, delete, select

from malote.database.book_tables import book_day, touched_day
from malote.database.chunks import among
from malote.database.engine import reading, writing
from malote.database.tables import document as documents
from malote.database.upserting import insert_into
from malote.reconciliation import lacking_days
from malote.reconciliation.lacking_days import Here

AT_ONCE = 20  # marks in one transaction, which holds the write lock
MOST = 2000  # at one call

PREFIX = 25  # of a key: state, month, issuer, model and series
_RANK = {"posted": 4, "kept": 3, "accepted": 2, "posting": 2, "waiting": 2, "rejected": 1, "discarded": 0}
_NAMES = {4: "booked", 2: "open", 1: "rejected", 0: "discarded"}


class Calendar(Protocol):
    """As ``business_day.BusinessCalendar``."""

    @property
    def spread(self) -> int: ...

    def of(self, issued_at: str | None) -> date | None: ...


class Printed:
    """The day that is printed on the note."""

    spread = 0

    def of(self, issued_at: str | None) -> date | None:
        try:
            return date.fromisoformat((issued_at or "")[:10])
        except ValueError:
            return None


PRINTED = Printed()


def recount(engine: Engine, calendar: Calendar, most: int = MOST) -> int:
    """Counts what is marked; how many marks there were. Raises ``StoreError``."""
    done = 0
    while done < most:
        with reading(engine) as connection:
            marks = connection.execute(_MARKS.limit(min(AT_ONCE, most - done))).all()
        if not marks:
            break
        with writing(engine) as connection:
            keys = [(row.till_id, row.day) for row in marks]
            connection.execute(delete(touched_day).where(among((touched_day.c.till_id, touched_day.c.day), keys)))
            for till_id, day in keys:
                _count(connection, calendar, till_id, date.fromisoformat(day))
        done += len(marks)
    return done


def of_day(connection: Connection, calendar: Calendar, till_id: int, day: date) -> list[Any]:
    """The documents of sales of a till's business day, in order of arrival."""
    spread = timedelta(days=calendar.spread)
    rows = _window(connection, till_id, day - spread, day + spread)
    return [row for row in rows if calendar.of(row.issued_at) == day]


_MARKS = select(touched_day).order_by(touched_day.c.till_id, touched_day.c.day)
_NEEDED = ("id", "access_key", "state", "total", "issued_at", "accepted_at", "number", "reason_code")
_COLUMNS = [documents.c[name] for name in _NEEDED]


def _window(connection: Connection, till_id: int, first: date, last: date) -> list[Any]:
    end = (last + timedelta(days=1)).isoformat()
    query = select(*_COLUMNS).where(documents.c.till_id == till_id, documents.c.kind == "sale")
    query = query.where(documents.c.issued_at >= first.isoformat(), documents.c.issued_at < end)
    return list(connection.execute(query.order_by(documents.c.id)))


def _count(connection: Connection, calendar: Calendar, till_id: int, printed: date) -> None:
    """All business days that a note with this day on it may be of."""
    spread = timedelta(days=calendar.spread)
    by_day: dict[date, list[Any]] = defaultdict(list)
    for row in _window(connection, till_id, printed - 2 * spread, printed + 2 * spread):
        if (day := calendar.of(row.issued_at)) is not None:
            by_day[day].append(row)
    here: dict[str, Here] = {}
    for offset in range(-calendar.spread, calendar.spread + 1):
        day = printed + timedelta(days=offset)
        if rows := by_day.get(day):
            here[day.isoformat()] = _keep(connection, till_id, day, rows)
        else:
            own = (book_day.c.till_id == till_id, book_day.c.day == day.isoformat())
            connection.execute(delete(book_day).where(*own))
            here[day.isoformat()] = Here()
    lacking_days.note(connection, till_id, here)


def _keep(connection: Connection, till_id: int, day: date, rows: Sequence[Any]) -> Here:
    values = _sums(rows) | {"closed_at": None, "judged_at": None, "ruled_at": None}
    fresh = {"till_id": till_id, "day": day.isoformat(), "looked_to": 0, "checked_at": 0.0}
    statement = insert_into(connection, book_day).values(fresh | values)
    connection.execute(statement.on_conflict_do_update(index_elements=["till_id", "day"], set_=values))
    return Here(values["arrived"], values["arrived_total"])


def _sums(rows: Iterable[Any]) -> dict[str, Any]:
    best: dict[str, Any] = {}
    for row in rows:
        key = row.access_key or f"#{row.id}"
        if key not in best or _RANK[row.state] > _RANK[best[key].state]:
            best[key] = row
    values: dict[str, Any] = {name: 0 for state in ("arrived", *_NAMES.values()) for name in (state, f"{state}_total")}
    booked: dict[str, list[str]] = defaultdict(list)
    oldest: list[float] = []
    last_id = 0
    for key, row in best.items():
        rank = _RANK[row.state]
        for name in ("arrived", *([_NAMES[rank]] if rank in _NAMES else [])):
            values[name] += 1
            values[f"{name}_total"] += row.total or 0
        if rank == _RANK["posted"]:
            booked[key[:PREFIX]].append(key)
            last_id = max(last_id, row.id)
        elif rank == _RANK["accepted"]:
            oldest.append(row.accepted_at)
    ranges = [(min(keys), max(keys)) for _, keys in sorted(booked.items())]
    told = {"oldest_at": min(oldest, default=None), "last_id": last_id}
    return values | told | {"ranges": msgspec.json.encode(ranges).decode()}
