"""Rejected documents that nobody has to act on any more, since another document settled them: whichever came first.

They are moved in the transaction that settles or takes in the other one. What may have to move is told by the tallies,
so that nothing is looked for where nothing of the kind is rejected.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import NamedTuple

from sqlalchemy import ColumnElement, Connection, and_, exists, literal_column, select

from malote.database.chunks import chunks
from malote.database.tables import document as documents
from malote.database.tables import tally
from malote.fiscal.access_key import is_well_formed, split
from malote.fiscal.sefaz_answers import CURED_BY_AUTHORISATION, FINAL, SETTLED_BY_VOID
from malote.spool import history, refused_voids
from malote.spool.documents import Reason
from malote.spool.state_changes import LockedDocument, Move, lock, move
from malote.spool.wake_waiting import wake

SUPERSEDED = Reason("superseded")
CANCELLED_UNBOOKED = Reason("cancelled_unbooked")
_NEVER = "never_authorised"
_OTHER_KEY = "number_of_another_key"
_NOTE_CANCELLED = "note_cancelled"
_DAMAGED = "file_damaged"
_OF_NOTE = '%"of":"note"%'  # among its facts, as the reader tells them
_REVERSED = "authorised_after_reversal"
_BY_VERSION = CURED_BY_AUTHORISATION | FINAL | {"answer_without_note", "answers_contradict", "digest_disagrees"}
_REFUSALS = (CURED_BY_AUTHORISATION - {_NEVER}) | FINAL | {_NOTE_CANCELLED}
# ... nor of what another key keeps from being booked.
_BY_CANCELLATION = CURED_BY_AUTHORISATION | {_NOTE_CANCELLED, "number_taken", "number_supersedes"}
_CANCELLATION_REFUSED = frozenset({"event_refused", "cancellation_late"})
_OF_ANSWERS = _BY_VERSION | {_NOTE_CANCELLED, "number_used"}


class _Rule(NamedTuple):
    codes: frozenset[str]  # what the documents are rejected for
    of_keys: Callable[[Sequence[str]], ColumnElement[bool]]
    reason: Callable[[Connection, LockedDocument], Reason | None]


def supersede(connection: Connection, access_keys: Collection[str], void_ids: Collection[int], now: float) -> int:
    """Settles the rejected documents of these keys and of their numbers, and those that these voids concern. How many.

    ``access_keys``: of what was booked, refused or kept just now; ``void_ids``: of voids that were.
    """
    codes = _rejected_for(connection)
    if not codes:
        return 0
    found = {one.id: (one, reason) for one, reason in refused_voids.settled(connection, codes, access_keys, void_ids)}
    keys = set(access_keys)
    if codes & {_NEVER, _OTHER_KEY}:
        for chunk in chunks(sorted(access_keys)):
            keys.update(_beside(connection, chunk))
    for chunk in chunks(sorted(keys)):
        for rule in _RULES:
            if rule.codes & codes:
                for one in lock(connection, _is(documents.c.state, "rejected") & rule.of_keys(chunk)):
                    if one.id not in found and (reason := rule.reason(connection, one)):
                        found[one.id] = one, reason
    settled = [found[one] for one in sorted(found)]
    history.record(connection, [history.about(one.id, "kept", why) for one, why in settled], history.SYSTEM, now)
    move(connection, [Move(one, "kept", reason, settled_at=now) for one, reason in settled])
    # Their cancellations waited for a sale that will not be.
    wake(connection, [one.access_key or "" for one, _ in settled if one.kind == "sale"], now)
    return len(settled)


def _rejected_for(connection: Connection) -> frozenset[str]:
    query = select(tally.c.reason_code).where(tally.c.state == "rejected", tally.c.count > 0).distinct()
    return frozenset(connection.execute(query).scalars())


# ---- the rules ----


def _is(state: ColumnElement[str], wanted: str) -> ColumnElement[bool]:
    """Written so that no engine walks an index of the states, and all that is rejected with it: the keys lead."""
    return state.concat("") == wanted


_other = documents.alias("other")
_booked = _is(_other.c.state, "posted")
_authorised = and_(_booked, _other.c.kind == "sale", _other.c.authorised.is_(True))
_same_key = _other.c.access_key == documents.c.access_key
_number = and_(
    *(_other.c[name] == documents.c[name] for name in ("issuer", "model", "series", "number")),
    _other.c.access_key != documents.c.access_key,
)
_of_number = _other.c.kind == "sale"  # as the index of the numbers has it


def _of_keys(codes: Iterable[str], keys: Sequence[str]) -> ColumnElement[bool]:
    return documents.c.access_key.in_(keys) & documents.c.reason_code.in_(sorted(codes))


def _by_version(keys: Sequence[str]) -> ColumnElement[bool]:
    """Refused versions and answers of a sale that is booked with its authorisation."""
    return _of_keys(_BY_VERSION, keys) & exists().where(_same_key, _authorised)


def _by_what_is_no_sale(keys: Sequence[str]) -> ColumnElement[bool]:
    """Refused versions of a note that is kept with its authorisation: nobody waits for a sale of it."""
    kept = and_(_is(_other.c.state, "kept"), _other.c.kind == "sale", _other.c.authorised.is_(True))
    return _of_keys(_BY_VERSION, keys) & (documents.c.kind == "sale") & exists().where(_same_key, kept)


def _by_the_whole(keys: Sequence[str]) -> ColumnElement[bool]:
    """Fragments of notes' files, as power cuts and slow POSes leave them, once the whole note is booked."""
    of_note = documents.c.reason.like(_OF_NOTE)
    return _of_keys([_DAMAGED], keys) & of_note & exists().where(_same_key, _authorised)


