"""What was booked and what the ERP lost of it since, written again: of a sale that a person ordered to be booked again.

The ledger's entry decides, under lock. Where it is gone too (an older copy of the database), the sale is booked as any
new one. Where only the sale is gone (somebody deleted it), it is written once more under the entry that stands, and
the stock is left alone: the entry is the witness that it was moved. Where only the entry is gone, it is entered again
and nothing else is touched. Where the row beside the sale is gone (``[note]`` of a profile), that row is written again.
"""

from collections.abc import Mapping, Sequence

from malote.erp import compare, statements
from malote.erp.already_booked import AlreadyBooked
from malote.erp.connecting import over_ledger
from malote.erp.numbers import UNREADABLE, VOIDED, identities_of, identity_of
from malote.erp.protocol import Posting, Result
from malote.erp.transacting import LedgerEntry, Pair, ledger_entry
from malote.fiscal.documents import Cancellation, Document, NumberVoid, Sale


class LostBookings(AlreadyBooked):
    """Settles beforehand what is there in part."""

    def _look_again(self, chosen: dict[str, Pair[Sale]]) -> None:
        """Of the sales that are to be booked: takes those out that are settled by this."""
        lost = {key: pair for key, pair in sorted(chosen.items()) if pair[0].again}
        if not lost:
            return
        entries = self._locked_entries(list(lost))
        before = self._booked({key: sale for key, (_, sale) in lost.items()})
        self._restore_notes([key for key in before if key in entries])
        for key, (posting, sale) in lost.items():
            entry = entries.get(key)
            if entry is None and key in before:
                fields = compare.differences(before[key], sale)
                if fields and not compare.mends(fields):
                    self._say(posting, Result.DIVERGENT, {"fields": compare.in_words(fields)})
                    del chosen[key]
                else:
                    self._standing.add(key)
            elif entry is not None and key not in before and posting.says(entry.content_hash):
                self._write_again(posting, sale)
                del chosen[key]

    def _restore_notes(self, keys: Sequence[str]) -> None:
        """Of sales that stand in the ERP and its ledger: what stands beside them, with the entry under lock."""
        if self._ordinary and keys:
            held = self._hold(keys)
            self._ordinary.restore_notes({key: one.cancelled_at for key, one in held.items()})

    def _reclaim(self, sales: Mapping[str, Pair[Sale]], voids: Sequence[Pair[NumberVoid]]) -> None:
        """Of what is booked again its numbers, where the ledger's row is damaged, or names what was never booked."""
        wanted = {number: (key, one) for key, (one, _) in sales.items() if one.again and (number := identity_of(key))}
        wanted |= {number: (VOIDED, one) for one, void in voids if one.again for number in identities_of(void)}
        held = {number: self._contest.holder(number) for number in wanted}
        others = sorted({holder for holder in held.values() if holder} - {VOIDED, UNREADABLE})
        booked = self._entries(others) if others else {}
        for number, (own, posting) in sorted(wanted.items()):
            rightly = held[number] in booked or (held[number] == VOIDED and VOIDED in posting.rivals)
            if held[number] != own and not rightly:
                self._contest.hand_over(number, own)

    def _locked_entries(self, identities: Sequence[str]) -> Mapping[str, LedgerEntry]:
        entries: dict[str, LedgerEntry] = {}
        for some in statements.steps(identities):
            statement = self._engine.locked(statements.ledger_entries(self._erp, some))
            with over_ledger(self._erp.ledger_name):
                entries |= {row[0]: ledger_entry(row) for row in self._connection.execute(statement)}
        return entries

    def _write_again(self, posting: Posting, sale: Sale) -> None:
        """Header and lines; what was left of its lines goes first."""
        self._remove_of([sale.access_key], "item", "payment")
        self._write([(posting, sale)])
        self._say_posted(posting, open=not sale.authorised)

    def _look_at_cancelled(self, posting: Posting, document: Document) -> None:
        """The ledger has the cancellation; if the sale was written again since, it must be marked once more. Its goods
        were given back when it was booked."""
        if not posting.again or not isinstance(document, Cancellation):
            return
        held = self._hold([document.access_key]).get(document.access_key)
        if held is not None and held.cancelled_at is None:
            self._change_sales({document.access_key: {"cancelled_at": document.at}})
            self._tell("call_cancellation", [(posting, document)])
