"""From a pouch to receipts: read, judge, put the rejected aside, spool. Only then is anything acknowledged."""

import errno
import hashlib
import threading
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import UTC, datetime
from functools import partial
from types import MappingProxyType

from sqlalchemy import Engine

from malote import log as logs
from malote import wire
from malote.config import IntakeSettings, StoreSettings, limits_of
from malote.database.errors import StoreError
from malote.fiscal import reader
from malote.fiscal.cfops import Overrides
from malote.fiscal.problems import Problem
from malote.intake.admission import Accepted, Rules, admit
from malote.intake.booked_versions import beside_booked
from malote.intake.file_names import base_name
from malote.intake.quota import Quota
from malote.intake.turns import Turns
from malote.sealing import seal
from malote.spool.documents import IncomingDocument, IncomingFile, Reason, RejectedDocument
from malote.spool.queue import Queue
from malote.tills import issuers, series
from malote.tills.series import SeriesKey
from malote.tills.till import Till, find_till, note_slowed
from malote.wire import FileReceipt, PouchFile

# Keeps rejected documents on disk, durably, as one group. Raises ``OSError``.
Keep = Callable[[Sequence[RejectedDocument]], object]

# A slice of a pouch: what is read, or put aside, in one turn.
SLICE_FILES = 40
SLICE_BYTES = 250_000
# Reading stops then, and so does the writing of rejected files; what is left is answered as unknown, which every agent
# sends again. With the commit behind it a pouch is answered in half of the agent's patience.
READING_SECONDS = wire.PATIENCE_SECONDS / 4
WRITING_SECONDS = wire.PATIENCE_SECONDS * 3 / 8  # from the pouch's beginning

_NO_ROOM = {errno.ENOSPC, errno.EDQUOT}

log = logs.get_logger("malote.intake")


