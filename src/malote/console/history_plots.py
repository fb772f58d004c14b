"""The dashboard's plots as they stand in the page: places of lines, bars and marks, drawn here without a script.

Across, places are in percent of the plot's width, whatever that is; upwards, in pixels of its fixed height.
"""

import math
from collections.abc import Sequence
from datetime import UTC, datetime, tzinfo
from typing import Literal

import msgspec

from malote.register.flow_history import FlowHistory, FlowPoint, Span
from malote.register.flow_marks import FlowMark

HEIGHT = 150  # pixels of what is drawn, without the names of the times below it
# Of lags, in seconds: each step up is as much as the one before, since both 2 s and 2 h must be seen.
LAG_LINES = (1.0, 10.0, 60.0, 300.0, 3600.0, 86400.0)
MOST_STORES = 20

TickKind = Literal["clock", "day"]


class PlotTick(msgspec.Struct, frozen=True):
    x: float
    at: float
    kind: TickKind
    minor: bool  # left out where there is little room


class PlotBar(msgspec.Struct, frozen=True):
    x: float
    y: float
    width: float
    height: float


class MarkBand(msgspec.Struct, frozen=True):
    """A mark's place; one that took no time is as wide as can be seen."""

    x: float
    width: float
    mark: FlowMark


class GridLine(msgspec.Struct, frozen=True):
    y: float
    value: float


class HistoryPlots(msgspec.Struct, frozen=True):
    """Paths are of a box 100 wide and ``HEIGHT`` high."""

    ticks: list[PlotTick]
    bands: list[MarkBand]
    flow_grid: list[GridLine]
    received: str
    under: str
    booked: str
    rejects_grid: list[GridLine]
    rejects: list[PlotBar]
    lag_grid: list[GridLine]
    lag_median: str
    lag_p95: str
    target_y: float


def plots(history: FlowHistory, marks: Sequence[FlowMark], target: float, zone: tzinfo | None) -> HistoryPlots:
    """``target`` in seconds: within so long a sale should be booked."""
    points = history.points
    most = ceiling(max(max(one.received, one.booked) for one in points))
    most_rejects = ceiling(max(one.rejects for one in points))
    lines = [one for one in LAG_LINES if one <= _highest_lag(points, target)]
    top = lines[-1]
    received = _path([_up(one.received, most) for one in points])
    edge = 50 / len(points)
    return HistoryPlots(
        ticks=ticks(history, zone),
        bands=[band for mark in marks if (band := _band(points, mark))],
        flow_grid=[GridLine(_up(value, most), value) for value in (most, most / 2)],
        received=received,
        under=f"{received}L{_short(100 - edge)} {HEIGHT}L{_short(edge)} {HEIGHT}Z" if received else "",
        booked=_path([_up(one.booked, most) for one in points]),
        rejects_grid=[GridLine(_up(value, most_rejects), value) for value in (most_rejects, most_rejects / 2)],
        rejects=_bars(points, most_rejects),
        lag_grid=[GridLine(_up_lag(value, top), value) for value in lines],
        lag_median=_path([_up_lag(one.lag_median, top) for one in points]),
        lag_p95=_path([_up_lag(one.lag_p95, top) for one in points]),
        target_y=_up_lag(target, top),
    )


def ticks(history: FlowHistory, zone: tzinfo | None) -> list[PlotTick]:
    """The names of times below a plot, at its round moments."""
    points = history.points
    found = []
    for number, one in enumerate(points):
        kind = _named(history.span, datetime.fromtimestamp(one.at, UTC).astimezone(zone), number)
        if kind is not None:
            found.append((round(100 * (number + 0.5) / len(points), 2), one.at, kind))
    return [PlotTick(x, at, kind, place % 2 == 1) for place, (x, at, kind) in enumerate(found)]


def levels(counts: Sequence[int]) -> list[int]:
    """Of a store's cells, how dark each is: 0 for nothing, 5 for the store's most."""
    most = max([1, *counts])
    return [0 if count == 0 else 1 + math.floor(4 * count / most) for count in counts]


def ceiling(value: float) -> float:
    """The next round number, so that the lines of a plot have names that are read at once; 4 at least."""
    if value <= 4:
        return 4
    power = 10.0 ** math.floor(math.log10(value))
    return next(step * power for step in (1, 2, 4, 6, 8, 10) if step * power >= value)


def _named(span: Span, here: datetime, number: int) -> TickKind | None:
    match span:
        case "1h":
            return "clock" if here.minute % 10 == 0 else None
        case "24h":
            return "clock" if here.minute == 0 and here.hour % 3 == 0 else None
        case "7d":
            return "day" if here.hour == 0 else None
        case "30d":
            return "day" if number % 4 == 1 else None


def _highest_lag(points: Sequence[FlowPoint], target: float) -> float:
    """The first line above everything that is drawn."""
    highest = max([target, *(one.lag_p95 for one in points if one.lag_p95 is not None)])
    return next((line for line in LAG_LINES if line >= highest), LAG_LINES[-1])


def _up(value: float, most: float) -> float:
    return round(HEIGHT - HEIGHT * min(1.0, value / most), 1)


def _up_lag(seconds: float | None, top: float) -> float:
    """Not a number where nothing was booked."""
    if seconds is None:
        return math.nan
    return _up(math.log10(1 + seconds), math.log10(1 + top))


def _path(heights: Sequence[float]) -> str:
    """A line through the middles of the slots, broken where there is none; a slot alone is a short stroke."""
    step = 100 / len(heights)
    parts = []
    for number, y in enumerate(heights):
        if math.isnan(y):
            continue
        x = step * (number + 0.5)
        follows = number > 0 and not math.isnan(heights[number - 1])
        alone = not follows and (number + 1 == len(heights) or math.isnan(heights[number + 1]))
        parts.append(f"{'L' if follows else 'M'}{_short(x - step / 3 if alone else x)} {_short(y)}")
        if alone:
            parts.append(f"h{_short(step * 2 / 3)}")
    return "".join(parts)


def _bars(points: Sequence[FlowPoint], most: float) -> list[PlotBar]:
    step = 100 / len(points)
    found = []
    for number, one in enumerate(points):
        if one.rejects:
            y = min(_up(one.rejects, most), HEIGHT - 2)
            found.append(PlotBar(round(step * (number + 0.15), 2), y, round(step * 0.7, 2), round(HEIGHT - y, 1)))
    return found


def _band(points: Sequence[FlowPoint], mark: FlowMark) -> MarkBand | None:
    first, last = points[0].at, points[-1].until
    began, ended = max(mark.began, first), min(last if mark.ended is None else mark.ended, last)
    if ended < first or began > last:
        return None
    x = 100 * (began - first) / (last - first)
    return MarkBand(round(x, 2), round(max(0.25, 100 * (ended - began) / (last - first)), 2), mark)


def _short(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")
