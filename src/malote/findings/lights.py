"""Every till at a glance: its light, and why. Paged, filtered and sorted by the database.

Reads only; the counts come from what is kept with every change, never from history. What a light shows is decided by
the weights of ``kinds`` and by nothing else.
"""

from collections.abc import Sequence
from functools import cache
from typing import Any, Literal

import msgspec
from msgspec.structs import replace
from sqlalchemy import (
    CTE,
    ColumnElement,
    Connection,
    Double,
    Engine,
    Integer,
    Row,
    Select,
    Subquery,
    Text,
    bindparam,
    case,
    func,
    literal_column,
    or_,
    select,
    true,
)

from malote.database.chunks import chunks
from malote.database.engine import reading
from malote.database.tables import tally, till
from malote.findings import till_findings
from malote.findings.finding_counts import figures, not_in_erp, not_in_erp_total
from malote.findings.kinds import CAUSES, LIGHT_NAMES, LIGHTS, OF_TILLS, Cause, Finding, Light
from malote.findings.store_wide import store_wide
from malote.wire import RefusedFile

_SETTLED = ("posted", "discarded", "kept")

# The kinds stand by weight, and so each light has a run of them.
_RANKS: dict[Cause, int] = {cause: rank for rank, cause in enumerate(CAUSES)}

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
    deleted: int  # rejected, deleted, and not in the ERP
    deleted_total: int  # cents
    discarded: int
    posted: int
    kept: int
    slowed_at: float | None  # when it was last told that it is made to wait for its rejects; None once that is over
    shared_with: str | None  # the till whose folder its agent reads
    last_series: int | None
    last_number: int | None
    last_issued_at: str | None  # ISO 8601 with zone
    oldest_unsent_at: float | None  # captured there so long ago, and not here
    oldest_unbooked_at: float | None  # came here so long ago, and isn't in the ERP
    oldest_pending_at: float | None  # the same of what nobody has tried to post yet
    not_in_erp: int  # documents of it that the ERP doesn't have: at the till, here, lost there
    not_in_erp_total: int  # cents, as far as known
    findings: list[Finding] = []  # the heaviest first; none of a disabled till

    @property
    def light(self) -> Light:
        return LIGHTS[self.cause]

    @property
    def heaviest(self) -> Finding | None:
        """What its light is about."""
        return self.findings[0] if self.findings else None

    @property
    def reason_code(self) -> str | None:
        """Of the catalogue: what the light is about."""
        return self.findings[0].code if self.findings else None


class TillsPage(msgspec.Struct, frozen=True):
    tills: list[TillOverview]
    lights: dict[Light, int]  # of all that the search matches, whatever the light asked for
    matching: int  # of all that search and light match
    page: int
    pages: int


def tills(engine: Engine, query: TillsQuery, *, now: float) -> TillsPage:
    """One page. A page beyond the last one is the last one. Raises ``StoreError``."""
    with reading(engine) as connection:
        whole = _heaviest(store_wide(connection, now))
        page = _read_page(connection, query, whole, now)
        if page.page == query.page:
            return page
        return _read_page(connection, replace(query, page=page.page), whole, now)


def till_overview(engine: Engine, name: str, *, now: float) -> TillOverview | None:
    """The till of that name, whatever its capitals; None when there is none. Raises ``StoreError``."""
    with reading(engine) as connection:
        whole = _heaviest(store_wide(connection, now))
        rows = connection.execute(_one(), given(now, whole) | {"name_key": name.lower()}).all()
        overviews = _overviews(connection, rows, whole, now)
        return overviews[0] if overviews else None


def every_till(engine: Engine, *, now: float) -> list[TillOverview]:
    """All tills by name, disabled ones too. Raises ``StoreError``."""
    found: list[TillOverview] = []
    with reading(engine) as connection:
        whole = _heaviest(store_wide(connection, now))
        for some in chunks(list(connection.scalars(select(till.c.id).order_by(till.c.name_key)))):
            rows = connection.execute(_some(), given(now, whole) | {"ids": some}).all()
            found += _overviews(connection, rows, whole, now)
    return found


def matching_tills(engine: Engine, query: TillsQuery, *, now: float) -> list[str]:
    """The names of all enabled tills that search and light match, in alphabetical order. Raises ``StoreError``."""
    judged = _brief(query)
    statement = select(judged.c.name).where(judged.c.rank != _RANKS["disabled"]).order_by(judged.c.name_key)
    if query.light:
        statement = statement.where(_shows(judged, query.light))
    with reading(engine) as connection:
        return list(connection.scalars(statement, given(now, _heaviest(store_wide(connection, now)), query.search)))


