"""The numbers of each series: where they begin and end, what is missing, voided, or seen at more than one till."""

from datetime import datetime

import msgspec
from sqlalchemy import Engine

LARGEST_WALK = 50_000  # numbers looked at for one page


class SeriesKey(msgspec.Struct, frozen=True, order=True):
    issuer: str
    model: str
    series: int


class SeriesQuery(msgspec.Struct, frozen=True):
    """Which series: those a till has used or owns, or all. ``since`` and ``until`` (both with zone) choose numbers
    issued from the one on and before the other."""

    till: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    after: SeriesKey | None = None  # the page starts behind it
    size: int = 50


class SeriesSummary(msgspec.Struct, frozen=True):
    """One series within the period. ``first`` and ``last`` are None where it has no number."""

    key: SeriesKey
    owner: str | None  # the till
    first: int | None
    last: int | None


class SeriesPage(msgspec.Struct, frozen=True):
    series: list[SeriesSummary]
    after: SeriesKey | None  # for the next page; None on the last one


class Gap(msgspec.Struct, frozen=True):
    """Numbers that no document has, ``first`` to ``last``. What was voided of them is not missing."""

    first: int
    last: int

    @property
    def count(self) -> int:
        return self.last - self.first + 1


class Shared(msgspec.Struct, frozen=True):
    """A number of sales of more than one till."""

    number: int
    tills: list[str]


class NumbersQuery(msgspec.Struct, frozen=True):
    key: SeriesKey
    since: datetime | None = None
    until: datetime | None = None
    after: int = 0  # the page starts behind this number


class NumbersPage(msgspec.Struct, frozen=True):
    """``seen`` numbers from ``first`` to ``last`` were looked at. ``after`` is None on the last page."""

    key: SeriesKey
    first: int | None
    last: int | None
    seen: int
    gaps: list[Gap]
    voided: list[Gap]
    shared: list[Shared]
    after: int | None


def series(engine: Engine, query: SeriesQuery) -> SeriesPage:
    """A page of series in their order. Raises ``StoreError``, ``TillError``."""
    raise NotImplementedError


def numbers(engine: Engine, query: NumbersQuery) -> NumbersPage:
    """What is missing, voided and shared in one series, a page at a time; the cost of a page is bounded.

    Raises ``StoreError``.
    """
    raise NotImplementedError
