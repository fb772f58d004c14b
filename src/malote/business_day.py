"""The business day of a sale: by the store's clock, from the hour at which its day begins; and the digest of what was
sold on it, which till, server and ERP are compared by."""

import hashlib
from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from zoneinfo import ZoneInfo

import msgspec

from malote.config import BooksSettings


class BusinessCalendar(msgspec.Struct, frozen=True):
    """``zone`` None: the clock of each note's own issue, as printed on it. ``begins``: after midnight. ``here``: the
    store's clock where ``zone`` is None, by which it is today; None: this machine's."""

    zone: tzinfo | None = None
    begins: timedelta = timedelta(0)
    here: tzinfo | None = None

    @property
    def spread(self) -> int:
        """How many days a business day may lie beside the one that is printed on a note."""
        return 1 if self.zone or self.begins else 0

    def of(self, issued_at: str | None) -> date | None:
        """The day of an ISO 8601 time with zone; None where it isn't one."""
        try:
            at = datetime.fromisoformat(issued_at or "")
        except ValueError:
            return None
        if at.tzinfo is None:
            return None
        return ((at.astimezone(self.zone) if self.zone else at) - self.begins).date()

    def at(self, now: float) -> date:
        """The day that it is then, in seconds since the epoch."""
        return (datetime.fromtimestamp(now, UTC).astimezone(self.zone or self.here) - self.begins).date()

    def begins_at(self, day: date) -> float:
        """When it begins, in seconds since the epoch: by the same clock."""
        zone = self.zone or self.here
        midnight = datetime.combine(day, time(), zone)
        return ((midnight if zone else midnight.astimezone()) + self.begins).timestamp()


def business_day(settings: BooksSettings) -> BusinessCalendar:
    """As the settings have it, which were checked when they were read."""
    hours, minutes = map(int, settings.day_begins.split(":"))
    zone = ZoneInfo(settings.zone) if settings.zone else None
    return BusinessCalendar(zone, timedelta(hours=hours, minutes=minutes))


def sale_line(access_key: str, total: int, *, cancelled: bool) -> str:
    """A sale as it stands in the list of its day: ``KEY STATE CENTS``."""
    return f"{access_key} {'cancelled' if cancelled else 'booked'} {total}"


def day_digest(lines: Iterable[str]) -> str:
    """What till and server compare of a day: the SHA-256, in hex, over its lines, each with a line feed, in the order
    of their bytes (docs/books.md)."""
    ordered = sorted(f"{line}\n".encode() for line in lines)
    return hashlib.sha256(b"".join(ordered)).hexdigest()
