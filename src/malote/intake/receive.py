"""From a pouch to receipts: read, judge, put the rejected aside, spool. Only then is anything acknowledged."""

import errno
import hashlib
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from types import MappingProxyType

import structlog
from sqlalchemy import Engine

from malote import wire
from malote.accounts import series
from malote.accounts.tills import Till, find_till
from malote.config import IntakeSettings, StoreSettings, limits_of
from malote.database.errors import StoreError
from malote.fiscal import reader
from malote.intake.admission import Accepted, admit
from malote.intake.names import readable
from malote.spool.documents import IncomingDocument, IncomingFile, Reason, RejectedDocument
from malote.spool.sql import Spool
from malote.wire import FileReceipt, PouchFile

# Keeps a rejected document on disk, durably. Raises ``OSError``.
Keep = Callable[[RejectedDocument], object]

_NO_ROOM = {errno.ENOSPC, errno.EDQUOT}

log = structlog.get_logger("malote.intake")


class Intake:
    """Takes files in, whatever way they came. Safe for threads."""

    def __init__(
        self,
        engine: Engine,
        spool: Spool,
        keep: Keep,
        store: StoreSettings,
        settings: IntakeSettings,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """``clock`` tells seconds since the epoch."""
        self._engine = engine
        self._spool = spool
        self._keep = keep
        self._store = store
        self._limits = limits_of(store, settings)
        self._clock = clock

    def take(self, till: Till, files: Sequence[PouchFile], body: bytes) -> list[FileReceipt]:
        """Makes a pouch durable and answers for each of its files, in order.

        ``files`` are those of the sealed pouch ``body``, their hashes proven. What is known already isn't read again.
        Raises ``StoreError`` and ``OSError``; nothing is acknowledged then, and the same pouch may be sent again.
        """
        known = self._spool.known(till.id, [file.sha256 for file in files])
        new = {file.sha256: file for file in files if file.sha256 not in known}
        if not new:
            return [known[file.sha256] for file in files]
        documents = dict(zip(new, self._admit(till, list(new.values())), strict=True))
        now = self._clock()
        self._put_rejected_aside(till, new, documents, now)
        incoming = [IncomingFile(readable(file.name), file.sha256, documents.get(file.sha256, [])) for file in files]
        receipts = self._spool.accept(till.id, body, incoming, received_at=now)
        log.info("took_in", till=till.name, files=len(files), known=len(files) - len(new), bytes=len(body))
        return receipts

    def take_files(self, till: Till, files: Sequence[PouchFile]) -> list[FileReceipt]:
        """The same for files that came without a pouch: they are sealed into one here. Raises the same."""
        body, _ = wire.seal(files, datetime.now(UTC))
        return self.take(till, files, body)

    def judge(
        self, till_name: str, file_name: str, content: bytes, accepted: Accepted = MappingProxyType({})
    ) -> IncomingFile:
        """Reads and judges a file as at its arrival, and keeps nothing. Raises ``TillError`` and ``StoreError``.

        ``accepted``: findings that a person accepted since, by the document's position in the file.
        """
        file = PouchFile(readable(file_name), hashlib.sha256(content).digest(), content)
        (documents,) = self._admit(find_till(self._engine, till_name), [file], accepted)
        return IncomingFile(file.name, file.sha256, documents)

    def _admit(
        self, till: Till, files: Sequence[PouchFile], accepted: Accepted = MappingProxyType({})
    ) -> list[list[IncomingDocument]]:
        readings = [reader.read(file.content, self._limits) for file in files]
        return admit(
            readings,
            self._store,
            lambda wanted: series.judge(
                self._engine, till, wanted, learn=self._store.learn_series, most=self._store.series_per_till
            ),
            accepted,
        )

    def _put_rejected_aside(
        self, till: Till, files: dict[bytes, PouchFile], documents: dict[bytes, list[IncomingDocument]], now: float
    ) -> None:
        """Before the spool's commit: a crash in between leaves files that the resend writes again, and no row alone."""
        for sha256, read in documents.items():
            for document in read:
                if document.reason is not None:
                    self._put_aside(_rejected(till, files[sha256], document, document.reason, now))

    def _put_aside(self, rejected: RejectedDocument) -> None:
        try:
            self._keep(rejected)
        except OSError as error:
            if error.errno in _NO_ROOM:
                raise StoreError("disk_full", transient=True, detail="rejeitados") from error
            raise
        log.info("rejected", till=rejected.till, code=rejected.reason.code, access_key=rejected.access_key)


def _rejected(till: Till, file: PouchFile, document: IncomingDocument, reason: Reason, now: float) -> RejectedDocument:
    return RejectedDocument(
        till=till.name,
        file_name=readable(file.name),
        file_sha256=file.sha256,
        position=document.position,
        content=file.content,
        reason=reason,
        access_key=document.access_key,
        kind=document.kind,
        rejected_at=now,
    )
