"""The quarantine as the faces use it: one object, wired by the composition root.

Every method raises ``StoreError``. Those that take an ``actor`` write to the audit trail and to the documents' history;
whether the actor may do it is for the face to ask (``accounts.roles``) before it calls.
"""

from malote.accounts.audit import Actor
from malote.quarantine.reports import (
    CureOption,
    CureReport,
    Custody,
    DeleteReport,
    Event,
    FolderFinding,
    ReplayReport,
    RestoreReport,
    Selection,
    TrashPage,
)


class Quarantine:
    """Safe for threads."""

    def delete(
        self, selection: Selection, actor: Actor, *, last_copy_reason: str | None = None, dry_run: bool = False
    ) -> DeleteReport:
        """Moves rejected documents to the trash: those that the till or the ERP provably has (DESIGN rule 6).

        With ``last_copy_reason``, which needs ``Permission.DELETE_LAST_COPY``, the others too. Raises
        ``QuarantineError`` ``reason_needed`` where it says nothing.
        """
        raise NotImplementedError

    def restore(self, selection: Selection, actor: Actor, *, dry_run: bool = False) -> RestoreReport:
        """Takes documents out of the trash: they are rejected again, for their old reason."""
        raise NotImplementedError

    def replay(self, selection: Selection, actor: Actor, *, dry_run: bool = False) -> ReplayReport:
        """Puts rejected documents back in the queue, in order of arrival, each read and judged again.

        A dry run says what would be tried; it does not judge.
        """
        raise NotImplementedError

    def cures(self, document_id: int) -> list[CureOption]:
        """The cures that fit a document. Raises ``DocumentNotFoundError``."""
        raise NotImplementedError

    def assign_series(self, document_id: int, actor: Actor, *, reason: str = "") -> CureReport:
        """Makes the document's till the owner of its series, and replays all of the till that wait for that.

        Raises ``DocumentNotFoundError``, ``QuarantineError``.
        """
        raise NotImplementedError

    def accept_difference(self, selection: Selection, actor: Actor, *, reason: str) -> CureReport:
        """Books documents in spite of sums that differ by no more than ``quarantine.difference_cents``.

        Raises ``QuarantineError`` ``reason_needed``.
        """
        raise NotImplementedError

    def map_product(
        self, document_id: int, old_code: str, new_code: str, actor: Actor, *, reason: str = ""
    ) -> CureReport:
        """From now on books the issuer's product ``old_code`` as ``new_code``, and replays the document.

        Raises ``DocumentNotFoundError``, ``QuarantineError``.
        """
        raise NotImplementedError

    def attach_protocol(self, document_id: int, name: str, content: bytes, actor: Actor) -> CureReport:
        """Takes in the authorised version of a document, a file called ``name``, and replays the document.

        Raises ``DocumentNotFoundError``; ``QuarantineError`` ``protocol_of_another`` where the file isn't that.
        """
        raise NotImplementedError

    def trash(self, till: str | None = None, *, before: int | None = None, size: int = 50) -> TrashPage:
        """The deleted documents of a till or of all."""
        raise NotImplementedError

    def history(self, document_id: int) -> list[Event]:
        """What happened to a document, the oldest first. Raises ``DocumentNotFoundError``."""
        raise NotImplementedError

    def custody(self, document_id: int) -> Custody:
        """Whether it could be deleted safely now. Raises ``DocumentNotFoundError``."""
        raise NotImplementedError

    def findings(self, till: str | None = None) -> list[FolderFinding]:
        """What lies in the folder of rejected files and can't be taken for a document."""
        raise NotImplementedError
