"""Every till at a glance: its light, and why. Paged, filtered and sorted by the database.

The one place that decides what a light shows. Reads only; the counts come from ``tally``, never from history.
"""

from collections.abc import Sequence
from typing import Literal, get_args

import msgspec
from msgspec.structs import replace
from sqlalchemy import (
    CTE,
    ColumnElement,
    Connection,
    Engine,
    Row,
    Select,
    Subquery,
    and_,
    case,
    func,
    literal,
    literal_column,
    or_,
    select,
    true,
)

from malote.database.engine import reading
from malote.database.tables import document, tally, till
from malote.spool import till_troubles, warnings
from malote.spool.erp_memory import outside_of
from malote.spool.tallies import counts_of, late
from malote.wire import RefusedFile

SILENT_SECONDS = 900.0  # without a sign of life: longer than any courier's longest pause, several times over
BEHIND_SECONDS = 300.0  # an accepted sale that nobody has posted for so long: no poster runs, or it can't keep up
OVERDUE = "protocol_overdue"

Light = Literal["outside", "stopped", "attention", "ok", "disabled"]
LIGHT_NAMES: tuple[Light, ...] = get_args(Light)

# Why a light is what it is, the worst first. A till shows the first that is true of it.
#   outside        sales of it were booked, and the ERP doesn't have them any more
#   erp_stopped    its sales wait for something that a DBA must do
#   behind         its sales are accepted and nobody posts them
#   cut_off        it holds sales that it could not send, and is silent
#   troubled       it sees files that it doesn't capture, or told of a trouble (spool/till_troubles.py)
#   slowed         it brings so many rejects that it is made to wait
#   rejected       a person must look at documents of it
#   refused        it could not even capture some files
#   differing      sales of it were booked, and the ERP has them otherwise
#   flagged        documents of it are booked, and a person must look at them all the same
#   overdue        offline sales of it are booked, and have no protocol after the deadline
#   sharing        its agent reads the folder of another till
#   waiting        documents wait for something that comes by itself
#   skewed         its clock is wrong
#   silent         no sign of life; as far as known it holds nothing unsent
#   never          nothing was ever heard of it
Cause = Literal[
    "outside",
    "erp_stopped",
    "behind",
    "cut_off",
    "troubled",
    "slowed",
    "rejected",
    "refused",
    "differing",
    "flagged",
    "overdue",
    "sharing",
    "waiting",
    "skewed",
    "silent",
    "never",
    "ok",
    "disabled",
]
CAUSES: tuple[Cause, ...] = get_args(Cause)

LIGHTS: dict[Cause, Light] = {
    "outside": "outside",
    "erp_stopped": "stopped",
    "behind": "stopped",
    "cut_off": "stopped",
    "troubled": "attention",
    "slowed": "attention",
    "rejected": "attention",
    "refused": "attention",
    "differing": "attention",
    "flagged": "attention",
    "overdue": "attention",
    "sharing": "attention",
    "waiting": "attention",
    "skewed": "attention",
    "silent": "attention",
    "never": "attention",
    "ok": "ok",
    "disabled": "disabled",
}

_SETTLED = ("posted", "discarded", "kept")

TillSort = Literal["light", "name", "contact", "sale", "pending", "rejected", "waiting", "version"]


class TillsQuery(msgspec.Struct, frozen=True):
    """Which tills. ``search`` is looked for in name and label, whatever the capitals; ``page`` counts from 1."""

    search: str = ""
    light: Light | None = None
    sort: TillSort = "light"
    descending: bool = False
    page: int = 1
    size: int = 50


class TillOverview(msgspec.Struct, frozen=True):
    """One till. Times are seconds since the epoch."""

    id: int
    name: str
    label: str
    cause: Cause
    reason_code: str | None  # of the catalogue: what its waiting (or rejected) documents suffer from
    last_contact_at: float | None
    agent_version: str | None
    clock_skew_seconds: float | None
    at_till: int  # captured there and not yet accepted here
    uncaptured: int  # seen there and not captured
    pending: int  # accepted and not yet posted
    waiting: int
    rejected: int
    flagged: int  # posted, and a person must look at them
    overdue: int  # booked offline sales without protocol after the deadline
    outside: int  # booked, and the ERP doesn't have them any more
    outside_total: int  # cents
    differing: int  # booked, and the ERP has them otherwise
    discarded: int
    posted: int
    kept: int
    slowed_at: float | None  # when it was last told that it is made to wait for its rejects; None once that is over
    shared_with: str | None  # the till whose folder its agent reads
    last_series: int | None
    last_number: int | None
    last_issued_at: str | None  # ISO 8601 with zone
    oldest_pending_at: float | None

    @property
    def light(self) -> Light:
        return LIGHTS[self.cause]


