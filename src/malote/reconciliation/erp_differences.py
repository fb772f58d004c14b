"""How a document that was booked may stand in the ERP otherwise, and whom to ask."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Literal, Protocol

import msgspec

from malote.fiscal.documents import cancellation_of

#   missing          neither the ledger nor the sales have it
#   deleted          the ledger has it, and its sale is gone
#   key              its sale stands there under another access key
#   unlisted         its sale is there, and the ledger lost it
#   doubled          its sale is there more than once
#   total            its sale comes to another amount
#   state            its sale is cancelled and nobody cancelled it here, or the other way round
#   date, till       its sale has another time of issue, or another till
#   number           its sale has another issuer, model, series or number
#   items, payments  its sale's lines are others, more or fewer
#   note             its row in the table beside its sale (``[note]`` of the profile) is gone
#   content          anything else of it; of a cancellation, that its row is gone
#   void             a void of numbers is gone
#   unguarded        its sale or void is there, and the ledger lost its number's row, or that names nothing booked
#   twice            another sale of its number counts as well, and nobody was told
#   unsent           a sale under a till's series that no till sent
What = Literal[
    "missing",
    "deleted",
    "key",
    "unlisted",
    "doubled",
    "total",
    "state",
    "date",
    "till",
    "number",
    "items",
    "payments",
    "note",
    "content",
    "void",
    "unguarded",
    "twice",
    "unsent",
]
OUTSIDE: frozenset[What] = frozenset({"missing", "deleted", "unlisted"})
REBOOKED: frozenset[What] = OUTSIDE | {"unguarded", "note"}  # what may be booked again
SHORT: frozenset[What] = frozenset({"missing", "unlisted"})  # the ledger lacks it: nothing is booked meanwhile


# What no document under way could have brought about.
STAYING: frozenset[What] = frozenset({"missing", "deleted", "unlisted", "doubled", "void"})


class ComparedSaleRow(Protocol):
    """As ``erp.protocol.SaleRow``."""

    @property
    def access_key(self) -> str: ...
    @property
    def total(self) -> int: ...
    @property
    def cancelled(self) -> bool: ...


class ComparedOwnSale(Protocol):
    """As ``erp.protocol.OwnSale``."""

    @property
    def access_key(self) -> str: ...
    @property
    def total(self) -> int | None: ...
    @property
    def issued_at(self) -> datetime | None: ...


class ErpWitness(Protocol):
    """The ERP."""

    def ledger(self, identities: Sequence[str]) -> Mapping[str, bytes]: ...

    def sales(self, access_keys: Sequence[str]) -> Sequence[ComparedSaleRow]: ...

    def sales_between(self, first: str, last: str) -> Iterator[ComparedOwnSale]: ...

    def fingerprints(
        self, ranges: Sequence[tuple[str, str]], numbered: Sequence[tuple[str, str]] | None = None
    ) -> Sequence[Sequence[int]] | None: ...

    def departures(self, postings: Sequence[Any], cancelled: Collection[str]) -> Mapping[int, Sequence[str]]: ...


class Booked(msgspec.Struct, frozen=True):
    """A posted sale, cancellation or void: of several documents of one key the first. ``total`` in cents."""

    id: int
    till_id: int
    kind: str
    access_key: str
    series: int | None
    number: int | None
    issued_at: str | None
    total: int
    totals: frozenset[int] = frozenset()  # of all documents of its key
    cancelled: bool = False
    void: str = ""  # a void's identity

    @property
    def identity(self) -> str:
        """As ``fiscal.documents.identity``."""
        if self.kind == "number_void":
            return self.void
        return self.access_key if self.kind == "sale" else cancellation_of(self.access_key)


class ErpDifference(msgspec.Struct, frozen=True):
    """``erp_total`` in cents; None where the ERP has no sale. ``fields`` as ``erp.protocol.Erp.departures``."""

    booked: Booked
    what: What
    erp_total: int | None = None
    fields: str = ""
