"""What a person (or the settings) ordered: a document takes the place of what is booked in its way.

One transaction takes back what was never authorised, and books the document. A reversal marks the sale as cancelled,
with its reason, gives its goods back, and stands in the ledger as ``reverse:KEY``; it is no event of the authority's.
"""

from datetime import UTC, datetime

from sqlalchemy import Connection

from malote.erp import compare, numbers, rows, statements
from malote.erp.booking import Booking
from malote.erp.connecting import over_ledger
from malote.erp.fitting import fitted
from malote.erp.numbers import UNREADABLE, VOIDED
from malote.erp.protocol import Outcome, Posting
from malote.erp.rewriting import reverse
from malote.erp.transacting import Engine, LedgerEntry
from malote.fiscal.documents import Answer, Cancellation, NumberVoid, Sale, cancellation_of
from malote.fiscal.sefaz_answers import NO_SALE_STATUS, meaning

EVENT = "reversal"
_WHY_SALE = "NUMERO AUTORIZADO COM OUTRA CHAVE"
_WHY_VOID = "NUMERO INUTILIZADO"
_WHY_DENIED = "NOTA DENEGADA"
_WHY_NO_SALE = "NOTA AUTORIZADA NAO E VENDA"


class Superseding(Booking):
    """One document within one transaction."""

    def __init__(self, engine: Engine, connection: Connection) -> None:
        super().__init__(engine, connection)
        self._now = datetime.now(UTC)

    def settle(self, posting: Posting) -> Outcome:
        """Takes back what stands in its way and isn't authorised; then it is booked as any other."""
        self._fitted = fitted([posting], self._engine, self._connection)
        (fit,) = self._fitted.batch
        match fit.document:
            case _ if self._fitted.unfit:
                pass
            case Sale() as sale if sale.authorised:
                self._make_way(fit, sale)
            case Answer() as answer if answer.authorised:
                self._bring_back(answer.access_key)
            case Answer() as answer if meaning(answer.status) == "denied":
                self._take_back(answer.access_key, fit, answer.access_key[6:20], _WHY_DENIED)
            case Answer(status=status) as answer if status == NO_SALE_STATUS:
                self._take_back(answer.access_key, fit, answer.access_key[6:20], _WHY_NO_SALE)
            case NumberVoid() as void if void.authorised:
                self._make_void(fit, void)
        return self.book([posting])[0]

    def _make_way(self, posting: Posting, sale: Sale) -> None:
        key = sale.access_key
        self._contest.claim({key: (posting, sale)}, [])
        self._lock_number(key)
        entries = self._entries([key, reverse(key)])
        if key in entries:
            self._replace(posting, sale, entries)
        rival, identity = self._contest.rival(key), numbers.identity_of(key)
        if rival is None or rival == UNREADABLE or identity is None:
            return
        if rival == VOIDED or self._take_back(rival, posting, sale.issuer, _WHY_SALE, substitute=key):
            self._contest.hand_over(identity, key)

    def _make_void(self, posting: Posting, void: NumberVoid) -> None:
        self._contest.claim({}, [(posting, void)])
        for identity, key in sorted(self._contest.sales_of(void).items()):
            if self._take_back(key, posting, void.issuer, _WHY_VOID):
                self._contest.hand_over(identity, VOIDED)

    def _lock_number(self, key: str) -> None:
        """Whoever else settles the same number waits here, and then sees what became of it."""
        identity = numbers.identity_of(key)
        if identity is None:
            return
        with over_ledger(self._erp.ledger_name):
            self._connection.execute(self._engine.locked(statements.ledger_entries(self._erp, [identity]))).all()
        self._contest.look_again([key])

    # ---- taking back ----

    def _take_back(self, key: str, posting: Posting, issuer: str, why: str, substitute: str = "") -> bool:
        """Reverses a booked sale unless it is authorised; whether it is out of the way."""
        held = self._hold([key]).get(key)
        if held is not None and (held.protocol_status is not None or held.cancelled_at is not None):
            return held.cancelled_at is not None  # of what is cancelled already there is nothing to take back
        reversal = Cancellation(key, EVENT, 1, issuer, self._now, 1, "", None, why, substitute)
        marked = numbers.mark(substitute or VOIDED)
        named = [rows.ledger_row(cancellation_of(key), posting), rows.ledger_row(reverse(key), posting, marked)]
        fresh = self._engine.claim(self._connection, named)
        if held is None:
            return True
        if cancellation_of(key) in fresh:
            self._add("cancellation", [rows.cancellation_row(reversal, posting.till)])
        self._change_sales({key: {"cancelled_at": self._now}})
        self._tell("call_cancellation", [(posting, reversal)])
        self._return_to_stock({key: self._now})
        return True

    # ---- the same key, other content ----

    def _replace(self, posting: Posting, sale: Sale, entries: dict[str, LedgerEntry]) -> None:
        """The sale as it is booked is taken back and booked as it is authorised, under its key."""
        key, entry = sale.access_key, entries[sale.access_key]
        undone = reverse(key) in entries
        held = self._hold([key]).get(key)
        if held is None or (held.protocol_status is not None and not undone and not self._mends(sale)):
            return  # authorised already: nothing here may change it
        if posting.says(entry.content_hash) and not undone:
            return  # only its protocol is new, which needs nobody's word
        if undone:
            self._undo_reversals([key])
        stays_cancelled = held.cancelled_at is not None and not undone
        if held.cancelled_at is None:
            self._return_to_stock({key: self._now})
        self._keep_former(key, entry, posting)
        self._tell("call_correction", [(posting, sale)])
        self._rewrite(posting, sale, cancelled=stays_cancelled)
        if not stays_cancelled:
            self._take_from_stock(sale, posting.till)

    def _mends(self, sale: Sale) -> bool:
        """Whether the booked sale has this very protocol, and the same goods and money."""
        before = self._booked({sale.access_key: sale}).get(sale.access_key)
        if before is None or not self._erp.tells_money or not compare.by_one_protocol(before, sale):
            return False
        return compare.mends(compare.differences(before, sale))

    def _bring_back(self, key: str) -> None:
        """A reversed sale that an answer of the authority's authorises counts again, as it was booked."""
        if reverse(key) not in self._entries([reverse(key)]) or key not in self._hold([key]):
            return
        self._undo_reversals([key])
        self._change_sales({key: {"cancelled_at": None}})
        self._return_to_stock({key: self._now}, sign=-1)
