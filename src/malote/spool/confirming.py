"""Orders to take back what is booked in a document's way: given by a person or by the settings, durable before they are
carried out, and carried out by whoever posts the document."""

from collections.abc import Iterable, Sequence

from sqlalchemy import Connection, Engine, delete, select, text

from malote.database.chunks import chunks
from malote.database.engine import reading, writing
from malote.database.quarantine_tables import accepted_problem
from malote.spool import history
from malote.spool.state_changes import lock_ids

ORDER = "reverse_booked"

_ACCEPT = text(
    "INSERT INTO accepted_problem (document_id, code, at, who, reason) VALUES (:document_id, :code, :at, :who, :reason)"
    " ON CONFLICT (document_id, code) DO UPDATE SET at = excluded.at, who = excluded.who, reason = excluded.reason"
)


def given(engine: Engine, document_ids: Sequence[int], code: str = ORDER) -> set[int]:
    """For which of the documents there is an order, or for which a person has accepted this finding. Raises
    ``StoreError``."""
    found: set[int] = set()
    with reading(engine) as connection:
        for chunk in chunks(sorted(set(document_ids))):
            query = select(accepted_problem.c.document_id).where(accepted_problem.c.document_id.in_(chunk))
            found |= set(connection.execute(query.where(accepted_problem.c.code == code)).scalars())
    return found


def accept(connection: Connection, document_id: int, codes: Iterable[str], who: str, reason: str, now: float) -> None:
    """Remembers that somebody accepted these findings of a document, within the caller's transaction."""
    said = {"document_id": document_id, "at": now, "who": who, "reason": reason}
    connection.execute(_ACCEPT, [said | {"code": code} for code in sorted(codes)])


def take_back(connection: Connection, document_id: int, code: str) -> None:
    """The finding counts again."""
    mine = (accepted_problem.c.document_id == document_id) & (accepted_problem.c.code == code)
    connection.execute(delete(accepted_problem).where(mine))


def give(connection: Connection, document_id: int, who: str, reason: str, now: float) -> None:
    """Gives one, within the caller's transaction, which has locked the document."""
    accept(connection, document_id, [ORDER], who, reason, now)
    history.record(connection, [history.HistoryLine(document_id, "order_given", {"reason": reason})], who, now)


def give_by_settings(engine: Engine, document_id: int, now: float) -> None:
    """The settings' own order: nobody was asked. Raises ``StoreError``."""
    with writing(engine) as connection:
        lock_ids(connection, [document_id])
        give(connection, document_id, history.SYSTEM, "store.reverse_superseded = itself", now)
