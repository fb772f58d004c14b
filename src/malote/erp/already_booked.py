"""What is to be booked and is there already, in one way or another: under its key, or with its number."""

from collections.abc import Mapping, Sequence

from malote.erp import compare
from malote.erp.contest import facts_of
from malote.erp.earlier_system import NUMBER_BEFORE, Before
from malote.erp.numbers import UNREADABLE, VOIDED, identity_of
from malote.erp.protocol import ErpError, Posting, Result
from malote.erp.rewriting import former, reverse
from malote.erp.transacting import LedgerEntry, Pair
from malote.fiscal.documents import Sale

NUMBER_UNREADABLE = "erp_number_unreadable"


class AlreadyBooked(Before):
    """Says of each sale that wasn't booked why, and keeps those that complete what is booked."""

    def _compare(self, sales: list[Pair[Sale]], ledger: Mapping[str, LedgerEntry]) -> list[Pair[Sale]]:
        """Settles what the ERP has under the same key, or number; returns those that may bring it the protocol."""
        self._contest.look(sale.access_key for _, sale in sales)
        self._settle_absent([pair for pair in sales if pair[1].access_key not in ledger])
        known = [pair for pair in sales if pair[1].access_key in ledger]
        known = self._without_reversed(self._without_before(known, ledger))
        same: list[Pair[Sale]] = []
        others: list[Pair[Sale]] = []
        for posting, sale in known:
            alike = posting.says(ledger[sale.access_key].content_hash)
            (same if alike else others).append((posting, sale))
        same += self._same_after_all(others, ledger)
        self._say_same(same, ledger)
        return [pair for pair in same if pair[1].authorised] + self._mending

    def _say_same(self, same: Sequence[Pair[Sale]], ledger: Mapping[str, LedgerEntry]) -> None:
        self._contest.ask(sale.access_key for _, sale in same if not sale.authorised)
        for posting, sale in same:
            key = sale.access_key
            entry, rival = ledger[key], self._contest.rival(key)
            self._say_known(posting, entry, open=not sale.authorised and not self._contest.settled(key))
            own = self._outcomes[posting.document_id].result is Result.POSTED
            if rival and rival != VOIDED and own and sale.authorised:
                self._contest.ask([key, rival])
                if self._contest.active(key) and self._contest.active(rival):
                    self._say(posting, Result.TWICE, facts_of(rival))
                elif self._contest.active(key):
                    self._succeed(key, rival)

    # ---- one number, one sale ----

    def _settle_absent(self, sales: list[Pair[Sale]]) -> None:
        """Those that the ERP doesn't have: not sales yet, or others than those that hold their numbers."""
        rivals = {sale.access_key: rival for _, sale in sales if (rival := self._contest.rival(sale.access_key))}
        self._contest.ask(rivals.values())
        before = self._before(rivals.values()) if rivals else set()
        twice = []
        for posting, sale in sales:
            rival = rivals.get(sale.access_key)
            if self._is_unfit(posting):
                continue
            if rival is None:
                self._say_absent(posting, sale)
            elif rival == UNREADABLE:
                self._say_unreadable(posting, identity_of(sale.access_key) or "")
            elif rival in before:
                self._tell_why(posting, Result.REFUSED, NUMBER_BEFORE, facts_of(rival))
            elif rival == VOIDED:
                self._say(posting, Result.VOIDED, {"number": str(sale.number), "series": str(sale.series)})
            elif sale.authorised and (self._contest.authorised(rival) or self._contest.cancelled(rival)):
                twice.append((posting, sale))
            else:
                self._say_contested(posting, sale, rival)
        self._add_new(sorted(twice, key=lambda pair: pair[1].access_key))

    def _say_unreadable(self, posting: Posting, row: str) -> None:
        """Of the ledger's row of its number: nothing is wrong with the sale."""
        self._tell_why(posting, Result.WAITS, NUMBER_UNREADABLE, {"row": row, "ledger": self._erp.ledger_name})

    def _say_absent(self, posting: Posting, sale: Sale) -> None:
        if sale.bookable:
            # Not claimed, since the ledger had it, and now it hasn't: somebody removes entries at this moment.
            raise ErpError("erp_conflict", detail=self._erp.ledger_name)
        self._say(posting, Result.NOT_AUTHORISED)

    def _say_contested(self, posting: Posting, sale: Sale, rival: str) -> None:
        """At most one of the two is authorised."""
        booked = self._booked({rival: sale}).get(rival)
        same = booked is not None and self._erp.tells_money and compare.same_sale(booked, sale)
        if sale.authorised:
            result = Result.SUPERSEDES
        elif self._contest.authorised(rival):
            result = Result.SUPERSEDED
        else:
            result = Result.CONTESTED if sale.bookable else Result.NOT_AUTHORISED
        self._say(posting, result, facts_of(rival, same="yes" if same else "no"))

    def _without_reversed(self, sales: list[Pair[Sale]]) -> list[Pair[Sale]]:
        """Those that were not taken back; of the others it is said that they were."""
        lost = [sale.access_key for _, sale in sales if self._contest.rival(sale.access_key)]
        reversals = self._entries([reverse(key) for key in lost])
        if not reversals:
            return sales
        for posting, sale in sales:
            if reverse(sale.access_key) in reversals:
                facts = facts_of(self._contest.rival(sale.access_key) or "")
                self._say(posting, Result.REVERSED if sale.authorised else Result.SUPERSEDED, facts)
        return [pair for pair in sales if pair[0].document_id not in self._outcomes]

    # ---- the same key, other content ----

    def _same_after_all(self, sales: list[Pair[Sale]], ledger: Mapping[str, LedgerEntry]) -> list[Pair[Sale]]:
        """Settles the divergent ones, and finds those that mend what is booked; returns those that say the same in
        other digits, or by an older program."""
        if not sales:
            return []
        booked = self._booked({sale.access_key: sale for _, sale in sales})
        formers = self._entries([former(sale.access_key, posting.content_hash) for posting, sale in sales])
        same = []
        for posting, sale in sales:
            before = booked.get(sale.access_key)
            fields = self._differences(before, sale)
            if not fields:
                same.append((posting, sale))
            elif former(sale.access_key, posting.content_hash) in formers:
                self._say(posting, Result.SUPERSEDED, {"other": sale.access_key, "same": "yes"})
            else:
                self._settle_differing((posting, sale), before, fields)
        return same

    def _settle_differing(self, pair: Pair[Sale], before: Sale | None, fields: list[str]) -> None:
        posting, sale = pair
        told = {"fields": compare.in_words(fields)}
        mends = before is not None and self._erp.tells_money and compare.mends(fields)
        if mends and before is not None and compare.by_one_protocol(before, sale):
            # Which of the two the authority had before it isn't known here: a person may let this one take its place.
            self._say(posting, Result.CORRECTED, told)
        elif before is None or before.authorised == sale.authorised:
            self._say(posting, Result.DIVERGENT, told)
        elif sale.authorised:
            if mends:
                self._mending.append(pair)
            self._say(posting, Result.CORRECTED, told)  # of one that mends it is said otherwise once that is done
        elif mends:
            self._say(posting, Result.SUPERSEDED, {"other": sale.access_key, "same": "yes"})
        else:
            self._say(posting, Result.DIVERGENT, told)

    def _differences(self, before: Sale | None, arriving: Sale) -> list[str]:
        """Where the ERP does not hold all of it, what it holds may be the same, and the sale another one after all."""
        if before is None:
            return [compare.UNTOLD]
        return compare.differences(before, arriving) or ([] if self._erp.complete else [compare.UNTOLD])
