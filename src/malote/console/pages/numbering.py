"""Numeração: what is missing, voided and doubled in the numbers of a till's series."""

from collections.abc import Mapping
from typing import Any

import msgspec

from malote.books.numbering import NumbersPage, NumbersQuery, SeriesKey, SeriesQuery, SeriesSummary
from malote.console.console_services import ConsoleServices
from malote.console.visits import whole
from malote.fiscal import typed_input

SERIES = 10  # on one page
SHOWN = 200  # gaps listed of one series


class NumberedSeries(msgspec.Struct, frozen=True):
    """One series: who owns it, and a page of its numbers."""

    summary: SeriesSummary
    page: NumbersPage


def context(services: ConsoleServices, till: str, given: Mapping[str, str]) -> dict[str, Any]:
    """The series that the till has used or owns, in a period of whole days on the store's clock."""
    zone = services.zone()
    since, until = _day(given.get("since")), _day(given.get("until"))
    begin = typed_input.moment(since, zone) if since else None
    end = typed_input.end(until, zone) if until else None
    after = (
        SeriesKey(given["issuer"], given.get("model", ""), whole(given.get("series"), 0, least=0))
        if (given.get("issuer"))
        else None
    )
    page = services.numbering.series(SeriesQuery(till=till, since=begin, until=end, after=after, size=SERIES))
    number = whole(given.get("number"), 0, least=0)
    found = [
        NumberedSeries(each, services.numbering.numbers(NumbersQuery(each.key, since=begin, until=end, after=number)))
        for each in page.series
    ]
    return {
        "numbered": found,
        "after": page.after,
        "since": since,
        "until": until,
        "shown": SHOWN,
        "gaps": services.books.gaps(till)[:SHOWN],
    }


def _day(text: str | None) -> str:
    """A day of this century, as a field for days has it; "" for anything else."""
    named = typed_input.day(text or "")
    return named.isoformat() if named and 2000 <= named.year < 2100 else ""
