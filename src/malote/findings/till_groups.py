"""The tills in groups that share a cause, or a store, the worst first: 300 equal rows are one line.

All tills are judged once (``judged_tills``), whatever is asked about them, and of each group only as many are read as
are shown. So the cost follows what is wrong and what is shown, and not how many tills there are.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from functools import partial
from typing import Literal, get_args

import msgspec
from sqlalchemy import Connection, Engine, bindparam, select

from malote.database.engine import reading
from malote.database.tables import document
from malote.findings import judged_tills, lights
from malote.findings.judged_tills import OK, JudgedTill
from malote.findings.kinds import BY_NAME, CAUSES, LIGHT_NAMES, LIGHTS, Cause, Finding, Light
from malote.findings.lights import TillOverview
from malote.findings.store_wide import store_wide
from malote.register.flow_slots import store_of

By = Literal["cause", "store"]
BYS: tuple[By, ...] = get_args(By)
MOST_GROUPS = 60


class GroupsQuery(msgspec.Struct, frozen=True):
    """A group of up to ``each`` tills is read while there is ``room``, one that is green or disabled up to ``quiet``,
    and of the group ``open`` (its key) ``opened`` tills; of all others none."""

    by: By = "cause"
    search: str = ""
    light: Light | None = None
    each: int = 12
    quiet: int = 40
    room: int = 40
    open: str = ""
    opened: int = 50
    groups: int = MOST_GROUPS


class TillGroup(msgspec.Struct, frozen=True):
    """Tills with one cause and one reason, or of one store (``cause`` is then the worst of them).

    ``sales`` of them aren't in the ERP, as far as known; ``cents`` they come to; ``since`` the oldest, in seconds since
    the epoch; None too where finding it would need a look at each of them. ``some`` are the first, the worst first.
    """

    key: str
    cause: Cause
    code: str  # of the catalogue; "" where there is none
    count: int
    sales: int
    cents: int
    since: float | None
    some: list[TillOverview]

    @property
    def light(self) -> Light:
        return LIGHTS[self.cause]

    def weight(self, now: float) -> float:
        """Sales × time: what this group weighs in its light."""
        return self.sales * max(1.0, now - self.since if self.since else 1.0)


class GroupedTills(msgspec.Struct, frozen=True):
    groups: list[TillGroup]  # by light, and within one the heaviest first
    lights: dict[Light, int]  # of all that the search matches, whatever the light asked for
    left: int  # groups beyond those shown
    whole: Finding | None  # what concerns every till


def grouped(engine: Engine, query: GroupsQuery, *, now: float) -> GroupedTills:
    """Raises ``StoreError``."""
    return together(engine, (query,), now=now)[0]


def together(engine: Engine, queries: Sequence[GroupsQuery], *, now: float) -> list[GroupedTills]:
    """The answers to several questions about the same moment: the tills are judged once. Raises ``StoreError``."""
    with reading(engine) as connection:
        whole = next(iter(store_wide(connection, now)), None)
        troubled = judged_tills.judge(connection, whole, now)
        return [_grouped(connection, troubled, query, whole, now) for query in queries]


def _grouped(
    connection: Connection, troubled: Sequence[JudgedTill], query: GroupsQuery, whole: Finding | None, now: float
) -> GroupedTills:
    judged, counts = judged_tills.with_quiet(connection, troubled, query.search, partial(_named, query))
    of_light: dict[Light, int] = dict.fromkeys(LIGHT_NAMES, 0)
    for rank, count in counts.items():
        of_light[LIGHTS[CAUSES[rank]]] += count
    by_key: dict[str, list[JudgedTill]] = defaultdict(list)
    for one in judged:
        if query.light is None or LIGHTS[CAUSES[one.rank]] == query.light:
            by_key[_key(one, query.by)].append(one)
    chosen = sorted(by_key.items(), key=lambda one: _order(one[1], one[0]))
    groups = _read(connection, chosen[: query.groups], counts, query, whole, now)
    groups.sort(key=lambda one: _place(one, now))
    return GroupedTills(groups, of_light, max(0, len(chosen) - query.groups), whole)


def _place(group: TillGroup, now: float) -> tuple[int, float, int, str]:
    return LIGHT_NAMES.index(group.light), -group.weight(now), CAUSES.index(group.cause), group.key


def _named(query: GroupsQuery, rank: int, count: int) -> int:
    """How many of those that are green or disabled: grouped by cause no more than are shown."""
    if query.by == "store":
        return count
    return query.opened if query.open == CAUSES[rank] else max(1, count if count <= query.quiet else 0)


def _key(one: JudgedTill, by: By) -> str:
    if by == "store":
        return store_of(one.name)
    cause = CAUSES[one.rank]
    return f"{cause}.{one.code}" if one.code else cause


def _order(some: Sequence[JudgedTill], key: str) -> tuple[int, int, int, str]:
    """Before the age of anything is known."""
    return min(one.rank for one in some), -sum(one.sales for one in some), -len(some), key


def _read(
    connection: Connection,
    chosen: Iterable[tuple[str, list[JudgedTill]]],
    counts: Counter[int],
    query: GroupsQuery,
    whole: Finding | None,
    now: float,
) -> list[TillGroup]:
    """The groups with the tills that are shown of each."""
    placed, room = {}, query.room
    for key, some in chosen:
        rank = min(one.rank for one in some)
        count = counts[rank] if query.by == "cause" and rank >= OK else len(some)
        most = query.each if rank < OK else query.quiet
        number = query.opened if key == query.open else count if count <= min(most, room) else 0
        room -= number
        placed[key] = count, some, sorted(some, key=lambda one: (one.rank, -one.sales, one.name))[:number]
    ids = [one.id for _, _, first in placed.values() for one in first]
    shown = {one.id: one for one in lights.overviews_of(connection, ids, whole, now)}
    groups = []
    for key, (count, some, first) in placed.items():
        tills = sorted(
            (shown[one.id] for one in first if one.id in shown), key=lambda one: (-_weight(one, now), one.name)
        )
        groups.append(_group(connection, key, count, some, tills, whole))
    return groups


def _group(
    connection: Connection,
    key: str,
    count: int,
    some: list[JudgedTill],
    tills: list[TillOverview],
    whole: Finding | None,
) -> TillGroup:
    worst = min(some, key=lambda one: (one.rank, -one.sales))
    cause = CAUSES[worst.rank]
    kind = BY_NAME.get(cause)
    code = whole.code if cause == "store_wide" and whole else worst.code or (kind.code if kind else "")
    since = whole.since if cause == "store_wide" and whole else None
    return TillGroup(
        key=key,
        cause=cause,
        code=code,
        count=count,
        sales=sum(one.sales for one in some),
        cents=sum(one.cents for one in some),
        since=since or _since(connection, cause, code, tills, count),
        some=tills,
    )


def _since(connection: Connection, cause: Cause, code: str, some: Sequence[TillOverview], count: int) -> float | None:
    """Where all tills of the group were read, or where one look finds the oldest document of its reason."""
    if count == len(some):
        return min((one.heaviest.since for one in some if one.heaviest and one.heaviest.since), default=None)
    if cause not in _STATES:
        return None
    oldest: float | None = connection.scalar(_OLDEST, {"state": _STATES[cause], "code": code})
    return oldest


def _weight(one: TillOverview, now: float) -> float:
    heaviest = one.heaviest
    since = heaviest.since if heaviest and heaviest.since else now
    return max(1, one.not_in_erp) * max(1.0, now - since)


_STATES: dict[Cause, str] = {
    "erp_stopped": "waiting",
    "waiting": "waiting",
    "structure": "rejected",
    "rejected": "rejected",
}
_OLDEST = (
    select(document.c.accepted_at)
    .where(document.c.state == bindparam("state"), document.c.reason_code == bindparam("code"))
    .order_by(document.c.id)
    .limit(1)
)
