"""Round and round over all till-days that were booked: whatever somebody changed in the ERP shows within one round.

The ERP adds up its own rows of a day's range of keys. A sum that is what it was, or differs by just what was booked
since, means that nothing else changed. Only where it isn't are documents compared, field by field; then the sum that
was taken before they were is kept. So the cost of a round is that of adding up, and the cost of looking follows the
change.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Any

import msgspec
from sqlalchemy import Connection, Engine, Select, bindparam, exists, func, literal_column, select, update

from malote.database.book_tables import book_day
from malote.database.chunks import chunks
from malote.database.engine import reading, writing
from malote.database.tables import document as documents
from malote.fiscal.access_key import KeyParts, is_well_formed, split
from malote.reconciliation import book_days, strangers
from malote.reconciliation.book_days import PREFIX, Calendar
from malote.reconciliation.erp_differences import ErpWitness

SMALLEST, LARGEST = 2_000, 200_000  # booked sales, added up in one look
FEWEST_DAYS, MOST_DAYS = 100, 40_000  # in one look
MOST_COMPARED = 4_000  # sales, of days that changed, in one look
_WRAP = 2**63
_KEY_LENGTH, _NUMBERED = 44, 34  # characters of a key, and up to the end of its number

DAYS_AT_ONCE = 100  # added up in one question
MOST_SECONDS = 4.0  # of adding up in one look, since nothing is booked meanwhile
PAGE = 2_000  # documents compared at once

Ranges = list[tuple[str, str]]
Print = list[int]


class _Day(msgspec.Struct, frozen=True):
    till_id: int
    day: str
    booked: int
    last_id: int
    looked_to: int
    ranges: Ranges
    prints: dict[str, Print] | None  # by prefix of the keys, as when its documents were last compared
    newest: bool = False  # of its till's in its month: whatever lies behind it under its prefix is nobody's

    @property
    def widened(self) -> Ranges:
        """Its ranges with all keys that its first and last number can have, and the newest's to the end: a sale that
        nobody sent lies there as well as among the others."""
        return [(_first_of(first), _last_of(last, self.newest)) for first, last in self.ranges]

    def is_as_of(self, prints: Mapping[str, Print]) -> bool:
        """Whether the rows come to what they did; an older program added up fewer tables, and the same first."""
        before = self.prints
        if before is None or before.keys() != prints.keys():
            return False
        return all(one and one == prints[prefix][: len(one)] for prefix, one in before.items())


def _first_of(key: str) -> str:
    return key[:_NUMBERED].ljust(len(key), "0") if _has_number(key) else key


def _last_of(key: str, newest: bool) -> str:
    return key[: PREFIX if newest else _NUMBERED].ljust(len(key), "9") if _has_number(key) else key


def _has_number(key: str) -> bool:
    """Whether its number follows the prefix; a SAT's key is built otherwise."""
    return len(key) == _KEY_LENGTH and key[20:22] in ("55", "65")


def go_on(
    engine: Engine,
    erp: ErpWitness,
    calendar: Calendar,
    now: float,
    compare: Callable[[list[int]], object],
    share: float,
    unsent: bool = True,
) -> bool:
    """The part of a round that is due: ``share`` of all. ``compare`` is given documents, and writes down what it finds.
    Without ``unsent`` days that hold what nobody sent stay due.

    False where the ERP can't add up. Raises ``StoreError`` and what the ERP raises.
    """
    book_days.recount(engine, calendar)
    taken = _taken(erp, _due(engine, share))
    if taken is None:
        return False
    _settle_grown(engine, erp, calendar, taken)
    room, doubtful = MOST_COMPARED, strangers.tills_with_any(engine)
    looked: list[_Taken] = []
    for one in taken:
        if one.changed:
            if room <= 0:
                continue
            room -= max(one.day.booked, 1)
            with reading(engine) as connection:
                one.asked = _documents_of(connection, calendar, one.day)
            if sum(each[0] for each in one.prints.values()) != one.day.booked or one.day.till_id in doubtful:
                if not unsent:
                    continue
                strangers.look(engine, erp, [date.fromisoformat(one.day.day)], now, one.day.till_id)
        looked.append(one)
    asked = [each for one in looked for each in one.asked]
    for start in range(0, len(asked), PAGE):
        compare(asked[start : start + PAGE])
    _note_checked(engine, looked, now)
    return True


class _Taken(msgspec.Struct):
    """``prints`` were taken before anything of the day is compared: what happens meanwhile shows the next time."""

    day: _Day
    prints: dict[str, Print]
    changed: bool = True
    asked: list[int] = []  # documents to be compared

    def __post_init__(self) -> None:
        self.changed = not self.day.is_as_of(self.prints)


def note_walked(engine: Engine, newest: int) -> None:
    """Where the ERP can't add up: what was booked up to this document was compared among the newest."""
    with writing(engine) as connection:
        within = (book_day.c.last_id <= newest, book_day.c.looked_to < book_day.c.last_id)
        connection.execute(update(book_day).where(*within).values(looked_to=book_day.c.last_id))


def _taken(erp: ErpWitness, days: Sequence[_Day]) -> list[_Taken] | None:
    """The days with what the ERP's rows come to now: as many as it adds up within its seconds, at least a few."""
    began = time.monotonic()
    found: list[_Taken] = []
    for start in range(0, len(days), DAYS_AT_ONCE):
        some = days[start : start + DAYS_AT_ONCE]
        # A number's row knows no month: behind the last number of one lie those of the next.
        numbered = [one for day in some for one in day.ranges]
        prints = erp.fingerprints([one for day in some for one in day.widened], numbered)
        if prints is None:
            return None
        own = iter(prints)
        found += [_Taken(day, {first[:PREFIX]: list(next(own)) for first, _ in day.ranges}) for day in some]
        if time.monotonic() - began > MOST_SECONDS:
            break
    return found


