"""What files say of one another: an answer of its note.

The note's row and the answer's are both durable before anything is joined, and joining changes neither: the poster
asks here each time, books the note with the answer's protocol in the ERP's one transaction, and a crash in between only
makes it ask again. What another file settled is moved in the transaction that settles that file (``superseded``).
"""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping

from sqlalchemy import ColumnElement, Connection, Engine, delete, select, update

from malote.database.chunks import chunks
from malote.database.engine import reading
from malote.database.tables import document as documents
from malote.database.tables import open_sale
from malote.database.tables import pouch as pouches
from malote.fiscal.documents import Answer
from malote.fiscal.sefaz_answers import CURED_BY_AUTHORISATION, FINAL
from malote.spool import history
from malote.spool.extracted import DamagedError, Extracted
from malote.spool.state_changes import LockedDocument, Move, lock, move
from malote.spool.states import OPEN, State

# Refused by an answer, which an authorisation goes before, whatever came first.
_REFUSED = sorted(CURED_BY_AUTHORISATION | FINAL)
# Kept because the note was thought never authorised, which an answer of the authority's may disprove.
_TAKEN_FOR_NONE = ("number_settled", "number_voided", "refused_elsewhere")


def answers(engine: Engine, access_keys: Collection[str]) -> dict[str, list[Answer]]:
    """The authority's answers about these notes that came in files of their own, in order of arrival.

    Whatever became of them: one that was rejected because its note never came is none the less true.
    """
    found: dict[str, list[Answer]] = defaultdict(list)
    with reading(engine) as connection:
        for chunk in chunks(sorted(access_keys)):
            query = (
                select(documents.c.extracted_index, pouches.c.extracted, pouches.c.extracted_digests)
                .join_from(documents, pouches, documents.c.pouch_id == pouches.c.id)
                .where(documents.c.access_key.in_(chunk), documents.c.kind == "answer")
                .where(documents.c.state != "discarded", documents.c.extracted_index.is_not(None))
                .where(pouches.c.extracted.is_not(None))
                .order_by(documents.c.id)
            )
            for row in connection.execute(query):
                for answer in _opened(row.extracted, row.extracted_digests, row.extracted_index):
                    found[answer.access_key].append(answer)
    return dict(found)


def _opened(blob: bytes, digests: bytes | None, index: int) -> Iterator[Answer]:
    try:
        document = Extracted(blob, digests).document(index)
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


def is_denied(engine: Engine, access_key: str) -> bool:
    """Whether the notes of this key that are here bring a denial (or a void number) along, so that none of them can be
    booked; a person is asked about it. Raises ``StoreError``."""
    query = select(documents.c.state, documents.c.reason_code, documents.c.extracted_index)
    query = query.where(documents.c.access_key == access_key, documents.c.kind == "sale")
    with reading(engine) as connection:
        notes = connection.execute(query.where(documents.c.state != "discarded")).all()
    asked = any(one.state == "rejected" and one.reason_code in FINAL for one in notes)
    return asked and all(one.extracted_index is None for one in notes)


def look_again(connection: Connection, access_keys: Collection[str], now: float) -> None:
    """Authorising answers about these notes, refused just now, that were settled before the notes came."""
    for chunk in chunks(sorted(access_keys)):
        of_note = documents.c.access_key.in_(chunk) & (documents.c.kind == "answer") & documents.c.authorised.is_(True)
        settled = [one for one in lock(connection, of_note) if one.state in ("rejected", "kept")]
        lines = [history.HistoryLine(one.id, "replayed", code=one.reason_code) for one in settled]
        history.record(connection, lines, history.SYSTEM, now)
        move(connection, [Move(one, "accepted") for one in settled])


def unauthorised(engine: Engine, access_key: str) -> list[int]:
    """The notes of this key that came without their protocol and have none yet, whether booked or not."""
    query = select(documents.c.id).where(documents.c.access_key == access_key, documents.c.kind == "sale")
    query = query.where(documents.c.authorised.is_not(True), documents.c.state.in_(("posted", *sorted(OPEN))))
    with reading(engine) as connection:
        return list(connection.execute(query).scalars())


def authorise(connection: Connection, statuses: Mapping[str, int], now: float) -> None:
    """An answer brought booked sales their authorisation; notes refused or kept for want of it are tried again with it.

    ``statuses``: the answer's cStat, by key.
    """
    for chunk in chunks(sorted(statuses)):
        of_sale = documents.c.access_key.in_(chunk) & (documents.c.kind == "sale")
        booked = lock(connection, of_sale & (documents.c.state == "posted") & documents.c.authorised.is_not(True))
        ids = [one.id for one in booked]
        connection.execute(update(documents).where(documents.c.id.in_(ids)).values(authorised=True))
        connection.execute(delete(open_sale).where(open_sale.c.access_key.in_(chunk)))
        refused = lock(connection, of_sale & _curable() & documents.c.extracted_index.is_not(None))
        lines = [_joined(one, statuses) for one in booked]
        lines += [history.HistoryLine(one.id, "replayed", code=one.reason_code) for one in refused]
        history.record(connection, lines, history.SYSTEM, now)
        move(connection, [Move(one, "accepted") for one in refused])


def _curable() -> ColumnElement[bool]:
    """Notes that were put aside only because nobody had authorised them."""
    refused = documents.c.reason_code.in_(_REFUSED) & (documents.c.state == "rejected")
    return refused | (documents.c.reason_code.in_(_TAKEN_FOR_NONE) & (documents.c.state == "kept"))


def _joined(standing: LockedDocument, statuses: Mapping[str, int]) -> history.HistoryLine:
    return history.HistoryLine(standing.id, "joined", {"status": str(statuses.get(standing.access_key or "", 0))})
