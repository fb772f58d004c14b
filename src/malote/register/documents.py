"""A document, and a till with all of its documents, as people see them."""

import msgspec

from malote.spool.documents import Reason
from malote.spool.states import State
from malote.tills.troubles import KnownTrouble
from malote.wire import RefusedFile


class StoredDocument(msgspec.Struct, frozen=True):
    """A document as the spool remembers it, for lists and look-ups. Times are seconds since the epoch."""

    id: int  # in order of arrival
    till: str
    state: State
    kind: str | None
    access_key: str | None
    model: str | None
    issuer: str | None
    series: int | None
    number: int | None
    issued_at: str | None  # ISO 8601 with zone
    total: int | None  # cents
    file_name: str
    file_sha256: str  # hex
    position: int
    reason: Reason | None
    attempts: int
    retry_at: float | None
    accepted_at: float
    settled_at: float | None
    duplicate: bool
    authorised: bool | None = None  # whether it, or an answer joined with it, has its protocol


class TillStatus(msgspec.Struct, frozen=True):
    """One till as the server sees it. The counts are of documents; times are seconds since the epoch."""

    till: str
    label: str
    disabled: bool
    pending: int  # accepted or being posted
    waiting: int
    posted: int
    rejected: int
    discarded: int
    waiting_reasons: dict[str, int]  # by code
    rejected_reasons: dict[str, int]
    last_contact_at: float | None
    last_series: int | None
    last_number: int | None
    last_issued_at: str | None
    agent_version: str | None
    clock_skew_seconds: float | None  # the till's clock minus the server's
    till_pending: int | None  # what the till itself said: captured, not accepted yet
    till_unproven: int | None  # accepted, not proven posted yet
    till_refused: list[RefusedFile]  # files the till could not even capture
    kept: int = 0  # settled without a booking: no sale, or nothing that isn't booked already
    kept_reasons: dict[str, int] = {}
    flagged: int = 0  # posted, and a person must look at them all the same
    flagged_reasons: dict[str, int] = {}
    overdue: int = 0  # booked offline sales without protocol after the deadline
    overdue_total: int = 0  # cents
    outside: int = 0  # booked, and the ERP doesn't have them any more
    outside_total: int = 0  # cents
    differing: int = 0  # booked, and the ERP has them otherwise
    differing_total: int = 0  # cents
    slowed_at: float | None = None  # when it was last told that it is made to wait for its rejects; None once over
    shared_with: str | None = None  # the till whose folder its agent reads
    troubles: list[KnownTrouble] = []  # what it said of itself, and what it sees and can't capture


class OverdueSale(msgspec.Struct, frozen=True):
    """An offline sale that is booked and has no protocol after the deadline. Times are seconds since the epoch."""

    document_id: int
    till: str
    access_key: str
    model: str | None
    issuer: str | None
    series: int | None
    number: int | None
    issued_at: str | None  # ISO 8601 with zone
    total: int  # cents
    due_at: float
