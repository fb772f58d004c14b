"""The quarantine as the faces use it: one object, wired by the composition root.

Every method raises ``StoreError``. Those that take an ``actor`` write to the audit trail and to the documents' history;
whether the actor may do it is for the face to ask (``accounts.roles``) before it calls.
"""

from collections.abc import Collection, Iterator

import msgspec

from malote.accounts import audit
from malote.accounts.audit import Actor
from malote.database.engine import writing
from malote.quarantine import (
    accepting,
    cure_codes,
    cure_difference,
    cure_issuer,
    cure_protocol,
    cure_series,
    cures,
    deleting,
    downloads,
    mappings,
    rejected_files,
    replaying,
    reversing,
    safety,
    sale_decision,
    trash_retention,
)
from malote.quarantine.dependencies import QuarantineParts
from malote.quarantine.downloads import Taken
from malote.quarantine.folder_reconciler import Reconciler
from malote.quarantine.mappings import Mapping, MappingKind
from malote.quarantine.quarantine_reports import (
    CureOption,
    CureReport,
    Custody,
    DeleteReport,
    Downloaded,
    FolderFinding,
    HistoryEvent,
    ReplayReport,
    RestoreReport,
    Selection,
    TrashEntry,
    TrashPage,
)
from malote.register import contents, discarding, till_documents
from malote.register.discarding import Discarded
from malote.spool import history
from malote.spool.documents import Reason
from malote.spool.history import StoredLine


