"""Conciliação: tills × business days with two marks kept apart, read from what is counted as things change.

*Arrived* is told by the till's own count and by nothing else; *proven* by the ERP: all that arrived is booked, was
compared with the ERP's own rows since, and differs in nothing.
"""

import time
from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any, Literal

import msgspec
from sqlalchemy import Connection, Engine, select

from malote.books import late_documents
from malote.books.late_documents import Late, Offline
from malote.books.months import MonthSoFar
from malote.books.months import so_far as months_so_far
from malote.books.rules import rule_findings
from malote.books.rules.rule_findings import ToldRule
from malote.business_day import BusinessCalendar
from malote.database.book_tables import book_day
from malote.database.chunks import chunks
from malote.database.engine import reading
from malote.database.erp_tables import erp_difference, erp_stranger
from malote.database.tables import document as documents
from malote.database.tables import till as tills
from malote.database.till_tables import till_day
from malote.reconciliation import book_days, day_differences, strangers
from malote.reconciliation.day_differences import NamedSale
from malote.tills import lost_sales
from malote.tills.clocks import store_clock
from malote.tills.lost_sales import LostAtTill
from malote.tills.troubles import till_troubles

#   none, partly, fully   by the till's own count
#   unknown               the till doesn't say: an older agent, or none
Arrived = Literal["none", "partly", "fully", "unknown"]
#   open        something isn't booked, or wasn't compared since
#   divergent   the ERP has something otherwise, lacks it, or has what nobody sent
Proven = Literal["open", "proven", "divergent"]

PAGE = 200  # tills
MARKS = 200  # days counted anew before the board is shown; the poster counts the rest


class BoardQuery(msgspec.Struct, frozen=True):
    """Business days, both included; ``till`` a name, None for all; of these ``size`` in the order of their names behind
    ``after``. ``whole``: with what is told of all tills, whichever are shown."""

    since: date
    until: date
    till: str | None = None
    after: str = ""
    size: int = PAGE
    whole: bool = True


class Cell(msgspec.Struct, frozen=True):
    """One till's day. Totals in cents; ``told`` and ``told_total`` are the till's own, None where it doesn't say."""

    day: date
    arrived: Arrived
    proven: Proven
    here: int
    here_total: int
    booked: int
    booked_total: int
    unbooked: int  # open, rejected or deleted
    unbooked_total: int
    differing: int
    told: int | None = None
    told_total: int | None = None

    @property
    def unsent(self) -> int:
        return max((self.told or 0) - self.here, 0)

    @property
    def unsent_total(self) -> int:
        return max((self.told_total or 0) - self.here_total, 0) if self.unsent else 0


class BoardRow(msgspec.Struct, frozen=True):
    till: str
    label: str
    cells: dict[date, Cell]  # of days on which there was anything


class Unsent(msgspec.Struct, frozen=True):
    """A day that is over, and of which the till has sales that aren't here. Cents."""

    till: str
    day: date
    count: int
    total: int


class Board(msgspec.Struct, frozen=True):
    """``months``: this one and the last. ``oldest``: till and moment (seconds since the epoch) of the sale that waits
    longest for its booking. ``after``: the next page's, None on the last one."""

    days: list[date]
    rows: list[BoardRow]
    months: list[MonthSoFar]
    oldest: tuple[str, float] | None
    unsent: list[Unsent]
    after: str | None = None
    offline: list[Offline] = []
    latest: list[Late] = []
    lost: list[LostAtTill] = []  # sales that tills lost, and that never came
    other: list[NamedSale] = []  # sales that a till and this server have otherwise, of days that are over
    rules: list[ToldRule] = []  # where rules of the retailer's own hold, of these days


def board(engine: Engine, calendar: BusinessCalendar, query: BoardQuery, today: date) -> Board:
    """Raises ``StoreError``. The cost is that of the days shown, and not of their sales."""
    book_days.recount(engine, calendar, MARKS)
    with reading(engine) as connection:
        shown, after = _tills(connection, query)
        own = {row.name for row in shown}
        other = [one for one in day_differences.listed(connection, query.since, query.until) if one.till in own]
        days = [query.since + timedelta(days=place) for place in range((query.until - query.since).days + 1)]
        cells = _cells(connection, calendar, days, [row.id for row in shown])
        lost = [one for one in lost_sales.listed(connection) if one.till in own]
        for row in shown:
            _mark_other(cells[row.id], [one for one in other if one.till == row.name and not one.accepted])
        rows = [BoardRow(row.name, row.label, cells[row.id]) for row in shown]
        months, oldest = (months_so_far(connection, today), _oldest(connection)) if query.whole else ([], None)
        behind = late_documents.offline(connection, time.time()), late_documents.latest(connection)
    late = [
        Unsent(row.till, cell.day, cell.unsent, cell.unsent_total)
        for row in rows
        for cell in row.cells.values()
        if cell.unsent and cell.day < today
    ]
    ruled = [
        one
        for one in rule_findings.listed(engine, query.till)
        if one.till in own and query.since.isoformat() <= one.day <= query.until.isoformat()
    ]
    return Board(
        days,
        rows,
        months,
        oldest,
        sorted(late, key=lambda one: (one.day, one.till)),
        after,
        *behind,
        lost,
        other,
        ruled,
    )


