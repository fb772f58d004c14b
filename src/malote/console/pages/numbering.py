"""Numeração: what is missing, voided and doubled in the numbers of a till's series."""

from collections.abc import Mapping
from datetime import datetime, timedelta, tzinfo
from typing import Any

import msgspec

from malote.books.numbering import NumbersPage, NumbersQuery, SeriesKey, SeriesQuery, SeriesSummary
from malote.console.console_services import ConsoleServices
from malote.console.visits import whole

SERIES = 10  # on one page
SHOWN = 200  # gaps listed of one series


class NumberedSeries(msgspec.Struct, frozen=True):
    """One series: who owns it, and a page of its numbers."""

    summary: SeriesSummary
    page: NumbersPage


def context(services: ConsoleServices, till: str, given: Mapping[str, str]) -> dict[str, Any]:
    """The series that the till has used or owns, in a period of whole days on the store's clock."""
    zone = services.zone()
    since, until = _day(given.get("since"), zone), _day(given.get("until"), zone)
    after = (
        SeriesKey(given["issuer"], given.get("model", ""), whole(given.get("series"), 0, least=0))
        if (given.get("issuer"))
        else None
    )
    end = until + timedelta(days=1) if until else None
    page = services.numbering.series(SeriesQuery(till=till, since=since, until=end, after=after, size=SERIES))
    number = whole(given.get("number"), 0, least=0)
    found = [
        NumberedSeries(each, services.numbering.numbers(NumbersQuery(each.key, since=since, until=end, after=number)))
        for each in page.series
    ]
    return {
        "numbered": found,
        "after": page.after,
        "since": since.date().isoformat() if since else "",
        "until": until.date().isoformat() if until else "",
        "shown": SHOWN,
        "gaps": services.books.gaps(till)[:SHOWN],
    }


def _day(text: str | None, zone: tzinfo | None) -> datetime | None:
    """The beginning of a day of this century; None for anything else."""
    try:
        named = datetime.strptime(text or "", "%Y-%m-%d")  # noqa: DTZ007 its zone comes with the next line
        day = named.replace(tzinfo=zone) if zone else named.astimezone()
    except (ValueError, OverflowError):
        return None
    return day if 2000 <= day.year < 2100 else None