class Quarantine:
    """Safe for threads."""

    def __init__(self, parts: QuarantineParts) -> None:
        self.parts = parts
        self.judge = parts.judge  # knows what people have accepted
        self.reconciler = Reconciler(parts)

    def delete(
        self, selection: Selection, actor: Actor, *, last_copy_reason: str | None = None, dry_run: bool = False
    ) -> DeleteReport:
        """Moves rejected documents to the trash: those that the till or the ERP provably has.

        With ``last_copy_reason``, which needs ``Permission.DELETE_LAST_COPY``, the others too. Raises
        ``QuarantineError`` ``reason_needed`` where it says nothing.
        """
        return deleting.delete(self.parts, selection, actor, last_copy_reason=last_copy_reason, dry_run=dry_run)

    def restore(self, selection: Selection, actor: Actor, *, dry_run: bool = False) -> RestoreReport:
        """Takes documents out of the trash: they are rejected again, for their old reason."""
        return deleting.restore(self.parts, selection, actor, dry_run=dry_run)

    def replay(self, selection: Selection, actor: Actor, *, dry_run: bool = False) -> ReplayReport:
        """Puts rejected documents back in the queue, in order of arrival, each read and judged again.

        A dry run says what would be tried; it does not judge.
        """
        return replaying.replay(self.parts, selection, actor, dry_run=dry_run)

    def cures(self, document_id: int) -> list[CureOption]:
        """The cures that fit a document. Raises ``DocumentNotFoundError``."""
        return cures.options(self.parts, document_id)

    def assign_series(self, document_id: int, actor: Actor, *, reason: str = "") -> CureReport:
        """Makes the document's till the owner of its series, and replays all of the till that wait for that.

        Raises ``DocumentNotFoundError``, ``QuarantineError``.
        """
        return cure_series.assign_series(self.parts, document_id, actor, reason=reason)

    def accept_issuer(self, document_id: int, actor: Actor, *, reason: str) -> CureReport:
        """Takes the document's issuer for one of the store's from now on, and replays the document.

        Raises ``DocumentNotFoundError``, ``QuarantineError``: ``reason_needed`` too.
        """
        return cure_issuer.accept_issuer(self.parts, document_id, actor, reason=reason)

    def accept_difference(self, selection: Selection, actor: Actor, *, reason: str) -> CureReport:
        """Books documents in spite of sums that differ by no more than ``quarantine.difference_cents``.

        Raises ``QuarantineError`` ``reason_needed``.
        """
        return cure_difference.accept_difference(self.parts, selection, actor, reason=reason)

    def map_product(
        self, document_id: int, old_code: str, new_code: str, actor: Actor, *, reason: str = "", anyway: bool = False
    ) -> CureReport:
        """From now on books the issuer's product ``old_code`` as ``new_code``, and replays the document.

        Raises ``DocumentNotFoundError``; ``QuarantineError``: ``product_not_loaded`` where the loads
        lack the new one, unless ``anyway``.
        """
        return cure_codes.map_code(
            self.parts, "map_product", document_id, old_code, new_code, actor, reason=reason, anyway=anyway
        )

    def map_payment(
        self, document_id: int, old_code: str, new_code: str, actor: Actor, *, reason: str = "", anyway: bool = False
    ) -> CureReport:
        """From now on books the issuer's method of payment ``old_code`` (tPag) as ``new_code``; replays the document.

        Raises ``DocumentNotFoundError``; ``QuarantineError``: ``payment_not_loaded`` as ``map_product``.
        """
        return cure_codes.map_code(
            self.parts, "map_payment", document_id, old_code, new_code, actor, reason=reason, anyway=anyway
        )

    def mappings(self) -> list[Mapping]:
        """What people mapped or accepted at rejected documents, and what is in force of it, the newest first."""
        return mappings.listed(self.parts.engine)

    def end_mapping(
        self, kind: MappingKind, issuer: str, code: str, target: str, actor: Actor, *, reason: str
    ) -> Mapping:
        """Ends one as it was shown: for what comes later. What was booked under it stays booked.

        Raises ``QuarantineError`` ``mapping_gone``, ``reason_needed``.
        """
        return mappings.end(self.parts, kind, issuer, code, target, actor, reason=reason)

    def attach_protocol(self, document_id: int, name: str, content: bytes, actor: Actor) -> CureReport:
        """Takes in the authorised version of a document, a file called ``name``, and replays the document.

        Raises ``DocumentNotFoundError``; ``QuarantineError`` ``protocol_of_another`` where the file isn't that.
        """
        return cure_protocol.attach_protocol(self.parts, document_id, name, content, actor)

    def reverse_booked(self, document_id: int, actor: Actor, *, reason: str) -> CureReport:
        """Orders that what is booked in the document's way, and was never authorised, be taken back, and it be booked.

        Raises ``DocumentNotFoundError``, ``QuarantineError``: ``reason_needed`` too.
        """
        return reversing.reverse_booked(self.parts, document_id, actor, reason=reason)

    def mark_seen(self, document_id: int, actor: Actor, *, reason: str) -> CureReport:
        """Takes the flag off a booked document that a person has looked at. Raises as ``reverse_booked``."""
        return reversing.mark_seen(self.parts, document_id, actor, reason=reason)

    def keep_unbooked(self, document_id: int, actor: Actor, *, reason: str) -> CureReport:
        """Settles a document that is no sale, or whose sale is another note. Raises as ``reverse_booked``."""
        return sale_decision.keep_unbooked(self.parts, document_id, actor, reason=reason)

    def book_sale(self, document_id: int, actor: Actor, *, reason: str) -> CureReport:
        """Books a document that was kept as no sale, or put aside for what its codes say: a person says that it is one.

        What else is against it is told (``replay.refused``), and it stays where it was. Raises as ``reverse_booked``.
        """
        return sale_decision.book_sale(self.parts, document_id, actor, reason=reason)

    def accept_unbooked(
        self, till: str | None, ids: Collection[int] | None, actor: Actor, *, reason: str
    ) -> accepting.Accepted:
        """Says why deleted sales that the ERP lacks need not be booked; ``ids`` None: all, of the till or of every one.

        Raises ``QuarantineError`` ``reason_needed``.
        """
        return accepting.accept(self.parts, till, ids, actor, reason=reason)

    def trash(self, till: str | None = None, *, before: int | None = None, size: int = 50) -> TrashPage:
        """The deleted documents of a till or of all."""
        found = discarding.page(self.parts.engine, till, before, size + 1)
        entries = [_trash_entry(one, self.parts.trash_days) for one in found[:size]]
        older = found[size - 1].document.id if len(found) > size else None
        return TrashPage(entries, older, discarding.total(self.parts.engine, till))

    def history(self, document_id: int) -> list[HistoryEvent]:
        """What happened to a document, the oldest first. Raises ``DocumentNotFoundError``."""
        till_documents.document(self.parts.engine, document_id)
        return [event(line) for line in history.lines_of(self.parts.engine, document_id)]

    def download(self, document_id: int, actor: Actor) -> Downloaded:
        """The whole file of a document, with whatever it says of a consumer: written to the audit trail.

        Raises ``DocumentNotFoundError``, ``ContentPrunedError``.
        """
        stored = till_documents.document(self.parts.engine, document_id)
        content = contents.content(self.parts.engine, document_id)
        with writing(self.parts.engine) as connection:
            audit.record(connection, actor, "document_downloaded", f"document:{document_id}", now=self.parts.clock())
        sha256 = bytes.fromhex(stored.file_sha256)
        return Downloaded(f"{rejected_files.stem(stored.access_key, sha256, stored.position)}.xml", content)

    def files(self, selection: Selection, actor: Actor) -> Iterator[Taken]:
        """The files of many documents, each once: asked for in the audit trail, and given one after the other."""
        return downloads.take(self.parts, selection, actor)

    def custody(self, document_id: int) -> Custody:
        """Whether it could be deleted safely now. Raises ``DocumentNotFoundError``."""
        till_documents.document(self.parts.engine, document_id)
        return safety.custody_of(self.parts, document_id)

    def findings(self, till: str | None = None) -> list[FolderFinding]:
        """What lies in the folder of rejected files and can't be taken for a document."""
        return self.reconciler.look(till)

    def purge(self) -> int:
        """Lets go what the trash's retention has ended for; how many documents. Raises ``OSError`` too."""
        return trash_retention.purge(self.parts)


def event(line: StoredLine) -> HistoryEvent:
    """A line of a document's history as people see it."""
    reason = None if line.code is None else Reason(line.code, line.facts)
    first_at = line.first_at if line.times > 1 else None
    return HistoryEvent(line.at, line.who, line.what, {} if reason else line.facts, line.times, first_at, reason)


def _trash_entry(one: Discarded, trash_days: float) -> TrashEntry:
    return msgspec.convert(
        {
            "document": one.document,
            "deleted_at": one.deleted_at,
            "deleted_by": one.deleted_by,
            "grounds": one.grounds,
            "reason": one.reason,
            "purge_at": one.deleted_at + trash_days * trash_retention.DAY_SECONDS,
            "purged_at": one.purged_at,
        },
        TrashEntry,
    )
