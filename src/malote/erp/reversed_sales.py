"""Sales that were taken back for want of an authorisation, and what becomes of them when the authority says more.

A reversal stands in the ledger as ``reverse:KEY`` beside the ``cancel:KEY`` that it took. The authority's own
cancellation goes before it: it takes the reversal's place, so that nobody can make the sale count again.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence

from malote.erp import statements
from malote.erp.connecting import classified, over_ledger
from malote.erp.lost_bookings import LostBookings
from malote.erp.rewriting import reverse
from malote.erp.transacting import LedgerEntry, LockedSale, Pair
from malote.fiscal.documents import Cancellation, cancellation_of, identity


class Reversed(LostBookings):
    """What one transaction does about them."""

    def _reversals(self, keys: Iterable[str]) -> set[str]:
        """Those of the keys whose sales were taken back."""
        wanted = sorted(set(keys))
        entries = self._entries([reverse(key) for key in wanted]) if wanted else {}
        return {key for key in wanted if reverse(key) in entries}

    def _cancelled_now(self, pairs: Sequence[Pair[Cancellation]], ledger: Mapping[str, LedgerEntry]) -> set[str]:
        """The sales that were taken back, and of which the authority's cancellation has come."""
        return self._reversals(one.access_key for _, one in pairs if one.authorised and identity(one) in ledger)

    def _taken_back(self, held: Mapping[str, LockedSale], keys: Iterable[str]) -> set[str]:
        """Those of the held sales that count no more because they were taken back: no look where none is cancelled."""
        return self._reversals(
            key for key in keys if held[key].cancelled_at is not None and held[key].protocol_status is None
        )

    def _undo_reversals(self, keys: Collection[str]) -> None:
        """Their entries and the rows that told of them go; the sales themselves stay as they are."""
        for key in sorted(keys):
            for name in (cancellation_of(key), reverse(key)):
                with over_ledger(self._erp.ledger_name):
                    self._connection.execute(statements.remove_entry(self._erp), {"of_identity": name})
            table = self._erp.cancellation
            if self._ordinary and table is not None:
                self._ordinary.remove(table, key)
            elif table is not None and "access_key" in table.columns:
                with classified(table.name):
                    self._connection.execute(statements.remove_of_key(table), {"of_key": key})
