"""What files say of one another: an answer of its note, an authorised version of one that was refused.

The note's row and the answer's are both durable before anything is joined, and joining changes neither: the poster
asks here each time, books the note with the answer's protocol in the ERP's one transaction, and a crash in between only
makes it ask again. What another file settled is moved in the transaction that settles that file.
"""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence

from sqlalchemy import ColumnElement, Connection, Engine, and_, delete, exists, func, literal_column, select, update

from malote.database.engine import reading
from malote.database.tables import document as documents
from malote.database.tables import open_sale
from malote.database.tables import pouch as pouches
from malote.fiscal.access_key import is_well_formed, split
from malote.fiscal.answers import CURED_BY_AUTHORISATION, SETTLED_BY_VOID
from malote.fiscal.documents import Answer
from malote.spool import history
from malote.spool.documents import Reason
from malote.spool.extracted import DamagedError, Extracted
from malote.spool.moving import Move, Standing, chunks, lock, move
from malote.spool.states import State

SUPERSEDED = Reason("superseded")
_ALSO_SETTLED = {"answer_without_note", "digest_disagrees"}  # by the authorised version, though it doesn't cure them
_OTHER_KEY = "number_of_another_key"
_ONLY_CANCELLED = "note_cancelled"
_BEFORE_EMISSION, _CODE = 34, 10  # of a key: up to its number; emission, code and check digit


def answers(engine: Engine, access_keys: Collection[str]) -> dict[str, list[Answer]]:
    """The authority's answers about these notes that came in files of their own, in order of arrival.

    Whatever became of them: one that was rejected because its note never came is none the less true.
    """
    found: dict[str, list[Answer]] = defaultdict(list)
    with reading(engine) as connection:
        for chunk in chunks(sorted(access_keys)):
            query = (
                select(documents.c.extracted_index, pouches.c.extracted)
                .join_from(documents, pouches, documents.c.pouch_id == pouches.c.id)
                .where(documents.c.access_key.in_(chunk), documents.c.kind == "answer")
                .where(documents.c.state != "discarded", documents.c.extracted_index.is_not(None))
                .where(pouches.c.extracted.is_not(None))
                .order_by(documents.c.id)
            )
            for row in connection.execute(query):
                for answer in _opened(row.extracted, row.extracted_index):
                    found[answer.access_key].append(answer)
    return dict(found)


def _opened(blob: bytes, index: int) -> Iterator[Answer]:
    try:
        document = Extracted(blob).document(index)
    except DamagedError:
        return
    if isinstance(document, Answer):
        yield document


def notes(engine: Engine, access_keys: Collection[str]) -> dict[str, set[State]]:
    """In which states the notes of these keys are; nothing of a key whose note never came."""
    found: dict[str, set[State]] = defaultdict(set)
    with reading(engine) as connection:
        for chunk in chunks(sorted(access_keys)):
            query = select(documents.c.access_key, documents.c.state).where(
                documents.c.access_key.in_(chunk), documents.c.kind == "sale"
            )
            for row in connection.execute(query):
                found[row.access_key].add(row.state)
    return dict(found)


def authorise(connection: Connection, statuses: Mapping[str, int], now: float) -> None:
    """An answer brought booked sales their authorisation; notes refused without it are tried again with it.

    ``statuses``: the answer's cStat, by key.
    """
    for chunk in chunks(sorted(statuses)):
        of_sale = documents.c.access_key.in_(chunk) & (documents.c.kind == "sale")
        booked = lock(connection, of_sale & (documents.c.state == "posted") & documents.c.authorised.is_not(True))
        ids = [one.id for one in booked]
        connection.execute(update(documents).where(documents.c.id.in_(ids)).values(authorised=True))
        connection.execute(delete(open_sale).where(open_sale.c.access_key.in_(chunk)))
        curable = documents.c.reason_code.in_(sorted(CURED_BY_AUTHORISATION)) & documents.c.extracted_index.is_not(None)
        refused = lock(connection, of_sale & (documents.c.state == "rejected") & curable)
        lines = [_joined(one, statuses) for one in booked]
        lines += [history.Line(one.id, "replayed", code=one.reason_code) for one in refused]
        history.record(connection, lines, history.SYSTEM, now)
        move(connection, [Move(one, "accepted") for one in refused])


