"""Carrying out what was ordered: a document takes the place of what is booked in its way and was never authorised.

The order is durable before the ERP is touched, and doing it again changes nothing: a poster may die anywhere.
"""

from collections.abc import Callable

from sqlalchemy import Engine

from malote.config import StoreSettings
from malote.erp.protocol import Erp, Outcome, Posting, Result
from malote.erp.rewriting import reverse
from malote.fiscal.documents import Answer, Document, NumberVoid
from malote.fiscal.sefaz_answers import NO_SALE_REASON
from malote.spool import confirming, consequences
from malote.spool.documents import LeasedDocument

# What the ERP said of documents that an order may be given for.
ASIDE = frozenset({Result.SUPERSEDES, Result.CORRECTED, Result.REVERSED, Result.VOIDED, Result.VOID_OF_SALES})
# A booked offline sale is no sale, says the authority, or its authorised version does.
NO_SALE = frozenset({"denied", NO_SALE_REASON})
_BOOKED = frozenset({Result.POSTED, Result.DUPLICATE, Result.TWICE, Result.VOID_OF_SALES})


class Reversals:
    """For one poster."""

    def __init__(
        self,
        engine: Engine,
        erp: Erp,
        store: StoreSettings,
        supersede: Callable[[Posting], Outcome],
        clock: Callable[[], float],
    ) -> None:
        self._engine = engine
        self._clock = clock
        self._erp = erp
        self._store = store
        self._supersede = supersede

    def settled(self, leased: LeasedDocument, posting: Posting, outcome: Outcome) -> tuple[Outcome, tuple[str, ...]]:
        """What the ERP says in the end, and the keys of this store's sales that were taken back for the document.

        Raises ``ErpError``, ``StoreError``; the document then comes again.
        """
        if not _is_aside(outcome) and not leased.attempts:
            return outcome, ()
        ordered = leased.id in confirming.given(self._engine, [leased.id])
        if not ordered and self._by_itself(outcome):
            confirming.give_by_settings(self._engine, leased.id, self._clock())
            ordered = True
        if not ordered:
            return outcome, ()
        if _is_aside(outcome) and _may(posting.document, outcome):
            outcome = self._supersede(posting)
        return outcome, self._taken_back(posting.document) if outcome.result in _BOOKED else ()

    def _by_itself(self, outcome: Outcome) -> bool:
        """Whether the settings allow it without a person: only where nothing but a key or a void is at stake."""
        if self._store.reverse_superseded != "itself":
            return False
        same = outcome.result is Result.SUPERSEDES and outcome.facts.get("same") == "yes"
        return same or (outcome.result is Result.VOID_OF_SALES and outcome.facts.get("unauthorised") != "0")

    def _taken_back(self, document: Document) -> tuple[str, ...]:
        """As the ERP's ledger tells it: whoever did it, and when."""
        own = [document.access_key] if isinstance(document, Answer) else []
        rivals = {reverse(key): key for key in own or consequences.rivals(self._engine, document)}
        return tuple(rivals[identity] for identity in self._erp.ledger(list(rivals))) if rivals else ()


def _is_aside(outcome: Outcome) -> bool:
    return outcome.result in ASIDE or (outcome.result is Result.REFUSED and outcome.code in NO_SALE)


def _may(document: Document, outcome: Outcome) -> bool:
    """A note that was never authorised takes nobody's place; that one was denied is reason enough to take it back."""
    if isinstance(document, Answer):
        return document.authorised or outcome.code in NO_SALE
    return outcome.facts.get("unauthorised") != "0" if isinstance(document, NumberVoid) else document.authorised