class TillsPage(msgspec.Struct, frozen=True):
    tills: list[TillOverview]
    lights: dict[Light, int]  # of all that the search matches, whatever the light asked for
    matching: int  # of all that search and light match
    page: int
    pages: int


def tills(engine: Engine, query: TillsQuery, *, now: float) -> TillsPage:
    """One page. A page beyond the last one is the last one. Raises ``StoreError``."""
    with reading(engine) as connection:
        found = _read_page(connection, query, now)
        return found if found.page == query.page else _read_page(connection, replace(query, page=found.page), now)


def till_overview(engine: Engine, name: str, *, now: float) -> TillOverview | None:
    """The till of that name, whatever its capitals; None when there is none. Raises ``StoreError``."""
    judged = _judged(now, only=till.c.name_key == name.lower())
    with reading(engine) as connection:
        found = _overviews(connection, connection.execute(select(judged)).all())
        return found[0] if found else None


def matching_tills(engine: Engine, query: TillsQuery, *, now: float) -> list[str]:
    """The names of all enabled tills that search and light match, in alphabetical order. Raises ``StoreError``."""
    judged = _judged(now, query.search)
    statement = select(judged.c.name).where(judged.c.cause != "disabled").order_by(judged.c.name_key)
    if query.light:
        statement = statement.where(_shows(judged, query.light))
    with reading(engine) as connection:
        return list(connection.execute(statement).scalars())


def refused_files(engine: Engine, name: str) -> list[RefusedFile]:
    """The files that the till said it can't even capture. Raises ``StoreError``."""
    with reading(engine) as connection:
        said = connection.execute(select(till.c.refused).where(till.c.name_key == name.lower())).scalar()
    return msgspec.json.decode(said, type=list[RefusedFile]) if said else []


def _judged(now: float, search: str = "", only: ColumnElement[bool] | None = None) -> CTE:
    """Each till with its counts, its cause, and the code behind it."""
    counts, lost = counts_of(only), outside_of()

    def number_of(column: ColumnElement[int]) -> ColumnElement[int]:
        return func.coalesce(column, 0)

    def number(name: str) -> ColumnElement[int]:
        return number_of(counts.c[name])

    # One look into an index, and only for tills that have something pending.
    oldest = case(
        (
            number("pending") > 0,
            select(document.c.accepted_at)
            .where(document.c.till_id == till.c.id, document.c.state == "accepted")
            .order_by(document.c.id)
            .limit(1)
            .scalar_subquery(),
        )
    )
    silent = till.c.last_contact_at < now - SILENT_SECONDS
    causes: list[tuple[ColumnElement[bool], Cause]] = [
        (till.c.disabled_at.is_not(None), "disabled"),
        (number_of(lost.c.missing) > 0, "outside"),
        (counts.c.stopping_code.is_not(None), "erp_stopped"),
        (oldest < now - BEHIND_SECONDS, "behind"),
        (and_(silent, till.c.pending > 0), "cut_off"),
        (till_troubles.is_troubled(now), "troubled"),
        (warnings.is_slowed(now), "slowed"),
        (number("rejected") > 0, "rejected"),
        (func.coalesce(till.c.refused, "[]") != "[]", "refused"),
        (number_of(lost.c.differing) > 0, "differing"),
        (number("flagged") > 0, "flagged"),
        (late(now) > 0, "overdue"),
        (warnings.is_sharing(now), "sharing"),
        (number("waiting") > 0, "waiting"),
        (till_troubles.is_skewed(), "skewed"),
        (silent, "silent"),
        (and_(till.c.last_contact_at.is_(None), till.c.last_number.is_(None)), "never"),
    ]
    cause = case(*((condition, literal(name)) for condition, name in causes), else_=literal("ok"))
    codes = [counts.c[name] for name in ("stopping_code", "rejected_code", "flagged_code")]
    overdue = case((late(now) > 0, literal(f"0{OVERDUE}")))
    reason = func.substr(func.coalesce(*codes, overdue, counts.c.waiting_code), 2)
    statement: Select[tuple[object, ...]] = select(
        till.c.id,
        till.c.name,
        till.c.name_key,
        till.c.label,
        cause.label("cause"),
        reason.label("reason_code"),
        till.c.last_contact_at,
        till.c.agent_version,
        till.c.clock_skew_seconds,
        number_of(till.c.pending).label("at_till"),
        number_of(till.c.uncaptured).label("uncaptured"),
        *(number(name).label(name) for name in ("pending", "waiting", "rejected", "flagged")),
        late(now).label("overdue"),
        number_of(lost.c.missing).label("outside"),
        number_of(lost.c.missing_total).label("outside_total"),
        number_of(lost.c.differing).label("differing"),
        warnings.slowed_since(now).label("slowed_at"),
        warnings.shared_with(now).label("shared_with"),
        till.c.last_series,
        till.c.last_number,
        till.c.last_issued_at,
        oldest.label("oldest_pending_at"),
    ).select_from(till.outerjoin(counts, counts.c.till_id == till.c.id).outerjoin(lost, lost.c.till_id == till.c.id))
    if search.strip():
        wanted = search.strip().lower()
        statement = statement.where(
            or_(
                till.c.name_key.contains(wanted, autoescape=True),
                func.lower(till.c.label).contains(wanted, autoescape=True),
            )
        )
    if only is not None:
        statement = statement.where(only)
    return statement.cte("judged")


