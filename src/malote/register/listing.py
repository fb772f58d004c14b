"""A till's documents as a screen shows them: the newest first, by state and reason, a page at a time."""

from collections.abc import Sequence
from datetime import date
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Connection, Engine, Select, func, or_, select, text, union_all

from malote.database.engine import reading
from malote.database.tables import document as documents
from malote.database.tables import tally as tallies
from malote.database.tables import till as tills
from malote.fiscal import typed_input
from malote.register import till_documents
from malote.register.documents import StoredDocument
from malote.spool.states import State

_GROWING: tuple[State, ...] = ("posted", "kept")  # all else is worked off, or ends with its retention
MOST_WALKED = 10_000  # of a till's newest documents in such a state, for what no index knows: names and amounts


class DocumentsQuery(msgspec.Struct, frozen=True):
    """``search`` is an access key, a day, an amount, a number or part of a file's name.

    ``before`` is the id that the page ends before.
    """

    states: tuple[State, ...]
    code: str | None = None
    search: str = ""
    before: int | None = None
    size: int = 50


class DocumentsPage(msgspec.Struct, frozen=True):
    documents: list[StoredDocument]
    older: int | None  # what ``before`` must be for the next page; None on the last one
    reasons: dict[str, int]  # how many documents of these states there are for each reason, whatever was searched
    totals: dict[str, int] = {}  # the cents that they come to


class FoundReason(msgspec.Struct, frozen=True):
    """What a search finds of one reason: how many, and the newest of them."""

    count: int
    documents: list[StoredDocument]


def page(engine: Engine, till: str, query: DocumentsQuery) -> DocumentsPage:
    """Raises ``StoreError``. Nothing of a till that doesn't exist."""
    with reading(engine) as connection:
        till_id = connection.execute(select(tills.c.id).where(tills.c.name_key == till.lower())).scalar()
        if till_id is None:
            return DocumentsPage([], None, {})
        rows = connection.execute(statement(till_id, query)).all()
        found = [till_documents.stored(row) for row in rows]
        older = found[query.size - 1].id if len(found) > query.size else None
        reasons, totals = _reasons(connection, till_id, query.states)
        return DocumentsPage(found[: query.size], older, reasons, totals)


def searched(engine: Engine, till: str, query: DocumentsQuery) -> dict[str, FoundReason]:
    """What a search finds by reason, the most frequent first, ``query.size`` documents of each; ``before`` is nothing.

    One walk over the documents of these states, however many reasons there are. Raises ``StoreError``.
    """
    with reading(engine) as connection:
        till_id = connection.execute(select(tills.c.id).where(tills.c.name_key == till.lower())).scalar()
        rows = connection.execute(searching(till_id, query)).all() if till_id is not None else []
        shown = [row.id for row in rows]
        listed = till_documents.listed().where(documents.c.id.in_(shown)).order_by(documents.c.id.desc())
        known = {row.id: till_documents.stored(row) for row in connection.execute(listed)} if shown else {}
    counts = {row.code: int(row.matching) for row in rows}
    found = {code: FoundReason(count, []) for code, count in sorted(counts.items(), key=lambda one: (-one[1], one[0]))}
    for row in rows:
        found[row.code].documents.append(known[row.id])
    return found


def searching(till_id: int, query: DocumentsQuery) -> Select[Any]:
    """The ids of ``searched``, each with its reason and how many there are of that."""
    code = func.coalesce(documents.c.reason_code, "").label("code")
    matching = select(
        documents.c.id,
        code,
        func.count().over(partition_by=code).label("matching"),
        func.row_number().over(partition_by=code, order_by=documents.c.id.desc()).label("place"),
    ).where(documents.c.till_id == till_id, documents.c.state.in_(query.states), matches(query.search.strip()))
    if query.code is not None:
        matching = matching.where(documents.c.reason_code == query.code)
    ranked = matching.subquery()
    return (
        select(ranked.c.id, ranked.c.code, ranked.c.matching)
        .where(ranked.c.place <= query.size)
        .order_by(ranked.c.code, ranked.c.id.desc())
    )


def statement(till_id: int, query: DocumentsQuery) -> Select[Any]:
    """One document more than a page, to see whether there is another. Walks an index, and never the history."""
    conditions: list[ColumnElement[bool]] = [documents.c.till_id == till_id]
    if query.before is not None:
        conditions.append(documents.c.id < query.before)
    if query.code is not None:
        conditions.append(documents.c.reason_code == query.code)
    limit = query.size + 1
    each = [
        _of_state(till_id, state, query.search.strip(), conditions)
        .order_by(documents.c.id.desc())
        .limit(limit)
        .subquery()
        for state in query.states
    ]
    merged = union_all(*(select(one.c.id) for one in each)).subquery()
    ids = select(merged.c.id).order_by(merged.c.id.desc()).limit(limit)
    return till_documents.listed().where(documents.c.id.in_(ids.scalar_subquery())).order_by(documents.c.id.desc())


def _of_state(till_id: int, state: State, search: str, conditions: Sequence[ColumnElement[bool]]) -> Select[tuple[int]]:
    """The ids of what a search finds in a state. In one that grows for ever, by an index or among the newest."""
    chosen = select(documents.c.id).where(*conditions, documents.c.state == state)
    if not search:
        return chosen
    if state not in _GROWING:
        return chosen.where(matches(search))
    found = _by_index(till_id, search)
    if found is None:
        newest = chosen.order_by(documents.c.id.desc()).limit(MOST_WALKED)
        return select(documents.c.id).where(documents.c.id.in_(newest.scalar_subquery()), matches(search))
    return chosen.where(documents.c.id.in_(found.scalar_subquery()))


def _by_index(till_id: int, search: str) -> Select[tuple[int]] | None:
    """The ids of documents with the key, and of the till's of the day or number that was typed; None of all else."""
    if (key := typed_input.access_key(search)) is not None:
        return select(documents.c.id).where(documents.c.access_key == key)  # few, at whatever till
    of_till = select(documents.c.id).where(documents.c.till_id == till_id)
    if (day := typed_input.day(search)) is not None:
        # Written as the partial index is, so that it is used.
        return of_till.where(text("kind = 'sale'"), _issued_on(day))
    if (number := typed_input.number(search)) is not None:
        return of_till.where(documents.c.number == number)
    return None


def matches(search: str) -> ColumnElement[bool]:
    """Documents by access key, day, amount, number or name of their file."""
    if (key := typed_input.access_key(search)) is not None:
        return documents.c.access_key == key
    if (day := typed_input.day(search)) is not None:
        return _issued_on(day)
    if (cents := typed_input.cents(search)) is not None:
        return documents.c.total == cents
    named = func.lower(documents.c.file_name).contains(search.lower(), autoescape=True)
    number = typed_input.number(search)
    return named if number is None else or_(documents.c.number == number, named)


def _issued_on(day: date) -> ColumnElement[bool]:
    return (documents.c.issued_at >= day.isoformat()) & (documents.c.issued_at < day.isoformat() + "~")


def _reasons(connection: Connection, till_id: int, states: tuple[State, ...]) -> tuple[dict[str, int], dict[str, int]]:
    wanted = (
        select(tallies.c.reason_code, func.sum(tallies.c.count), func.sum(tallies.c.total))
        .where(tallies.c.till_id == till_id, tallies.c.state.in_(states), tallies.c.count > 0)
        .group_by(tallies.c.reason_code)
        .order_by(func.sum(tallies.c.count).desc(), tallies.c.reason_code)
    )
    rows = connection.execute(wanted).all()
    return {code: int(count) for code, count, _ in rows}, {code: int(total) for code, _, total in rows}
