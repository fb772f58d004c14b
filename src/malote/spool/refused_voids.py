"""Refused voids that are settled since their numbers are accounted for: booked, or void by another request."""

from collections.abc import Collection, Iterator
from itertools import chain
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, and_, literal_column, select

from malote.database.chunks import chunks
from malote.database.tables import document as documents
from malote.fiscal.access_key import SAT_MODEL, is_well_formed, split
from malote.spool.documents import Reason
from malote.spool.state_changes import LockedDocument, lock_ids

USED, REFUSED = "number_used", "void_refused"
# What becomes of them: kept, and no number is void by them.
BOOKED, NEEDLESS = "number_used_booked", "void_needless"
_MOST_NUMBERS = 10_000  # of one void, as the authority has it
_COLUMNS = ("id", "issuer", "model", "series", "number", "last_number", "reason_code")
_Range = tuple[str, str, int, int, int]  # issuer, model, series, first and last number


def settled(
    connection: Connection, codes: frozenset[str], access_keys: Collection[str], void_ids: Collection[int]
) -> Iterator[tuple[LockedDocument, Reason]]:
    """Those that have to do with these keys or voids, locked. ``codes``: what anything is rejected for."""
    if not codes & {USED, REFUSED}:
        return
    for near in chain(_of_voids(connection, void_ids), _of_sales(access_keys)):
        for row in connection.execute(select(*(documents.c[name] for name in _COLUMNS)).where(_refused(near))):
            reason = _reason(connection, row)
            standings = lock_ids(connection, [row.id]) if reason else []
            if reason and standings and standings[0].state == "rejected":
                yield standings[0], reason


def _of_voids(connection: Connection, void_ids: Collection[int]) -> Iterator[_Range]:
    for chunk in chunks(sorted(void_ids)):
        query = select(*(documents.c[name] for name in _COLUMNS[1:6])).where(documents.c.id.in_(chunk))
        for issuer, model, series, first, last in connection.execute(query).all():
            if None not in (issuer, model, series, first, last):
                yield issuer, model, series, first, last


def _of_sales(access_keys: Collection[str]) -> Iterator[_Range]:
    """One range for each series: what is within it and not of these sales stays as it is."""
    numbers: dict[tuple[str, str, int], list[int]] = {}
    for key in access_keys:
        if is_well_formed(key) and (parts := split(key)).model != SAT_MODEL:
            numbers.setdefault((parts.issuer, parts.model, parts.series), []).append(parts.number)
    for series, those in sorted(numbers.items()):
        yield *series, min(those), max(those)


def _refused(near: _Range) -> ColumnElement[bool]:
    issuer, model, series, first, last = near
    return and_(
        # Written out, so that the engines see which of their indexes it is.
        documents.c.kind == literal_column("'number_void'"),
        documents.c.state == "rejected",
        documents.c.reason_code.in_((USED, REFUSED)),
        documents.c.issuer.in_((issuer, issuer.removeprefix("000"))),  # a key has three zeros before a CPF
        documents.c.model == model,
        documents.c.series == series,
        documents.c.last_number >= first,
        documents.c.number <= last,
    )


def _reason(connection: Connection, void: Row[Any]) -> Reason | None:
    sold = _sold(connection, void)
    booked = sorted(number for number, authorised in sold.items() if authorised)
    if void.reason_code == USED and booked:
        return Reason(BOOKED, {"numbers": _listed(booked), "series": str(void.series)})
    span = range(void.number, void.last_number + 1)
    if len(span) > _MOST_NUMBERS:
        return None
    # That a number is used may be said of a sale whose authorisation isn't here yet.
    done = {*(sold if void.reason_code == REFUSED else ()), *_void(connection, void)}
    return Reason(NEEDLESS, {"series": str(void.series)}) if done.issuperset(span) else None


def _sold(connection: Connection, void: Row[Any]) -> dict[int, bool]:
    """The numbers of the range that are booked, and whether with their authorisation."""
    query = select(documents.c.number, documents.c.authorised).where(
        documents.c.kind == "sale", documents.c.state == "posted", *_same_series(void),
        documents.c.number.between(void.number, void.last_number),
    )  # fmt: skip
    found: dict[int, bool] = {}
    for number, authorised in connection.execute(query.limit(_MOST_NUMBERS)):
        found[number] = bool(authorised) or found.get(number, False)
    return found


def _void(connection: Connection, void: Row[Any]) -> Iterator[int]:
    query = select(documents.c.number, documents.c.last_number).where(
        documents.c.kind == literal_column("'number_void'"), documents.c.state == "posted", *_same_series(void),
        documents.c.last_number >= void.number, documents.c.number <= void.last_number,
    )  # fmt: skip
    for first, last in connection.execute(query).all():
        yield from range(max(first, void.number), min(last, void.last_number) + 1)


def _same_series(void: Row[Any]) -> tuple[ColumnElement[bool], ...]:
    return tuple(documents.c[name] == getattr(void, name) for name in ("issuer", "model", "series"))


def _listed(numbers: list[int]) -> str:
    return ", ".join(map(str, numbers[:10])) + (f" (+{len(numbers) - 10})" if len(numbers) > 10 else "")