def _mark_other(cells: dict[date, Cell], differing: Sequence[NamedSale]) -> None:
    """A day of which the till has a sale that isn't here has not come whole, whatever the numbers of both."""
    for one in differing:
        if (cell := cells.get(one.day)) is not None and cell.arrived == "fully":
            cells[one.day] = msgspec.structs.replace(cell, arrived="partly")


class ListedSale(msgspec.Struct, frozen=True):
    """One sale of a till's day. ``differs``: what the ERP has otherwise, ``fields`` which; with ``till_`` before it
    what the till has otherwise; "" for nothing."""

    document_id: int  # 0 of one that nobody sent
    access_key: str
    number: int | None
    issued_at: str | None
    total: int  # cents
    state: str
    reason_code: str
    differs: str
    fields: str = ""


def of_day(engine: Engine, calendar: BusinessCalendar, till: str, day: date) -> list[ListedSale]:
    """What stands behind a cell, in order of arrival; what nobody sent comes last. Raises ``StoreError``."""
    with reading(engine) as connection:
        till_id = connection.scalar(select(tills.c.id).where(tills.c.name_key == till.lower()))
        if till_id is None:
            return []
        rows = book_days.of_day(connection, calendar, till_id, day)
        known = {row.document_id: row for row in connection.execute(_OPEN.where(erp_difference.c.till_id == till_id))}
        other = day_differences.listed(connection, day, day, till_id)
        unsent = connection.execute(_STRANGERS.where(erp_stranger.c.till_id == till_id)).all()
    found = [_listed(row, known.get(row.id)) for row in rows]
    found += [_of_till(one) for one in other]
    return found + [
        ListedSale(0, row.access_key, int(row.access_key[25:34]), row.issued_at, row.total, "", "", "unsent")
        for row in unsent
        if calendar.of(row.issued_at) == day
    ]


_OPEN = select(erp_difference).where(erp_difference.c.accepted_at.is_(None))
_STRANGERS = select(erp_stranger).where(erp_stranger.c.accepted_at.is_(None), ~strangers.is_paired())


def _listed(row: Any, difference: Any) -> ListedSale:
    what, fields = (difference.what, difference.fields or "") if difference else ("", "")
    place = (row.id, row.access_key or "", row.number, row.issued_at, row.total or 0)
    return ListedSale(*place, row.state, row.reason_code or "", what, fields)


def _of_till(one: NamedSale) -> ListedSale:
    """What the till has otherwise: a line beside those of the documents."""
    number = int(one.access_key[25:34]) if one.access_key else None
    total = one.here_total if one.till_total is None else one.till_total
    return ListedSale(0, one.access_key, number, None, total or 0, "", "", f"till_{one.what}")


def _tills(connection: Connection, query: BoardQuery) -> tuple[Sequence[Any], str | None]:
    statement = select(tills.c.id, tills.c.name, tills.c.label, tills.c.name_key).where(tills.c.name_key > query.after)
    if query.till is not None:
        statement = statement.where(tills.c.name_key == query.till.lower())
    found = connection.execute(statement.order_by(tills.c.name_key).limit(query.size + 1)).all()
    return found[: query.size], found[query.size - 1].name_key if len(found) > query.size else None