def _by_cancellation(keys: Sequence[str]) -> ColumnElement[bool]:
    """What says only that a note is cancelled, or that one is authorised that was taken back, once its cancellation is
    booked."""
    cancelled = exists().where(_same_key, _booked, _other.c.kind == "cancellation")
    return _of_keys([_NOTE_CANCELLED, _REVERSED], keys) & cancelled


def _by_refusal(keys: Sequence[str]) -> ColumnElement[bool]:
    """Given up as never authorised, and another file of the note has the authority's refusal: one of the two is enough
    for a person, and it is the one that says why."""
    refusal = and_(_is(_other.c.state, "rejected"), _other.c.reason_code.in_(sorted(_REFUSALS)))
    return _of_keys([_NEVER], keys) & exists().where(_same_key, _other.c.kind == "sale", refusal)


def _cancelled_unbooked(keys: Sequence[str]) -> ColumnElement[bool]:
    """Notes that were never authorised here, and whose registered cancellation says that they were, and are no more."""
    registered = and_(_other.c.kind == "cancellation", _other.c.authorised.is_(True), _same_key)
    cancelled = exists().where(registered, _other.c.state.in_(("waiting", "kept")))
    sold = exists().where(_same_key, _booked, _other.c.kind == "sale")
    return _of_keys(_BY_CANCELLATION, keys) & (documents.c.kind == "sale") & cancelled & ~sold


def _cancelled_otherwise(keys: Sequence[str]) -> ColumnElement[bool]:
    """Refused cancellations of what another one cancels."""
    cancels = and_(_other.c.kind == "cancellation", _other.c.authorised.is_(True), _same_key)
    return _of_keys(_CANCELLATION_REFUSED, keys) & exists().where(cancels, _other.c.state.in_(("posted", "kept")))


def _of_kept_note(keys: Sequence[str]) -> ColumnElement[bool]:
    """Answers about a note that is settled without a booking."""
    kept = exists().where(_same_key, _other.c.kind == "sale", _other.c.state == "kept")
    more = exists().where(_same_key, _other.c.kind == "sale", _other.c.state.not_in(("kept", "discarded")))
    return _of_keys(_OF_ANSWERS, keys) & (documents.c.kind == "answer") & kept & ~more


def _by_number(keys: Sequence[str]) -> ColumnElement[bool]:
    """Of 539 and its kind: the other key's sale of the same money is booked."""
    same_money = exists().where(_of_number, _number, _other.c.total == documents.c.total, _authorised)
    return _of_keys([_OTHER_KEY], keys) & same_money


def _by_other_key(keys: Sequence[str]) -> ColumnElement[bool]:
    """Given up as never authorised, and the number is authorised under another key, so that it will never be."""
    return _of_keys([_NEVER], keys) & exists().where(_of_number, _number, _authorised)


def _beside(connection: Connection, keys: Sequence[str]) -> list[str]:
    """The other keys of the numbers of sales that are booked: what was refused for their sake may be among them."""
    query = select(documents.c.access_key).distinct().select_from(_other)
    query = query.join(documents, _number & (documents.c.kind == "sale"))
    query = query.where(_other.c.access_key.in_(keys), _authorised)
    return [key for key in connection.execute(query).scalars() if key]


def of_void_number(keys: Sequence[str]) -> ColumnElement[bool]:
    """Refused notes of these keys whose numbers are void: no sale, and none to come."""
    void = documents.alias("void")
    covers = and_(
        # Written out: an engine takes an index of some rows only where it sees which rows are meant.
        void.c.kind == literal_column("'number_void'"),
        *(void.c[name] == documents.c[name] for name in ("issuer", "model", "series")),
        void.c.last_number >= documents.c.number,
        void.c.number <= documents.c.number,
        void.c.state == "posted",
    )
    return _of_keys(SETTLED_BY_VOID, keys) & (documents.c.kind == "sale") & exists().where(covers)


# ---- what is told ----


def _as(reason: Reason) -> Callable[[Connection, LockedDocument], Reason]:
    return lambda connection, standing: reason


def _voided(_: Connection, standing: LockedDocument) -> Reason | None:
    if not is_well_formed(standing.access_key or ""):
        return None
    key = split(standing.access_key or "")
    return Reason("number_voided", {"number": str(key.number), "series": str(key.series)})


def _settled_by_number(connection: Connection, standing: LockedDocument) -> Reason | None:
    query = select(_other.c.access_key).select_from(documents).join(_other, and_(_of_number, _number, _authorised))
    other = connection.execute(query.where(documents.c.id == standing.id).limit(1)).scalar()
    return Reason("number_settled", {"other": other}) if other else None


_RULES = (
    _Rule(frozenset({_DAMAGED}), _by_the_whole, _as(SUPERSEDED)),
    _Rule(_BY_VERSION, _by_version, _as(SUPERSEDED)),
    _Rule(_BY_VERSION, _by_what_is_no_sale, _as(Reason("settled_unbooked"))),
    _Rule(frozenset({_NOTE_CANCELLED, _REVERSED}), _by_cancellation, _as(SUPERSEDED)),
    _Rule(frozenset({_OTHER_KEY}), _by_number, _as(SUPERSEDED)),
    _Rule(SETTLED_BY_VOID, of_void_number, _voided),
    _Rule(frozenset({_NEVER}), _by_other_key, _settled_by_number),
    _Rule(frozenset({_NEVER}), _by_refusal, _as(Reason("refused_elsewhere"))),
    _Rule(_BY_CANCELLATION, _cancelled_unbooked, _as(CANCELLED_UNBOOKED)),
    _Rule(_CANCELLATION_REFUSED, _cancelled_otherwise, _as(Reason("cancelled_otherwise"))),
    _Rule(_OF_ANSWERS, _of_kept_note, _as(Reason("answer_moot"))),
)