def refused_files(engine: Engine, name: str) -> list[RefusedFile]:
    """The files that the till said it can't even capture. Raises ``StoreError``."""
    with reading(engine) as connection:
        said = connection.execute(select(till.c.refused).where(till.c.name_key == name.lower())).scalar()
    return msgspec.json.decode(said, type=list[RefusedFile]) if said else []


def troubled_tills(connection: Connection, now: float) -> Sequence[Row[tuple[object, ...]]]:
    """The figures of all enabled tills that aren't green by themselves; rows as ``found.findings`` takes them."""
    judged = _all_brief()
    wanted = select(judged.c.id).where(judged.c.rank < _RANKS["ok"]).order_by(judged.c.name_key)
    rows: list[Row[tuple[object, ...]]] = []
    for some in chunks(list(connection.scalars(wanted, given(now, None)))):
        rows += connection.execute(_some(), given(now, None) | {"ids": some}).all()
    return rows


def judged_in_full() -> CTE:
    """Each till with all its figures and its ``rank``; run what is made of it with what ``given`` says."""
    return _judged()


def overviews_of(connection: Connection, ids: list[int], whole: Finding | None, now: float) -> list[TillOverview]:
    """In whatever order."""
    found: list[TillOverview] = []
    for some in chunks(ids):
        rows = connection.execute(_some(), given(now, whole) | {"ids": some}).all()
        found += _overviews(connection, rows, whole, now)
    return found


def _heaviest(whole: Sequence[Finding]) -> Finding | None:
    return whole[0] if whole else None


# What every statement here is given when it runs; so that its making, which costs as much as its running, is done once.
_NOW: ColumnElement[float] = bindparam("now", type_=Double)
_WHOLE: ColumnElement[int] = bindparam("whole", type_=Integer)


def given(now: float, whole: Finding | None, search: str = "") -> dict[str, object]:
    """The parameters of every statement that judges tills."""
    return {"now": now, "whole": int(whole is not None), **pattern(search)}


def _judged(only: ColumnElement[bool] | None = None, *, brief: bool = False) -> CTE:
    """Each till with its figures and the ``rank`` of its cause in ``CAUSES``: of the heaviest that holds of it."""
    known = figures(_NOW, _WHOLE, only, brief=brief)
    # Else each figure would be computed anew wherever it is named; where little is asked, each is named once.
    chosen: CTE | Subquery = known.subquery("figures") if brief else known.cte("figures").prefix_with("MATERIALIZED")
    holds = [(chosen.c[kind.name] > 0, _RANKS[kind.name]) for kind in OF_TILLS]
    rank = case((chosen.c.disabled_at.is_not(None), _RANKS["disabled"]), *holds, else_=_RANKS["ok"])
    columns = [chosen.c[name] for name in _SORTED] if brief else [chosen]
    return select(*columns, rank.label("rank")).cte("judged")


# What a list is sorted and chosen by.
_SORTED = (
    *("id", "name", "name_key", "last_contact_at", "last_issued_at", "agent_version"),
    *("pending", "at_till", "all_rejected", "all_waiting"),
)


@cache
def _all_brief() -> CTE:
    return _judged(brief=True)


@cache
def _searched_brief() -> CTE:
    return _judged(matching(), brief=True)


def matching() -> ColumnElement[bool]:
    wanted: ColumnElement[str] = bindparam("pattern", type_=Text)
    columns = (till.c.name_key, func.lower(till.c.label))
    return or_(*(column.like(wanted, escape="/") for column in columns))


def _brief(query: TillsQuery) -> CTE:
    return _searched_brief() if query.search.strip() else _all_brief()


def pattern(search: str) -> dict[str, object]:
    """The parameter of what ``matching`` is in; none where nothing is searched."""
    wanted = search.strip().lower()
    for special in "/%_":
        wanted = wanted.replace(special, f"/{special}")
    return {"pattern": f"%{wanted}%"} if wanted else {}


@cache
def _one() -> Select[tuple[object, ...]]:
    return select(_judged(only=till.c.name_key == bindparam("name_key")))


@cache
def _some() -> Select[tuple[object, ...]]:
    chosen = _judged(only=till.c.id.in_(bindparam("ids", expanding=True)))
    return select(chosen).order_by(chosen.c.name_key)


