"""The ERP in shadow: what another system books is looked at, and nothing is written, whatever is asked.

It stands in an ERP's place for a poster. Everything happens in transactions that the database itself keeps from
writing; what would need more is refused here.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import NoReturn

from sqlalchemy import Connection

from malote.erp.connecting import classified
from malote.erp.grants import Grant
from malote.erp.profiles.checking import ProfileFault
from malote.erp.protocol import (
    BookedSale,
    Connections,
    EnteredSale,
    Erp,
    ErpError,
    Outcome,
    OwnSale,
    Posting,
    Rehearsal,
    Result,
    SaleRow,
)
from malote.erp.reading_sales import HeldSale, SalesReader
from malote.fiscal.documents import Cancellation, Sale

SHADOW = "shadow_mode"
# Kept: the ERP holds the sale (so that its till may let go of it), or there is nothing to compare.
SAME, DIFFERS, NOT_COMPARED = "shadow_same", "shadow_differs", "shadow_not_compared"
# Waits, and its till keeps it: the other system may book it yet.
MISSING, NOT_CANCELLED = "shadow_missing", "shadow_not_cancelled"
_SHOWN = 10


class Shadow:
    """See ``malote.erp.protocol.Erp``. Takes over the ERP that it is given."""

    def __init__(self, erp: Erp) -> None:
        self._erp = erp
        self.engine = erp.engine
        self.patience_seconds = erp.patience_seconds
        self.tables = erp.tables
        self.schema = erp.schema

    @property
    def connections(self) -> Connections:
        return self._erp.connections

    def post(self, batch: Sequence[Posting]) -> list[Outcome]:
        """Looks each of them up, and says what Malote would have done otherwise."""
        keys = {key for one in batch if (key := getattr(one.document, "access_key", ""))}
        with classified(), self.read_only() as connection:
            reader = SalesReader(self.tables, connection)
            held = reader.held(keys)
            sales = {one.document_id: one.document for one in batch if isinstance(one.document, Sale)}
            found = reader.differences(sales, held)
        return [_judged(one, held.get(getattr(one.document, "access_key", "")), found) for one in batch]

    def held(self, access_keys: Collection[str]) -> dict[str, HeldSale]:
        """Those of the sales that the ERP's tables hold. Raises ``ErpError``."""
        with classified(), self.read_only() as connection:
            return SalesReader(self.tables, connection).held(access_keys)

    def read_only(self) -> AbstractContextManager[Connection]:
        return self._erp.read_only()

    def close(self) -> None:
        self._erp.close()

    def grants(self, user: str) -> list[Grant]:
        return self._erp.grants(user)

    def script(self) -> list[str]:
        return self._erp.script()

    # ---- all that would write, or asks for Malote's own tables, which need not be there yet ----

    def create_structure(self, *, everything: bool = False) -> None:
        _refuse("create_structure")

    def supersede(self, posting: Posting) -> Outcome:
        _refuse("supersede")

    def rehearse(self, posting: Posting) -> Rehearsal:
        _refuse("rehearse")

    def enter_before(self, identities: Sequence[str]) -> int:
        _refuse("enter_before")

    def ledger(self, identities: Sequence[str]) -> dict[str, bytes]:
        _refuse("ledger")

    def ledger_harms(self) -> list[str]:
        _refuse("ledger_harms")

    def lost_keys(self) -> list[str]:
        _refuse("lost_keys")

    def refused_writing(self) -> ErpError | None:
        """It writes nothing."""
        return None

    def expect(self, identities: Sequence[str]) -> None:
        """It books nothing."""

    def sales(self, access_keys: Sequence[str]) -> list[SaleRow]:
        _refuse("sales")

    def departures(self, postings: Sequence[Posting], cancelled: Collection[str]) -> dict[int, list[str]]:
        _refuse("departures")

    def fingerprints(
        self, ranges: Sequence[tuple[str, str]], numbered: Sequence[tuple[str, str]] | None = None
    ) -> list[tuple[int, ...]] | None:
        _refuse("fingerprints")

    def sales_between(self, first: str, last: str) -> Iterator[OwnSale]:
        _refuse("sales_between")

    def entered(self) -> Iterator[EnteredSale]:
        _refuse("entered")

    def booked(self) -> Iterator[BookedSale]:
        _refuse("booked")

    def faults(self) -> list[ProfileFault]:
        _refuse("faults")


def _judged(posting: Posting, there: HeldSale | None, found: Mapping[int, list[str]]) -> Outcome:
    document = posting.document
    match document:
        case Sale() if there is not None:
            return _compared(posting, document, there, found[posting.document_id])
        case Sale() if document.bookable:
            return Outcome(posting.document_id, Result.WAITS, code=MISSING)
        case Sale():
            return Outcome(posting.document_id, Result.NOT_AUTHORISED)
        case Cancellation() if there is None:
            return Outcome(posting.document_id, Result.SALE_MISSING)
        case Cancellation() if there is not None and not there.cancelled:
            return Outcome(posting.document_id, Result.WAITS, code=NOT_CANCELLED)
        case Cancellation():
            return Outcome(posting.document_id, Result.KEPT, code=SAME)
    return Outcome(posting.document_id, Result.KEPT, code=NOT_COMPARED)


def _compared(posting: Posting, sale: Sale, there: HeldSale, found: Sequence[str]) -> Outcome:
    if not found:
        return Outcome(posting.document_id, Result.KEPT, code=SAME)
    more = f" (+{len(found) - _SHOWN})" if len(found) > _SHOWN else ""
    facts = {"fields": "; ".join(found[:_SHOWN]) + more, "total": str(sale.totals.total)}
    facts |= {"erp_total": str(there.total)} if there.total is not None else {}
    return Outcome(posting.document_id, Result.KEPT, facts, DIFFERS)


def _refuse(what: str) -> NoReturn:
    raise ErpError(SHADOW, detail=what)
