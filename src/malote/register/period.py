"""The documents behind a point of the dashboard: what came, was booked or was rejected within a while, of all tills."""

from typing import Any, Literal, get_args

import msgspec
from sqlalchemy import ColumnElement, Connection, Engine, Select, func, select

from malote.database.consumer_tables import feed
from malote.database.engine import reading
from malote.database.tables import document as documents
from malote.database.tables import till as tills
from malote.register.documents import StoredDocument
from malote.register.flow_slots import STORE_SEPARATOR
from malote.register.halving import first_since
from malote.register.till_documents import listed, stored

Became = Literal["received", "booked", "rejected"]
BECAME: tuple[Became, ...] = get_args(Became)
LARGEST_WALK = 50_000  # rows looked through for one page, where few of them are wanted


class PeriodQuery(msgspec.Struct, frozen=True):
    """``since`` and ``until`` in seconds since the epoch. ``store``: as in ``flow_slots.store_of``, None for all.
    ``code`` is a reason's, of what was rejected. ``before`` ends the page."""

    became: Became
    since: float
    until: float
    store: str | None = None
    code: str = ""
    before: int | None = None
    size: int = 50


class NotedDocument(msgspec.Struct, frozen=True):
    """A document, and when it came, was booked or was rejected."""

    at: float
    document: StoredDocument


class PeriodPage(msgspec.Struct, frozen=True):
    """The newest first. ``older``: what ``before`` must be for the next page; None on the last one."""

    noted: list[NotedDocument]
    older: int | None


def page(engine: Engine, query: PeriodQuery) -> PeriodPage:
    """Sales that came or were booked, and all that was rejected. Raises ``StoreError``."""
    with reading(engine) as connection:
        low, high = _range(connection, query)
        # Where few are wanted among many, a page ends after so many rows, and the next one goes on from there.
        floor = connection.scalar(select(func.min(_walk(query.became, low, high).subquery().c.id)))
        if floor is None:
            return PeriodPage([], None)
        chosen = connection.execute(statement(query, floor, high)).all()
    shown = chosen[: query.size]
    older = shown[-1].noted if len(chosen) > query.size else floor if floor > low else None
    return PeriodPage([NotedDocument(one.noted_at, stored(one)) for one in shown], older)


def statement(query: PeriodQuery, low: int, high: int) -> Select[Any]:
    """The wanted ones from ``low`` on and before ``high``, the newest first, and one more than a page holds."""
    ids, at = _columns(query.became)
    chosen = listed().add_columns(ids.label("noted"), at.label("noted_at")).where(ids >= low, ids < high)
    if query.became == "received":
        chosen = chosen.where(documents.c.kind == "sale")
    else:
        chosen = chosen.join(feed, feed.c.document_id == documents.c.id).where(feed.c.what == query.became)
    if query.code and query.became == "rejected":
        chosen = chosen.where(feed.c.code == query.code)
    if query.store is not None:
        chosen = chosen.where(_of_store(query.store))
    return chosen.order_by(ids.desc()).limit(query.size + 1)


def _walk(became: Became, low: int, high: int) -> Select[int]:
    ids, _ = _columns(became)
    return select(ids).where(ids >= low, ids < high).order_by(ids.desc()).limit(LARGEST_WALK)


def _range(connection: Connection, query: PeriodQuery) -> tuple[int, int]:
    ids, at = _columns(query.became)
    low = first_since(connection, ids, at, query.since)
    high = first_since(connection, ids, at, query.until)
    return low, high if query.before is None else min(high, query.before)


def _columns(became: Became) -> tuple[ColumnElement[int], ColumnElement[float]]:
    """The ids in order of time, and the times."""
    return (documents.c.id, documents.c.accepted_at) if became == "received" else (feed.c.id, feed.c.at)


def _of_store(store: str) -> ColumnElement[bool]:
    if not store:
        return ~tills.c.name.contains(STORE_SEPARATOR, autoescape=True)
    return tills.c.name.startswith(store + STORE_SEPARATOR, autoescape=True)
