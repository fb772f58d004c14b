"""What was booked, document by document, against what the ERP has of it: in its ledger and in its sales themselves.

What is settled as posted here was committed there before. So whatever the ERP lacks of it, or has otherwise, changed
afterwards: an older copy was put in its place, another database is behind the address, or somebody changed a row.
Questions go out for hundreds of documents at once. What differs is read once more on both sides before it is told,
since posters go on meanwhile.
"""

import hashlib
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Connection, Engine, FromClause, exists, select

from malote import log as logs
from malote.database.chunks import chunks
from malote.database.engine import reading
from malote.database.tables import document as documents
from malote.fiscal.documents import cancellation_of
from malote.reconciliation import departing
from malote.reconciliation.erp_differences import (
    OUTSIDE,
    SHORT,
    STAYING,
    Booked,
    ComparedSaleRow,
    ErpDifference,
    ErpWitness,
    What,
)
from malote.spool.states import OPEN

log = logs.get_logger(__name__)

PAGE = 2000  # documents compared at once
UNREADABLE = "?"  # in the place of fields, of a row that can't be read at all

__all__ = [
    "OUTSIDE",
    "PAGE",
    "SHORT",
    "Booked",
    "ComparedSaleRow",
    "ErpComparison",
    "ErpDifference",
    "ErpWitness",
    "What",
    "compare",
]


class ErpComparison(msgspec.Struct, frozen=True):
    """``rows``: the ERP's own, by key, of the sales among ``booked``."""

    booked: list[Booked]
    rows: Mapping[str, Sequence[ComparedSaleRow]]
    differences: list[ErpDifference]


def compare(engine: Engine, erp: ErpWitness, ids: Sequence[int], *, sales: bool = True) -> ErpComparison:
    """These documents, as far as they are posted still. Without ``sales`` only the ledger is asked.

    Raises ``StoreError`` and what the ERP raises.
    """
    compared = _compare_apart(engine, erp, ids, sales=sales)
    if not compared.differences:
        return compared
    suspected = [one.booked.id for one in compared.differences]
    again = _compare_apart(engine, erp, suspected, sales=sales)
    confirmed = [one for one in again.differences if one.booked.id in set(suspected)]
    settled = set(suspected) - {one.id for one in again.booked}
    return ErpComparison(
        [one for one in compared.booked if one.id not in settled], {**compared.rows, **again.rows}, confirmed
    )


def has_newest(engine: Engine, erp: ErpWitness, most: int) -> bool:
    """Whether anything was booked, and the ledger has all of the newest ``most`` documents; nothing is written down.

    Raises ``StoreError`` and what the ERP raises.
    """
    with reading(engine) as connection:
        newest = ids_where(connection, documents.c.id > 0, limit=most, newest=True)
    return bool(newest) and not compare(engine, erp, newest, sales=False).differences


def pages(engine: Engine, condition: ColumnElement[bool] | None = None) -> Iterator[list[int]]:
    """All that can be compared, the oldest first, in pages. Raises ``StoreError``."""
    after = 0
    while True:
        with reading(engine) as connection:
            found = ids_where(connection, documents.c.id > after, limit=PAGE, condition=condition)
        if not found:
            return
        after = found[-1]
        yield found


def ids_where(
    connection: Connection,
    where: ColumnElement[bool],
    *,
    limit: int,
    newest: bool = False,
    condition: ColumnElement[bool] | None = None,
) -> list[int]:
    """Posted documents that can be compared, in order of arrival or the newest first."""
    order = documents.c.id.desc() if newest else documents.c.id
    query = select(documents.c.id).where(_COMPARABLE, where).order_by(order).limit(limit)
    return list(connection.scalars(query if condition is None else query.where(condition)))


_COMPARABLE = (documents.c.state == "posted") & (
    (documents.c.kind.in_(("sale", "cancellation")) & documents.c.access_key.is_not(None))
    | (documents.c.kind == "number_void")
)


def _compare(engine: Engine, erp: ErpWitness, ids: Sequence[int], *, sales: bool) -> ErpComparison:
    from malote.reconciliation import number_guards  # here: who only recalls what was found loads nothing of an ERP

    with reading(engine) as connection:
        booked, contents = departing.with_contents(connection, _read(connection, ids))
    cancellations = [cancellation_of(one.access_key) for one in booked if one.kind == "sale" and one.cancelled]
    wanted = [*(one.identity for one in booked), *cancellations, *number_guards.identities(booked, contents)]
    entries = erp.ledger(list(dict.fromkeys(wanted))) if booked else {}
    keys = [one.access_key for one in booked if one.kind == "sale"]
    rows: dict[str, list[ComparedSaleRow]] = defaultdict(list)
    for row in erp.sales(keys) if sales and keys else ():
        rows[row.access_key].append(row)
    found = [one for each in booked if (one := _judged(each, entries, rows, sales=sales))]
    if sales:
        found = departing.with_departures(engine, erp, booked, contents, found)
    found = number_guards.with_lost_guards(engine, erp, booked, contents, entries, found)
    with reading(engine) as connection:
        return ErpComparison(booked, rows, _without_open(connection, found))


