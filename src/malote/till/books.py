"""The till's own count of its sales, per business day, from its files and from no answer of the server.

Each day is count, sum and digest over the lines ``KEY STATE CENTS`` (docs/books.md), kept in the outbox by month. A day
is counted again when a file of it was captured, from the first of its files on: the cost follows the day, not the
history.
"""

from collections import defaultdict
from datetime import date, timedelta
from typing import Any
from zoneinfo import ZoneInfoNotFoundError

import msgspec

from malote import wire
from malote.business_day import BusinessCalendar, business_day, day_digest, sale_line
from malote.config import BooksSettings
from malote.till.outbox import Outbox

_STATE = "books"
_MONTH = "books:"  # and YYYY-MM
# Of a cancellation only the sale's key is known, which tells the month of its issue.
_KEY_MONTH = slice(2, 6)


class CountedDay(msgspec.Struct, frozen=True):
    """``total`` in cents; ``turn`` grows with each change of any day; ``first``: the first file with a sale of it."""

    count: int
    total: int
    sha256: str
    turn: int
    first: int


class CountingProgress(msgspec.Struct, frozen=True):
    """How far the files are counted, by which rule, and the newest turn."""

    rule: wire.BusinessDay
    file: int = 0
    turn: int = 0


class OwnBooks:
    """Belongs to its outbox's thread. Nothing is counted before the server said what a business day is."""

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox
        self._known: int | None = None  # the turn up to which the server has the days; None: it doesn't keep them

    def heed(self, reply: wire.ContactReply) -> bool:
        """Counts what is new; whether there is something to tell soon. Raises ``OutboxError``."""
        before_it, self._known = self._known, reply.books
        if reply.books is None or reply.business_day is None:
            return False
        before = _progress(self._outbox)
        if before is None or before.rule != reply.business_day:
            before = CountingProgress(reply.business_day, 0, before.turn if before else 0)
        if reply.books > before.turn:
            # The server knows of an outbox before this one: its days are told again, above what it has.
            before = CountingProgress(before.rule, 0, reply.books)
        after = count(self._outbox, before)
        # A server that takes none of what it was just told is not hurried.
        return after is not None and after.turn > reply.books != before_it

    def to_tell(self) -> list[wire.TillDay]:
        """The days that the server doesn't have as they are, those that changed first first. Raises ``OutboxError``."""
        if self._known is None:
            return []
        progress = _progress(self._outbox)
        if progress is None or progress.turn <= self._known:
            return []
        changed = [
            wire.TillDay(day, one.count, one.total, one.sha256, one.turn)
            for day, one in days(self._outbox).items()
            if one.turn > self._known
        ]
        return sorted(changed, key=lambda one: (one.turn, one.day))[: wire.MAX_TOLD]


def rule(outbox: Outbox) -> wire.BusinessDay | None:
    """What a business day is, as the server said last; None before. Raises ``OutboxError``."""
    progress = _progress(outbox)
    return progress.rule if progress else None


def days(outbox: Outbox) -> dict[str, CountedDay]:
    """All days counted, by ``YYYY-MM-DD``. Raises ``OutboxError``."""
    found = outbox.rows("SELECT value FROM fact WHERE name LIKE ? ORDER BY name", (f"{_MONTH}%",))
    return {day: one for (text,) in found for day, one in msgspec.json.decode(text, type=dict[str, CountedDay]).items()}


def count(outbox: Outbox, progress: CountingProgress) -> CountingProgress | None:
    """Counts the days of what was captured since; None where this machine doesn't know the server's time zone.

    Raises ``OutboxError``.
    """
    try:
        rule = _rule(progress)
    except _NO_RULE:
        return None
    ((last,),) = outbox.rows("SELECT COALESCE(MAX(id), 0) FROM file")
    known = days(outbox)
    if progress.file == 0 or last > progress.file:
        touched = _touched(outbox, rule, progress.file, known)
        counted = _counted(outbox, rule, touched)
        turn = _keep(outbox, known, counted, progress.turn, anew=progress.file == 0)
        progress = CountingProgress(progress.rule, last, turn)
        # Last, so that a machine that dies before counts the same files again.
        outbox.note(_STATE, progress)
    return progress


def lines_of(outbox: Outbox, day: str) -> list[str] | None:
    """What the day's digest is taken of, in order; None of a day that isn't counted. Raises ``OutboxError``."""
    progress, known = _progress(outbox), days(outbox).get(day)
    if progress is None or known is None:
        return None
    try:
        rule = _rule(progress)
    except _NO_RULE:
        return None
    by_day, cancelled = _sales(outbox, rule, known.first)
    return sorted(_lines(by_day[day], cancelled))


_NO_RULE = (ZoneInfoNotFoundError, ValueError, OSError)


