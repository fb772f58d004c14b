"""The queue in the store database: documents from their acknowledgement to their settlement."""

import itertools
import threading
import time
from collections.abc import Callable, Sequence

from sqlalchemy import Engine

from malote.rejection import Language
from malote.spool import accepting, leasing, receipts, settling
from malote.spool.documents import IncomingFile, LeasedDocument, Settlement
from malote.wire import FileReceipt


class Spool:
    """A ``Queue``: what its verbs promise is said there."""

    def __init__(self, engine: Engine, *, language: Language = "pt", clock: Callable[[], float] = time.time) -> None:
        """``engine``: the store database. ``language`` is that of the receipts' messages; ``clock`` tells seconds since
        the epoch."""
        self.engine = engine
        self.clock = clock
        self._language = language
        self._turns = itertools.count()
        self._record = leasing.ClockRecord()
        self._arrived = threading.Event()

    def known(self, till_id: int, hashes: Sequence[bytes]) -> dict[bytes, FileReceipt]:
        return receipts.known(self.engine, till_id, hashes, self._language)

    def receipts(self, till_id: int, hashes: Sequence[bytes]) -> list[FileReceipt]:
        return receipts.receipts(self.engine, till_id, hashes, self._language)

    def accept(
        self, till_id: int, body: bytes, files: Sequence[IncomingFile], *, received_at: float, kept: bool = False
    ) -> list[FileReceipt]:
        arrival = accepting.Arrival(till_id, body, files, received_at, kept)
        replies = accepting.accept(self.engine, arrival, self._language)
        self._arrived.set()
        return replies

    def wait_for_arrivals(self, seconds: float) -> None:
        self._arrived.wait(seconds)
        self._arrived.clear()

    def lease(self, owner: str, limit: int, seconds: float) -> list[LeasedDocument]:
        now = self.clock()
        wish = leasing.Wish(owner, limit, seconds, next(self._turns))
        return leasing.lease(self.engine, wish, now, put_back=self._record.went_back(self.engine, now))

    def settle(self, settlements: Sequence[Settlement]) -> int:
        return settling.settle(self.engine, settlements, self.clock())

    def release(self, leased: Sequence[LeasedDocument]) -> int:
        return settling.release(self.engine, leased)
