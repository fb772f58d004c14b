"""How this server and its ERP differ, as far as it is known: a witness and no sink.

Looked at again and again, a part at a time (``look``), so that the cost of a look doesn't grow with the years: the
newest, which a restored copy or a standby lacks; what differed before; and one part of a walk over all the rest.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import msgspec
from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    Subquery,
    case,
    delete,
    exists,
    func,
    insert,
    literal,
    select,
    text,
    union_all,
    update,
)

from malote.database.chunks import chunks
from malote.database.engine import reading, writing
from malote.database.erp_tables import erp_difference, erp_memory, erp_stranger
from malote.database.tables import document as documents
from malote.database.tables import tally
from malote.reconciliation import changed_keys, erp_comparison, erp_rounds, strangers
from malote.reconciliation.book_days import PRINTED, Calendar
from malote.reconciliation.erp_comparison import OUTSIDE, PAGE, SHORT, ErpDifference, ErpWitness
from malote.spool.states import OPEN

FEWEST = 3  # sales that the ERP must have wherever anything is booked
NEWEST = PAGE  # documents: what a restored copy lacks are the newest
PARTS = 12  # of a walk over all that was booked
SMALLEST_PART, LARGEST_PART = 500, 4000  # documents
PART_SECONDS = 18.0  # between parts, whoever walks
STALE_SECONDS = 600.0  # after a look, that what was booked still counts as compared
SHARE = 1 / PARTS  # of a round over the days, at one look


class ErpTrouble(msgspec.Struct, frozen=True):
    """``missing`` documents are not in the ledger any more; ``total`` in cents, ``since`` as ever."""

    missing: int
    total: int
    since: float


def facts_of(trouble: ErpTrouble, schema: str = "") -> dict[str, str]:
    """For the words of the catalogue."""
    whole, cents = divmod(trouble.total, 100)
    return {"missing": str(trouble.missing), "value": f"R$ {whole},{cents:02d}", "schema": schema}


class OutsideErp(msgspec.Struct, frozen=True):
    """Of one till: what the ERP lost of it, and what it has otherwise. Totals in cents; never what was accepted."""

    missing: int
    missing_total: int
    differing: int
    differing_total: int


class ErpMemory(msgspec.Struct, frozen=True):
    schema: str = ""
    trouble: ErpTrouble | None = None


def recall(engine: Engine) -> ErpMemory:
    """Raises ``StoreError``."""
    with reading(engine) as connection:
        schema = connection.scalar(select(erp_memory.c.schema))
        return ErpMemory(schema or "", trouble(connection))


def outside(connection: Connection) -> dict[int, OutsideErp]:
    """By till; of most tills nothing."""
    found = outside_of().c
    columns = (found.till_id, *(found[field.name] for field in msgspec.structs.fields(OutsideErp)))
    return {till_id: OutsideErp(*map(int, counts)) for till_id, *counts in connection.execute(select(*columns))}


def outside_in_all(engine: Engine) -> tuple[int, int]:
    """What the ERP lost of any till and nobody ordered again: documents, and cents. Raises ``StoreError``."""
    with reading(engine) as connection:
        outside = erp_difference.c.what.in_(sorted(OUTSIDE))
        count, total = connection.execute(_counted(_OPEN & outside & _STANDING)).one()
        return int(count), int(total)


def unguarded_in_all(engine: Engine) -> int:
    """How many booked documents are there and lost the guard of their number. Raises ``StoreError``."""
    with reading(engine) as connection:
        count, _ = connection.execute(_counted(_OPEN & (erp_difference.c.what == "unguarded") & _STANDING)).one()
        return int(count)


def outside_of() -> Subquery:
    """The same as a row per till that has any: ``till_id``, and the fields of ``OutsideErp``."""
    names = ("till_id", "what", "total", "found_at")
    known = select(*(erp_difference.c[name] for name in names)).where(_OPEN)
    stranger = erp_stranger.c
    unsent = select(stranger.till_id, literal("unsent"), stranger.total, stranger.found_at)
    told = (erp_stranger.c.accepted_at.is_(None), ~strangers.is_paired())
    table = union_all(known, unsent.where(*told)).subquery("different").c
    lost = table.what.in_(sorted(OUTSIDE))

    def counted(condition: ColumnElement[bool], value: Any, name: str) -> ColumnElement[int]:
        return func.sum(case((condition, value), else_=0)).label(name)

    return (
        select(
            table.till_id,
            counted(lost, 1, "missing"),
            counted(lost, table.total, "missing_total"),
            counted(~lost, 1, "differing"),
            counted(~lost, table.total, "differing_total"),
            func.min(case((lost, table.found_at))).label("missing_since"),
            func.min(case((~lost, table.found_at))).label("differing_since"),
        )
        .group_by(table.till_id)
        .subquery("outside")
    )


def look(
    engine: Engine,
    erp: ErpWitness,
    now: float,
    *,
    newest: int = NEWEST,
    sales: bool = True,
    calendar: Calendar = PRINTED,
    unsent: bool = True,
) -> ErpTrouble | None:
    """Compares a part, and writes down what differs. What keeps posting from going on, if anything does. Without
    ``unsent`` what nobody sent is left for a later look.

    Where what was newest is gone, older ones are looked at until enough of them are there. Raises ``StoreError`` and
    what the ERP raises.
    """
    with reading(engine) as connection:
        asked = erp_comparison.ids_where(connection, documents.c.id > 0, limit=newest, newest=True)
        known = (
            select(erp_difference.c.document_id).where(_OPEN, _STANDING).order_by(erp_difference.c.document_id.desc())
        )
        suspected = list(connection.scalars(known.limit(PAGE)))
    adds_up = sales and erp.fingerprints([]) is not None
    part = _next_part(engine, now, SMALLEST_PART if adds_up else LARGEST_PART)
    if part is not None and adds_up:
        erp_rounds.go_on(
            engine, erp, calendar, now, lambda ids: _note(engine, erp, ids, now, sales=True), SHARE, unsent
        )
    elif part is not None:
        erp_rounds.note_walked(engine, asked[0] if asked else 0)
    found = _note(engine, erp, {*asked, *suspected, *(part or [])}, now, sales=sales)
    oldest = asked[-1] if asked else 0
    while found & set(asked):
        with reading(engine) as connection:
            asked = erp_comparison.ids_where(connection, documents.c.id < oldest, limit=PAGE, newest=True)
        oldest = asked[-1] if asked else 0
        found = _note(engine, erp, asked, now, sales=sales)
    settled = set(suspected) - set(_still(engine, suspected))
    if suspected and len(settled) == len(suspected) == PAGE:
        return look(engine, erp, now, newest=newest, sales=sales, calendar=calendar, unsent=unsent)
    _set(engine, looked_at=now)  # only now that all it found is written down
    with reading(engine) as connection:
        return trouble(connection)


def newest(engine: Engine) -> list[str]:
    """The keys of the sales booked last, of which nothing is known to differ. Raises ``StoreError``."""
    differs = exists().where(erp_difference.c.document_id == documents.c.id)
    booked = select(documents.c.access_key).where(documents.c.state == "posted", documents.c.kind == "sale", ~differs)
    booked = booked.where(documents.c.access_key.is_not(None), documents.c.duplicate.is_(False))
    with reading(engine) as connection:
        return list(connection.scalars(booked.order_by(documents.c.id.desc()).limit(FEWEST)))


def remember(engine: Engine, schema: str, now: float) -> None:
    """Where the ledger is. Raises ``StoreError``."""
    _set(engine, schema=schema, noted_at=now)


def note(engine: Engine, looked: Sequence[int], differences: Sequence[ErpDifference], now: float) -> None:
    """What was found of the documents that were looked at takes the place of what was known of them.

    What a person accepted stays accepted as long as it differs in the same way; what is on its way to be booked again
    stays what it was until it is there. Raises ``StoreError``.
    """
    known = _known(engine, looked)
    fresh = {one.booked.id: _row(one, now) for one in differences}
    gone = [one for one in known if one not in fresh]
    changed = [row for one, row in fresh.items() if one not in known or _differs(known[one], row)]
    if not gone and not changed:
        return
    with writing(engine) as connection:
        for some in chunks([*gone, *(row["document_id"] for row in changed)]):
            connection.execute(delete(erp_difference).where(erp_difference.c.document_id.in_(some)))
        for rows in chunks(changed):
            connection.execute(_INSERT, list(rows))


def doubt(engine: Engine) -> None:
    """A poster starts: nothing is known of what is behind the ERP's address now. Raises ``StoreError``."""
    _set(engine, looked_at=None)


