"""How the sales flowed over an hour, a day, a week or a month: from the sums that are kept, and what came since."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import tzinfo
from typing import Any, Literal, get_args

import msgspec
from sqlalchemy import Connection, Engine, Select, func, select

from malote.database.engine import reading
from malote.database.flow_tables import flow_sum
from malote.database.tables import document as documents
from malote.register import flow_keeping, flow_slots
from malote.register.flow_slots import DAY, HOUR, MINUTE, QUARTER, FlowPlace, FlowSums, What, percentile
from malote.spool.states import OPEN

Span = Literal["1h", "24h", "7d", "30d"]
SPANS: tuple[Span, ...] = get_args(Span)
# How far back, in slots of which width; and the same for the map of the stores, whose cells must be seen.
_POINTS: Mapping[Span, tuple[float, int]] = {
    "1h": (59 * 60.0, MINUTE),
    "24h": (95 * 900.0, QUARTER),
    "7d": (167 * 3600.0, HOUR),
    "30d": (29 * 86400.0, DAY),
}
_CELLS: Mapping[Span, tuple[float, int]] = {
    "1h": (23 * 3600.0, HOUR),
    "24h": (23 * 3600.0, HOUR),
    "7d": (6 * 86400.0, DAY),
    "30d": (29 * 86400.0, DAY),
}
MOST_OVERDUE = 100_000
LARGEST_TAIL = 20_000  # rows counted at a look, which are not in the sums yet
_TOTALS: tuple[What, ...] = ("received", "booked", "rejected", "lag")
_OF_STORES: tuple[What, ...] = ("store_received", "store_rejected")


class FlowPoint(msgspec.Struct, frozen=True):
    """``at`` and ``until`` in seconds since the epoch. Lags are seconds from a sale's issue to its booking, right to a
    tenth; None where nothing was booked."""

    at: float
    until: float
    received: int
    received_cents: int
    booked: int
    booked_cents: int
    rejected: dict[str, int]  # documents by reason
    lags: dict[int, int]  # sales by flow_slots.lag_range
    lag_median: float | None
    lag_p95: float | None

    @property
    def rejects(self) -> int:
        return sum(self.rejected.values())


class FlowOfStore(msgspec.Struct, frozen=True):
    """A store over the slots of the map; ``name`` is "" for tills whose names say none."""

    name: str
    received: list[int]
    rejected: list[int]


class FlowHistory(msgspec.Struct, frozen=True):
    """The oldest point first, the one under way last. ``cells`` are the beginnings of the map's slots, and the end of
    the last. ``complete``: whether nothing is missing, as while a long history is counted for the first time.
    """

    span: Span
    points: list[FlowPoint]
    cells: list[float]
    stores: list[FlowOfStore]  # with the most rejected documents first, then those with the most sales
    complete: bool = True
    target: float = 0.0  # seconds from a sale's issue to its booking that are as they should be
    overdue: int = 0  # sales that wait to be booked since before that

    def total(self, what: Literal["received", "received_cents", "booked", "booked_cents", "rejects"]) -> int:
        return sum(getattr(one, what) for one in self.points)

    @property
    def lags(self) -> dict[int, int]:
        """Of all points together."""
        return _added([one.lags for one in self.points])

    @property
    def causes(self) -> dict[str, int]:
        """Rejected documents by reason, the most frequent first."""
        together = _added([one.rejected for one in self.points])
        return dict(sorted(together.items(), key=lambda one: (-one[1], one[0])))

    def lag(self, share: float) -> float | None:
        """A lag that this share of the booked sales do not exceed."""
        return percentile(self.lags.items(), share)

    def in_time(self) -> float | None:
        """Which share was booked within the target, of the sales booked and of those that still wait beyond it; None of
        nothing."""
        lags, most = self.lags, self.target * 1.05
        within = sum(count for number, count in lags.items() if flow_slots.longest_of(number) <= most)
        counted = sum(lags.values()) + self.overdue
        return within / counted if counted else None


def history(engine: Engine, span: Span, *, now: float, zone: tzinfo | None, target: float) -> FlowHistory:
    """``target`` in seconds. Raises ``StoreError``."""
    back, width = _POINTS[span]
    slots = flow_slots.slots(now - back, now, width, zone)
    back_cells, cell_width = _CELLS[span]
    cells = flow_slots.slots(now - back_cells, now, cell_width, zone)
    with reading(engine) as connection:
        known, complete = _tail(connection, FlowSums(zone, now), now)
        totals = _read(connection, width, slots[0], _TOTALS, known)
        stores = _read(connection, cell_width, cells[0], _OF_STORES, known)
        overdue = int(connection.scalar(overdue_sales(now - target)) or 0)
    ends = [*slots[1:], slots[-1] + width]
    return FlowHistory(
        span=span,
        points=[_point(at, until, totals) for at, until in zip(slots, ends, strict=True)],
        cells=[float(one) for one in (*cells, cells[-1] + cell_width)],
        stores=_lines(cells, stores),
        complete=complete,
        target=target,
        overdue=overdue,
    )


def overdue_sales(before: float) -> Select[Any]:
    """How many came before then and wait to be booked; so many are counted at most that a look costs little."""
    # Said otherwise, a planner without statistics takes the index of all sales for it, and not that of the open ones.
    is_sale = func.coalesce(documents.c.kind, "") == "sale"
    waiting = (documents.c.state.in_(sorted(OPEN)), is_sale, documents.c.accepted_at < before)
    some = select(documents.c.id).where(*waiting).limit(MOST_OVERDUE).subquery()
    return select(func.count()).select_from(some)


_Parts = dict[tuple[int, str], dict[str, tuple[int, int]]]  # by slot and what: by part, documents and cents


def _tail(connection: Connection, sums: FlowSums, now: float) -> tuple[FlowSums, bool]:
    """What came after what is kept, and whether that is all of it."""
    start = flow_keeping.counted(connection) or flow_keeping.beginning(connection, now)
    came, became = flow_keeping.since(connection, start, LARGEST_TAIL)
    flow_keeping.sums_of(connection, came, became, sums)
    return sums, len(came) < LARGEST_TAIL and len(became) < LARGEST_TAIL


def _read(connection: Connection, width: int, first: int, what: Sequence[What], young: FlowSums) -> _Parts:
    chosen = (flow_sum.c.width == width, flow_sum.c.slot >= first, flow_sum.c.what.in_(what))
    query = select(flow_sum.c.slot, flow_sum.c.what, flow_sum.c.part, flow_sum.c["count"], flow_sum.c.cents)
    found: _Parts = defaultdict(dict)
    for slot, name, part, count, cents in connection.execute(query.where(*chosen)):
        found[slot, name][part] = (int(count), int(cents))
    for place, count, cents in young.rows():
        if place.width == width and place.slot >= first and place.what in what:
            _put(found, place, count, cents)
    return found


def _put(found: _Parts, place: FlowPlace, count: int, cents: int) -> None:
    parts = found[place.slot, place.what]
    known = parts.get(place.part, (0, 0))
    parts[place.part] = (known[0] + count, known[1] + cents)


def _point(at: int, until: int, totals: _Parts) -> FlowPoint:
    received = totals.get((at, "received"), {}).get("", (0, 0))
    booked = totals.get((at, "booked"), {}).get("", (0, 0))
    lags = {int(part): count for part, (count, _) in totals.get((at, "lag"), {}).items()}
    return FlowPoint(
        at=float(at),
        until=float(until),
        received=received[0],
        received_cents=received[1],
        booked=booked[0],
        booked_cents=booked[1],
        rejected={part: count for part, (count, _) in totals.get((at, "rejected"), {}).items()},
        lags=lags,
        lag_median=percentile(lags.items(), 0.5),
        lag_p95=percentile(lags.items(), 0.95),
    )


def _lines(cells: Sequence[int], found: _Parts) -> list[FlowOfStore]:
    names = {part for parts in found.values() for part in parts}
    lines = [
        FlowOfStore(
            name,
            [found.get((at, "store_received"), {}).get(name, (0, 0))[0] for at in cells],
            [found.get((at, "store_rejected"), {}).get(name, (0, 0))[0] for at in cells],
        )
        for name in names
    ]
    return sorted(lines, key=lambda one: (-sum(one.rejected), -sum(one.received), one.name))


def _added(some: Sequence[Mapping[int, int]] | Sequence[Mapping[str, int]]) -> dict:  # type: ignore[type-arg]
    together: dict[int | str, int] = defaultdict(int)
    for one in some:
        for key, count in one.items():
            together[key] += count
    return dict(together)