def _cells(
    connection: Connection, calendar: BusinessCalendar, days: Sequence[date], till_ids: Sequence[int]
) -> dict[int, dict[date, Cell]]:
    wanted, shown = {day.isoformat(): day for day in days}, set(till_ids)

    def read(statement: Any, table: Any) -> list[Any]:
        chunked = (_within(statement, table, list(wanted), some) for some in chunks(till_ids))
        return [row for chosen in chunked for row in connection.execute(chosen).all()]

    counted = {(row.till_id, row.day): row for row in read(_COUNTED, book_day)}
    told = {(row.till_id, row.day): row for row in read(_TOLD, till_day)}
    differing, short = _differing(connection, calendar), _short(connection, calendar)
    found: dict[int, dict[date, Cell]] = defaultdict(dict)
    for till_id, day in sorted({*counted, *told, *differing}):
        if day in wanted and till_id in shown:
            key = (till_id, day)
            cell = _cell(wanted[day], counted.get(key), told.get(key), differing.get(key, 0))
            if cell.arrived == "fully" and day >= short.get(till_id, _NEVER):
                cell = msgspec.structs.replace(cell, arrived="partly")
            found[till_id][cell.day] = cell
    return found


def _within(statement: Any, table: Any, days: Sequence[str], till_ids: Sequence[int]) -> Any:
    """Each day by name, so that an index is left at its own tills, however many others there are."""
    return statement.where(table.c.day.in_(days), table.c.till_id.in_(till_ids))


_STATES = ("arrived", "booked", "open", "rejected", "discarded")
_COUNTED = select(
    *(book_day.c[name] for name in ("till_id", "day", "last_id", "looked_to")),
    *(book_day.c[name] for state in _STATES for name in (state, f"{state}_total")),
)
_TOLD = select(till_day.c.till_id, till_day.c.day, till_day.c["count"], till_day.c.total)


def _cell(day: date, counted: Any, told: Any, differing: int) -> Cell:
    counts = {name: getattr(counted, name) if counted else 0 for name in _STATES}
    totals = {name: getattr(counted, f"{name}_total") if counted else 0 for name in _STATES}
    here, unbooked = counts["arrived"], counts["open"] + counts["rejected"] + counts["discarded"]
    compared = counted is not None and counted.looked_to >= counted.last_id
    proven: Proven = "divergent" if differing else "proven" if not unbooked and compared else "open"
    return Cell(
        day,
        _arrived(here, told.count if told else None),
        proven,
        here,
        totals["arrived"],
        counts["booked"],
        totals["booked"],
        unbooked,
        totals["open"] + totals["rejected"] + totals["discarded"],
        differing,
        told.count if told else None,
        told.total if told else None,
    )


def _arrived(here: int, told: int | None) -> Arrived:
    if told is None:
        return "unknown"
    if here >= told:
        return "fully"
    return "partly" if here else "none"


def _short(connection: Connection, calendar: BusinessCalendar) -> dict[int, str]:
    """From which day on a till's own count lacks what it saw: files that it could not capture, or lost."""
    since: dict[int, float] = {}
    for trouble in till_troubles(connection, now=time.time()):
        if trouble.code in ("files_uncaptured", lost_sales.CODE):
            since[trouble.till_id] = min(since.get(trouble.till_id, trouble.since), trouble.since)
    lost = lost_sales.by_till()
    for till_id, at in connection.execute(select(lost.c.till_id, lost.c.lost_since)):
        since[till_id] = min(since.get(till_id, at), at)
    zone = store_clock(connection, calendar.zone) if since else None
    moments = {till_id: datetime.fromtimestamp(at, UTC).astimezone(zone) for till_id, at in since.items()}
    days = {till_id: calendar.of(at.isoformat()) for till_id, at in moments.items()}
    return {till_id: "" if day is None else day.isoformat() for till_id, day in days.items()}


def _differing(connection: Connection, calendar: BusinessCalendar) -> dict[tuple[int, str], int]:
    """Few, on any good day. A cancellation or void is told on the day of its own."""
    found: dict[tuple[int, str], int] = defaultdict(int)
    known = select(erp_difference.c.till_id, documents.c.issued_at).join_from(erp_difference, documents)
    sent = connection.execute(known.where(erp_difference.c.accepted_at.is_(None))).all()
    unsent = connection.execute(select(erp_stranger.c.till_id, erp_stranger.c.issued_at).where(_NOT_ACCEPTED)).all()
    for till_id, issued_at in [*sent, *unsent]:
        if (day := calendar.of(issued_at)) is not None:
            found[till_id, day.isoformat()] += 1
    return found


_NEVER = "9999"
_NOT_ACCEPTED = erp_stranger.c.accepted_at.is_(None) & ~strangers.is_paired()


def _oldest(connection: Connection) -> tuple[str, float] | None:
    query = select(tills.c.name, book_day.c.oldest_at).join_from(book_day, tills)
    row = connection.execute(
        query.where(book_day.c.oldest_at.is_not(None)).order_by(book_day.c.oldest_at).limit(1)
    ).first()
    return None if row is None else (row.name, row.oldest_at)
