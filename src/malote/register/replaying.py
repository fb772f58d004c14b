"""Rejected documents back in the queue, in their old place, once their cause is cured; kept ones that are sales."""

from collections import defaultdict
from collections.abc import Callable, Collection, Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, Engine, func, select, update

from malote.database.chunks import chunks
from malote.database.engine import reading, writing
from malote.database.tables import document as documents
from malote.database.tables import pouch as pouches
from malote.database.tables import till as tills
from malote.fiscal.documents import Document
from malote.register.contents import of_documents
from malote.register.reopening import ExtractedPlace
from malote.spool import extracted, history
from malote.spool.accepting import identification
from malote.spool.documents import IncomingDocument, IncomingFile, Reason
from malote.spool.leasing import DAMAGED
from malote.spool.state_changes import LockedDocument, Move, TallyChanges, count, decode_reason, explain, lock_ids, move
from malote.spool.states import State
from malote.spool.wake_waiting import wake

# Reads and judges a file anew: the till's name, the file's name, its content.
Judge = Callable[[str, str, bytes], IncomingFile]


# Told, within the transaction, which documents go back into the queue.
Note = Callable[[Connection, Sequence[LockedDocument]], None]


class Replayed(msgspec.Struct, frozen=True):
    """``ids``: back in the queue. ``unfit``: judged anew and rejected anew, each with its reason now."""

    ids: list[int]
    unfit: dict[int, Reason]


# Told, within the transaction of each chunk, what became of all of its documents that were rejected still.
Told = Callable[[Connection, Replayed], None]


class _Judged(msgspec.Struct, frozen=True):
    pouch_id: int
    incoming: IncomingDocument
    document: Document | None

    @property
    def fit(self) -> bool:
        return self.incoming.state == "accepted" and self.document is not None


class _Replay(msgspec.Struct, frozen=True):
    """Who replays, and when."""

    who: str
    now: float
    note: Note | None
    told: Told | None


FROM_REJECTED: tuple[State, ...] = ("rejected",)


def replay(
    engine: Engine,
    document_ids: Sequence[int],
    judge: Judge | None = None,
    *,
    who: str = history.SYSTEM,
    now: float,
    note: Note | None = None,
    told: Told | None = None,
    states: tuple[State, ...] = FROM_REJECTED,
) -> Replayed:
    """Puts rejected documents back in their place in the queue, once their cause is cured.

    One that intake refused goes through ``judge`` again, which reads and judges a file as at its arrival; if unfit
    still, it stays rejected. Without ``judge`` the caller's word is taken for all but those that could not be read, or
    can't be read any more. ``states``: which of the documents are meant. One that is kept, and unfit by its judgement,
    stays as it is. Raises ``StoreError``.
    """
    done = Replayed([], {})
    for chunk in chunks(sorted(set(document_ids))):
        with reading(engine) as connection:
            meant = documents.c.state.in_(states) & documents.c.id.in_(chunk)
            wanted = select(*_COLUMNS).select_from(_JOINED).where(meant)
            plain, refused = _parted(connection.execute(wanted).all(), judging=judge is not None)
        # Outside any transaction: judging reads XML, and may look into the database itself.
        judged = _judge(engine, refused, judge) if judge else {}
        with writing(engine) as connection:
            standings = [one for one in lock_ids(connection, [*plain, *judged]) if one.state in states]
            _settle(connection, standings, judged, _Replay(who, now, note, told), done)
    return done


def rejected_for(engine: Engine, code: str) -> list[tuple[int, Reason]]:
    """The documents rejected for this, in order of arrival, each with its reason. Raises ``StoreError``."""
    query = select(documents.c.id, documents.c.reason).where(_REJECTED, documents.c.reason_code == code)
    with reading(engine) as connection:
        rows = connection.execute(query.order_by(documents.c.id)).all()
    return [(row.id, decode_reason(row.reason) or Reason(code)) for row in rows]


class RefusedDocument(msgspec.Struct, frozen=True):
    """``settled_at``: when it was rejected, in seconds since the epoch."""

    settled_at: float
    place: ExtractedPlace


def refused(engine: Engine, codes: Collection[str], behind: int, most: int) -> list[RefusedDocument]:
    """Rejected for one of these, with ids behind that one, in order of arrival. Raises ``StoreError``."""
    its = documents.c
    query = select(its.id, its.pouch_id, its.extracted_index, its.settled_at).where(_REJECTED, its.id > behind)
    query = query.where(its.reason_code.in_(codes)).order_by(its.id).limit(most)
    with reading(engine) as connection:
        rows = connection.execute(query).all()
    return [RefusedDocument(one.settled_at or 0.0, ExtractedPlace(*one[:3])) for one in rows]


def foresee(engine: Engine, document_ids: Sequence[int], judge: Judge) -> Replayed:
    """What ``replay`` would do now: the same judgement of the same files; nothing changes. Raises ``StoreError``."""
    done = Replayed([], {})
    for chunk in chunks(sorted(set(document_ids))):
        with reading(engine) as connection:
            wanted = select(*_COLUMNS).select_from(_JOINED).where(_REJECTED, documents.c.id.in_(chunk))
            plain, refused = _parted(connection.execute(wanted).all(), judging=True)
        judged = _judge(engine, refused, judge)
        done.ids.extend(sorted([*plain, *(one for one, found in judged.items() if found.fit)]))
        unfit = {one: found for one, found in judged.items() if not found.fit}
        done.unfit.update({one: found.incoming.reason or Reason("unknown_reason") for one, found in unfit.items()})
    return done