class Intake:
    """Takes files in, whatever way they came. Safe for threads."""

    def __init__(
        self,
        engine: Engine,
        spool: Queue,
        keep: Keep,
        store: StoreSettings,
        settings: IntakeSettings,
        operations: Overrides = MappingProxyType({}),
        *,
        quota: Quota | None = None,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """``operations``: what CFOPs do in this store, where it isn't as the table says. ``clock`` tells seconds since
        the epoch. ``quota`` is asked by whoever lets a till in; here it is used up.
        """
        self.quota = quota or Quota(settings.rejects_per_minute, self._tell)
        self._turns = Turns()
        self._monotonic = monotonic
        self._engine = engine
        self._spool = spool
        self._keep = keep
        self._rules = Rules(store, operations, partial(issuers.is_accepted, engine))
        self._limits = limits_of(store, settings)
        self._clock = clock

    def take(self, till: Till, files: Sequence[PouchFile], body: bytes) -> list[FileReceipt]:
        """Makes a pouch durable and answers for each of its files, in order.

        ``files`` are those of the sealed pouch ``body``, their hashes proven. What is known already isn't read again.
        What there is no time for is answered as unknown: it is to be sent again. Raises ``StoreError`` and ``OSError``;
        nothing is acknowledged then, and the same pouch may be sent again.
        """
        known = self._spool.known(till.id, [file.sha256 for file in files])
        new = {file.sha256: file for file in files if file.sha256 not in known}
        if not new:
            return [known[file.sha256] for file in files]
        began, now = self._monotonic(), self._clock()
        documents = self._read_in_turns(till, list(new.values()), began + READING_SECONDS)
        documents = beside_booked(self._engine, documents)
        rejected = self._put_rejected_aside(till, new, documents, now, began + WRITING_SECONDS)
        incoming = [IncomingFile(base_name(file.name), file.sha256, documents.get(file.sha256, [])) for file in files]
        with self._turns.turn(till.id):
            receipts = self._spool.accept(till.id, body, incoming, received_at=now, kept=True)
        self.quota.note(till.id, rejected)
        left = len(new) - len(documents)
        log.info("took_in", till=till.name, files=len(files), known=len(files) - len(new), left=left, bytes=len(body))
        return receipts

    def take_files(self, till: Till, files: Sequence[PouchFile]) -> list[FileReceipt]:
        """The same for files that came without a pouch: they are sealed into one here. Raises the same."""
        body, _ = seal(files, datetime.now(UTC))
        return self.take(till, files, body)

    def judge(
        self, till_name: str, file_name: str, content: bytes, accepted: Accepted = MappingProxyType({})
    ) -> IncomingFile:
        """Reads and judges a file as at its arrival, and keeps nothing. Raises ``TillError`` and ``StoreError``.

        ``accepted``: findings that a person accepted since, by the document's position in the file.
        """
        file = PouchFile(base_name(file_name), hashlib.sha256(content).digest(), content)
        (documents,) = self._admit(find_till(self._engine, till_name), [file], accepted)
        return IncomingFile(file.name, file.sha256, documents)

    def foreseeing(self) -> Callable[[str, str, bytes, Accepted], IncomingFile]:
        """A judge for one dry run: as ``judge``, one file after the other, and no till learns a series by it."""
        learned: dict[SeriesKey, Till] = {}
        store = self._rules.store

        def judge(till_name: str, file_name: str, content: bytes, accepted: Accepted) -> IncomingFile:
            till = find_till(self._engine, till_name)
            readings = [reader.read(content, self._limits)]

            def foreseen(wanted: Collection[SeriesKey]) -> dict[SeriesKey, Problem | None]:
                most = store.series_per_till
                return series.foresee(self._engine, till, wanted, learned, learn=store.learn_series, most=most)

            (documents,) = admit(readings, self._rules, foreseen, accepted)
            return IncomingFile(base_name(file_name), hashlib.sha256(content).digest(), documents)

        return judge

    def _admit(
        self,
        till: Till,
        files: Sequence[PouchFile],
        accepted: Accepted = MappingProxyType({}),
        *,
        own: set[SeriesKey] | None = None,
        hold: bool = False,
    ) -> list[list[IncomingDocument]]:
        """``own``: series that are known to be the till's, asked a moment ago."""
        readings = [reader.read(file.content, self._limits) for file in files]
        judge = partial(self._judge_series, till, set() if own is None else own)
        return admit(readings, self._rules, judge, accepted, hold=hold)

    def _judge_series(
        self, till: Till, own: set[SeriesKey], wanted: Collection[SeriesKey]
    ) -> dict[SeriesKey, Problem | None]:
        """Whether the till may use them; those that are its own are added to ``own``, and not asked for again."""
        verdicts: dict[SeriesKey, Problem | None] = dict.fromkeys(own)
        asked = [key for key in wanted if key not in own]
        if asked:
            store = self._rules.store
            verdicts |= series.judge(self._engine, till, asked, learn=store.learn_series, most=store.series_per_till)
            own |= {key for key, problem in verdicts.items() if problem is None}
        return verdicts

    def _tell(self, till_id: int) -> None:
        """Where people look; in a thread, since who asks the quota must not wait for the database."""
        noted = (self._engine, till_id, self.quota.per_minute)
        threading.Thread(target=_note_slowed, args=noted, name=f"till {till_id} slowed", daemon=True).start()

    def _read_in_turns(
        self, till: Till, files: Sequence[PouchFile], until: float
    ) -> dict[bytes, list[IncomingDocument]]:
        """The documents of each file that there was time for, by its hash; of one slice at least."""
        found: dict[bytes, list[IncomingDocument]] = {}
        own: set[SeriesKey] = set()  # within a pouch it is asked once
        for part in _slices(files):
            with self._turns.turn(till.id):
                read = self._admit(till, part, own=own, hold=True)
                found |= zip((file.sha256 for file in part), read, strict=True)
            if self._monotonic() >= until:
                break
        return found

    def _put_rejected_aside(
        self,
        till: Till,
        files: dict[bytes, PouchFile],
        documents: dict[bytes, list[IncomingDocument]],
        now: float,
        until: float,
    ) -> int:
        """Before the spool's commit: a crash in between leaves files that the resend writes again, and no row alone.

        Files for whose rejected documents there is no time leave ``documents``. Returns how many it put aside.
        """
        rejected = [
            _rejected(till, files[sha256], document, document.reason, now)
            for sha256, read in documents.items()
            for document in read
            if document.state == "rejected" and document.reason is not None
        ]
        for start in range(0, len(rejected), SLICE_FILES):
            if start and self._monotonic() >= until:
                for late in rejected[start:]:
                    documents.pop(late.file_sha256, None)
                return start
            with self._turns.turn(till.id):
                self._put_aside(rejected[start : start + SLICE_FILES])
        return len(rejected)

    def _put_aside(self, group: Sequence[RejectedDocument]) -> None:
        try:
            self._keep(group)
        except OSError as error:
            if error.errno in _NO_ROOM:
                raise StoreError("disk_full", detail="servidor Malote, rejeitados/") from error
            raise
        for rejected in group:
            log.info("rejected", till=rejected.till, code=rejected.reason.code, access_key=rejected.access_key)


def _note_slowed(engine: Engine, till_id: int, per_minute: int) -> None:
    try:
        note_slowed(engine, till_id, per_minute)
    except StoreError as error:
        log.warning("slowed_not_noted", till=till_id, code=error.code)


def _slices(files: Sequence[PouchFile]) -> Iterator[list[PouchFile]]:
    part: list[PouchFile] = []
    size = 0
    for file in files:
        part.append(file)
        size += len(file.content)
        if len(part) == SLICE_FILES or size >= SLICE_BYTES:
            yield part
            part, size = [], 0
    if part:
        yield part


def _rejected(till: Till, file: PouchFile, document: IncomingDocument, reason: Reason, now: float) -> RejectedDocument:
    return RejectedDocument(
        till=till.name,
        file_name=base_name(file.name),
        file_sha256=file.sha256,
        position=document.position,
        content=file.content,
        reason=reason,
        access_key=document.access_key,
        kind=document.kind,
        rejected_at=now,
    )
