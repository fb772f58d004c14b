"""A note and the authority's answer in two files, in either order and from whatever till: joined by key.

Both rows are durable and neither is changed by the join: the note is booked with the answer's protocol in the ERP's own
transaction, under its key. Dying anywhere in between means to ask and join again.
"""

from collections.abc import Sequence

import msgspec

from malote.erp.protocol import Outcome, Result
from malote.fiscal.answers import UNDECIDED, meaning, refusal_of, says
from malote.fiscal.documents import Answer, Cancellation, Sale
from malote.spool.documents import LeasedDocument, Reason, Settlement
from malote.spool.no_sales import CANCELS_NO_SALE
from malote.spool.sql import Spool
from malote.spool.states import OPEN
from malote.spool.superseded import CANCELLED_UNBOOKED

JOINED, KNOWN, MOOT = "answer_joined", "answer_known", "answer_moot"


class Joiner:
    """Before and after a batch. Raises ``StoreError``."""

    def __init__(self, spool: Spool) -> None:
        self._spool = spool
        self._joined: dict[int, int] = {}  # by note, the cStat of its answer

    def join(self, held: Sequence[LeasedDocument]) -> tuple[list[LeasedDocument], list[Settlement]]:
        """The documents as they are to be booked, and what becomes of notes that an answer refuses."""
        self._joined = {}
        sales = [one.document for one in held if isinstance(one.document, Sale)]
        keys = {sale.access_key for sale in sales if sale.protocol is None}
        answers = self._spool.answers(keys) if keys else {}
        if not answers:
            return list(held), []
        booked: list[LeasedDocument] = []
        refused: list[Settlement] = []
        for leased in held:
            sale = leased.document
            if not isinstance(sale, Sale) or sale.protocol is not None:
                booked.append(leased)
                continue
            answer = _deciding(answers.get(sale.access_key, []))
            if answer is None:
                booked.append(leased)
            elif answer.protocol is not None:
                self._joined[leased.id] = answer.status
                joined = msgspec.structs.replace(sale, protocol=answer.protocol)
                booked.append(msgspec.structs.replace(leased, document=joined))
            elif sale.bookable:
                booked.append(leased)  # it is a sale before any answer; the answer's own row tells of the refusal
            else:
                told = refusal_of(answer)
                refused.append(Settlement(leased.id, leased.lease, "rejected", Reason(told.code, told.facts, [told])))
        return booked, refused

    def told(self, leased: LeasedDocument, outcome: Outcome, settlement: Settlement) -> Settlement:
        """What becomes of a note once its answer is looked at, and of an answer or a cancellation once its note is."""
        document = leased.document
        if isinstance(document, Answer):
            return self._of_answer(leased, document, outcome, settlement)
        if isinstance(document, Cancellation) and outcome.result is Result.SALE_MISSING:
            # Nobody is to wait for a sale that will never be: all that is here of the note is no sale.
            none = document.access_key in self._spool.no_sales({document.access_key})
            return _kept(leased, CANCELS_NO_SALE, {}, None) if none else settlement
        if isinstance(document, Sale) and outcome.result is Result.NOT_AUTHORISED:
            # What the authority cancelled it had authorised, and is no sale any more.
            over = document.access_key in self._spool.cancelled({document.access_key})
            return _kept(leased, CANCELLED_UNBOOKED.code, {}, None) if over else settlement
        status = self._joined.get(leased.id)
        if status is None or settlement.state != "posted":
            return settlement
        return msgspec.structs.replace(settlement, joined=status)

    def _of_answer(
        self, leased: LeasedDocument, answer: Answer, outcome: Outcome, settlement: Settlement
    ) -> Settlement:
        facts = {"status": str(answer.status), "words": says(answer.status)}
        match outcome.result:
            case Result.PROTOCOL_ADDED:
                return _kept(leased, JOINED, facts, answer.status)
            case Result.DUPLICATE:
                code = MOOT if outcome.facts.get("counts") == "no" else KNOWN
                return _kept(leased, code, facts, answer.status if answer.authorised else None)
            case Result.SALE_MISSING if self._is_here(answer):
                return _kept(leased, JOINED, facts, answer.status if answer.authorised else None)
        return settlement

    def _is_here(self, answer: Answer) -> bool:
        """Whether the note is here and needs no answer to wait for it: what it says is looked up by the note.

        An answer that authorises a note which is about to be booked waits until it is.
        """
        states = self._spool.notes({answer.access_key}).get(answer.access_key, set())
        return bool(states) and not (answer.authorised and states & OPEN)


def _deciding(answers: Sequence[Answer]) -> Answer | None:
    """The one that counts: an authorisation, whatever was said before or after it; else the last that decided."""
    deciding = [one for one in answers if meaning(one.status) not in UNDECIDED]
    return next((one for one in deciding if one.authorised), deciding[-1] if deciding else None)


def _kept(leased: LeasedDocument, code: str, facts: dict[str, str], joined: int | None) -> Settlement:
    return Settlement(leased.id, leased.lease, "kept", Reason(code, facts), joined=joined)
