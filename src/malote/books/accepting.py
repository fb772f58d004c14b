"""What a person looked into and answers for: it is told no more, and the audit trail has who, what and why.

Only what stands at that moment; whatever comes later is told again.
"""

from collections.abc import Iterable, Iterator
from datetime import date
from itertools import islice
from typing import Any

import msgspec
from sqlalchemy import Connection, Engine, delete, select

from malote.accounts import audit
from malote.accounts.audit import Actor
from malote.books import closings, gap_keeping
from malote.books.gap_ranges import GapRange, State, cut
from malote.books.numbering import SeriesKey
from malote.database.book_tables import number_gap
from malote.database.engine import reading, writing
from malote.database.tables import till as tills
from malote.findings.kinds import USUAL_SECONDS
from malote.reconciliation import day_differences
from malote.tills import lost_sales
from malote.tills.lost_sales import LostAtTill

SHORTEST_REASON, LONGEST_REASON = 5, 500  # characters
MOST_LISTED = 1000
MOST_ROWS = 20_000  # read for a list: a till is asked about few numbers at a time, and each answer is a row of its own


class ListedGap(msgspec.Struct, frozen=True):
    """Numbers that no document has. ``since`` and ``accepted_at`` in seconds since the epoch; ``due`` YYYY-MM-DD, the
    last day on which they may be voided. ``told``: whether they are among the missing ones that lights tell of."""

    till: str
    issuer: str
    model: str
    series: int
    first: int
    last: int
    state: State
    since: float
    due: str
    accepted_at: float | None
    told: bool

    @property
    def count(self) -> int:
        return self.last - self.first + 1

    def same_as(self, other: "ListedGap") -> bool:
        """Whether the same is known of it, as far as a list shows."""
        known = msgspec.structs.replace(self, first=other.first, last=other.last, since=other.since)
        return known == other


class WantedGaps(msgspec.Struct, frozen=True):
    """Which gaps of a till: of one series, of some of its numbers, or all."""

    till: str
    series: int | None = None
    numbers: tuple[int, int] | None = None


def gaps(engine: Engine, now: float, till: str | None = None, *, accepted: bool = False) -> list[ListedGap]:
    """What is missing, by till, series and number, at most a thousand ranges: neighbours of which the same is known are
    one. Raises ``StoreError``."""
    columns = number_gap.c
    query = select(number_gap, tills.c.name).join_from(number_gap, tills).where(columns.state != "voided")
    if not accepted:
        query = query.where(columns.accepted_at.is_(None))
    if till is not None:
        query = query.where(tills.c.name_key == till.lower())
    order = (tills.c.name_key, columns.issuer, columns.model, columns.series, columns.first)
    with reading(engine) as connection:
        rows = connection.execute(query.order_by(*order).limit(MOST_ROWS)).all()
    return list(islice(_neighbours_joined(_gap(row, now) for row in rows), MOST_LISTED))


def accept_numbers(engine: Engine, wanted: WantedGaps, actor: Actor, reason: str, now: float) -> int:
    """A person says why these numbers are missing; how many numbers that are. Raises ``StoreError``."""
    columns = number_gap.c
    conditions = [columns.accepted_at.is_(None), columns.state != "voided", columns.till_id.in_(_named(wanted.till))]
    if wanted.series is not None:
        conditions.append(columns.series == wanted.series)
    if wanted.numbers is not None:
        conditions += [columns.first <= wanted.numbers[1], columns.last >= wanted.numbers[0]]
    with writing(engine) as connection:
        gap_keeping.lock(connection)
        rows = connection.execute(select(number_gap).where(*conditions)).all()
        accepted = [one for row in rows for one in _accept(connection, row, wanted.numbers, now)]
        if accepted:
            said = [
                f"{series}/{first}" if first == last else f"{series}/{first}-{last}"
                for series, first, last in _ranges_joined(accepted)
            ]
            count = sum(last - first + 1 for _, first, last in accepted)
            after: dict[str, Any] = {"numbers": said, "count": count}
            on = f"till:{wanted.till}"
            audit.record(connection, actor, "numbers_accepted", on, after=after, reason=reason, now=now)
        return sum(last - first + 1 for _, first, last in accepted)


