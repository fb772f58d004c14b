"""What a production database must be able to do for Malote. Each engine's folder fulfils it (``engine.py``)."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from enum import StrEnum
from typing import Protocol

import msgspec
from sqlalchemy import Connection

from malote.erp.grants import Grant
from malote.erp.mapping import ErpTables
from malote.erp.profiles.checking import ProfileFault
from malote.explained_error import ExplainedError
from malote.fiscal.documents import Document, has_content

# Told, before anything is locked, in which session of the ERP the work is done: its number and its beginning, as in
# ``erp.sessions.protocol.SessionIdentity``; a beginning of "" where the engine gives no number twice. Must not raise.
Introduce = Callable[[str, str], None]


class Posting(msgspec.Struct, frozen=True):
    """One document to be booked."""

    document_id: int  # the spool's
    till: str
    document: Document
    content_hash: bytes  # fiscal.documents.content_hash
    again: bool = False  # it was booked before and the ERP lost something of it: what is there still is kept
    read: Document | None = None  # as it was read, where ``document`` has the ERP's own product codes
    # What this server booked of its number besides: keys of other sales; of one that comes again "void" for a void.
    rivals: frozenset[str] = frozenset()

    def says(self, content_hash: bytes) -> bool:
        """Whether its content is what the ledger has, by whatever version of the program that was entered."""
        return content_hash == self.content_hash or has_content(self.read or self.document, content_hash)


class Result(StrEnum):
    POSTED = "posted"  # booked for this document: now, or by an earlier transaction whose answer was lost
    DUPLICATE = "duplicate"  # the ERP had it with the same fiscal content
    PROTOCOL_ADDED = "protocol_added"  # the ERP had it before its authorisation; now it has that too
    DIVERGENT = "divergent"  # the ERP has other content under this key: a person must look
    NOT_AUTHORISED = "not_authorised"  # not a sale yet, and the ERP doesn't have it: wait
    REFUSED = "refused"  # it can't be written, for the reason in ``code``; nothing is wrong with the others
    KEPT = "kept"  # not booked and settled, for the reason in ``code``: another system booked it, say
    WAITS = "waits"  # not booked, for the reason in ``code``: the ERP wants it later; nothing is wrong with the others
    SALE_MISSING = "sale_missing"  # a cancellation whose sale is not booked: wait
    # Of a sale that the ERP had before its authorisation:
    MENDED = "mended"  # it has the protocol now and what was mended of it; the money is the same
    CORRECTED = "corrected"  # not booked: the authorised version has other goods or money than what is booked
    REVERSED = "reversed"  # not booked: it was taken back, and is authorised after all
    # Of a number that more than one key claims, or that was voided:
    TWICE = "twice"  # booked; another authorised sale has the same number
    CONTESTED = "contested"  # not booked: another sale has the number, and neither is authorised
    SUPERSEDES = "supersedes"  # not booked: the sale that is booked under the number is not authorised, this one is
    SUPERSEDED = "superseded"  # not booked: the authorised sale of this number, or version of this sale, is booked
    VOIDED = "voided"  # not booked: the number was voided
    VOID_OF_SALES = "void_of_sales"  # booked: a void; some of its numbers are those of booked sales


class Outcome(msgspec.Struct, frozen=True):
    document_id: int
    result: Result
    # For DIVERGENT: which fields differ; for REFUSED: the reason's; for POSTED: what was written in other letters.
    # Never a consumer's data.
    facts: dict[str, str] = {}
    code: str = ""  # of the reason that these facts are for, in the catalogue of ``malote.rejection``
    open: bool = False  # of a sale that is booked, whether the ERP still lacks its protocol


class MissingReference(msgspec.Struct, frozen=True):
    """A row that a foreign key asks ``table`` for, and that isn't there: for the ``place``th line of ``part``, from 1;
    0 where it is no line. ``values``: of each column which fields of the document make it, and what it is, which may be
    a consumer's. ``has_others``: ``table`` has other rows, so that the ERP didn't lose them all; False: nobody knows.
    """

    part: str
    place: int
    values: tuple[tuple[frozenset[str], str], ...]
    table: str
    has_others: bool = False


class ErpError(ExplainedError):
    """The whole transaction was rolled back.

    ``transient`` decides: retry later, or look for the culprit. The catalogue says it by ``code``, unless who raises
    knows better. ``detail`` names tables, columns and constraints, never a value of a document. ``facts`` are the
    reason's: the detail, and whatever else is known, each under its own name.
    """

    def __init__(
        self,
        code: str,
        *,
        detail: str,
        facts: Mapping[str, str] | None = None,
        spoken: str = "",
        quoted: Sequence[str] = (),
        transient: bool | None = None,
        reference: str | None = None,
        missing: Sequence[MissingReference] = (),
    ) -> None:
        """``spoken``: the database's words as they came. Nobody may see them but ``malote.erp.server_words``.
        ``quoted``: values of the row that it refused, a consumer's among them: for comparison, and told to nobody.
        ``reference``: the foreign key that found no row, "" where it isn't named; None: it was something else.
        ``missing``: what it didn't find."""
        super().__init__(code, **{**(facts or {}), "detail": detail})
        self.args = (f"{code}: {detail}",)
        self.detail = detail
        self.spoken = spoken
        self.quoted = tuple(quoted)
        self.reference = reference
        self.missing = tuple(missing)
        self._transient = transient

    @property
    def transient(self) -> bool:
        return super().transient if self._transient is None else self._transient