def is_unchecked(now: ColumnElement[Any]) -> ColumnElement[bool]:
    """Whether nobody compared the ERP for ten minutes, or since a poster started. False where none ever did."""
    fresh = erp_memory.c.looked_at.between(now - STALE_SECONDS, now + STALE_SECONDS)
    return exists().where(case((fresh, 0), else_=1) == 1)


def known_pages(engine: Engine) -> Iterator[list[int]]:
    """What is known to differ, and was not accepted, in order of arrival. Raises ``StoreError``."""
    after = 0
    while True:
        query = select(erp_difference.c.document_id).where(_OPEN, erp_difference.c.document_id > after)
        with reading(engine) as connection:
            found = list(connection.scalars(query.order_by(erp_difference.c.document_id).limit(PAGE)))
        if not found:
            return
        after = found[-1]
        yield found


def accept(engine: Engine, now: float, tell: Callable[[Connection, int, int], None]) -> tuple[int, int] | None:
    """A person says why the ERP differs as it does: how many documents and cents that is, where anything differs.

    ``tell`` records it in the same transaction. Nothing is booked again by this. Raises ``StoreError``.
    """
    with writing(engine) as connection:
        count, total = connection.execute(_counted(_OPEN)).one()
        more, value = strangers.accept(connection, now)
        count, total = count + more, total + value
        if not count:
            return None
        connection.execute(update(erp_difference).where(_OPEN).values(accepted_at=now))
        tell(connection, int(count), int(total))
        return int(count), int(total)


