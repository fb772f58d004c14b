"""The files that are kept, read again, round and round: one that changed or vanished is named, and its till told of.

Nobody else would notice before the day on which it is asked for: a sale to be booked again, an export, the legal
archive. Each look takes pouches for a quarter of a second, so that the cost is small however much is kept; a round
over a million sales takes some hours. What was damaged and is whole again is told no more.
"""

import hashlib
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Literal

import msgspec
from sqlalchemy import Connection, Engine, delete, func, insert, select, update

from malote import frames
from malote import log as logs
from malote.database.chunks import chunks
from malote.database.engine import reading, writing
from malote.database.errors import StoreError
from malote.database.kept_tables import damaged_file, kept_walk
from malote.database.tables import document as documents
from malote.database.tables import pouch as pouches
from malote.database.upserting import insert_into
from malote.spool.extracted import DamagedError, Extracted, is_of
from malote.wire import Pouch

#   gone       its bytes aren't here any more, and no retention dropped them
#   changed    its bytes are others than those that came
#   extracted  what was read from it, and is booked, isn't what its line says any more
Damage = Literal["gone", "changed", "extracted"]

LOOK_SECONDS = 30.0
BUDGET_SECONDS = 0.25  # of one look
_LARGEST_POUCH = 2**31  # bytes: it was opened within the limit set when it came
_POUCHES_AT_ONCE = 500  # of the ids that a look may come to

log = logs.get_logger("malote.books")


class KeptFilesLook(msgspec.Struct, frozen=True):
    """``ended``: that was the end of a round."""

    pouches: int
    damaged: int
    ended: bool


class KeptFiles:
    """Looks, in a thread of its own."""

    def __init__(self, engine: Engine, clock: Callable[[], float] = time.time) -> None:
        self._engine = engine
        self._clock = clock

    def run(self, stop: threading.Event) -> None:
        """Until it is told to stop; what fails is tried again at the next look."""
        while not stop.wait(LOOK_SECONDS):
            try:
                looked = look(self._engine, self._clock())
            except StoreError as error:
                log.warning("kept_files_wait", code=error.code)
                continue
            if looked.damaged:
                log.error("kept_files_damaged", documents=looked.damaged)


def look(engine: Engine, now: float, budget: float = BUDGET_SECONDS) -> KeptFilesLook:
    """Goes on where the last look ended, for about so many seconds, one pouch at least. Raises ``StoreError``."""
    with reading(engine) as connection:
        known = connection.execute(select(kept_walk)).first()
    if known is not None and not _claimed(engine, known.walked_at, now):
        return KeptFilesLook(0, 0, ended=False)
    walked_to = known.walked_to if known is not None else 0
    began, looked, found = time.monotonic(), 0, 0
    with reading(engine) as connection:
        ids = _following(connection, walked_to)
    for pouch_id in ids:
        found += _look_at(engine, pouch_id, now)
        looked, walked_to = looked + 1, pouch_id
        if time.monotonic() - began > budget:
            break
    ended = looked == len(ids) < _POUCHES_AT_ONCE
    _set(engine, walked_to=0 if ended else walked_to, now=now, known=known, ended=ended)
    return KeptFilesLook(looked, found, ended)


def look_at_all(engine: Engine, now: float, progress: Callable[[int, int], None] = lambda _done, _of: None) -> int:
    """Everything that is kept, at once; how many documents are damaged that were not known. ``progress``: of how many
    pouches. Raises ``StoreError``."""
    found, after, done = 0, 0, 0
    with reading(engine) as connection:
        total = connection.scalar(select(func.count()).select_from(_KEPT.subquery())) or 0
    while True:
        with reading(engine) as connection:
            ids = _following(connection, after)
        if not ids:
            return found
        for pouch_id in ids:
            found += _look_at(engine, pouch_id, now)
            done += 1
            progress(done, max(done, total))
        after = ids[-1]


def _claimed(engine: Engine, walked_at: float, now: float) -> bool:
    """Several servers of one store don't read the same pouches at once."""
    with writing(engine) as connection:
        mine = update(kept_walk).where(kept_walk.c.walked_at == walked_at).values(walked_at=now)
        return walked_at != now and connection.execute(mine).rowcount == 1


def _set(engine: Engine, *, walked_to: int, now: float, known: Any, ended: bool) -> None:
    values: dict[str, Any] = {"walked_to": walked_to, "walked_at": now}
    if ended:
        values["round_at"] = now
    with writing(engine) as connection:
        if known is not None:
            connection.execute(update(kept_walk).values(values))
        else:
            connection.execute(insert(kept_walk).values({"id": 1} | values))