def _compare_apart(engine: Engine, erp: ErpWitness, ids: Sequence[int], *, sales: bool) -> ErpComparison:
    """Halved down to a row that can't be read at all, such as a total that is NULL or text: it is that sale's trouble
    and holds back no other, and nobody's booking."""
    try:
        return _compare(engine, erp, ids, sales=sales)
    except (TypeError, ValueError, ArithmeticError) as error:
        if len(ids) > 1:
            middle = len(ids) // 2
            halves = [_compare_apart(engine, erp, some, sales=sales) for some in (ids[:middle], ids[middle:])]
            return _together(*halves)
        log.warning("erp_row_unreadable", document=ids[0], error=type(error).__name__)
        with reading(engine) as connection:
            booked = _read(connection, ids)
        return ErpComparison(booked, {}, [_unreadable(erp, one) for one in booked])


def _unreadable(erp: ErpWitness, booked: Booked) -> ErpDifference:
    """With what its rows come to, where the ERP can add them up: whoever accepted it so hears of a later change."""
    sums = erp.fingerprints([(booked.access_key, booked.access_key)]) if booked.access_key else None
    mark = hashlib.sha256(repr([[*one] for one in sums]).encode()).hexdigest()[:12] if sums else ""
    return ErpDifference(booked, "content", fields=f"{UNREADABLE} {mark}".rstrip())


def _together(first: ErpComparison, second: ErpComparison) -> ErpComparison:
    return ErpComparison(
        first.booked + second.booked, {**first.rows, **second.rows}, first.differences + second.differences
    )


def _judged(
    booked: Booked, entries: Mapping[str, bytes], rows: Mapping[str, Sequence[ComparedSaleRow]], *, sales: bool
) -> ErpDifference | None:
    listed = booked.identity in entries
    if booked.kind == "number_void":
        return None if listed else ErpDifference(booked, "void")
    if booked.kind != "sale" or not sales:
        return None if listed else ErpDifference(booked, "missing")
    own = rows.get(booked.access_key, ())
    if not own:
        return ErpDifference(booked, "deleted" if listed else "missing")
    told = sum(row.total for row in own)
    if not listed:
        return ErpDifference(booked, "unlisted", told)
    if len(own) > 1:
        return ErpDifference(booked, "doubled", told)
    if own[0].total not in booked.totals:
        return ErpDifference(booked, "total", told)
    if booked.cancelled and not own[0].cancelled and cancellation_of(booked.access_key) not in entries:
        return None  # one tampering: the cancellation itself is gone, and is told as such
    if own[0].cancelled != booked.cancelled:
        return ErpDifference(booked, "state", told)
    return None


def _without_open(connection: Connection, found: Sequence[ErpDifference]) -> list[ErpDifference]:
    """What a document that is under way may have changed already is no difference yet."""
    asked = sorted({one.booked.access_key for one in found if one.what not in STAYING})
    under_way: set[str | None] = set()
    for some in chunks(asked):
        of_key = documents.c.access_key.in_(some) & documents.c.state.in_(sorted(OPEN))
        under_way |= set(connection.scalars(select(documents.c.access_key).where(of_key)))
    return [one for one in found if one.what in STAYING or one.booked.access_key not in under_way]


def _read(connection: Connection, ids: Sequence[int]) -> list[Booked]:
    """In the order of their ids; of several posted documents of one kind and key only the first that the ERP can have:
    a cancellation's bare request is posted only because the registered one was."""
    other = documents.alias("other")
    same = (other.c.access_key == documents.c.access_key) & (other.c.kind == documents.c.kind)
    request, other_request = _is_request(documents), _is_request(other)
    before = (request & ~other_request) | (~(other_request & ~request) & (other.c.id < documents.c.id))
    first = ~exists().where(same, other.c.state == "posted", before)
    columns = [documents.c[name] for name in ("id", "till_id", "kind", "access_key", "series", "number", "issued_at")]
    found: list[Any] = []
    for some in chunks(sorted(set(ids))):
        query = select(*columns, documents.c.total).where(_COMPARABLE, documents.c.id.in_(some), first)
        found += connection.execute(query.order_by(documents.c.id)).all()
    totals, cancelled = _of_keys(connection, sorted({row.access_key for row in found if row.access_key}))
    return [
        Booked(
            **{**row._asdict(), "total": row.total or 0, "access_key": row.access_key or ""},
            totals=frozenset(totals.get(row.access_key, ())),
            cancelled=row.access_key in cancelled,
        )
        for row in found
    ]


def _is_request(table: FromClause) -> ColumnElement[bool]:
    return (table.c.kind == "cancellation") & table.c.authorised.is_(False)


def _of_keys(connection: Connection, keys: Sequence[str]) -> tuple[Mapping[str, set[int]], set[str]]:
    """What all posted documents of these keys come to, and which of them are cancelled."""
    totals: dict[str, set[int]] = defaultdict(set)
    cancelled: set[str] = set()
    columns = (documents.c.access_key, documents.c.kind, documents.c.total)
    for some in chunks(keys):
        for row in connection.execute(select(*columns).where(_COMPARABLE, documents.c.access_key.in_(some))):
            if row.kind == "sale":
                totals[row.access_key].add(row.total or 0)
            else:
                cancelled.add(row.access_key)
    return totals, cancelled