class Touched(msgspec.Struct, frozen=True):
    """How many rows of a table of the ERP a transaction wrote, triggers and procedures included.

    ``rows``: as they would stand, by column; the first of them, and none of Malote's own tables or of one too large
    to be looked through.
    """

    table: str
    inserted: int
    updated: int
    deleted: int
    rows: list[dict[str, str]] = []


class Rehearsal(msgspec.Struct, frozen=True):
    """What booking a document would do."""

    outcome: Outcome
    erp_id: str  # what the ERP's own procedure called it; "" where none was asked
    touched: list[Touched]  # only where the database tells


class BookedSale(msgspec.Struct, frozen=True):
    """A sale as the ERP has it, for the books."""

    access_key: str
    till: str
    total: int  # cents
    issued_at: datetime
    authorised: bool
    cancelled: bool


class EnteredSale(msgspec.Struct, frozen=True):
    """A sale as the ledger has it. ``till``: who booked it; ``before``: whether an earlier system did."""

    access_key: str
    till: str
    before: bool


class OwnSale(msgspec.Struct, frozen=True):
    """A row of the ERP's own sales, whoever wrote it. ``total`` in cents; what its table doesn't tell is None."""

    access_key: str
    total: int | None
    issued_at: datetime | None


class SaleRow(msgspec.Struct, frozen=True):
    """One row of the ERP's sales. Where its tables allow it, two of them have one key."""

    access_key: str
    total: int  # cents
    cancelled: bool


# What is told of a document whose row isn't there at all, or stands twice, in place of names of fields.
LOCKED = "erp_locked"  # the code of what another session of the ERP holds
READ_ONLY = "erp_read_only"  # of a database that answers, and takes nothing

GONE = "-"
TWICE = "++"


class Connections(Protocol):
    """``count``: how many connections were opened so far."""

    count: int


