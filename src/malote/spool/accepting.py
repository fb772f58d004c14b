"""Taking a pouch in: durable before it is acknowledged, once however often it comes."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec
from sqlalchemy import Connection, Engine, insert, select, update

from malote.database.engine import writing
from malote.database.tables import document as documents
from malote.database.tables import document_reference
from malote.database.tables import pouch as pouches
from malote.database.tables import till as tills
from malote.database.touched_days import touch
from malote.fiscal.access_key import is_well_formed
from malote.fiscal.documents import Cancellation, Document, NumberVoid, Sale
from malote.fiscal.sefaz_answers import CURED_BY_AUTHORISATION
from malote.rejection import Language
from malote.spool import extracted, feed, joining, receipts, wake_waiting
from malote.spool.documents import IncomingDocument, IncomingFile
from malote.spool.state_changes import TallyChanges, count, encode_reason, value_of
from malote.spool.states import SETTLED
from malote.spool.superseded import supersede
from malote.wire import FileReceipt

if TYPE_CHECKING:
    import psycopg

_LARGEST_INTEGER = 2**63 - 1
_LONGEST_NAME = 255  # characters kept of a file's name


class Arrival(msgspec.Struct, frozen=True):
    """A pouch at the door."""

    till_id: int
    body: bytes
    files: Sequence[IncomingFile]
    received_at: float
    kept: bool = False  # whether the quarantine has what is rejected of it


class _New(msgspec.Struct, frozen=True):
    pouch_index: int
    file: IncomingFile


def accept(engine: Engine, arrival: Arrival, language: Language) -> list[FileReceipt]:
    hashes = [file.sha256 for file in arrival.files]
    packed = extracted.packed(_extracted(_distinct(arrival.files)))
    with writing(engine) as connection:
        # The till's couriers wait for each other here; the second then sees what the first has kept.
        _lock_till(connection, arrival.till_id)
        before = receipts.read(connection, arrival.till_id, hashes, language)
        new = [one for one in _distinct(arrival.files) if one.file.sha256 not in before]
        if not new:
            return _replies(hashes, before, {})
        if before:
            packed = extracted.packed(_extracted(new))
        pouch_id = _keep_pouch(connection, arrival, packed)
        if _keep_documents(connection, arrival, pouch_id, new):
            kept_now = receipts.read(connection, arrival.till_id, [one.file.sha256 for one in new], language)
            return _replies(hashes, before, kept_now)
    kept = ((each.file.sha256, one) for each in new for one in each.file.documents)
    return _replies(hashes, before, receipts.of_new(kept, language))


def _distinct(files: Sequence[IncomingFile]) -> list[_New]:
    """Files that have something to keep, each once, with their place in the pouch."""
    seen: dict[bytes, _New] = {}
    for index, file in enumerate(files):
        if file.documents:
            seen.setdefault(file.sha256, _New(index, file))
    return list(seen.values())


def _extracted(new: Sequence[_New]) -> list[Document | None]:
    return [one.document for each in new for one in each.file.documents]


def _replies(hashes: Sequence[bytes], before: receipts.Receipts, new: receipts.Receipts) -> list[FileReceipt]:
    return [before.get(sha256) or new.get(sha256) or receipts.unknown(sha256) for sha256 in hashes]


def _lock_till(connection: Connection, till_id: int) -> None:
    connection.execute(select(tills.c.id).where(tills.c.id == till_id).with_for_update(key_share=True)).one()


def _keep_pouch(connection: Connection, arrival: Arrival, packed: extracted.Packed) -> int:
    values = {
        "till_id": arrival.till_id,
        "received_at": arrival.received_at,
        "body": arrival.body,
        "extracted": packed.blob,
        "extracted_digests": packed.digests,
    }
    return int(connection.execute(insert(pouches).values(values).returning(pouches.c.id)).scalar_one())


def _keep_documents(connection: Connection, arrival: Arrival, pouch_id: int, new: Sequence[_New]) -> int:
    """Returns how many documents are settled at once by what came before them."""
    rows: list[dict[str, Any]] = []
    changes = TallyChanges()
    for each in new:
        for one in each.file.documents:
            rows.append(_row(arrival, pouch_id, each, one, len(rows)))
            counted = (arrival.till_id, one.state, one.reason.code if one.reason else "")
            changes.add(counted, 1, value_of(rows[-1]["kind"], rows[-1]["total"]))
    _insert(connection, rows)
    _refer(connection, pouch_id, rows, new)
    if any(row["state"] in SETTLED for row in rows):
        feed.note_arrived(connection, pouch_id)
    wake_waiting.wake(connection, [row["access_key"] for row in rows if row["access_key"]], arrival.received_at)
    _remember_newest(connection, arrival.till_id, [one for each in new for one in each.file.documents])
    count(connection, changes)
    touch(connection, ((arrival.till_id, row["issued_at"]) for row in rows if row["kind"] == "sale"))
    return _settle_by_others(connection, pouch_id, rows, arrival.received_at)


def _settle_by_others(connection: Connection, pouch_id: int, rows: Sequence[dict[str, Any]], now: float) -> int:
    """Of what is settled from the start: what it is settled by may be here, and what it settles."""
    settled = [row for row in rows if row["state"] in ("rejected", "kept")]
    joining.look_again(
        connection, {row["access_key"] for row in settled if row["access_key"] and _is_refused(row)}, now
    )
    keys = {row["access_key"] for row in settled if row["access_key"]}
    voids: set[int] = set()
    if any(row["kind"] == "number_void" for row in settled):
        query = select(documents.c.id).where(documents.c.pouch_id == pouch_id, documents.c.kind == "number_void")
        voids.update(connection.execute(query).scalars())
    return supersede(connection, keys, voids, now) if keys or voids else 0


def _is_refused(row: Mapping[str, Any]) -> bool:
    """A note that was refused by the answer in its own file, and that another answer may authorise."""
    refused = row["kind"] == "sale" and row["state"] == "rejected" and row["reason_code"] in CURED_BY_AUTHORISATION
    return refused and row["access_key"] is not None


def _refer(connection: Connection, pouch_id: int, rows: Sequence[dict[str, Any]], new: Sequence[_New]) -> None:
    """Notes which keys the documents name, so that each is found from the other."""
    arrived = [one.document for each in new for one in each.file.documents]
    named = {index: keys for index, document in enumerate(arrived) if (keys := references_of(document))}
    if not named:
        return
    query = select(documents.c.id).where(documents.c.pouch_id == pouch_id).order_by(documents.c.id)
    ids = list(connection.execute(query).scalars())
    found = [{"document_id": ids[index], "access_key": key} for index, keys in named.items() for key in keys]
    connection.execute(insert(document_reference), found)


def references_of(document: Document | None) -> list[str]:
    """The keys that a document names besides its own."""
    match document:
        case Sale():
            return sorted({key for key in document.references if is_well_formed(key) and key != document.access_key})
        case Cancellation():
            return [document.substitute] if is_well_formed(document.substitute) else []
        case _:
            return []


def _insert(connection: Connection, rows: Sequence[dict[str, Any]]) -> None:
    if connection.dialect.name != "postgresql":
        connection.execute(insert(documents), rows)
        return
    # Here, since a store in SQLite has no need of it.
    from psycopg import sql

    # One statement for each row would cost ten times the row itself.
    names = list(rows[0])
    statement = sql.SQL("COPY document ({}) FROM STDIN").format(sql.SQL(", ").join(map(sql.Identifier, names)))
    driver: psycopg.Connection[Any] = connection.connection.driver_connection  # type: ignore[assignment]
    with driver.cursor() as cursor, cursor.copy(statement) as copy:
        for row in rows:
            copy.write_row(list(row.values()))


def _row(arrival: Arrival, pouch_id: int, each: _New, one: IncomingDocument, index: int) -> dict[str, Any]:
    return {
        "pouch_id": pouch_id,
        "pouch_index": each.pouch_index,
        "extracted_index": None if one.document is None else index,
        "till_id": arrival.till_id,
        "file_sha256": each.file.sha256,
        "file_name": _text(each.file.name, _LONGEST_NAME),
        "position": one.position,
        **identification(one),
        "accepted_at": arrival.received_at,
        "state": one.state,
        "reason_code": one.reason.code if one.reason else None,
        "reason": encode_reason(one.reason),
        "attempts": 0,
        "settled_at": arrival.received_at if one.state in ("rejected", "kept") else None,
        "duplicate": False,
        "kept": arrival.kept and one.state == "rejected",
        "authorised": one.authorised,
    }


def identification(one: IncomingDocument) -> dict[str, Any]:
    """The columns that people find a document by."""
    return {
        "kind": _text(one.kind, 20),
        "access_key": _text(one.access_key, 60),
        "model": _text(one.model, 20),
        "issuer": _text(one.issuer, 20),
        "series": _integer(one.series),
        "number": _integer(one.number),
        "issued_at": _text(one.issued_at, 40),
        "total": _integer(one.total),
        "last_number": _integer(_last_number(one)),
    }


def _last_number(one: IncomingDocument) -> int | None:
    return one.document.last if isinstance(one.document, NumberVoid) else one.last_number


def _text(value: str | None, longest: int) -> str | None:
    """What any database takes: a hostile document's key must not stop the pouch it came in."""
    if value is None or (len(value) <= longest and value.isascii() and value.isprintable()):
        return value
    return value[:longest].replace("\0", "").encode("utf-8", "replace").decode()


def _integer(value: int | None) -> int | None:
    return value if value is not None and abs(value) <= _LARGEST_INTEGER else None


def _remember_newest(connection: Connection, till_id: int, arrived: Sequence[IncomingDocument]) -> None:
    """The till's last number is that of its latest issued sale, in whatever order they come."""
    # What is held may be another till's.
    own = [one for one in arrived if one.kind == "sale" and one.state != "waiting"]
    sales = [(issued, one) for one in own if (issued := _instant(one.issued_at))]
    if not sales:
        return
    issued, newest = max(sales, key=lambda sale: (sale[0], sale[1].number or 0))
    stored = connection.execute(select(tills.c.last_issued_at).where(tills.c.id == till_id)).scalar_one()
    previous = _instant(stored)
    if previous is None or issued >= previous:
        values = {
            "last_series": _integer(newest.series),
            "last_number": _integer(newest.number),
            "last_issued_at": newest.issued_at,
        }
        connection.execute(update(tills).where(tills.c.id == till_id).values(values))


def _instant(issued_at: str | None) -> datetime | None:
    """None for what is no time with a zone: it can't be compared with the others."""
    try:
        instant = datetime.fromisoformat(issued_at or "")
    except ValueError:
        return None
    return instant if instant.tzinfo else None