_OPEN: ColumnElement[bool] = erp_difference.c.accepted_at.is_(None)
# What isn't on its way to be booked again.
_STANDING = exists().where((documents.c.id == erp_difference.c.document_id) & (documents.c.state == "posted"))


# Another poster may have found the same at the same moment.
_INSERT = text(
    "INSERT INTO erp_difference (document_id, till_id, what, total, erp_total, fields, found_at, accepted_at)"
    " VALUES (:document_id, :till_id, :what, :total, :erp_total, :fields, :found_at, :accepted_at)"
    " ON CONFLICT (document_id) DO NOTHING"
)


def trouble(connection: Connection) -> ErpTrouble | None:
    """What keeps posting from going on, if anything does."""
    short = erp_difference.c.what.in_(sorted(SHORT))
    count, total = connection.execute(_counted(_OPEN & short & _STANDING)).one()
    if not count:
        return None
    since = connection.scalar(select(func.min(erp_difference.c.found_at)).where(_OPEN, short))
    return ErpTrouble(int(count), int(total), since or 0.0)


def _counted(condition: ColumnElement[bool]) -> Any:
    return select(func.count(), func.coalesce(func.sum(erp_difference.c.total), 0)).where(condition)


def _note(engine: Engine, erp: ErpWitness, ids: Sequence[int] | set[int], now: float, *, sales: bool) -> set[int]:
    """Which of them the ledger lacks."""
    ordered = sorted(ids)
    differences = erp_comparison.compare(engine, erp, ordered, sales=sales).differences
    found = changed_keys.paired(engine, erp, differences, now) if sales else differences
    note(engine, ordered, found, now)
    return {one.booked.id for one in found if one.what in SHORT}


def _next_part(engine: Engine, now: float, most: int) -> list[int] | None:
    """The next part of the walk, for whoever takes it first; None before its time."""
    with reading(engine) as connection:
        row = connection.execute(select(erp_memory.c.walked_to, erp_memory.c.walked_at)).first()
        walked_to, walked_at = (row.walked_to, row.walked_at) if row else (0, 0.0)
        if 0 <= now - walked_at < PART_SECONDS:
            return None
        posted = connection.scalar(select(func.sum(tally.c.count)).where(tally.c.state == "posted")) or 0
        size = min(max(SMALLEST_PART, -(-int(posted) // PARTS)), most)
        part = erp_comparison.ids_where(connection, documents.c.id > walked_to, limit=size)
    _set(engine, walked_to=part[-1] if len(part) == size else 0, walked_at=now)
    return part


def _set(engine: Engine, **values: Any) -> None:
    with writing(engine) as connection:
        if not connection.execute(update(erp_memory).values(values)).rowcount:
            blank = {"id": 1, "schema": "", "noted_at": 0.0, "walked_to": 0, "walked_at": 0.0}
            connection.execute(insert(erp_memory).values(blank | values))


def _still(engine: Engine, ids: Sequence[int]) -> list[int]:
    found: list[int] = []
    with reading(engine) as connection:
        for some in chunks(ids):
            query = select(erp_difference.c.document_id).where(erp_difference.c.document_id.in_(some))
            found += connection.scalars(query)
    return found


def _known(engine: Engine, looked: Sequence[int]) -> dict[int, Any]:
    """What is known of these, and of all that is settled otherwise by now; nothing of what is on its way."""
    known: dict[int, Any] = {}
    with reading(engine) as connection:
        if connection.execute(select(erp_difference.c.document_id).limit(1)).first() is None:
            return known
        for some in chunks(looked):
            query = _WITH_STATE.where(erp_difference.c.document_id.in_(some), documents.c.state.not_in(sorted(OPEN)))
            known |= {row.document_id: row for row in connection.execute(query)}
        moved_on = _WITH_STATE.where(documents.c.state.not_in(("posted", *sorted(OPEN))))
        known |= {row.document_id: row for row in connection.execute(moved_on)}
    return known


_WITH_STATE = select(erp_difference).join(documents, documents.c.id == erp_difference.c.document_id)


def _row(one: ErpDifference, now: float) -> dict[str, Any]:
    booked = one.booked
    # A cancellation has no value of its own.
    total = booked.total if booked.kind == "sale" else 0
    return {
        "document_id": booked.id,
        "till_id": booked.till_id,
        "what": one.what,
        "total": total,
        "erp_total": one.erp_total,
        "fields": one.fields or None,
        "found_at": now,
        "accepted_at": None,
    }


def _differs(known: Any, row: dict[str, Any]) -> bool:
    return any(getattr(known, name) != row[name] for name in ("what", "total", "erp_total", "fields"))
