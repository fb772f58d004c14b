"""What follows for other documents from what was booked: a void, a cancellation, a sale that took another's place."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Connection, Engine, delete, literal_column, or_, select, update

from malote.database.chunks import chunks
from malote.database.engine import reading
from malote.database.tables import document as documents
from malote.database.tables import open_sale, tally
from malote.database.upserting import insert_into
from malote.fiscal.access_key import is_well_formed, split
from malote.fiscal.documents import Document, NumberVoid, Sale
from malote.fiscal.sefaz_answers import SETTLED_BY_VOID
from malote.spool import history, unbooked_cancellations
from malote.spool.documents import Reason, Settlement
from malote.spool.state_changes import LockedDocument, Move, lock

TAKEN_BACK = "taken_back"
_VOID_OF_BOOKED, _TWICE = "void_of_booked", "number_twice"
_SUPERSEDES = "number_supersedes"
# Rejected for want of what a void makes needless, or for the sake of a sale that may count no more.
_SETTLED_BY_NUMBER = ("never_authorised", _SUPERSEDES, "authorised_after_reversal")
# Rejected for the sake of what was booked of the same key, or of the number: a second file of it asks nobody again.
_HELD_UP = (_SUPERSEDES, "number_taken", "corrected_sale", "authorised_after_reversal")
_REFUSED = sorted(SETTLED_BY_VOID)
_EMISSION = 34  # place of tpEmis in a key; a note of normal emission has its protocol or is no sale


class Followed(msgspec.Struct, frozen=True):
    """Other documents that move along, each with the line of its history."""

    moves: list[Move]
    lines: list[history.HistoryLine]


def follow(connection: Connection, moves: Sequence[Move], by_id: Mapping[int, Settlement], now: float) -> Followed:
    """Locks what follows; the caller moves it, with the rest."""
    posted = [one for one in moves if one.after == "posted"]
    followed = Followed([], [])
    for one in moves:
        if keys := by_id[one.standing.id].took_back:
            _take_back(connection, one.standing, keys, followed, now)
    taken = {one.standing.id for one in followed.moves}
    for one in posted:
        if one.standing.kind in ("number_void", "cancellation"):
            _stir(connection, one.standing, taken, followed, now)
    authorised = _authorised(moves, by_id)
    for standing in [*_doubtful_voids(connection, authorised), *_held_up(connection, authorised)]:
        if standing.id not in taken:
            _look_again(standing, followed)
    closed = [one.standing.access_key or "" for one in followed.moves]
    closed += [one.standing.access_key or "" for one in moves if by_id[one.standing.id].joined is not None]
    _note_open(connection, posted, by_id, closed)
    sales = [one.standing.access_key or "" for one in posted if one.standing.kind == "sale"]
    for standing in unbooked_cancellations.cancelled_after_all(connection, sales):
        _look_again(standing, followed)
    return followed


def rivals(engine: Engine, document: Document) -> list[str]:
    """The other keys of sales with the number of this one, or with those that are voided: posted, or being posted with
    it. Raises ``StoreError``."""
    match document:
        case Sale():
            first, last, own = document.number, document.number, document.access_key
        case NumberVoid():
            first, last, own = document.first, document.last, ""
        case _:
            return []
    query = select(documents.c.access_key).distinct()
    query = query.where(*_numbered(document.issuer, document.model, document.series), documents.c.kind == "sale")
    query = query.where(documents.c.number.between(first, last), documents.c.state.in_(("posted", "posting")))
    with reading(engine) as connection:
        return [key for key in connection.execute(query).scalars() if key and key != own]


def _take_back(connection: Connection, by: LockedDocument, keys: Sequence[str], followed: Followed, now: float) -> None:
    reason = Reason(TAKEN_BACK, {"other": by.access_key or ""})
    condition = documents.c.access_key.in_(keys) & (documents.c.kind == "sale") & (documents.c.state == "posted")
    for standing in lock(connection, condition):
        followed.moves.append(Move(standing, "kept", reason, settled_at=now))
        followed.lines.append(history.about(standing.id, "kept", reason))


def _stir(connection: Connection, by: LockedDocument, taken: set[int], followed: Followed, now: float) -> None:
    """Whatever was put aside for the sake of these numbers is looked at again."""
    columns = (documents.c.issuer, documents.c.model, documents.c.series, documents.c.number, documents.c.last_number)
    own = documents.c.id == by.id
    if by.kind == "cancellation":
        own = (documents.c.access_key == by.access_key) & (documents.c.kind == "sale")
    row = connection.execute(select(*columns).where(own).limit(1)).first()
    if row is None or row.number is None:
        return
    last = row.last_number if by.kind == "number_void" and row.last_number is not None else row.number
    sales = (documents.c.kind == "sale") & documents.c.number.between(row.number, last)
    voids = (documents.c.kind == "number_void") & (documents.c.number <= last) & (documents.c.last_number >= row.number)
    aside = or_(
        documents.c.state == "waiting",
        (documents.c.state == "rejected") & documents.c.reason_code.in_([*_SETTLED_BY_NUMBER, *_REFUSED]),
        (documents.c.state == "posted") & documents.c.reason_code.is_not(None),
    )
    numbered = _numbered(row.issuer, row.model, row.series)
    for kind in (sales, voids):
        for standing in lock(connection, kind & aside & numbered[0] & numbered[1] & numbered[2]):
            if standing.id == by.id or standing.id in taken:
                continue
            if standing.reason_code in _REFUSED:
                if by.kind == "number_void":
                    taken.add(standing.id)
                    number = str(row.number) if last == row.number else f"{row.number}–{last}"
                    _keep_voided(standing, {"number": number, "series": str(row.series)}, followed, now)
                continue
            if standing.state == "waiting":
                connection.execute(update(documents).where(documents.c.id == standing.id).values(retry_at=now))
                continue
            taken.add(standing.id)
            _look_again(standing, followed)


def _authorised(moves: Sequence[Move], by_id: Mapping[int, Settlement]) -> list[str]:
    """Keys of sales that may have got their protocol just now."""
    sales = [one.standing for one in moves if one.standing.kind == "sale" and one.after == "posted"]
    joined = [one.standing for one in moves if by_id[one.standing.id].joined is not None]
    return [one.access_key or "" for one in [*sales, *joined]]


def _doubtful_voids(connection: Connection, keys: Iterable[str]) -> list[LockedDocument]:
    """Voids of these sales that are told as ones of sales without protocol, locked."""
    if not _any(connection, "posted", _VOID_OF_BOOKED):
        return []
    found: dict[int, LockedDocument] = {}
    for key in sorted(set(filter(is_well_formed, keys))):
        parts = split(key)
        covers = (documents.c.number <= parts.number) & (documents.c.last_number >= parts.number)
        flagged = (documents.c.state == "posted") & (documents.c.reason_code == _VOID_OF_BOOKED)
        issuer, model, series = _numbered(parts.issuer, parts.model, parts.series)
        void = documents.c.kind == literal_column("'number_void'")
        found |= {one.id: one for one in lock(connection, void & issuer & model & series & covers & flagged)}
    return list(found.values())


def _held_up(connection: Connection, keys: Iterable[str]) -> list[LockedDocument]:
    """Sales that were not booked because these, of their numbers, had no protocol yet, and other files of these very
    sales; locked."""
    codes = [code for code in _HELD_UP if _any(connection, "rejected", code)]
    if not codes:
        return []
    found: dict[int, LockedDocument] = {}
    for key in sorted(set(filter(is_well_formed, keys))):
        parts = split(key)
        sales = (documents.c.kind == "sale") & (documents.c.number == parts.number)
        aside = (documents.c.state == "rejected") & documents.c.reason_code.in_(codes)
        concerned = (documents.c.access_key == key) | (documents.c.reason_code == _SUPERSEDES)
        issuer, model, series = _numbered(parts.issuer, parts.model, parts.series)
        found |= {one.id: one for one in lock(connection, sales & issuer & model & series & aside & concerned)}
    return list(found.values())


def _any(connection: Connection, state: str, code: str) -> bool:
    told = select(tally.c.count).where(tally.c.state == state, tally.c.reason_code == code, tally.c.count > 0)
    return connection.execute(told.limit(1)).first() is not None


def without_flag(moves: Sequence[Move]) -> list[Move]:
    """The same, where a sale that is cancelled at once isn't told as the second of its number. Where the first one is,
    the second is looked at again: there may be a third."""
    booked = [one for one in moves if one.after == "posted"]
    cancelled = {one.standing.access_key for one in booked if one.standing.kind == "cancellation"}
    return [_without_flag(one, cancelled) for one in moves]


def _without_flag(one: Move, cancelled: Collection[str | None]) -> Move:
    if one.reason is None or one.reason.code != _TWICE:
        return one
    if one.standing.access_key in cancelled:
        return msgspec.structs.replace(one, reason=None)
    return Move(one.standing, "accepted") if one.reason.facts.get("other") in cancelled else one


def without_taken_back(moves: Sequence[Move], by_id: Mapping[int, Settlement]) -> list[Move]:
    """The same, where a sale that another document of the batch took back at once is kept, as a booked one is."""
    by = {key: one.standing.access_key or "" for one in moves for key in by_id[one.standing.id].took_back}
    return [
        msgspec.structs.replace(one, after="kept", reason=Reason(TAKEN_BACK, {"other": by[one.standing.access_key]}))
        if one.standing.kind == "sale" and one.after == "posted" and one.standing.access_key in by
        else one
        for one in moves
    ]


def _look_again(standing: LockedDocument, followed: Followed) -> None:
    followed.moves.append(Move(standing, "accepted"))
    followed.lines.append(history.HistoryLine(standing.id, "replayed", code=standing.reason_code))


def _keep_voided(standing: LockedDocument, facts: dict[str, str], followed: Followed, now: float) -> None:
    """The authority refused the note, and now it is said that its number will never be used."""
    reason = Reason("number_voided", facts)
    followed.moves.append(Move(standing, "kept", reason, settled_at=now))
    followed.lines.append(history.about(standing.id, "kept", reason))


def _numbered(issuer: str | None, model: str | None, series: int | None) -> tuple[ColumnElement[bool], ...]:
    return (documents.c.issuer == issuer, documents.c.model == model, documents.c.series == series)


def _note_open(
    connection: Connection, posted: Sequence[Move], by_id: Mapping[int, Settlement], settled: Sequence[str]
) -> None:
    """Sales that are booked without their protocol, and those that have it now or count no more."""
    opened: list[dict[str, Any]] = []
    closed = list(settled)
    for one in posted:
        key, due = one.standing.access_key or "", by_id[one.standing.id].protocol_due
        if due is not None:
            row = {"access_key": key, "till_id": one.standing.till_id, "document_id": one.standing.id, "due_at": due}
            opened.append(row)
        elif one.standing.kind == "cancellation" or (
            one.standing.kind == "sale" and key[_EMISSION : _EMISSION + 1] != "1"
        ):
            closed.append(key)
    if opened:
        connection.execute(insert_into(connection, open_sale).on_conflict_do_nothing(), opened)
    _close(connection, closed)


def _close(connection: Connection, keys: Iterable[str]) -> None:
    for chunk in chunks(sorted(set(keys))):
        connection.execute(delete(open_sale).where(open_sale.c.access_key.in_(chunk)))