def accept_day(engine: Engine, till: str, day: date, actor: Actor, reason: str, now: float) -> int:
    """A person says why till and server have other sales of a day; of how many sales. Raises ``StoreError``."""
    with writing(engine) as connection:
        till_id = connection.scalar(_named(till))
        count = day_differences.accept(connection, till_id, day, now) if till_id is not None else 0
        if count:
            after: dict[str, Any] = {"day": day.isoformat(), "count": count}
            audit.record(connection, actor, "day_accepted", f"till:{till}", after=after, reason=reason, now=now)
        return count


def accept_closing(engine: Engine, till: str, day: date, actor: Actor, reason: str, now: float) -> int:
    """A person says why the POS's closing of a day differs; by how many cents. Raises ``StoreError``."""
    with writing(engine) as connection:
        cents = closings.accept(connection, till, day, now)
        if cents:
            after: dict[str, Any] = {"day": day.isoformat(), "differs_cents": cents}
            audit.record(connection, actor, "closing_accepted", f"till:{till}", after=after, reason=reason, now=now)
        return cents


def accept_lost(engine: Engine, till: str, actor: Actor, reason: str, now: float) -> tuple[int, int]:
    """A person says what became of the sales that a till lost: how many, and their cents. Raises ``StoreError``."""
    with writing(engine) as connection:
        count, total = lost_sales.accept(connection, till, now)
        if count:
            after: dict[str, Any] = {"count": count, "total_cents": total}
            audit.record(connection, actor, "lost_accepted", f"till:{till}", after=after, reason=reason, now=now)
        return count, total


def lost(engine: Engine, till: str | None = None, *, accepted: bool = False) -> list[LostAtTill]:
    """What tills lost, by till and number. Raises ``StoreError``."""
    with reading(engine) as connection:
        return lost_sales.listed(connection, till, accepted=accepted)


def _accept(
    connection: Connection, row: Any, numbers: tuple[int, int] | None, now: float
) -> list[tuple[int, int, int]]:
    """Series, first and last of what of this row is accepted; the rest stays as it is."""
    part, key = gap_keeping.part_of(row), SeriesKey(row.issuer, row.model, row.series)
    parts: list[GapRange] = []
    for first, last, chosen in cut(part.first, part.last, [numbers or (part.first, part.last)]):
        changes = {"accepted_at": now} if chosen else {}
        parts.append(msgspec.structs.replace(part, first=first, last=last, **changes))
    connection.execute(delete(number_gap).where(*gap_keeping.of_series(key), number_gap.c.first == part.first))
    gap_keeping.write(connection, key, parts, now)
    return [(row.series, one.first, one.last) for one in parts if one.accepted_at is not None]


def _neighbours_joined(gaps: Iterable[ListedGap]) -> Iterator[ListedGap]:
    """In order; each with all that follow it without a break and of which the same is known."""
    whole: ListedGap | None = None
    for one in gaps:
        if whole is not None and one.first == whole.last + 1 and one.same_as(whole):
            whole = msgspec.structs.replace(whole, last=one.last, since=min(whole.since, one.since))
            continue
        if whole is not None:
            yield whole
        whole = one
    if whole is not None:
        yield whole


def _ranges_joined(ranges: Iterable[tuple[int, int, int]]) -> list[tuple[int, int, int]]:
    found: list[tuple[int, int, int]] = []
    for series, first, last in sorted(ranges):
        if found and found[-1][0] == series and found[-1][2] + 1 == first:
            series, first, _ = found.pop()
        found.append((series, first, last))
    return found


def _named(till: str) -> Any:
    return select(tills.c.id).where(tills.c.name_key == till.lower())


def _gap(row: Any, now: float) -> ListedGap:
    young = row.found_at >= now - USUAL_SECONDS
    told = row.accepted_at is None and row.state != "at_till" and not young
    names = ("issuer", "model", "series", "first", "last", "state")
    own = {name: row._mapping[name] for name in names}
    return ListedGap(till=row.name, **own, since=row.found_at, due=row.due, accepted_at=row.accepted_at, told=told)
