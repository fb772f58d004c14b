"""How a batch becomes bookings, whatever the engine. All of it happens inside one transaction that the caller holds.

Sales come first, then cancellations, then voided numbers, whatever their order in the batch: so a cancellation finds
its sale when both come together. Every poster takes its locks in one order (the numbers of sales and voids, ledger keys
of sales, sale rows, ledger keys of cancellations, of voids, then stock; each by key), so that posters never deadlock
with one another.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence

import msgspec

from malote.erp import numbers, rows
from malote.erp.contest import Contest
from malote.erp.earlier_system import CANCELS_BEFORE, is_before
from malote.erp.fitting import fitted
from malote.erp.protocol import Outcome, Posting, Result
from malote.erp.reversed_sales import Reversed
from malote.erp.transacting import Engine, Kind, LedgerEntry, LockedSale, Pair, Stock
from malote.fiscal.documents import Answer, Cancellation, NumberVoid, Protocol, Sale, cancellation_of, identity
from malote.fiscal.sefaz_answers import meaning, refusal_of

__all__ = ["Booking", "Engine", "Stock"]


class Booking(Reversed):
    """One batch within one transaction. Raises what the database's driver raises."""

    def book(self, batch: Sequence[Posting]) -> list[Outcome]:
        """One outcome per posting, in order."""
        self._fitted = fitted(batch, self._engine, self._connection)
        batch = self._fitted.batch
        sales, cancellations, voids = _of(Sale, batch), _of(Cancellation, batch), _of(NumberVoid, batch)
        answers = _of(Answer, batch)
        again = self._book_sales(sales, [pair for pair in voids if pair[1].authorised and self._fits(pair[0])])
        ledger = self._ledger([*again, *cancellations, *voids])
        completing = self._compare(again, ledger)
        taken_back = self._cancelled_now(cancellations, ledger)
        own = {cancellation_of(key) for key in taken_back}
        cancelling = self._new_ones(cancellations, {name: ledger[name] for name in ledger if name not in own})
        held = self._hold_sales(completing, cancelling, answers)
        self._complete(completing, ledger, held)
        self._undo_reversals(taken_back & set(held))
        self._cancel(cancelling, held, taken_back)
        self._answer(answers, held)
        self._void(self._new_ones(self._readable(voids, ledger), ledger))
        self._tell_of_sales(voids)
        self._move_stock()
        return [self._outcomes[posting.document_id] for posting in batch]

    # ---- sales ----

    def _book_sales(self, sales: list[Pair[Sale]], voids: list[Pair[NumberVoid]]) -> list[Pair[Sale]]:
        """Books what is new and has its number; returns the others. Of several with one key, the first that is a sale
        is booked; of several with one number, an authorised one."""
        chosen: dict[str, Pair[Sale]] = {}
        for pair in sales:
            if pair[1].bookable and self._fits(pair[0]):
                chosen.setdefault(pair[1].access_key, pair)
        self._contest.claim(chosen, voids)
        self._reclaim(chosen, voids)
        self._look_again(chosen)
        self._add_new([pair for key, pair in sorted(chosen.items()) if self._contest.rival(key) is None])
        return [pair for pair in sales if pair[0].document_id not in self._outcomes]

    def _fits(self, posting: Posting) -> bool:
        return posting.document_id not in self._fitted.unfit

    def _hold_sales(
        self,
        completing: Sequence[Pair[Sale]],
        cancelling: Mapping[str, list[Pair[Cancellation]]],
        answers: Sequence[Pair[Answer]],
    ) -> dict[str, LockedSale]:
        """Locks the sales that get a protocol or are cancelled, by key, so that no other poster changes them."""
        if not completing and not cancelling and not answers:
            return {}
        completed = {sale.access_key for _, sale in completing}
        cancelled = {pairs[0][1].access_key for pairs in cancelling.values()}
        # What is answered is looked at whatever its protocol, as what is cancelled is.
        return self._hold(cancelled | {answer.access_key for _, answer in answers}, completed)

    def _complete(
        self, completing: Sequence[Pair[Sale]], ledger: Mapping[str, LedgerEntry], held: dict[str, LockedSale]
    ) -> None:
        """Adds the protocol to sales that were booked before their authorisation."""
        wanting = {key for key, row in held.items() if row.protocol_status is None}
        mending = {posting.document_id for posting, _ in self._mending}
        mended: dict[str, bytes] = {}
        changes, completed = {}, []
        taken_back = self._taken_back(held, wanting)
        for posting, sale in completing:
            if sale.access_key in taken_back:
                self._say(posting, Result.REVERSED)
                continue
            mends = posting.document_id in mending
            if sale.access_key not in wanting:
                if mends:
                    # Another one was quicker: of this very content, or it is seen at the next try.
                    again = mended.get(sale.access_key) == posting.content_hash
                    self._say(posting, Result.DUPLICATE if again else Result.CONTESTED)
                continue
            wanting.remove(sale.access_key)
            if mends:
                mended[sale.access_key] = posting.content_hash
                self._mend(posting, sale, ledger[sale.access_key], held[sale.access_key])
                held[sale.access_key] = _authorised(held[sale.access_key], sale.protocol)
                continue
            changes[sale.access_key] = rows.protocol_row(sale.protocol)
            held[sale.access_key] = _authorised(held[sale.access_key], sale.protocol)
            completed.append((posting, sale))
            self._say(posting, Result.PROTOCOL_ADDED)
        self._change_sales(changes)
        self._tell("call_authorisation", completed)

    def _answer(self, answers: Sequence[Pair[Answer]], held: dict[str, LockedSale]) -> None:
        """The authority's answers in files of their own: a protocol for a sale booked without one, or nothing new."""
        changes, completed = {}, []
        taken_back = self._taken_back(held, held) if answers else set()
        missing = {answer.access_key for _, answer in answers} - set(held)
        before = self._before(missing) if missing else set()
        for posting, answer in answers:
            sale = held.get(answer.access_key)
            if answer.access_key in before:
                self._say_before(posting)
            elif sale is None:
                self._say(posting, Result.SALE_MISSING)
            elif answer.protocol is not None and answer.access_key in taken_back:
                self._say(posting, Result.REVERSED)
            elif answer.protocol is not None and sale.protocol_status is None:
                changes[answer.access_key] = rows.protocol_row(answer.protocol)
                held[answer.access_key] = _authorised(sale, answer.protocol)
                completed.append((posting, answer))
                self._say(posting, Result.PROTOCOL_ADDED)
            elif _says_nothing_new(answer, sale):
                self._say(posting, Result.DUPLICATE, {"counts": "no"} if _counts_no_more(answer, sale) else {})
            else:
                told = refusal_of(answer)
                refused = Outcome(posting.document_id, Result.REFUSED, told.facts, told.code)
                self._outcomes[posting.document_id] = refused
        self._change_sales(changes)
        self._tell("call_authorisation", completed)

    def _mend(self, posting: Posting, sale: Sale, entry: LedgerEntry, held: LockedSale) -> None:
        """The authorised version of a sale takes the place of the one that was booked: the money is the same."""
        fields = self._outcomes[posting.document_id].facts
        self._keep_former(sale.access_key, entry, posting)
        cancelled = held.cancelled_at is not None
        self._rewrite(posting, sale, cancelled=cancelled)
        self._say(posting, Result.MENDED, fields)

    # ---- cancellations and voided numbers ----

    def _new_ones(self, pairs: Sequence[Pair[Kind]], ledger: Mapping[str, LedgerEntry]) -> dict[str, list[Pair[Kind]]]:
        """Those that may be booked now, by identity; the others are settled. A second one of an identity, of another
        event say, changes nothing any more: a duplicate."""
        new: dict[str, list[Pair[Kind]]] = defaultdict(list)
        for posting, document in pairs:
            name = identity(document)
            if is_before(ledger.get(name)):
                self._say_before(posting)
            elif name in ledger:
                self._say_known(posting, ledger[name])
                self._look_at_cancelled(posting, document)
            elif self._is_unfit(posting):
                continue
            elif not document.authorised:
                self._say(posting, Result.NOT_AUTHORISED)
            else:
                new[name].append((posting, document))
        return dict(sorted(new.items()))

    def _claim_first(self, groups: Mapping[str, list[Pair[Kind]]]) -> list[Pair[Kind]]:
        """Claims each identity for the first of its group, which is returned; all others are duplicates."""
        if not groups:
            return []
        entries = [rows.ledger_row(name, pairs[0][0]) for name, pairs in groups.items()]
        fresh = self._engine.claim(self._connection, entries)
        for name, pairs in groups.items():
            for position, (posting, _) in enumerate(pairs):
                if position == 0 and name in fresh:
                    self._say_posted(posting)
                else:
                    self._say(posting, Result.DUPLICATE)
        return [pairs[0] for name, pairs in groups.items() if name in fresh]

    def _cancel(
        self, groups: Mapping[str, list[Pair[Cancellation]]], held: dict[str, LockedSale], taken_back: set[str]
    ) -> None:
        """``taken_back``: sales that don't count already, whose cancellation takes the place of their reversal."""
        here = {name: pairs for name, pairs in groups.items() if pairs[0][1].access_key in held}
        missing = [pair for name, pairs in groups.items() if name not in here for pair in pairs]
        before = self._before(one.access_key for _, one in missing) if missing else set()
        for posting, one in missing:
            if one.access_key in before:
                self._tell_why(posting, Result.REFUSED, CANCELS_BEFORE)
            else:
                self._say(posting, Result.DUPLICATE if one.access_key in taken_back else Result.SALE_MISSING)
        booked = self._claim_first(here)
        if not booked:
            return
        # Of one whose entry is gone, the row may have stayed.
        self._remove_of([document.access_key for posting, document in booked if posting.again], "cancellation")
        cancellations = [rows.cancellation_row(document, posting.till) for posting, document in booked]
        self._add("cancellation", cancellations)
        # A sale that somebody cancelled in the ERP itself has its stock back already.
        undone = [document for _, document in booked if held[document.access_key].cancelled_at is None]
        told = taken_back | {one.access_key for one in undone}
        self._change_sales({one.access_key: {"cancelled_at": one.at} for _, one in booked if one.access_key in told})
        self._tell("call_cancellation", [pair for pair in booked if held[pair[1].access_key].cancelled_at is None])
        for one in undone:
            held[one.access_key] = msgspec.structs.replace(held[one.access_key], cancelled_at=one.at)
        self._return_to_stock({one.access_key: one.at for one in undone})

    def _readable(self, voids: Sequence[Pair[NumberVoid]], ledger: Mapping[str, LedgerEntry]) -> list[Pair[NumberVoid]]:
        """Those whose numbers' rows tell who holds them, or that are booked already; of the others it is said."""
        for posting, void in voids:
            row = "" if identity(void) in ledger else self._contest.unreadable(numbers.identities_of(void))
            if row and void.authorised and self._fits(posting):
                self._say_unreadable(posting, row)
        return [pair for pair in voids if pair[0].document_id not in self._outcomes]

    def _void(self, groups: Mapping[str, list[Pair[NumberVoid]]]) -> None:
        booked = self._claim_first(groups)
        if booked:
            voids = [rows.void_row(document, posting.till) for posting, document in booked]
            self._add("number_void", voids)
            self._tell("call_void", booked)

    def _tell_of_sales(self, voids: Sequence[Pair[NumberVoid]]) -> None:
        """Of a void it is said if sales are booked under its numbers, as often as it comes: both stand till a person
        decides."""
        for posting, void in voids:
            sales = self._contest.sales_of(void) if void.authorised and self._fits(posting) else {}
            if not sales:
                continue
            self._contest.ask(sales.values())
            standing = [key for key in sorted(sales.values()) if self._contest.active(key)]
            if standing:
                self._say(posting, Result.VOID_OF_SALES, _of_void(standing, self._contest))


