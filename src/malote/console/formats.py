"""Figures and times as people of a language read them."""

import math
from datetime import UTC, datetime, timedelta, tzinfo
from decimal import Decimal

from babel.core import Locale
from babel.dates import (
    format_date,
    format_datetime,
    format_skeleton,
    format_time,
    format_timedelta,
    get_datetime_format,
)
from babel.numbers import format_compact_decimal, format_currency, format_decimal

from malote.bilingual import Bilingual
from malote.console import taxpayers
from malote.rejection import Language


class Formats:
    """Formatters of one language, for templates. ``None`` is shown as a dash.

    Every time is shown on one clock, that of ``zone`` (None: the server's own), which ``clock_name`` names.
    """

    def __init__(self, language: Language, locale: Locale, zone: tzinfo | None = None) -> None:
        self.language = language
        self._locale = locale
        self._zone = zone

    def clock_name(self, at: float) -> str:
        """Such as "America/Sao_Paulo (−03:00)", or the offset alone where the clock has no name."""
        here = datetime.fromtimestamp(at, UTC).astimezone(self._zone)
        minutes = round((here.utcoffset() or timedelta()).total_seconds() / 60)
        offset = f"{'−' if minutes < 0 else '+'}{abs(minutes) // 60:02}:{abs(minutes) % 60:02}"
        name = getattr(self._zone, "key", "")
        return f"{name} ({offset})" if name else offset

    def number(self, value: int | float | None) -> str:
        return "–" if value is None else format_decimal(value, locale=self._locale)

    def compact(self, value: int) -> str:
        """Such as "1,2 mil", where there is no room for more."""
        return str(format_compact_decimal(value, locale=self._locale, fraction_digits=1 if value >= 1000 else 0))

    def size(self, count: int | None) -> str:
        """Bytes, such as "12,3 MB"."""
        if count is None:
            return "–"
        for unit, bytes_of in (("GB", 10**9), ("MB", 10**6), ("kB", 1000)):
            if count >= bytes_of:
                return f"{format_decimal(round(count / bytes_of, 1), locale=self._locale)} {unit}"
        return f"{count} B"

    def share(self, value: float | None) -> str:
        """Such as "99,8 %"; never rounded up to all of them."""
        if value is None:
            return "–"
        percent = math.floor(value * 1000) / 10
        return f"{format_decimal(percent, locale=self._locale)} %"

    def taxpayer(self, number: str | None) -> str:
        """A CNPJ with its punctuation; of a CPF the middle alone."""
        return taxpayers.shown(number)

    def plain(self, value: int | None) -> str:
        """A series or a number: no thousands are marked in a name."""
        return "–" if value is None else str(value)

    def money(self, cents: int | None) -> str:
        return "–" if cents is None else str(format_currency(Decimal(cents) / 100, "BRL", locale=self._locale))

    def amount(self, cents: int | None) -> str:
        """Money without its sign, for columns that say it once."""
        return "–" if cents is None else format_decimal(Decimal(cents) / 100, "#,##0.00", locale=self._locale)

    def decimal(self, value: object) -> str:
        return format_decimal(str(value), "#,##0.##########", locale=self._locale)

    def price(self, value: object) -> str:
        """Money written as text, of as many places as it has, and two at least."""
        return format_decimal(str(value), "#,##0.00########", locale=self._locale)

    def moment(self, at: float | str | None) -> str:
        """A day and a time; seconds since the epoch, or ISO 8601 as a till wrote it."""
        here = self._here(at)
        return "–" if here is None else format_datetime(here, "short", locale=self._locale, tzinfo=here.tzinfo)

    def exactly(self, at: float | str | None) -> str:
        """To the second: the same day and time as ``moment`` writes, so that a page has one way to write a date."""
        return self._to_the_second(self._here(at))

    def printed(self, at: str | None) -> str:
        """To the second, on the clock of whoever printed it: for what looks as it did on paper."""
        return self._to_the_second(_parsed(at))

    def recent(self, at: float | str | None) -> str:
        """Only the time when it is today."""
        here = self._here(at)
        if here is None:
            return "–"
        if here.date() == datetime.now(here.tzinfo).date():
            return format_time(here, "medium", locale=self._locale, tzinfo=here.tzinfo)
        return format_datetime(here, "short", locale=self._locale, tzinfo=here.tzinfo)

    def clock(self, at: float | str | None) -> str:
        here = self._here(at)
        return "–" if here is None else format_time(here, "short", locale=self._locale, tzinfo=here.tzinfo)

    def hour(self, at: float) -> str:
        """Such as "09", for a column that is narrow."""
        here = self._here(at)
        return "–" if here is None else f"{here.hour:02}"

    def day_and_month(self, at: float) -> str:
        here = self._here(at)
        return "–" if here is None else format_skeleton("Md", here, locale=self._locale, tzinfo=here.tzinfo)

    def day(self, at: float | str | None) -> str:
        here = self._here(at)
        return "–" if here is None else format_date(here, "short", locale=self._locale)

    def _to_the_second(self, at: datetime | None) -> str:
        if at is None:
            return "–"
        day = format_date(at, "short", locale=self._locale)
        time = format_time(at, "medium", locale=self._locale, tzinfo=at.tzinfo)
        return str(get_datetime_format("short", locale=self._locale)).replace("{1}", day).replace("{0}", time)

    def _here(self, at: float | str | None) -> datetime | None:
        """On the clock of these pages; what has no zone stays as it was written."""
        parsed = _parsed(at)
        return parsed.astimezone(self._zone) if parsed and parsed.tzinfo else parsed

    def iso(self, at: float | str | None) -> str:
        """For machines: the ``datetime`` attribute of ``<time>``."""
        parsed = _parsed(at)
        return "" if parsed is None else parsed.isoformat(timespec="seconds")

    def ago(self, at: float | None, now: float) -> str:
        if at is None:
            return "–"
        return format_timedelta(timedelta(seconds=at - now), add_direction=True, threshold=0.95, locale=self._locale)

    def briefly_ago(self, at: float | None, now: float) -> str:
        """Such as "há 8 s", "há 12 min", "há 3 h"; of what is older than a day, when it was."""
        if at is None:
            return "–"
        seconds = max(0, round(now - at))
        if seconds >= 86400:
            return self.moment(at)
        number, unit = (
            (seconds, "s") if seconds < 60 else (seconds // 60, "min") if seconds < 3600 else (seconds // 3600, "h")
        )
        return Bilingual(f"há {number} {unit}", f"{number} {unit} ago").of(self.language)

    def span(self, seconds: float | None) -> str:
        if seconds is None:
            return "–"
        if abs(seconds) < 60:
            return f"{format_decimal(round(seconds, 1), locale=self._locale)} s"
        return format_timedelta(timedelta(seconds=seconds), threshold=0.95, locale=self._locale)


def _parsed(at: float | str | None) -> datetime | None:
    if at is None or at == "":
        return None
    if isinstance(at, str):
        try:
            return datetime.fromisoformat(at)
        except ValueError:
            return None
    return datetime.fromtimestamp(at, UTC)
