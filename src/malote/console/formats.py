"""Figures and times as people of a language read them."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from babel.core import Locale
from babel.dates import format_date, format_datetime, format_time, format_timedelta
from babel.numbers import format_currency, format_decimal

from malote.rejection import Language


class Formats:
    """Formatters of one language, for templates. ``None`` is shown as a dash."""

    def __init__(self, language: Language, locale: Locale) -> None:
        self.language = language
        self._locale = locale

    def number(self, value: int | float | None) -> str:
        return "–" if value is None else format_decimal(value, locale=self._locale)

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
        """A day and a time on the server's clock, so that all times of a list can be compared."""
        parsed = _here(at)
        return "–" if parsed is None else format_datetime(parsed, "short", locale=self._locale, tzinfo=parsed.tzinfo)

    def exactly(self, at: float | str | None) -> str:
        """Seconds since the epoch are shown on the server's clock; ISO 8601 as the till wrote it."""
        parsed = _parsed(at)
        return "–" if parsed is None else format_datetime(parsed, "medium", locale=self._locale, tzinfo=parsed.tzinfo)

    def recent(self, at: float | str | None) -> str:
        """Only the time when it is today, on the server's clock."""
        parsed = _here(at)
        if parsed is None:
            return "–"
        if parsed.date() == datetime.now(parsed.tzinfo).date():
            return format_time(parsed, "medium", locale=self._locale, tzinfo=parsed.tzinfo)
        return format_datetime(parsed, "short", locale=self._locale, tzinfo=parsed.tzinfo)

    def clock(self, at: float | None) -> str:
        parsed = _parsed(at)
        return "–" if parsed is None else format_time(parsed, "short", locale=self._locale, tzinfo=parsed.tzinfo)

    def day(self, at: float | str | None) -> str:
        parsed = _parsed(at)
        return "–" if parsed is None else format_date(parsed, "short", locale=self._locale)

    def iso(self, at: float | str | None) -> str:
        """For machines: the ``datetime`` attribute of ``<time>``."""
        parsed = _parsed(at)
        return "" if parsed is None else parsed.isoformat(timespec="seconds")

    def ago(self, at: float | None, now: float) -> str:
        if at is None:
            return "–"
        return format_timedelta(timedelta(seconds=at - now), add_direction=True, threshold=0.95, locale=self._locale)

    def span(self, seconds: float | None) -> str:
        if seconds is None:
            return "–"
        if abs(seconds) < 60:
            return f"{format_decimal(round(seconds, 1), locale=self._locale)} s"
        return format_timedelta(timedelta(seconds=seconds), threshold=0.95, locale=self._locale)


def _here(at: float | str | None) -> datetime | None:
    parsed = _parsed(at)
    return parsed.astimezone() if parsed and parsed.tzinfo else parsed


def _parsed(at: float | str | None) -> datetime | None:
    if at is None or at == "":
        return None
    if isinstance(at, str):
        try:
            return datetime.fromisoformat(at)
        except ValueError:
            return None
    return datetime.fromtimestamp(at, UTC).astimezone()