class Erp(Protocol):
    """A connection to the production database. Not safe for threads: one per poster."""

    engine: str  # "postgresql", "sqlite"
    patience_seconds: float  # how long one statement may take, waiting for locks included

    tables: ErpTables  # as its profile has them

    @property
    def connections(self) -> "Connections": ...

    schema: str  # where they are; "" while that isn't known yet, or where there are no schemas

    def create_structure(self, *, everything: bool = False) -> None:
        """Creates what is absent of Malote's own ERP tables; never alters or drops.

        Where a profile says that the ERP has tables of its own, only the ledger is Malote's; ``everything`` makes the
        others too, for trying out. Raises ``ErpError``.
        """
        ...

    def post(self, batch: Sequence[Posting]) -> list[Outcome]:
        """Books the batch in one transaction: all of it or nothing.

        The everlasting key, the sale, its lines and the stock commit together. Sales are booked first, then
        cancellations, then voided numbers, wherever they stand in the batch. Each ``document_id`` occurs once.
        Returns one outcome per posting, in the order given. Raises ``ErpError``.
        """
        ...

    def supersede(self, posting: Posting) -> Outcome:
        """Makes the ERP say what this document says, in one transaction, and books it.

        What is booked in its way and was never authorised is taken back first: another key's sale of its number, the
        sales under the numbers that it voids, or the former version of this very sale. What is authorised stays. Doing
        it again changes nothing. Raises ``ErpError``.
        """
        ...

    def rehearse(self, posting: Posting) -> "Rehearsal":
        """Books it as ``post`` does, looks at what that did, and takes all of it back. Raises ``ErpError``."""
        ...

    def enter_before(self, identities: Sequence[str]) -> int:
        """Enters into the ledger what another system booked before, in one transaction; how many were new to it.

        Nothing is booked by it, and no document under such an identity ever will be. Raises ``ErpError``.
        """
        ...

    def read_only(self) -> AbstractContextManager[Connection]:
        """A transaction in which nothing can be written, whatever is asked; the database itself refuses it.

        For the parts of ``malote.erp``. Raises what the driver raises.
        """
        ...

    def ledger(self, identities: Sequence[str]) -> dict[str, bytes]:
        """Which of these identities (``fiscal.documents.identity``) are booked, each with its content's hash.

        What is in it is booked for ever. Raises ``ErpError``.
        """
        ...

    def ledger_harms(self) -> list[str]:
        """What somebody did to Malote's own tables there: ``posting_key`` (gone), ``posting_key (view)``,
        ``posting_key.till`` (a column gone, or one that must be filled), ``posting_key (identity)`` (its unique key).
        Raises ``ErpError``."""
        ...

    def lost_keys(self) -> list[str]:
        """Of these the lost unique keys, which keep anything from being booked twice. Raises ``ErpError``."""
        ...

    def expect(self, identities: Sequence[str]) -> None:
        """From now on nothing is booked where the ledger lacks one of these, looked for in the very transaction, or one
        of the newest booked since: another database may have taken the place of this one. ``post`` then raises the
        transient ``erp_ledger_short``, until told other ones.
        """
        ...

    def sales(self, access_keys: Sequence[str]) -> list[SaleRow]:
        """The ERP's own rows of these sales, whatever the ledger says of them. Raises ``ErpError``."""
        ...

    def departures(self, postings: Sequence[Posting], cancelled: Collection[str]) -> dict[int, list[str]]:
        """Of documents as they were booked, which fields the ERP's own rows have otherwise: ``total``,
        ``items[2].quantity``, ``-items[3]`` (gone), ``+payments[2]`` (too much), ``GONE``, ``TWICE``; by document, of
        those that differ. ``cancelled``: keys of sales that are. Raises ``ErpError``.
        """
        ...

    def booked(self) -> Iterator[BookedSale]:
        """Every booked sale in the order of its key, read in steps, so that memory stays bounded."""
        ...

    def entered(self) -> Iterator[EnteredSale]:
        """Every sale that the ledger has, whoever booked it, in the order of its key, read in steps."""
        ...

    def sales_between(self, first: str, last: str) -> Iterator[OwnSale]:
        """The ERP's own sales whose keys lie from ``first`` on and before ``last``, in their order, read in steps.

        None where its tables have no key, or its own procedure books. Raises ``ErpError``.
        """
        ...

    def fingerprints(
        self, ranges: Sequence[tuple[str, str]], numbered: Sequence[tuple[str, str]] | None = None
    ) -> list[tuple[int, ...]] | None:
        """What the ERP's rows of these ranges of keys (first and last) come to, ledger and lines included.

        Of each table how many rows, sales first, and a sum of their hashes. The same numbers as before mean that
        nothing changed; those of a part may be taken off the whole's, modulo 2**63. ``numbered``: the same ranges for
        the guard of their numbers, the last count and sum, which knows no month. None where the ERP can't tell.
        Raises ``ErpError``.
        """
        ...

    def grants(self, user: str) -> list[Grant]:
        """What ``user`` must be granted to post, and nothing else. Asks nobody."""
        ...

    def script(self) -> list[str]:
        """What makes Malote's own tables, for whoever administers the database; none where it has no users."""
        ...

    def faults(self) -> list[ProfileFault]:
        """What keeps the profile from working with the live database. Only looks. Raises ``ErpError``."""
        ...

    def refused_writing(self) -> ErpError | None:
        """Why nothing can be written at all: a standby, a user or a database that is set to read only. Tried by writing
        no row; what else is wrong with it is told elsewhere."""
        ...

    def close(self) -> None: ...
