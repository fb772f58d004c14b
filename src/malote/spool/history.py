"""What happened to a document, line by line, written in the transaction of what happened.

A document that arrives and is posted has no line: its row tells that. The lines of one document are bounded, and what
happens again and again is one line that counts.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal, get_args

import msgspec
from sqlalchemy import Connection, Engine, delete, func, insert, select, update

from malote.database.chunks import chunks
from malote.database.engine import reading
from malote.database.quarantine_tables import document_event
from malote.spool.documents import Reason

#   waiting           not posted yet, for this reason
#   rejected          by the ERP, for this reason
#   kept              settled without a booking, for this reason
#   joined            with the authority's answer in another file; facts: status
#   adapted           booked in other letters than it came in; facts: detail, field, character, encoding
#   flagged           booked, and a person must look at it, for this reason
#   mended            it completed the sale that was booked before its authorisation; facts: fields
#   order_given       a person, or the settings, let it take the place of what is booked; facts: other
#   judged_sale       a person says that it is a sale after all; facts: reason
#   seen              a person has looked at what it was flagged for; facts: reason
#   judged            read and judged again, and rejected again, for this reason
#   replayed          put back in the queue; it had been rejected for this reason
#   booked_again      put back in the queue, since the ERP lost what was booked
#   deleted           into the trash; facts: grounds
#   restored          out of the trash
#   purged            its bytes left the server, at the end of the trash's retention
#   folder_shared     the till that owns its series has sent it too; facts: till, owner
#   series_assigned   facts: issuer, model, series, till, owner
#   issuer_accepted   facts: issuer
#   difference_accepted   facts: difference
#   product_mapped    facts: old_code, new_code
#   payment_mapped    facts: old_code, new_code (tPag)
#   protocol_attached facts: sha256, of the file that brought it
#   came_from_folder  its file was put into the folder of rejected files by hand; facts: name
#   changed_by_hand   its file there was changed; the new bytes were taken in as another file, facts: sha256
#   removed_by_hand   its file there was removed; it is in the trash now, facts: grounds
#   written_again     its file there was removed, and may have been the last copy
#   restored_by_hand  its file was put back from the trash's folder
#   unbooked_accepted a person said why it need not be booked, though it was deleted; facts: reason
What = Literal[
    "waiting",
    "rejected",
    "kept",
    "joined",
    "adapted",
    "flagged",
    "mended",
    "order_given",
    "judged_sale",
    "seen",
    "judged",
    "replayed",
    "booked_again",
    "deleted",
    "restored",
    "purged",
    "folder_shared",
    "series_assigned",
    "issuer_accepted",
    "difference_accepted",
    "product_mapped",
    "payment_mapped",
    "protocol_attached",
    "came_from_folder",
    "changed_by_hand",
    "removed_by_hand",
    "written_again",
    "restored_by_hand",
    "unbooked_accepted",
]
WHATS: tuple[What, ...] = get_args(What)

SYSTEM = "system"
FOLDER = "folder"  # who did something in the folder of rejected files; nobody knows who it was

MOST_LINES = 200  # of one document; the oldest go

# These say nothing new when they come again, and come by the thousand while the ERP is away.
_ONCE: frozenset[What] = frozenset({"waiting"})


class HistoryLine(msgspec.Struct, frozen=True):
    """One thing that happened to one document. ``code`` is that of the reason it is about."""

    document_id: int
    what: What
    facts: dict[str, str] = {}
    code: str | None = None


class StoredLine(msgspec.Struct, frozen=True):
    """Times in seconds since the epoch."""

    at: float
    first_at: float
    times: int
    who: str
    what: str
    code: str | None
    facts: dict[str, str]


def about(document_id: int, what: What, reason: Reason | None) -> HistoryLine:
    """A line about a reason."""
    return HistoryLine(document_id, what, reason.facts, reason.code) if reason else HistoryLine(document_id, what)


def record(connection: Connection, lines: Sequence[HistoryLine], who: str, now: float) -> None:
    """Adds the lines, in their order. The documents' rows are locked by this transaction already."""
    for chunk in chunks(lines):
        _record(connection, chunk, who, now)