_MOST_TOLD = 10  # keys, of a void of many


def _of_void(keys: Sequence[str], contest: Contest) -> dict[str, str]:
    authorised = sum(contest.authorised(key) for key in keys)
    more = f" (+{len(keys) - _MOST_TOLD})" if len(keys) > _MOST_TOLD else ""
    return {
        "numbers": ", ".join(str(int(key[25:34])) for key in keys[:_MOST_TOLD]) + more,
        "series": str(int(keys[0][22:25])),
        "others": ", ".join(keys[:_MOST_TOLD]) + more,
        "authorised": str(authorised),
        "unauthorised": str(len(keys) - authorised),
    }


def _authorised(held: LockedSale, protocol: Protocol | None) -> LockedSale:
    return msgspec.structs.replace(held, protocol_status=protocol.status if protocol else None)


def _says_nothing_new(answer: Answer, sale: LockedSale) -> bool:
    """Whether the sale is booked as the answer has it: authorised by whatever answer, or cancelled."""
    if meaning(answer.status) == "cancelled":
        return sale.cancelled_at is not None
    return sale.protocol_status is not None or sale.cancelled_at is not None


def _counts_no_more(answer: Answer, sale: LockedSale) -> bool:
    """Whether the answer refuses what is taken back already."""
    return not answer.authorised and sale.protocol_status is None and meaning(answer.status) != "cancelled"


def _of(kind: type[Kind], batch: Sequence[Posting]) -> list[Pair[Kind]]:
    return [(posting, posting.document) for posting in batch if isinstance(posting.document, kind)]
