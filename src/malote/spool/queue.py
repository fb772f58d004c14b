"""What a queue of documents is: six verbs, and a wait for the next arrival. ``spool.sql_queue`` has one.

Whatever hands documents out, what is known of them stands in the store database: ``settle`` writes state, counts,
history and all that follows for other documents there, in one transaction (docs/decisions/0021-the-queue.md).
"""

from collections.abc import Sequence
from typing import Protocol

from malote.spool.documents import IncomingFile, LeasedDocument, Settlement
from malote.wire import FileReceipt


class Queue(Protocol):
    """Safe for threads and for several processes. Every method raises ``StoreError``, and has then changed nothing."""

    def known(self, till_id: int, hashes: Sequence[bytes]) -> dict[bytes, FileReceipt]:
        """Receipts of those files that the till sent before, so that a resend needs no reading."""

    def accept(
        self, till_id: int, body: bytes, files: Sequence[IncomingFile], *, received_at: float, kept: bool = False
    ) -> list[FileReceipt]:
        """Keeps a pouch durably, and answers for every file of it, in order.

        ``body`` is the pouch as received; ``files`` all of its files in its order. A file that ``known`` has found
        may come without documents; any other one that does is answered as unknown. ``kept``: the quarantine has the
        rejected documents among them durably already. What the till sent before is not kept again, nor is a pouch that
        has nothing new. When this returns, the disk has it.
        """

    def receipts(self, till_id: int, hashes: Sequence[bytes]) -> list[FileReceipt]:
        """What became of each file, in the order asked; ``unknown`` where the till never sent it."""

    def lease(self, owner: str, limit: int, seconds: float) -> list[LeasedDocument]:
        """At most ``limit`` documents in order of arrival, for nobody else during ``seconds`` (an hour at most).

        New ones, waiting ones whose time has come, and those of a poster that died. Where there are more than
        ``limit``, new and waiting ones get half each, so that neither starves. Fewer may come than there are.
        """

    def settle(self, settlements: Sequence[Settlement]) -> int:
        """Records what became of leased documents, in one transaction. How many counted.

        A settlement whose lease another poster holds by now, or which was settled before, changes nothing. A document
        can be made to wait for a day at most.
        """

    def release(self, leased: Sequence[LeasedDocument]) -> int:
        """Gives leased documents back unposted, as if never leased. How many."""

    def wait_for_arrivals(self, seconds: float) -> None:
        """Returns when this process accepts something, and after ``seconds`` at the latest.

        For one waiting thread. What another process accepts wakes nobody: look for it all the same.
        """
