"""Days that are over, held against the till's own digest: which sales till and server have otherwise, by key.

A day is judged once it is over, and again whenever it was counted again. Where count or digest differ the till is asked
for its list; until it answers the day stands as differing, without a name. A till that counts fewer sales than are here
is no difference: its outbox may have been made anew.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, Literal

import msgspec
from sqlalchemy import Connection, Engine, and_, delete, exists, insert, select, update

from malote.business_day import day_digest, sale_line
from malote.database.book_tables import book_day, day_difference, lacking_day, pos_closing
from malote.database.chunks import chunks
from malote.database.engine import reading, writing
from malote.database.tables import document as documents
from malote.database.tables import till as tills
from malote.database.till_tables import till_day
from malote.fiscal.access_key import is_well_formed
from malote.reconciliation import book_days
from malote.reconciliation.book_days import Calendar

#   untold       count or digest differ, and the till has not said in what
#   not_here     the till has a sale that never came
#   not_at_till  a sale is here that the till doesn't have
#   total        the sale comes to another amount
#   state        the till has a cancellation of it that never came
What = Literal["untold", "not_here", "not_at_till", "total", "state"]

MOST_JUDGED = 500  # days at one look
MOST_LISTED = 1000
NO_KEY = ""


class SaleHere(msgspec.Struct, frozen=True):
    """What is here under a key: what its documents come to, the newest last, and whether it is cancelled."""

    totals: tuple[int, ...]
    cancelled: bool


class DaysStanding(msgspec.Struct, frozen=True):
    """Of one till: ``days`` that are over and differ, what they differ by in cents, and since when."""

    days: int
    total: int
    since: float


class NamedSale(msgspec.Struct, frozen=True):
    """One sale; ``access_key`` "" while the till has not said which. Cents, None where a side has none."""

    till: str
    day: date
    access_key: str
    what: What
    till_total: int | None
    here_total: int | None
    accepted: bool = False


def judge(engine: Engine, calendar: Calendar, today: date, now: float) -> None:
    """Judges the days before ``today`` that were counted again since. Raises ``StoreError``."""
    with reading(engine) as connection:
        due = connection.execute(_UNJUDGED.where(book_day.c.day < today.isoformat()).limit(MOST_JUDGED)).all()
        nothing_came = connection.execute(_UNNAMED.where(lacking_day.c.day < today.isoformat())).all()
    if not due and not nothing_came:
        return
    with writing(engine) as connection:
        for till_id, day in {(row.till_id, row.day) for row in [*due, *nothing_came]}:
            _judge(connection, calendar, till_id, day, now)


def answer(engine: Engine, calendar: Calendar, till_id: int, day: str, lines: Sequence[str], now: float) -> None:
    """Names what differs, by the till's own list. One that isn't what the digest was taken of is not believed: it has
    changed since, and is asked for again. Raises ``StoreError``."""
    with writing(engine) as connection:
        told = _told(connection, till_id, day)
        if told is None or day_digest(lines) != told.sha256:
            return
        named = differences(_parsed(lines), here(connection, calendar, till_id, day))
        known = {row.access_key: row for row in connection.execute(select(day_difference).where(*_of(till_id, day)))}
        if not known:
            return
        since = min(row.found_at for row in known.values())
        connection.execute(delete(day_difference).where(*_of(till_id, day)))
        rows = []
        for key, (what, told_total, here_total) in named.items():
            before = known.get(key)
            place = {"till_id": till_id, "day": day, "access_key": key, "what": what}
            sums = {"till_total": told_total, "here_total": here_total}
            kept = {
                "found_at": before.found_at if before else since,
                "accepted_at": before.accepted_at if before else None,
            }
            rows.append(place | sums | kept)
        if rows:
            connection.execute(insert(day_difference), rows)


def differences(
    told: Mapping[str, tuple[str, int]], own: Mapping[str, SaleHere]
) -> dict[str, tuple[What, int | None, int | None]]:
    """By key what differs, with the cents of both. ``told``: state and cents. The till may count another version than
    the newest that came; a cancellation may come from elsewhere."""
    found: dict[str, tuple[What, int | None, int | None]] = {}
    for key in sorted({*told, *own}):
        if key not in own:
            found[key] = ("not_here", told[key][1], None)
        elif key not in told:
            found[key] = ("not_at_till", None, own[key].totals[-1])
        elif told[key][1] not in own[key].totals:
            found[key] = ("total", told[key][1], own[key].totals[-1])
        elif told[key][0] == "cancelled" and not own[key].cancelled:
            found[key] = ("state", told[key][1], own[key].totals[-1])
    return found


def here(connection: Connection, calendar: Calendar, till_id: int, day: str) -> dict[str, SaleHere]:
    """What came of the till's day, by key."""
    totals: dict[str, list[int]] = defaultdict(list)
    for row in book_days.of_day(connection, calendar, till_id, date.fromisoformat(day)):
        if row.access_key:
            totals[row.access_key].append(row.total or 0)
    cancelled: set[str] = set()
    for some in chunks(sorted(totals)):
        query = select(documents.c.access_key).where(documents.c.access_key.in_(some))
        cancelled |= set(connection.scalars(query.where(documents.c.kind == "cancellation")))
    return {key: SaleHere(tuple(some), key in cancelled) for key, some in totals.items()}


def digest(own: Mapping[str, SaleHere]) -> str:
    """As the till takes it of its own files."""
    return day_digest(sale_line(key, one.totals[-1], cancelled=one.cancelled) for key, one in own.items())