def lines_of(engine: Engine, document_id: int) -> list[StoredLine]:
    """The oldest first. Raises ``StoreError``."""
    query = select(*_STORED).where(document_event.c.document_id == document_id).order_by(document_event.c.id)
    with reading(engine) as connection:
        return [stored(row) for row in connection.execute(query)]


_STORED = (
    document_event.c.at,
    document_event.c.first_at,
    document_event.c.times,
    document_event.c.who,
    document_event.c.what,
    document_event.c.code,
    document_event.c.facts,
)


def stored(row: Any) -> StoredLine:
    """A line of a row that has its columns."""
    return StoredLine(row.at, row.first_at, row.times, row.who, row.what, row.code, _facts.decode(row.facts))


def _record(connection: Connection, lines: Sequence[HistoryLine], who: str, now: float) -> None:
    last = _last_of(connection, {line.document_id for line in lines})
    fresh: list[dict[str, Any]] = []
    for line in lines:
        previous = last.get(line.document_id)
        if previous is not None and _repeats(previous, line, who):
            if line.what not in _ONCE:
                _count_again(connection, previous["id"], line, now)
            continue
        row = _row(line, who, now)
        last[line.document_id] = {"id": None, **row}
        fresh.append(row)
    if fresh:
        connection.execute(insert(document_event), fresh)
        _forget_oldest(connection, {row["document_id"] for row in fresh})


def _last_of(connection: Connection, document_ids: Iterable[int]) -> dict[int, dict[str, Any]]:
    newest = (
        select(func.max(document_event.c.id))
        .where(document_event.c.document_id.in_(sorted(document_ids)))
        .group_by(document_event.c.document_id)
    )
    query = select(document_event).where(document_event.c.id.in_(newest))
    return {row["document_id"]: dict(row) for row in connection.execute(query).mappings()}


def _repeats(previous: Mapping[str, Any], line: HistoryLine, who: str) -> bool:
    """Whether it is what happened last. Of a reason, the code decides: its facts may hold a time or a count."""
    same = (previous["what"], previous["code"], previous["who"]) == (line.what, line.code, who)
    # One of this very call has no id yet; there it stands as a line of its own.
    return same and previous["id"] is not None and (line.code is not None or previous["facts"] == _encoded(line.facts))


def _count_again(connection: Connection, event_id: int, line: HistoryLine, now: float) -> None:
    values = {"at": now, "times": document_event.c.times + 1, "facts": _encoded(line.facts)}
    connection.execute(update(document_event).where(document_event.c.id == event_id).values(values))


def _row(line: HistoryLine, who: str, now: float) -> dict[str, Any]:
    return {
        "document_id": line.document_id,
        "at": now,
        "first_at": now,
        "times": 1,
        "who": who,
        "what": line.what,
        "code": line.code,
        "facts": _encoded(line.facts),
    }


def _forget_oldest(connection: Connection, document_ids: Iterable[int]) -> None:
    counted = (
        select(document_event.c.document_id, func.count())
        .where(document_event.c.document_id.in_(sorted(document_ids)))
        .group_by(document_event.c.document_id)
        .having(func.count() > MOST_LINES)
    )
    for document_id, count in connection.execute(counted).all():
        oldest = (
            select(document_event.c.id)
            .where(document_event.c.document_id == document_id)
            .order_by(document_event.c.id)
            .limit(count - MOST_LINES)
        )
        ids = connection.execute(oldest).scalars().all()
        connection.execute(delete(document_event).where(document_event.c.id.in_(ids)))


def _encoded(facts: Mapping[str, str]) -> str:
    return msgspec.json.encode(facts, order="sorted").decode()


_facts = msgspec.json.Decoder(dict[str, str])
