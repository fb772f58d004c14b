"""The server's time as this till knows it: dated rows go by it, and not by a clock of the till's that is hours off.

Each contact tells how far the till's clock is off (its *skew*). What differs by no more than a minute from what is
known changes nothing, so that times don't go to and fro. Without contact the last skew is gone by: clocks go wrong by
themselves and stay so for weeks, while one that somebody puts right during an outage is off until the next contact
alone. It can't be told apart: that the system's clock made a step is also what a till sees that was asleep. What can be
told is a clock that stands before what the server's was once known to be, as one does whose battery is empty: then it
is that time at least, since at the year 2000 no price would be valid.
"""

import math
import sqlite3
from contextlib import suppress
from pathlib import Path

import msgspec

from malote.disk import DISK, Disk
from malote.till.loads import held_entities, loads_database
from malote.till.loads.loads_database import LoadsError

TOLERATED_SECONDS = 60  # that a skew may differ from the one that is gone by
NOTED_SECONDS = 3600  # between two notes of how late it is: each is a transaction
_HOUR, _MOST_HOURS = 3600, 14
_LONGEST = 100 * 365 * 86_400


class ServerTime(msgspec.Struct, frozen=True):
    """``skew``: seconds of the till's clock minus the server's. ``not_before``: what the server's clock was at least,
    seconds since the epoch."""

    skew: int = 0
    not_before: int = 0

    @property
    def zone_shift(self) -> int:
        """Seconds by which the till's *zone* is wrong. A clock that is off by whole hours shows the right hour under
        the wrong zone: days go by what it shows."""
        hours = round(self.skew / _HOUR)
        is_zone = 0 < abs(hours) <= _MOST_HOURS and abs(self.skew - hours * _HOUR) <= TOLERATED_SECONDS
        return hours * _HOUR if is_zone else 0

    def now(self, clock: float) -> float:
        """``clock``: what the till's says now."""
        return max(self.then(clock), self.not_before)

    def then(self, clock: float) -> float:
        """What it was when the till's clock said so, as far as it was off then as now."""
        return clock - self.skew

    def heard(self, skew: float, clock: float) -> "ServerTime":
        """With what a contact says."""
        if not math.isfinite(skew) or abs(skew) > _LONGEST:
            return self
        server = round(clock - skew)
        is_noted = self.not_before - TOLERATED_SECONDS <= server < self.not_before + NOTED_SECONDS
        is_known = abs(skew - self.skew) <= TOLERATED_SECONDS
        if is_known and is_noted:
            return self
        return ServerTime(self.skew if is_known else round(skew), server)


UNKNOWN = ServerTime()


def hear(path: Path, skew: float, clock: float, disk: Disk = DISK) -> None:
    """Keeps what a contact says in the loads' database at ``path``, whose views it also brings up to date: those of an
    older agent go by the till's clock. What can't be written now is heard again at the next contact."""
    with suppress(LoadsError, OSError):
        try:
            with loads_database.read_only(path) as connection:
                known = read(connection)
                is_due = known.heard(skew, clock) != known or held_entities.has_older_views(connection)
        except FileNotFoundError:  # no load yet: only what differs is worth a file
            is_due = abs(UNKNOWN.heard(skew, clock).skew) > 0
        if not is_due:
            return
        with loads_database.opened(path, disk) as connection, loads_database.writing(connection):
            write(connection, read(connection).heard(skew, clock))
            held_entities.bring_views_up_to_date(connection)


def recall(path: Path) -> ServerTime:
    """Raises ``LoadsError``."""
    try:
        with loads_database.read_only(path) as connection:
            return read(connection)
    except FileNotFoundError:
        return UNKNOWN


def read(connection: sqlite3.Connection) -> ServerTime:
    """Of a file that an older agent made nothing is known."""
    if not loads_database.has_clock(connection):
        return UNKNOWN
    found = connection.execute("SELECT skew, not_before FROM _clock").fetchone()
    return ServerTime(*found) if found else UNKNOWN


def write(connection: sqlite3.Connection, known: ServerTime) -> None:
    """In the caller's transaction."""
    values = (known.skew, known.zone_shift, known.not_before)
    connection.execute("UPDATE _clock SET skew = ?, zone_shift = ?, not_before = ?", values)
