"""The spool in the store database: documents from their acknowledgement to their settlement."""

import itertools
import threading
import time
from collections.abc import Callable, Collection, Sequence

from sqlalchemy import Engine

from malote.fiscal.documents import Answer, Document
from malote.register import contents, replaying, reports, unkept
from malote.register.documents import OverdueSale, StoredDocument, TillStatus
from malote.register.replaying import Judge
from malote.register.unkept import Waiting, Write
from malote.rejection import Language
from malote.spool import (
    accepting,
    confirming,
    following,
    joining,
    leasing,
    no_sales,
    outages,
    receipts,
    retention,
    settling,
)
from malote.spool.documents import IncomingFile, LeasedDocument, RejectedDocument, Settlement
from malote.spool.retention import Hold
from malote.spool.states import State
from malote.wire import FileReceipt


class Spool:
    """Safe for threads and for several processes. Every method raises ``StoreError``, and has then changed nothing."""

    def __init__(self, engine: Engine, *, language: Language = "pt", clock: Callable[[], float] = time.time) -> None:
        """``language`` is that of the receipts' messages; ``clock`` tells seconds since the epoch."""
        self._engine = engine
        self._language = language
        self._clock = clock
        self._turns = itertools.count()
        self._record = leasing.ClockRecord()
        self._arrived = threading.Event()

    def known(self, till_id: int, hashes: Sequence[bytes]) -> dict[bytes, FileReceipt]:
        """Receipts of those files that the till sent before, so that a resend needs no reading."""
        return receipts.known(self._engine, till_id, hashes, self._language)

    def receipts(self, till_id: int, hashes: Sequence[bytes]) -> list[FileReceipt]:
        """What became of each file, in the order asked; ``unknown`` where the till never sent it."""
        return receipts.receipts(self._engine, till_id, hashes, self._language)

    def file_of(self, till_id: int, access_key: str) -> bytes | None:
        """The hash of the last file with this key that the till sent, a sale's before what is about it."""
        return receipts.file_of(self._engine, till_id, access_key)

    def accept(
        self, till_id: int, body: bytes, files: Sequence[IncomingFile], *, received_at: float, kept: bool = False
    ) -> list[FileReceipt]:
        """Keeps a pouch durably, and answers for every file of it, in order.

        ``body`` is the pouch as received; ``files`` all of its files in its order. A file that ``known`` has found
        may come without documents; any other one that does is answered as unknown. ``kept``: the quarantine has the
        rejected documents among them durably already. What the till sent before is not kept again, nor is a pouch that
        has nothing new. When this returns, the disk has it.
        """
        arrival = accepting.Arrival(till_id, body, files, received_at, kept)
        replies = accepting.accept(self._engine, arrival, self._language)
        self._arrived.set()
        return replies

    def wait_for_arrivals(self, seconds: float) -> None:
        """Returns when this process accepts something, and after ``seconds`` at the latest.

        For one waiting thread. What another process accepts wakes nobody: look for it all the same.
        """
        self._arrived.wait(seconds)
        self._arrived.clear()

    def lease(self, owner: str, limit: int, seconds: float) -> list[LeasedDocument]:
        """At most ``limit`` documents in order of arrival, for nobody else during ``seconds`` (an hour at most).

        New ones, waiting ones whose time has come, and those of a poster that died. Where there are more than
        ``limit``, new and waiting ones get half each, so that neither starves. Fewer may come than there are.
        """
        now = self._clock()
        wish = leasing.Wish(owner, limit, seconds, next(self._turns))
        return leasing.lease(self._engine, wish, now, put_back=self._record.went_back(self._engine, now))

    def lost_seconds(self, since: float, until: float) -> float:
        """Between these moments, in seconds since the epoch: how long nothing could be booked."""
        return outages.lost(self._engine, since, until)

    def settle(self, settlements: Sequence[Settlement]) -> int:
        """Records what became of leased documents, in one transaction. How many counted.

        A settlement whose lease another poster holds by now, or which was settled before, changes nothing. A document
        can be made to wait for a day at most.
        """
        return settling.settle(self._engine, settlements, self._clock())

    def ordered(self, document_ids: Sequence[int]) -> set[int]:
        """For which of the documents somebody ordered that what is booked in their way be taken back."""
        return confirming.given(self._engine, document_ids)

    def accepted(self, document_id: int, code: str) -> bool:
        """Whether a person has accepted this finding of the document."""
        return bool(confirming.given(self._engine, [document_id], code))

    def order(self, document_id: int) -> None:
        """Orders it by the settings' own rule."""
        confirming.give_by_settings(self._engine, document_id, self._clock())

    def rivals(self, document: Document) -> list[str]:
        """Other keys of posted sales that have the number of this document, or one that it voids."""
        return following.rivals(self._engine, document)

    def release(self, leased: Sequence[LeasedDocument]) -> int:
        """Gives leased documents back unposted, as if never leased. How many."""
        return settling.release(self._engine, leased)

    def answers(self, access_keys: Collection[str]) -> dict[str, list[Answer]]:
        """The authority's answers about these notes that came in files of their own, in order of arrival."""
        return joining.answers(self._engine, access_keys)

    def unauthorised(self, access_key: str) -> list[int]:
        """The notes of this key that came without their protocol and have none yet, whether booked or not."""
        return joining.unauthorised(self._engine, access_key)

    def notes(self, access_keys: Collection[str]) -> dict[str, set[State]]:
        """In which states the notes of these keys are; nothing of a key whose note never came."""
        return joining.notes(self._engine, access_keys)

    def no_sales(self, access_keys: Collection[str]) -> set[str]:
        """Those of the keys whose notes are here and all kept as no sale."""
        return no_sales.no_sales(self._engine, access_keys)

    def cancelled(self, access_keys: Collection[str]) -> set[str]:
        """Those of the keys whose registered cancellation is here."""
        return no_sales.cancelled(self._engine, access_keys)

    def content(self, document_id: int) -> bytes:
        """The whole file the document came in. Raises ``DocumentNotFoundError``, ``ContentPrunedError``."""
        return contents.content(self._engine, document_id)

    def replay(self, document_ids: Sequence[int], judge: Judge | None = None) -> int:
        """Puts rejected documents back in their place in the queue, once their cause is cured. How many.

        One that intake refused goes through ``judge`` again, which reads and judges a file as at its arrival: (till's
        name, file's name, content) -> IncomingFile; if unfit still, it stays rejected. Without ``judge`` the caller's
        word is taken for all but those that could not be read, or can't be read any more.
        """
        return len(replaying.replay(self._engine, document_ids, judge, now=self._clock()).ids)

    def unkept(self, limit: int = 100, after: int = 0) -> list[Waiting]:
        """Rejected documents which the quarantine doesn't have yet, by id and beyond ``after``, each with its file."""
        return unkept.unkept(self._engine, limit, after)

    def keep(self, document_id: int, rejected: RejectedDocument, write: Write) -> bool:
        """Lets ``write`` put one of these on disk while nobody can replay or delete it, and marks it as kept.

        False where it no longer was to be kept. Raises what ``write`` raises.
        """
        return unkept.keep(self._engine, document_id, rejected, write)

    def mark_kept(self, document_ids: Sequence[int]) -> None:
        """Says that the quarantine has them durably."""
        unkept.mark_kept(self._engine, document_ids)

    def status(self, till_id: int | None = None) -> list[TillStatus]:
        """Every till by name, or the one alone. Costs the same however long the history."""
        return reports.status(self._engine, self._clock(), till_id)

    def flagged(self, till: str | None = None) -> list[StoredDocument]:
        """Posted documents that a person must look at all the same, in order of arrival."""
        return reports.flagged(self._engine, till)

    def overdue(self, till: str | None = None, limit: int = 1000) -> list[OverdueSale]:
        """Booked offline sales without protocol after their deadline, the oldest deadline first."""
        return reports.overdue(self._engine, till, self._clock(), limit)

    def documents(
        self, till: str | None = None, state: State | None = None, *, after_id: int = 0, limit: int = 100
    ) -> list[StoredDocument]:
        """Documents in order of arrival; the next page starts after the last one's id."""
        return reports.documents_of(self._engine, till, state, after_id, limit)

    def document(self, document_id: int) -> StoredDocument:
        """Raises ``DocumentNotFoundError``."""
        return reports.document(self._engine, document_id)

    def prune(self, before: float, hold: Hold | None = None, *, only_archived: bool = False) -> int:
        """Drops the bytes of pouches received before then whose documents were all posted before then. How many.

        The documents' rows stay; nothing unresolved is touched, nor what is held for others, nor with
        ``only_archived`` what isn't in the legal archive.
        """
        return retention.prune(self._engine, before, self._clock(), hold, only_archived=only_archived)