def page_statement(query: TillsQuery) -> Select[tuple[object, ...]]:
    """The ids of a page and the totals beside it in one statement, so that the tills are judged once for both.

    There is always a row; its ``id`` is NULL where the page is empty. Run it with what ``given`` says.
    """
    judged = _brief(query)
    totals = select(
        *(func.coalesce(func.sum(case((_shows(judged, light), 1), else_=0)), 0).label(light) for light in LIGHT_NAMES)
    ).subquery("totals")
    chosen = _chosen(judged, query).subquery("chosen")
    return (
        select(chosen, *(totals.c[light].label(f"total_{light}") for light in LIGHT_NAMES))
        .select_from(totals.outerjoin(chosen, true()))
        .order_by(*_order(chosen, query))
    )


def _read_page(connection: Connection, query: TillsQuery, whole: Finding | None, now: float) -> TillsPage:
    rows = connection.execute(page_statement(query), given(now, whole, query.search)).all()
    lights = {light: int(rows[0]._mapping[f"total_{light}"]) for light in LIGHT_NAMES}
    matching = lights[query.light] if query.light else sum(lights.values())
    pages = max(1, -(-matching // query.size))
    ids = [row.id for row in rows if row.id is not None]
    known = {row.id: row for row in connection.execute(_some(), given(now, whole) | {"ids": ids})} if ids else {}
    overviews = _overviews(connection, [known[one] for one in ids], whole, now)
    return TillsPage(overviews, lights, matching, min(max(1, query.page), pages), pages)


def _shows(judged: CTE, light: Light) -> ColumnElement[bool]:
    ranks = [_RANKS[cause] for cause in CAUSES if LIGHTS[cause] == light]
    return judged.c.rank.between(min(ranks), max(ranks))


def _chosen(judged: CTE, query: TillsQuery) -> Select[tuple[object, ...]]:
    keys: dict[TillSort, ColumnElement[object]] = {
        "light": judged.c.rank,
        "name": judged.c.name_key,
        "contact": func.coalesce(judged.c.last_contact_at, 0),
        "sale": func.coalesce(judged.c.last_issued_at, ""),
        "pending": judged.c.pending + judged.c.at_till,
        "rejected": judged.c.all_rejected,
        "waiting": judged.c.all_waiting,
        "version": func.coalesce(judged.c.agent_version, ""),
    }
    statement = select(judged.c.id, judged.c.name_key, keys[query.sort].label("sort_key"))
    if query.light:
        statement = statement.where(_shows(judged, query.light))
    key: ColumnElement[object] = literal_column("sort_key")
    ordered = statement.order_by(key.desc() if query.descending else key.asc(), judged.c.name_key)
    return ordered.limit(query.size).offset((max(1, query.page) - 1) * query.size)


def _order(chosen: Subquery, query: TillsQuery) -> tuple[ColumnElement[object], ...]:
    key: ColumnElement[object] = chosen.c.sort_key
    return (key.desc() if query.descending else key.asc(), chosen.c.name_key)


def _overviews(
    connection: Connection, rows: Sequence[Row[tuple[object, ...]]], whole: Finding | None, now: float
) -> list[TillOverview]:
    ids = [row.id for row in rows]
    settled, ages = _settled(connection, ids), till_findings.ages(connection, ids)
    findings = till_findings.findings(connection, rows, whole, ages, now)
    names = [name for name in (rows[0]._fields if rows else ()) if name in TillOverview.__struct_fields__]
    overviews = []
    for row in rows:
        values: dict[str, Any] = {name: getattr(row, name) for name in names}
        values |= {state: settled.get((row.id, state), 0) for state in _SETTLED}
        values |= {"oldest_unsent_at": row.unsent_since, "oldest_unbooked_at": till_findings.oldest(ages[row.id])}
        values |= {"waiting": row.all_waiting, "rejected": row.all_rejected}
        told = findings.get(row.id, [])
        # A rule of the retailer's own may weigh more than its place among the causes.
        values["cause"] = "rules" if told and told[0].name == "rules" else CAUSES[row.rank]
        values |= {"oldest_pending_at": row.behind_since, "findings": told}
        values |= {"not_in_erp": int(not_in_erp(row)), "not_in_erp_total": int(not_in_erp_total(row))}
        overviews.append(TillOverview(**values))
    return overviews


def _settled(connection: Connection, till_ids: list[int]) -> dict[tuple[int, str], int]:
    statement = (
        select(tally.c.till_id, tally.c.state, func.sum(tally.c.count))
        .where(tally.c.till_id.in_(till_ids), tally.c.state.in_(_SETTLED))
        .group_by(tally.c.till_id, tally.c.state)
    )
    return {(till_id, state): int(count) for till_id, state, count in connection.execute(statement).all()}