def page_statement(query: TillsQuery, *, now: float) -> Select[tuple[object, ...]]:
    """The page and the totals beside it in one statement, so that the tills are judged once for both.

    There is always a row; its ``id`` is NULL where the page is empty.
    """
    judged = _judged(now, query.search)
    totals = select(
        *(func.coalesce(func.sum(case((_shows(judged, light), 1), else_=0)), 0).label(light) for light in LIGHT_NAMES)
    ).subquery("totals")
    chosen = _chosen(judged, query).subquery("chosen")
    return (
        select(chosen, *(totals.c[light].label(f"total_{light}") for light in LIGHT_NAMES))
        .select_from(totals.outerjoin(chosen, true()))
        .order_by(*_order(chosen, query))
    )


def _read_page(connection: Connection, query: TillsQuery, now: float) -> TillsPage:
    rows = connection.execute(page_statement(query, now=now)).all()
    lights = {light: int(rows[0]._mapping[f"total_{light}"]) for light in LIGHT_NAMES}
    matching = lights[query.light] if query.light else sum(lights.values())
    pages = max(1, -(-matching // query.size))
    overviews = _overviews(connection, [row for row in rows if row.id is not None])
    return TillsPage(overviews, lights, matching, min(max(1, query.page), pages), pages)


def _shows(judged: CTE, light: Light) -> ColumnElement[bool]:
    return judged.c.cause.in_([cause for cause in CAUSES if LIGHTS[cause] == light])


def _chosen(judged: CTE, query: TillsQuery) -> Select[tuple[object, ...]]:
    keys: dict[TillSort, ColumnElement[object]] = {
        "light": case({cause: rank for rank, cause in enumerate(CAUSES)}, value=judged.c.cause),
        "name": judged.c.name_key,
        "contact": func.coalesce(judged.c.last_contact_at, 0),
        "sale": func.coalesce(judged.c.last_issued_at, ""),
        "pending": judged.c.pending + judged.c.at_till,
        "rejected": judged.c.rejected,
        "waiting": judged.c.waiting,
        "version": func.coalesce(judged.c.agent_version, ""),
    }
    statement = select(judged, keys[query.sort].label("sort_key"))
    if query.light:
        statement = statement.where(_shows(judged, query.light))
    key: ColumnElement[object] = literal_column("sort_key")
    ordered = statement.order_by(key.desc() if query.descending else key.asc(), judged.c.name_key)
    return ordered.limit(query.size).offset((max(1, query.page) - 1) * query.size)


def _order(chosen: Subquery, query: TillsQuery) -> tuple[ColumnElement[object], ...]:
    key: ColumnElement[object] = chosen.c.sort_key
    return (key.desc() if query.descending else key.asc(), chosen.c.name_key)


def _overviews(connection: Connection, rows: Sequence[Row[tuple[object, ...]]]) -> list[TillOverview]:
    settled = _settled(connection, [row.id for row in rows])
    names = [field.name for field in msgspec.structs.fields(TillOverview)]
    overviews = []
    for row in rows:
        values = {name: value for name, value in row._asdict().items() if name in names}
        values |= {state: settled.get((row.id, state), 0) for state in _SETTLED}
        overviews.append(TillOverview(**values))
    return overviews


def _settled(connection: Connection, till_ids: list[int]) -> dict[tuple[int, str], int]:
    statement = (
        select(tally.c.till_id, tally.c.state, func.sum(tally.c.count))
        .where(tally.c.till_id.in_(till_ids), tally.c.state.in_(_SETTLED))
        .group_by(tally.c.till_id, tally.c.state)
    )
    return {(till_id, state): int(count) for till_id, state, count in connection.execute(statement)}
