"""The till's side of the books: per day and series, what it sold, to be laid beside the server's and the ERP's."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from malote.till.outbox import Outbox


class DaySales(msgspec.Struct, frozen=True):
    """Sales of one day, by their own clock. ``total`` in cents, of those whose total could be read."""

    day: str  # YYYY-MM-DD, "" where the time could not be read
    issuer: str
    model: str
    series: int
    count: int
    total: int
    first: int  # the lowest number
    last: int


class Gap(msgspec.Struct, frozen=True):
    """Numbers of a series, from ``first`` to ``last``, that were neither sold nor voided."""

    issuer: str
    model: str
    series: int
    first: int
    last: int


def days(outbox: Outbox) -> Iterator[DaySales]:
    """One line per day and series, in the order of days. A key captured several times counts once."""
    found = outbox.rows(
        """
        SELECT day, issuer, model, series, COUNT(*), COALESCE(SUM(total), 0), MIN(number), MAX(number) FROM (
            SELECT COALESCE(substr(issued_at, 1, 10), '') AS day, COALESCE(issuer, '') AS issuer,
                COALESCE(model, '') AS model, series, number, total, row_number() OVER (
                    PARTITION BY access_key ORDER BY state = 'posted' DESC, file_id DESC) AS place
            FROM document JOIN file ON file.id = file_id
            WHERE kind = 'sale' AND access_key IS NOT NULL AND series IS NOT NULL AND number IS NOT NULL)
        WHERE place = 1 GROUP BY day, issuer, model, series ORDER BY day, issuer, model, series
        """
    )
    return (DaySales(*row) for row in found)


def gaps(outbox: Outbox) -> Iterator[Gap]:
    """Numbers missing between the lowest and the highest of each series that this outbox has seen."""
    ranges = defaultdict[tuple[str, str, int], list[tuple[int, int]]](list)
    sales = set[tuple[str, str, int]]()
    for kind, issuer, model, series, first, last in _numbers(outbox):
        ranges[issuer, model, series].append((first, last))
        if kind == "sale":
            sales.add((issuer, model, series))
    for series_key in sorted(sales):
        for first, last in _between(sorted(ranges[series_key])):
            yield Gap(*series_key, first, last)


def _numbers(outbox: Outbox) -> Iterator[tuple[Any, ...]]:
    return outbox.rows(
        "SELECT DISTINCT kind, COALESCE(issuer, ''), COALESCE(model, ''), series, number, COALESCE(last_number, number)"
        " FROM document WHERE kind IN ('sale', 'number_void') AND series IS NOT NULL AND number IS NOT NULL"
    )


def _between(ranges: Iterable[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    highest: int | None = None
    for first, last in ranges:
        if highest is not None and first > highest + 1:
            yield highest + 1, first - 1
        highest = last if highest is None else max(highest, last)