def standing(connection: Connection, today: date, before: float) -> dict[int, DaysStanding]:
    """By till, the days before ``today`` that differ since before this moment, and that nobody answers for; and of
    later ones what a till lacks here that has sent all it holds: the server may have been put back to before."""
    days: dict[tuple[int, str], list[tuple[int, float]]] = defaultdict(list)
    columns = lacking_day.c
    lacking = select(columns.till_id, columns.day, columns.total, columns.since)
    sent_all = exists().where(tills.c.id == columns.till_id, tills.c.pending == 0, tills.c.last_contact_at > before)
    due = (columns.day < today.isoformat()) | sent_all
    lacking = lacking.where(columns.since < before, due, columns.count > columns.accepted)
    for till_id, day, total, since in connection.execute(lacking):
        days[till_id, day].append((int(total), since))
    known = select(day_difference).where(day_difference.c.accepted_at.is_(None), day_difference.c.found_at < before)
    unaccepted: dict[tuple[int, str], list[Any]] = defaultdict(list)
    for row in connection.execute(known.where(~_accepted_lack())):
        unaccepted[row.till_id, row.day].append(row)
    for place, rows in unaccepted.items():
        days[place].append((sum(map(_value, rows)), min(row.found_at for row in rows)))
    found: dict[int, DaysStanding] = {}
    for (till_id, _), some in days.items():
        total, since = max(one[0] for one in some), min(one[1] for one in some)
        known_ = found.get(till_id, DaysStanding(0, 0, since))
        found[till_id] = DaysStanding(known_.days + 1, known_.total + total, min(known_.since, since))
    return found


def listed(connection: Connection, since: date, until: date, till_id: int | None = None) -> list[NamedSale]:
    """What differs of days from the one to the other, of one till or all, by till and day; at most a thousand."""
    columns = day_difference.c
    query = select(day_difference, tills.c.name).join_from(day_difference, tills)
    query = query.where(columns.day.between(since.isoformat(), until.isoformat()))
    if till_id is not None:
        query = query.where(columns.till_id == till_id)
    rows = connection.execute(query.order_by(tills.c.name_key, columns.day, columns.access_key).limit(MOST_LISTED))
    return [
        NamedSale(
            row.name,
            date.fromisoformat(row.day),
            row.access_key,
            row.what,
            row.till_total,
            row.here_total,
            row.accepted_at is not None,
        )
        for row in rows
    ]


def accept(connection: Connection, till_id: int, day: date, now: float) -> int:
    """A person answers for what differs of the day as it stands; of how many sales that is told."""
    open_ = (*_of(till_id, day.isoformat()), day_difference.c.accepted_at.is_(None))
    differing = connection.execute(update(day_difference).where(*open_).values(accepted_at=now)).rowcount
    own = (lacking_day.c.till_id == till_id, lacking_day.c.day == day.isoformat())
    lacks = connection.scalar(select(lacking_day.c.count).where(*own, lacking_day.c.count > lacking_day.c.accepted))
    connection.execute(update(lacking_day).where(*own).values(accepted=lacking_day.c.count))
    return max(differing, int(lacks or 0))


def _accepted_lack() -> Any:
    """A person answers for the whole of what the day lacks, whose sales may not be named yet."""
    same = and_(lacking_day.c.till_id == day_difference.c.till_id, lacking_day.c.day == day_difference.c.day)
    named_so = day_difference.c.what.in_(("untold", "not_here"))
    return named_so & exists().where(same, lacking_day.c.count <= lacking_day.c.accepted)


def _judge(connection: Connection, calendar: Calendar, till_id: int, day: str, now: float) -> None:
    told = _told(connection, till_id, day)
    own = here(connection, calendar, till_id, day) if told is not None else {}
    agrees = told is None or told.count < len(own) or told.sha256 == digest(own)
    if agrees:
        connection.execute(delete(day_difference).where(*_of(till_id, day)))
    elif connection.scalar(select(day_difference.c.day).where(*_of(till_id, day), _IS_UNNAMED)) is None:
        row = {"till_id": till_id, "day": day, "access_key": NO_KEY, "what": "untold", "found_at": now}
        connection.execute(insert(day_difference).values(row))
    judged = update(book_day).where(book_day.c.till_id == till_id, book_day.c.day == day)
    connection.execute(judged.values(judged_at=now))
    # The POS's own closing is held against what is booked of the day once more.
    closing = update(pos_closing).where(pos_closing.c.till_id == till_id, pos_closing.c.day == day)
    connection.execute(closing.values(judged_at=None))


def _told(connection: Connection, till_id: int, day: str) -> Any:
    return connection.execute(select(till_day).where(till_day.c.till_id == till_id, till_day.c.day == day)).first()


def _parsed(lines: Sequence[str]) -> dict[str, tuple[str, int]]:
    """What can't be read says nothing; no key or amount of it is longer than such a thing is."""
    found: dict[str, tuple[str, int]] = {}
    for line in lines:
        key, _, rest = line.partition(" ")
        state, _, cents = rest.partition(" ")
        if is_well_formed(key) and state in ("booked", "cancelled") and cents.isascii() and cents.isdigit():
            found[key] = (state, int(cents[:15]))
    return found


def _value(row: Any) -> int:
    """What a difference comes to, in cents."""
    if row.what in ("not_here", "total"):
        return abs(int(row.till_total or 0) - int(row.here_total or 0))
    return 0


def _of(till_id: int, day: str) -> tuple[Any, ...]:
    return day_difference.c.till_id == till_id, day_difference.c.day == day


_IS_UNNAMED = day_difference.c.access_key == NO_KEY
_UNJUDGED = select(book_day.c.till_id, book_day.c.day).where(book_day.c.judged_at.is_(None)).order_by(book_day.c.day)
_UNNAMED = select(lacking_day.c.till_id, lacking_day.c.day).where(
    ~exists().where(day_difference.c.till_id == lacking_day.c.till_id, day_difference.c.day == lacking_day.c.day)
)
