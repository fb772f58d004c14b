"""What the quarantine and the synchronisation answer. Times are seconds since the epoch; codes are the catalogue's."""

from typing import Literal

import msgspec

from malote.explained_error import ExplainedError
from malote.register.documents import StoredDocument
from malote.spool.documents import Reason

# Why a document may be deleted: who provably has it besides, or that a person took the responsibility.
#   till    the till said, after the rejection and not long ago, that it holds the file
#   erp     the ERP has the same document: same key, same fiscal content
#   forced  nobody else may have it; a person with the right to do so gave a reason
Grounds = Literal["till", "erp", "forced"]

# What a person can do about a deletion that was refused.
WayOut = Literal["download", "ask_till", "delete_last_copy"]

CureKind = Literal[
    "assign_series",
    "accept_issuer",
    "accept_difference",
    "map_product",
    "map_payment",
    "attach_protocol",
    "reverse_booked",
    "mark_seen",
    "keep_unbooked",
    "book_sale",
]


SyncStage = Literal["offered", "running", "done", "replaced"]


class QuarantineError(ExplainedError):
    """What was asked is not possible as it was asked; nothing was changed."""


class Selection(msgspec.Struct, frozen=True):
    """Which documents: those of ``ids``, or all where it is None; of these, those of a till and of a reason.

    An id that is not of ``till`` counts as one that does not exist. ``search`` is what a person typed on the page;
    ``until`` leaves out what was rejected, or deleted, after the page was shown, in seconds since the epoch.
    """

    ids: tuple[int, ...] | None = None
    till: str | None = None
    code: str | None = None
    search: str = ""
    until: float | None = None


class Refused(msgspec.Struct, frozen=True):
    """A document that was left as it is.

    ``code``: ``document_unknown``, ``document_moved_on`` (it isn't where the action could take it from any more),
    ``last_copy`` (with ``ways_out``), or what keeps it from being replayed.
    """

    id: int
    code: str
    facts: dict[str, str] = {}
    ways_out: tuple[WayOut, ...] = ()


class Deleted(msgspec.Struct, frozen=True):
    id: int
    grounds: Grounds


class DeleteReport(msgspec.Struct, frozen=True):
    """``deleted``: now in the trash, or what would be in a dry run."""

    deleted: list[Deleted]
    refused: list[Refused]


class RestoreReport(msgspec.Struct, frozen=True):
    restored: list[int]
    refused: list[Refused]


class ReplayReport(msgspec.Struct, frozen=True):
    """``replayed``: back in the queue, in their order of arrival. ``refused``: unfit still, each with its reason."""

    replayed: list[int]
    refused: list[Refused]


class CureReport(msgspec.Struct, frozen=True):
    """``cured``: the documents that the cure was recorded for; ``replay``: what then became of them."""

    cured: list[int]
    refused: list[Refused]
    replay: ReplayReport


class ProposedProduct(msgspec.Struct, frozen=True):
    """A product of the loads that a refused line may mean; ``by`` what led to it. A person decides."""

    code: str
    description: str
    by: Literal["barcode", "description"]


class CureOption(msgspec.Struct, frozen=True):
    """A cure that fits a document, with what a form should show or propose.

    assign_series      facts: issuer, model, series, till, owner ("" where nobody is)
    accept_issuer      facts: issuer
    accept_difference  facts: difference (as printed), limit
    map_product        facts: issuer; products, the document's codes with commas in between; refused, the one that it is
                       about, "" where that isn't known; named, the same as far as the reason names it
    map_payment        the same, with payments (tPag) in place of products
    attach_protocol    facts: access_key
    reverse_booked     facts: other or others (keys), number or numbers, series, fields
    mark_seen          the same
    keep_unbooked      the same

    ``proposed``: of map_product the products that the refused line may mean, the likeliest first; None where it isn't
    known which line that is, or where no products are loaded.
    """

    kind: CureKind
    facts: dict[str, str]
    proposed: list[ProposedProduct] | None = None


class TrashEntry(msgspec.Struct, frozen=True):
    """A deleted document. ``purge_at``: when its retention ends; it goes then if it is still held elsewhere.

    What is gone is in no page of the trash any more.
    """

    document: StoredDocument
    deleted_at: float
    deleted_by: str
    grounds: Grounds
    reason: str  # as typed by the person
    purge_at: float
    purged_at: float | None = None  # its bytes are gone from this server; only the row stays


class TrashPage(msgspec.Struct, frozen=True):
    entries: list[TrashEntry]  # the newest documents first
    older: int | None  # what ``before`` must be for the next page; None on the last one
    total: int


class HistoryEvent(msgspec.Struct, frozen=True):
    """One line of a document's history. ``times`` > 1: the same happened again and again, the last time at ``at``.

    ``what`` is one of ``malote.spool.history.WHATS``; its words are those of ``malote.quarantine.history_text``.
    """

    at: float
    who: str  # a user's name, "cli:…", "system", or "folder" for what was done in the folder by hand
    what: str
    facts: dict[str, str] = {}
    times: int = 1
    first_at: float | None = None  # where it happened more than once
    reason: Reason | None = None  # why it was rejected or waits


class Downloaded(msgspec.Struct, frozen=True):
    """The file a document came in. ``name`` is safe on any system: it comes from key and hash, not from the till."""

    name: str
    content: bytes


class Custody(msgspec.Struct, frozen=True):
    """Whether a rejected document could be deleted safely now. ``grounds`` is None where this may be the last copy."""

    grounds: Grounds | None
    confirmed_at: float | None  # when the till last said that it holds the file, whether that still counts or not


class FolderFinding(msgspec.Struct, frozen=True):
    """Something in ``rejeitados/`` that is left alone; ``code`` says why."""

    till: str
    name: str  # for people
    code: str
    facts: dict[str, str] = {}


class SyncOrder(msgspec.Struct, frozen=True):
    """``retried``: waiting documents that are due now; ``replayed``: rejected ones that are back in the queue."""

    id: int  # 0 in a dry run
    till: str
    asked_by: str
    asked_at: float
    retried: int
    replayed: int


class SyncProgress(msgspec.Struct, frozen=True):
    """How far a synchronisation of one till got. Counts are of documents, ``at_till`` of files.

    ``stage``: ``offered`` (the till gets the order at its next contact), ``running``, ``done``, or ``replaced`` by a
    newer order. A till without an agent has nothing to offer it to: ``agent`` is False.
    """

    order: SyncOrder
    stage: SyncStage
    agent: bool
    offline_since: float | None  # the last contact, where it is longer ago than any pause of an agent
    picked_up_at: float | None
    done_at: float | None
    total: int
    done: int  # sent or rejected
    sent: int  # posted since the order was given
    rejected: dict[str, int]  # all that are rejected now, by reason: what a person must look at
    waiting: dict[str, int]  # by reason
    pending: int  # accepted or being posted
    at_till: int  # captured there and not accepted here yet
