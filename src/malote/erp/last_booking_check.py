"""Whether this is still the ERP that was booked into: what was booked last must be there, in the very transaction.

A look every few seconds would come too late for the first batch after an older or empty copy took the ERP's place.
"""

from collections.abc import Sequence

from sqlalchemy import Connection

from malote.erp import statements
from malote.erp.connecting import over_ledger
from malote.erp.mapping import ErpTables
from malote.erp.protocol import ErpError, Outcome, Posting, Result
from malote.fiscal.documents import identity

LEDGER_SHORT = "erp_ledger_short"
NEWEST = 3  # identities


class ExpectedBookings:
    """Nothing is expected, and nothing remembered, before somebody says what."""

    def __init__(self) -> None:
        self._identities: tuple[str, ...] | None = None

    def tell(self, identities: Sequence[str]) -> None:
        self._identities = tuple(identities[-NEWEST:])

    def note(self, batch: Sequence[Posting], outcomes: Sequence[Outcome]) -> None:
        """What was booked just now is the newest."""
        posted = {one.document_id for one in outcomes if one.result is Result.POSTED}
        booked = [identity(one.document) for one in batch if one.document_id in posted]
        if self._identities is not None and booked:
            self.tell(booked)

    def check(self, connection: Connection, tables: ErpTables, schema: str) -> None:
        """One look by key. Raises ``ErpError``."""
        if not self._identities:
            return
        with over_ledger(tables.ledger_name):
            rows = connection.execute(statements.ledger_entries(tables, list(self._identities)))
            there = {row.identity.rstrip() for row in rows}
        lacking = [one for one in self._identities if one not in there]
        if lacking:
            facts = {"missing": str(len(lacking)), "value": "R$ ?", "schema": schema}
            raise ErpError(LEDGER_SHORT, detail=", ".join(lacking), facts=facts)
