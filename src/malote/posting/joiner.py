"""A note and the authority's answer in two files, in either order and from whatever till: joined by key.

Both rows are durable and neither is changed by the join: the note is booked with the answer's protocol in the ERP's own
transaction, under its key. Dying anywhere in between means to ask and join again.
"""

from collections.abc import Sequence

import msgspec
from sqlalchemy import Engine

from malote.erp.protocol import Outcome, Result
from malote.fiscal.answer_match import is_of_another
from malote.fiscal.documents import Answer, Cancellation, Sale, in_contingency
from malote.fiscal.problems import Problem, reject
from malote.fiscal.sefaz_answers import UNDECIDED, meaning, refusal_of, says
from malote.register import contents
from malote.spool import confirming, joining, unbooked_cancellations
from malote.spool.documents import LeasedDocument, Reason, Settlement
from malote.spool.no_sale_versions import known_as_none
from malote.spool.states import OPEN
from malote.spool.superseded import CANCELLED_UNBOOKED
from malote.spool.unbooked_cancellations import CANCELS_NO_SALE

ANOTHER, CONTRADICTED = "digest_disagrees", "answers_contradict"
JOINED, KNOWN, MOOT = "answer_joined", "answer_known", "answer_moot"


class Joiner:
    """Before and after a batch. Raises ``StoreError``."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._joined: dict[int, int] = {}  # by note, the cStat of its answer

    def join(self, held: Sequence[LeasedDocument]) -> tuple[list[LeasedDocument], list[Settlement]]:
        """The documents as they are to be booked, and what becomes of notes that an answer refuses, or whose authorised
        version is no sale."""
        self._joined = {}
        sales = [one.document for one in held if isinstance(one.document, Sale)]
        keys = {sale.access_key for sale in sales if sale.protocol is None}
        answers = joining.answers(self._engine, keys) if keys else {}
        none = known_as_none(self._engine, keys) if keys else set()
        booked: list[LeasedDocument] = []
        settled: list[Settlement] = []
        for leased in held:
            document = leased.document
            told = None
            if isinstance(document, Sale) and document.protocol is None and document.access_key in none:
                settled.append(_kept(leased, "settled_unbooked", {}, None))
                continue
            if isinstance(document, Sale) and document.protocol is None:
                heard = answers.get(document.access_key, ())
                own = [one for one in heard if one.is_of_environment(document.environment)]
                leased, told = self._with_answer(leased, document, _deciding(own))
            elif isinstance(document, Answer) and document.authorised and self._answers_another(leased, document):
                told = _another(document)
            if told is None:
                booked.append(leased)
            else:
                settled.append(_rejected(leased, told))
        return booked, settled

    def _with_answer(
        self, leased: LeasedDocument, sale: Sale, answer: Answer | None
    ) -> tuple[LeasedDocument, Problem | None]:
        """The note as its answer has it, or what the answer finds against it: of a sale before any answer, the answer's
        own row tells that."""
        if answer is None:
            return leased, None
        if answer.protocol is None:
            return leased, None if sale.bookable else refusal_of(answer)
        if self._is_of_another(leased.id, leased.id, answer):
            return leased, None if sale.bookable else _another(answer)
        self._joined[leased.id] = answer.status
        joined = msgspec.structs.replace(sale, protocol=answer.protocol)
        return msgspec.structs.replace(leased, document=joined), None

    def _answers_another(self, leased: LeasedDocument, answer: Answer) -> bool:
        """Whether the note of this key that is booked before its authorisation isn't the one that was authorised."""
        if not (answer.digest and in_contingency(answer.access_key)):
            return False
        notes = joining.unauthorised(self._engine, answer.access_key)
        return any(self._is_of_another(leased.id, note, answer) for note in notes)

    def _is_of_another(self, asked: int, note: int, answer: Answer) -> bool:
        """Whether the note is signed over another digest than this answer repeats, and no person has accepted it."""
        try:
            content = contents.content(self._engine, note) if answer.digest else b""
        except LookupError:  # its bytes are gone
            return False
        another = is_of_another(content, answer.access_key, answer.digest)
        return another and not confirming.given(self._engine, [asked], ANOTHER)

    def told(self, leased: LeasedDocument, outcome: Outcome, settlement: Settlement) -> Settlement:
        """What becomes of a note once its answer is looked at, and of an answer or a cancellation once its note is."""
        document = leased.document
        if isinstance(document, Answer):
            return self._of_answer(leased, document, outcome, settlement)
        if isinstance(document, Cancellation) and outcome.result is Result.SALE_MISSING:
            # Nobody is to wait for a sale that will never be: all that is here of the note is no sale.
            none = document.access_key in unbooked_cancellations.no_sales(self._engine, {document.access_key})
            return _kept(leased, CANCELS_NO_SALE, {}, None) if none else settlement
        if isinstance(document, Sale) and outcome.result is Result.NOT_AUTHORISED:
            # What the authority cancelled it had authorised, and is no sale any more.
            over = document.access_key in unbooked_cancellations.cancelled(self._engine, {document.access_key})
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
            case Result.SALE_MISSING if answer.authorised and joining.is_denied(self._engine, answer.access_key):
                return _rejected(leased, reject(CONTRADICTED, key=answer.access_key, **facts))
            case Result.SALE_MISSING if self._is_here(answer):
                return _kept(leased, JOINED, facts, answer.status if answer.authorised else None)
        return settlement

    def _is_here(self, answer: Answer) -> bool:
        """Whether the note is here and needs no answer to wait for it: what it says is looked up by the note.

        An answer that authorises a note which is about to be booked waits until it is.
        """
        states = joining.notes(self._engine, {answer.access_key}).get(answer.access_key, set())
        return bool(states) and not (answer.authorised and states & OPEN)


def _another(answer: Answer) -> Problem:
    return reject(ANOTHER, key=answer.access_key)


def _deciding(answers: Sequence[Answer]) -> Answer | None:
    """The one that counts: an authorisation, whatever was said before or after it; else the last that decided."""
    deciding = [one for one in answers if meaning(one.status) not in UNDECIDED]
    return next((one for one in deciding if one.authorised), deciding[-1] if deciding else None)


def _kept(leased: LeasedDocument, code: str, facts: dict[str, str], joined: int | None) -> Settlement:
    return Settlement(leased.id, leased.lease, "kept", Reason(code, facts), joined=joined)


def _rejected(leased: LeasedDocument, told: Problem) -> Settlement:
    return Settlement(leased.id, leased.lease, "rejected", Reason(told.code, told.facts, [told]))