def _rule(progress: CountingProgress) -> BusinessCalendar:
    """Raises one of ``_NO_RULE`` where this machine doesn't know the server's time zone."""
    return business_day(BooksSettings(zone=progress.rule.zone, day_begins=progress.rule.begins))


def _touched(outbox: Outbox, rule: BusinessCalendar, after: int, known: dict[str, CountedDay]) -> dict[str, int]:
    """The days of the files after this one, each with the first file to count it from."""
    touched: dict[str, int] = {}
    found = outbox.rows(
        "SELECT file_id, kind, access_key, issued_at FROM document"
        " WHERE file_id > ? AND kind IN ('sale', 'cancellation') ORDER BY file_id",
        (after,),
    )
    for file_id, kind, key, issued_at in list(found):
        if kind == "sale":
            chosen = {_day(rule, issued_at): file_id}
        else:
            chosen = {day: one.first for day, one in known.items() if _may_be_of(day, key)}
        for day, first in chosen.items():
            if day:
                touched.setdefault(day, min(first, known[day].first) if day in known else first)
    return touched


def _counted(outbox: Outbox, rule: BusinessCalendar, touched: dict[str, int]) -> dict[str, tuple[int, int, str, int]]:
    """Count, total, digest and first file of each of these days."""
    if not touched:
        return {}
    by_day, cancelled = _sales(outbox, rule, min(touched.values()))
    return {day: _summed(by_day[day], cancelled, touched[day]) for day in touched}


def _sales(
    outbox: Outbox, rule: BusinessCalendar, first_file: int
) -> tuple[dict[str, list[tuple[str, int, int]]], set[str]]:
    """By day the sales of the files from this one on, each with key, cents and first file; and what is cancelled."""
    sales: dict[str, tuple[str, int, int]] = {}  # by key: day, cents, file; the version captured last
    cancelled: set[str] = set()
    for file_id, kind, key, issued_at, total in outbox.rows(
        "SELECT file_id, kind, access_key, issued_at, total FROM document WHERE file_id >= ?"
        " AND kind IN ('sale', 'cancellation') AND access_key IS NOT NULL ORDER BY file_id, position",
        (first_file,),
    ):
        if kind == "cancellation":
            cancelled.add(key)
        else:
            first = sales[key][2] if key in sales else file_id
            sales[key] = (_day(rule, issued_at), total or 0, first)
    by_day: dict[str, list[tuple[str, int, int]]] = defaultdict(list)
    for key, (day, cents, file_id) in sales.items():
        by_day[day].append((key, cents, file_id))
    return by_day, cancelled


def _lines(sales: list[tuple[str, int, int]], cancelled: set[str]) -> list[str]:
    return [sale_line(key, cents, cancelled=key in cancelled) for key, cents, _ in sales]


def _summed(sales: list[tuple[str, int, int]], cancelled: set[str], first: int) -> tuple[int, int, str, int]:
    first = min((file_id for *_, file_id in sales), default=first)
    total = sum(cents for _, cents, _ in sales)
    return len(sales), total, day_digest(_lines(sales, cancelled)), first


def _keep(outbox: Outbox, known: dict[str, CountedDay], counted: dict[str, Any], turn: int, *, anew: bool) -> int:
    """Writes down what changed, and returns the newest turn."""
    after = {} if anew else dict(known)
    for day, (number, total, sha256, first) in sorted(counted.items()):
        before = after.get(day)
        if before is None or (before.count, before.total, before.sha256) != (number, total, sha256):
            turn += 1
            after[day] = CountedDay(number, total, sha256, turn, first)
    for day in known.keys() - after.keys():
        turn += 1
        after[day] = CountedDay(0, 0, day_digest([]), turn, 0)  # by another rule it has none
    changed = {day[:7] for day, one in after.items() if known.get(day) != one}
    for month in sorted(changed):
        outbox.note(_MONTH + month, {day: one for day, one in sorted(after.items()) if day[:7] == month})
    return turn


def _progress(outbox: Outbox) -> CountingProgress | None:
    noted = outbox.noted(_STATE)
    return msgspec.json.decode(noted, type=CountingProgress) if noted else None


def _day(rule: BusinessCalendar, issued_at: str | None) -> str:
    """ "" where the time of issue can't be read: such a sale is in no day."""
    found = rule.of(issued_at)
    return found.isoformat() if found else ""


def _may_be_of(day: str, key: str | None) -> bool:
    """Whether a sale of this key may be of this day: by the month in the key, and a day more for the cut-off."""
    month = (key or "")[_KEY_MONTH]
    at = date.fromisoformat(day)
    return any(f"{near:%y%m}" == month for near in (at, at + timedelta(days=1), at - timedelta(days=1)))