def _due(engine: Engine, share: float) -> list[_Day]:
    """The days that were looked at longest ago."""
    with reading(engine) as connection:
        booked, days = connection.execute(_SIZE).one()
        most = min(max(int(int(booked or 0) * share) + 1, SMALLEST), LARGEST)  # PostgreSQL's sum is a decimal
        limit = min(max(int((days or 0) * share) + 1, FEWEST_DAYS), MOST_DAYS)
        found: list[_Day] = []
        for row in connection.execute(_OLDEST.limit(limit)):
            most -= row.booked
            if most < 0 and found:
                break
            prints = msgspec.json.decode(row.prints) if row.prints else None
            ranges = msgspec.json.decode(row.ranges, type=Ranges)
            place = (row.till_id, row.day, row.booked, row.last_id, row.looked_to)
            found.append(_Day(*place, ranges, prints, newest=row.newest))
        return found


def _settle_grown(engine: Engine, erp: ErpWitness, calendar: Calendar, taken: Sequence[_Taken]) -> None:
    """Of days that only grew since: just what is new of them is to be compared."""
    asked: list[tuple[_Taken, str, list[Any]]] = []
    with reading(engine) as connection:
        for one in taken:
            if one.changed and one.day.prints is not None and one.day.last_id > one.day.looked_to:
                fresh: dict[str, list[Any]] = {}
                for row in _posted(connection, calendar, one.day):
                    if row.id > one.day.looked_to and row.access_key:
                        fresh.setdefault(row.access_key[:PREFIX], []).append(row)
                asked += [(one, prefix, rows) for prefix, rows in fresh.items()]
    ranges = [(min(row.access_key for row in rows), max(row.access_key for row in rows)) for *_, rows in asked]
    grown: dict[int, dict[str, Print]] = {}
    for (one, prefix, rows), part in zip(asked, erp.fingerprints(ranges) or [], strict=False):
        if part[0] == len({row.access_key for row in rows}):
            grown.setdefault(id(one), {})[prefix] = list(part)
            one.asked += [row.id for row in rows]
    for one in taken:
        if id(one) in grown:
            one.changed = not _only_grew(one, grown[id(one)])


def _only_grew(one: _Taken, grown: Mapping[str, Print]) -> bool:
    before = one.day.prints or {}
    rest: dict[str, Print] = {}
    for prefix, whole in one.prints.items():
        new = grown.get(prefix)
        if new is None:
            rest[prefix] = whole
        elif prefix in before:
            rest[prefix] = [(each - less) % _WRAP for each, less in zip(whole, new, strict=True)]
        elif whole != new:
            return False
    return rest == before


def _posted(connection: Connection, calendar: Calendar, day: _Day) -> list[Any]:
    rows = book_days.of_day(connection, calendar, day.till_id, date.fromisoformat(day.day))
    return [row for row in rows if row.state == "posted"]


def _documents_of(connection: Connection, calendar: Calendar, day: _Day) -> list[int]:
    """All that was posted of its sales, with their cancellations and the voids of numbers among theirs."""
    rows = _posted(connection, calendar, day)
    found = [row.id for row in rows]
    for keys in chunks(sorted({row.access_key for row in rows if row.access_key})):
        query = select(documents.c.id).where(documents.c.access_key.in_(keys), documents.c.kind == "cancellation")
        found += connection.scalars(query.where(documents.c.state == "posted"))
    for first, last in day.ranges:
        if is_well_formed(first) and is_well_formed(last):
            found += connection.scalars(_voids(split(first), split(last)))
    return found


def _voids(first: KeyParts, last: KeyParts) -> Select[tuple[int]]:
    column = documents.c
    # Written out, so that the engines see which of their indexes it is.
    void = (column.kind == literal_column("'number_void'"), column.state == "posted")
    series = (column.issuer == first.issuer, column.model == first.model, column.series == first.series)
    within = (column.last_number >= first.number, column.number <= last.number)
    return select(column.id).where(*void, *series, *within)


def _note_checked(engine: Engine, looked: Sequence[_Taken], now: float) -> None:
    rows = [
        {
            "of_till": one.day.till_id,
            "of_day": one.day.day,
            "is_prints": msgspec.json.encode(one.prints).decode(),
            "is_looked_to": one.day.last_id,
            "is_checked_at": now,
        }
        for one in looked
    ]
    if rows:
        with writing(engine) as connection:
            connection.execute(_CHECKED, rows)


_SIZE = select(func.sum(book_day.c.booked), func.count())
_later = book_day.alias("later")
_IN_MONTH = (_later.c.day > book_day.c.day) & (_later.c.day <= func.substr(book_day.c.day, 1, 7) + "-99")
_NEWEST = ~exists().where(_later.c.till_id == book_day.c.till_id, _IN_MONTH, _later.c.booked > 0)
_OLDEST = select(book_day, _NEWEST.label("newest")).order_by(book_day.c.checked_at)
_CHECKED = (
    update(book_day)
    .where(book_day.c.till_id == bindparam("of_till"), book_day.c.day == bindparam("of_day"))
    .values(prints=bindparam("is_prints"), looked_to=bindparam("is_looked_to"), checked_at=bindparam("is_checked_at"))
)
