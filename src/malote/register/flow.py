"""Received and booked documents by minute, of the last hour: of all tills together, and received ones of each till.

What was counted is kept, so that a look reads what came since the one before. Documents and changes lie in order of
their noting, but of two that were noted at once the first may be committed last: what is younger than a moment is
counted anew at each look.
"""

import math
import threading
from collections import defaultdict
from typing import Any

import msgspec
from sqlalchemy import BigInteger, ColumnElement, Engine, Table, cast, func, select
from sqlalchemy.sql.selectable import Select

from malote.database.consumer_tables import feed
from malote.database.engine import reading
from malote.database.tables import document

MINUTES = 60
YOUNG_SECONDS = 20.0  # so long a transaction may stay open between noting and committing
LARGEST_WALK = 200_000  # rows read at the first look


class Flow(msgspec.Struct, frozen=True):
    """The oldest minute first, the one under way last."""

    since: float  # the beginning of the first minute, in seconds since the epoch
    received: list[int]
    booked: list[int]
    of_till: dict[int, list[int]]  # received, by the till's id, of those that were asked for

    @property
    def nothing(self) -> bool:
        return not any(self.received) and not any(self.booked)


class _Side:
    """Rows of one table, counted by till and minute as they come."""

    def __init__(
        self, table: Table, at: ColumnElement[float], of: ColumnElement[int], only: ColumnElement[bool]
    ) -> None:
        self._table, self._at, self._of, self._only = table, at, of, only
        self._counted = 0  # up to this id
        self._first = 0
        self._old, self._young = _Counts(), _Counts()

    def look(self, engine: Engine, first: int, now: float) -> None:
        """From minute ``first`` on."""
        ids = self._table.c.id
        with reading(engine) as connection:
            newest = connection.scalar(select(func.max(ids))) or 0
            start = max(self._counted, newest - LARGEST_WALK)
            settled = select(func.max(ids)).where(ids > start, self._at < now - YOUNG_SECONDS)
            until = connection.scalar(settled) or start
            sqlite = connection.dialect.name == "sqlite"
            self._young = _Counts()
            for counts, low, high in ((self._old, start, until), (self._young, until, newest)):
                for till, minute, count in connection.execute(self._query(low, high, first, sqlite)):
                    counts.add(till, int(minute), count)
        self._counted = until
        if first != self._first:
            self._old.forget(first)
            self._first = first

    def of(self, minutes: range, till: int | None = None) -> list[int]:
        """By minute; of all tills unless one is named."""
        old, young = self._old.of(till), self._young.of(till)
        return [old.get(minute, 0) + young.get(minute, 0) for minute in minutes]

    def _query(self, low: int, high: int, first: int, sqlite: bool) -> Select[int, Any, int]:
        minute = cast(self._at / 60, BigInteger) if sqlite else func.floor(self._at / 60)
        ids = self._table.c.id
        chosen = (ids > low, ids <= high, self._at >= first * 60.0, self._only)
        return select(self._of, minute, func.count()).where(*chosen).group_by(self._of, minute)


class _Counts:
    def __init__(self) -> None:
        self._tills: dict[int, dict[int, int]] = defaultdict(lambda: defaultdict(int))
        self._total: dict[int, int] = defaultdict(int)

    def add(self, till: int, minute: int, count: int) -> None:
        self._tills[till][minute] += count
        self._total[minute] += count

    def of(self, till: int | None) -> dict[int, int]:
        return self._total if till is None else self._tills.get(till, {})

    def forget(self, first: int) -> None:
        """What was before that minute."""
        for minutes in (self._total, *self._tills.values()):
            for minute in [one for one in minutes if one < first]:
                del minutes[minute]
        for till in [till for till, minutes in self._tills.items() if not minutes]:
            del self._tills[till]


class FlowCounter:
    """Safe for threads."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._lock = threading.Lock()
        self._received = _Side(document, document.c.accepted_at, document.c.till_id, document.c.id > 0)
        # Nobody asks which till's were booked: all are counted under 0. Not by a plain 0, which in GROUP BY is the
        # number of a column.
        self._booked = _Side(feed, feed.c.at, feed.c.id * 0, feed.c.what == "booked")

    def __call__(self, till_ids: tuple[int, ...], now: float) -> Flow:
        """Raises ``StoreError``."""
        last = math.floor(now / 60)
        minutes = range(last - MINUTES + 1, last + 1)
        with self._lock:
            self._received.look(self._engine, minutes.start, now)
            self._booked.look(self._engine, minutes.start, now)
            return Flow(
                since=minutes.start * 60.0,
                received=self._received.of(minutes),
                booked=self._booked.of(minutes),
                of_till={one: self._received.of(minutes, one) for one in till_ids},
            )