def _joined(standing: Standing, statuses: Mapping[str, int]) -> history.Line:
    return history.Line(standing.id, "joined", {"status": str(statuses.get(standing.access_key or "", 0))})


def supersede(connection: Connection, access_keys: Collection[str], now: float) -> int:
    """Settles what nobody has to act on: rejected documents of these keys, and of the numbers of their sales. How many.

    Refused versions of a sale that is booked with its authorisation; answers that refused it; a note that is only said
    to be cancelled once its cancellation is booked; a note whose number is booked under another key for the same money,
    or is void. Whichever of the two comes first.
    """
    if connection.execute(select(documents.c.id).where(documents.c.state == "rejected").limit(1)).first() is None:
        return 0
    moved = 0
    for chunk in chunks(sorted(access_keys)):
        found = {one.id: (one, SUPERSEDED) for condition in _superseded(chunk) for one in lock(connection, condition)}
        for one in lock(connection, _of_void_number(chunk)):
            if is_well_formed(one.access_key or ""):
                found.setdefault(one.id, (one, _voided(one.access_key or "")))
        settled = [found[one] for one in sorted(found)]
        lines = [history.about(one.id, "kept", reason) for one, reason in settled]
        history.record(connection, lines, history.SYSTEM, now)
        move(connection, [Move(one, "kept", reason, settled_at=now) for one, reason in settled])
        moved += len(settled)
    return moved


def _of_void_number(keys: Sequence[str]) -> ColumnElement[bool]:
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
    refused = documents.c.reason_code.in_(sorted(SETTLED_BY_VOID)) & (documents.c.state == "rejected")
    return documents.c.access_key.in_(keys) & (documents.c.kind == "sale") & refused & exists().where(covers)


def _voided(access_key: str) -> Reason:
    key = split(access_key)
    return Reason("number_voided", {"number": str(key.number), "series": str(key.series)})


def _superseded(keys: Sequence[str]) -> list[ColumnElement[bool]]:
    """Rejected documents, by an index each; what is refused for another key's sake is rare."""
    other = documents.alias("other")
    booked = other.c.state == "posted"
    authorised = and_(booked, other.c.kind == "sale", other.c.authorised.is_(True))
    same_key = other.c.access_key == documents.c.access_key
    same_number = and_(
        *(other.c[name] == documents.c[name] for name in ("issuer", "model", "series", "number", "total")),
        other.c.access_key != documents.c.access_key,
    )
    cured = documents.c.reason_code.in_(sorted(CURED_BY_AUTHORISATION | _ALSO_SETTLED))
    by_version = documents.c.access_key.in_(keys) & cured & exists().where(same_key, authorised)
    cancelled = and_(booked, other.c.kind == "cancellation", same_key)
    by_cancellation = (
        documents.c.access_key.in_(keys) & (documents.c.reason_code == _ONLY_CANCELLED) & exists().where(cancelled)
    )
    has_number = exists().where(other.c.access_key.in_(keys), same_number, authorised)
    by_number = (documents.c.reason_code == _OTHER_KEY) & has_number
    at_arrival = documents.c.access_key.in_(keys) & (documents.c.reason_code == _OTHER_KEY)
    # Keys of one number begin alike, so that the index finds them among millions.
    alike = func.substr(documents.c.access_key, 1, _BEFORE_EMISSION)
    near = other.c.access_key.between(alike.concat("0" * _CODE), alike.concat("9" * _CODE))
    by_number_before = at_arrival & exists().where(near, same_number, authorised)
    rejected = documents.c.state == "rejected"
    conditions = [by_version, by_cancellation, by_number, by_number_before]
    return [rejected & condition for condition in conditions]