def _following(connection: Connection, after: int) -> list[int]:
    """Pouches whose bytes are to be here, and those that documents say they came in and that nobody knows of; behind
    the last of those that were dropped before all of these."""
    start = after
    if not after and (first := connection.scalar(_KEPT.order_by(pouches.c.id).limit(1))) is not None:
        start = connection.scalar(select(func.max(pouches.c.id)).where(pouches.c.id < first)) or 0
    kept = list(connection.scalars(_KEPT.where(pouches.c.id > start).order_by(pouches.c.id).limit(_POUCHES_AT_ONCE)))
    most = kept[-1] if len(kept) == _POUCHES_AT_ONCE else connection.scalar(select(func.max(documents.c.pouch_id))) or 0
    named = select(documents.c.pouch_id).distinct().where(documents.c.pouch_id > start, documents.c.pouch_id <= most)
    known = select(pouches.c.id).where(pouches.c.id > start, pouches.c.id <= most)
    lost = named.where(documents.c.pouch_id.not_in(known))
    return sorted({*kept, *connection.scalars(lost.limit(_POUCHES_AT_ONCE))})[:_POUCHES_AT_ONCE]


_KEPT = select(pouches.c.id).where(pouches.c.pruned_at.is_(None))


def _look_at(engine: Engine, pouch_id: int, now: float) -> int:
    """One pouch; how many of its documents are damaged, as far as that is new."""
    with reading(engine) as connection:
        pouch = connection.execute(select(pouches).where(pouches.c.id == pouch_id)).first()
        if pouch is not None and pouch.pruned_at is not None:
            return 0
        rows = connection.execute(select(*_COLUMNS).where(documents.c.pouch_id == pouch_id)).all()
        known: dict[int, str] = {}
        for some in chunks([row.id for row in rows]):
            query = select(damaged_file).where(damaged_file.c.document_id.in_(some))
            known |= {row.document_id: row.what for row in connection.execute(query)}
    found = damages(rows, pouch.body, pouch.extracted, pouch.extracted_digests) if pouch else damages(rows, None)
    gone = [one for one in known if known[one] != found.get(one)]
    fresh = {one: what for one, what in found.items() if known.get(one) != what}
    if gone or fresh:
        with writing(engine) as connection:
            for some in chunks(gone):
                connection.execute(delete(damaged_file).where(damaged_file.c.document_id.in_(some)))
            tills = {row.id: row.till_id for row in rows}
            values = [
                {"document_id": one, "till_id": tills[one], "what": what, "found_at": now}
                for one, what in fresh.items()
            ]
            if values:  # another process may look at the same at this moment
                connection.execute(insert_into(connection, damaged_file).on_conflict_do_nothing(), values)
    return len(fresh)


_NEEDED = ("id", "till_id", "kind", "pouch_index", "extracted_index", "file_sha256", "access_key", "total")
_COLUMNS = [documents.c[name] for name in _NEEDED]


def damages(
    rows: Sequence[Any], body: bytes | None, extracted: bytes | None = None, digests: bytes | None = None
) -> dict[int, Damage]:
    """By document of one pouch what is wrong with it, of those of which anything is."""
    if body is None:
        return {row.id: "gone" for row in rows}
    hashes = _hashes(body)
    found: dict[int, Damage] = {}
    for row in rows:
        if hashes.get(row.pouch_index) != bytes(row.file_sha256):
            found[row.id] = "changed"
    for document_id in _unlike(rows, extracted, digests):
        found.setdefault(document_id, "extracted")
    return found


def _hashes(body: bytes) -> Mapping[int, bytes]:
    """Of each file as it is now, by its place; of a pouch that can't be opened any more of none."""
    try:
        pouch = _decoder.decode(frames.unpack(body, _LARGEST_POUCH))
    except (frames.FrameError, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return {}
    return {place: hashlib.sha256(file.content).digest() for place, file in enumerate(pouch.files)}


def _unlike(rows: Sequence[Any], extracted: bytes | None, digests: bytes | None) -> Iterator[int]:
    read = [row for row in rows if row.extracted_index is not None]
    try:
        opened = Extracted(extracted, digests) if extracted is not None else None
    except DamagedError:
        opened = None
    for row in read:
        try:
            document = opened.document(row.extracted_index) if opened is not None else None
        except DamagedError:
            document = None
        if document is None or not is_of(document, row.access_key, row.total):
            yield row.id


_decoder = msgspec.msgpack.Decoder(Pouch)