def _settle(
    connection: Connection, standings: Sequence[LockedDocument], judged: dict[int, _Judged], by: _Replay, done: Replayed
) -> None:
    """Moves what is fit, and gives the rest the reason it has now."""
    unfit = [one for one in standings if one.id in judged and not judged[one.id].fit]
    apart = {one.id for one in unfit}
    fit = [one for one in standings if one.id not in apart]
    fit = _keep_judged(connection, fit, judged)
    told = {one.id: judged[one.id].incoming.reason or Reason("unknown_reason") for one in unfit}
    reasons = [(one, told[one.id]) for one in unfit if one.state == "rejected"]
    lines = [history.HistoryLine(one.id, "replayed", code=one.reason_code) for one in fit]
    kept = {one.id for one, _ in reasons if judged[one.id].incoming.state == "kept"}
    lines += [history.about(one.id, "kept" if one.id in kept else "judged", reason) for one, reason in reasons]
    history.record(connection, lines, by.who, by.now)
    move(connection, [Move(one, "accepted") for one in fit])
    # By today's settings it is no sale.
    move(connection, [Move(one, "kept", reason, settled_at=by.now) for one, reason in reasons if one.id in kept])
    explain(connection, [(one, reason) for one, reason in reasons if one.id not in kept])
    wake(connection, [one.access_key for one in unfit if one.id in kept and one.access_key], by.now)
    became = Replayed([one.id for one in fit], told)
    if by.told is not None:
        by.told(connection, became)
    if by.note and fit:
        # Last, since the audit trail is locked until the end of the transaction.
        by.note(connection, fit)
    done.ids.extend(became.ids)
    done.unfit.update(became.unfit)


_REJECTED = documents.c.state == "rejected"
_JOINED = documents.join(tills, documents.c.till_id == tills.c.id)
_COLUMNS = (
    documents.c.id,
    documents.c.pouch_id,
    documents.c.pouch_index,
    documents.c.position,
    documents.c.file_name,
    documents.c.extracted_index,
    documents.c.attempts,
    documents.c.reason_code,
    tills.c.name.label("till"),
)


def _parted(rows: Sequence[Any], *, judging: bool) -> tuple[list[int], list[Any]]:
    """Those that are fit for posting as they are, and those that must be read and judged anew first."""
    plain: list[int] = []
    refused: list[Any] = []
    for row in rows:
        whole = row.extracted_index is not None and row.reason_code != DAMAGED
        if whole and (row.attempts > 0 or not judging):
            plain.append(row.id)
        else:
            refused.append(row)
    return plain, refused


def _judge(engine: Engine, rows: Sequence[Any], judge: Judge) -> dict[int, _Judged]:
    """The documents as they are read and judged now; each pouch is opened once."""
    judged: dict[int, _Judged] = {}
    named = {row.id: row for row in rows}
    for document_id, position, content in of_documents(engine, named):
        row = named[document_id]
        file = judge(row.till, row.file_name, content)
        for incoming in file.documents:
            if incoming.position == position:
                judged[row.id] = _Judged(row.pouch_id, incoming, incoming.document)
    return judged


def give_document(connection: Connection, document_id: int, document: Document) -> None:
    """Lets a locked document be posted as this, whatever was read of it at its arrival."""
    row = connection.execute(select(documents.c.pouch_id).where(documents.c.id == document_id)).one()
    index = _extend(connection, row.pouch_id, [document])
    connection.execute(update(documents).where(documents.c.id == document_id).values(extracted_index=index))


def _keep_judged(
    connection: Connection, standings: Sequence[LockedDocument], judged: dict[int, _Judged]
) -> list[LockedDocument]:
    """Adds the new extracted forms to their pouches', and what identifies them to their rows.

    The documents as they stand then: what was not understood before has a value now.
    """
    by_pouch: dict[int, list[int]] = defaultdict(list)
    changes, after = TallyChanges(), []
    for one in standings:
        if one.id in judged:
            by_pouch[judged[one.id].pouch_id].append(one.id)
            read = identification(judged[one.id].incoming)
            now = msgspec.structs.replace(one, kind=read["kind"], access_key=read["access_key"], total=read["total"])
            changes.add((one.till_id, one.state, one.reason_code or ""), 0, now.value - one.value)
            after.append(now)
        else:
            after.append(one)
    for pouch_id, ids in sorted(by_pouch.items()):
        more = [document for document_id in ids if (document := judged[document_id].document) is not None]
        first = _extend(connection, pouch_id, more)
        for index, document_id in enumerate(ids, first):
            values = identification(judged[document_id].incoming) | {"extracted_index": index}
            connection.execute(update(documents).where(documents.c.id == document_id).values(values))
    count(connection, changes)
    return after


def _extend(connection: Connection, pouch_id: int, more: Sequence[Document]) -> int:
    highest = select(func.max(documents.c.extracted_index)).where(documents.c.pouch_id == pouch_id)
    used = connection.execute(highest).scalar_one()
    same_pouch = pouches.c.id == pouch_id
    held = select(pouches.c.extracted, pouches.c.extracted_digests).where(same_pouch).with_for_update()
    blob, digests = connection.execute(held).one()
    blob, digests, first = extracted.extend(blob, digests, 0 if used is None else used + 1, more)
    connection.execute(update(pouches).where(same_pouch).values(extracted=blob, extracted_digests=digests))
    return first
