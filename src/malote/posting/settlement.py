"""From what the ERP answered to what becomes of the document. The only place that knows."""

from collections.abc import Callable, Sequence
from typing import Literal, assert_never

import msgspec

from malote import __version__
from malote.config import PostingSettings, StoreSettings
from malote.erp.mapping import BUILT_IN, ErpTables
from malote.erp.protocol import ErpError, Outcome, Result
from malote.fiscal import contingency
from malote.fiscal.documents import Answer, Cancellation, Document, Sale
from malote.fiscal.sefaz_answers import says
from malote.posting import missing_records, suspects
from malote.posting.program_faults import ProgramFaultError
from malote.posting.refusal_evidence import general
from malote.posting.refused_codes import refused_codes
from malote.posting.retry import PROBE_LONGEST_SECONDS, retry_at
from malote.posting.suspects import Meeting
from malote.spool.documents import LeasedDocument, Reason, Settlement

BREAKS_PROGRAM = "document_breaks_program"
FAILS_OVER_KIND = "program_fails_over_kind"
MOST_FAULTS = 3  # alone, before a document that breaks the program is put aside
# How long it is tried at least where nothing of its kind passes: then the program may be at fault, and be mended.
KIND_PATIENCE_SECONDS = 900.0
DAY_HOURS = 24.0


class Decider:
    """Decides by the store's rules. ``now`` is in seconds since the epoch."""

    def __init__(
        self,
        settings: PostingSettings,
        store: StoreSettings,
        lost: Callable[[float, float], float] = lambda *_: 0.0,
        tables: ErpTables = BUILT_IN,
    ) -> None:
        """``lost``: how many seconds between two moments nothing could be booked; no patience is measured in them.
        ``tables``: the ERP's."""
        self._settings = settings
        self._store = store
        self._lost = lost
        self._tables = tables

    def of_outcome(self, leased: LeasedDocument, outcome: Outcome, now: float) -> Settlement:
        settlement = self._of_outcome(leased, outcome, now)
        if outcome.open and isinstance(leased.document, Sale):
            due = protocol_due(leased.document, leased.accepted_at, self._store)
            return msgspec.structs.replace(settlement, protocol_due=due)
        return settlement

    def _of_outcome(self, leased: LeasedDocument, outcome: Outcome, now: float) -> Settlement:
        match outcome.result:
            case Result.POSTED:
                return _posted(leased, duplicate=False, told=_of(outcome) if outcome.code else None)
            case Result.REFUSED:
                return _rejected(leased, _of(outcome))
            case Result.WAITS:
                return self.waiting(leased, _of(outcome), now)
            case Result.DUPLICATE | Result.PROTOCOL_ADDED | Result.MENDED:
                mended = outcome.result is Result.MENDED
                return _posted(leased, duplicate=True, told=Reason("sale_mended", outcome.facts) if mended else None)
            case Result.TWICE | Result.VOID_OF_SALES:
                return _flagged(leased, Reason(_flag(outcome), outcome.facts))
            case Result.SUPERSEDED | Result.VOIDED:
                return self._settled_by_another(leased, outcome)
            case Result.KEPT:
                return _kept(leased, outcome.code, outcome.facts)
            case Result.DIVERGENT | Result.CORRECTED | Result.REVERSED | Result.SUPERSEDES:
                return _rejected(leased, Reason(_ASIDE[outcome.result], outcome.facts))
            case Result.CONTESTED:
                hours = self._store.authorisation_hours
                return self._until(leased, now, hours, "number_contested", "number_taken", outcome.facts)
            case Result.SALE_MISSING:
                return self._without_its_sale(leased, now)
            case Result.NOT_AUTHORISED:
                hours = self._store.authorisation_hours
                return self._until(leased, now, hours, "not_authorised_yet", "never_authorised")
        assert_never(outcome.result)

    def _without_its_sale(self, leased: LeasedDocument, now: float) -> Settlement:
        hours = self._store.sale_hours
        if isinstance(leased.document, Answer):
            facts = _of_answer(leased.document)
            return self._until(leased, now, hours, "note_not_here", "answer_without_note", facts)
        kept = _kept(leased, "cancels_before_start", {"since": self._store.since[:10]})
        begun = self._month_begun(leased.document)
        if begun == "before":
            return kept
        settled = self._until(leased, now, hours, "sale_not_here", "sale_never_came")
        return kept if settled.state == "rejected" and begun == "within" else settled

    def _month_begun(self, document: Document) -> Literal["before", "within", "after"]:
        """How the month of a cancelled note, which its key tells, stands to the store's start: a note of before it
        never comes here, where the tills pass it over. Of a note of the very month nobody knows but by waiting."""
        since = self._store.since
        if not since or not isinstance(document, Cancellation) or not document.access_key[2:6].isdigit():
            return "after"
        month, start = document.access_key[2:6], since[2:4] + since[5:7]
        if month == start:
            return "within"
        return "before" if month < start else "after"

    def of_error(
        self, leased: LeasedDocument, error: ErpError, now: float, facts: dict[str, str] | None = None
    ) -> Settlement:
        """``facts`` are the reason's; the error's own detail by default."""
        named = refused_codes(leased.document, error, self._tables)
        lacking = missing_records.facts_of(leased.document, error, named)
        told = {**(facts or error.facts), **lacking}
        if error.transient:
            return self.waiting(leased, Reason(error.code, told), now)
        code = missing_records.MISSING if lacking else error.code
        return _rejected(leased, Reason(code, {**told, **named, **lacking}))

    def of_trouble(
        self, part: Sequence[LeasedDocument], error: ErpError, meeting: Meeting, now: float
    ) -> list[Settlement]:
        """Of a transient error that all of these met together."""
        if not suspects.is_of_one_perhaps(error):
            return [self.of_error(leased, error, now, meeting.facts) for leased in part]
        return [self.waiting(leased, suspects.reason_of(leased, error, len(part), meeting), now) for leased in part]

    def put_off(self, leased: LeasedDocument, now: float) -> Settlement:
        """Of one that was not tried: it waits on for the reason it has, and its turn comes soon."""
        again = now + min(PROBE_LONGEST_SECONDS, self._settings.retry_longest_seconds)
        return Settlement(leased.id, leased.lease, "waiting", leased.reason, again)

    def of_refusal(self, leased: LeasedDocument, error: ErpError, now: float) -> Settlement:
        """Of a permanent error that is this document's own.

        A fault of the program is given a few tries with the document alone, then the document is put aside: an update
        may know better, and until then it must not be in anybody's way.
        """
        if not isinstance(error, ProgramFaultError):
            return self.of_error(leased, error, now)
        facts = _counted(leased, error, now)
        if int(facts["times"]) < MOST_FAULTS:
            return self.waiting(leased, Reason(error.code, facts), now)
        return _rejected(leased, Reason(BREAKS_PROGRAM, {**facts, "version": __version__}))

    def of_general(self, leased: LeasedDocument, error: ErpError, now: float) -> Settlement:
        """Of a refusal that everything like it meets, this document as it was tried.

        It waits. But where two that break the program are all that is left, nothing will ever speak against them: then
        they are put aside after a while, and told as what they are: nobody knows whose fault it is.
        """
        if not isinstance(error, ProgramFaultError):
            return self.of_error(leased, general(error), now)
        facts = _counted(leased, error, now)
        if int(facts["times"]) < MOST_FAULTS or 0 <= now - float(facts["since"]) < KIND_PATIENCE_SECONDS:
            return self.waiting(leased, Reason(error.code, facts), now)
        return _rejected(leased, Reason(FAILS_OVER_KIND, {**facts, "version": __version__}))

    def untried(self, leased: LeasedDocument, error: ErpError, now: float) -> Settlement:
        """Of one that waits on because others of its kind are refused: what is counted of itself stays."""
        own = leased.reason if _is_same_fault(leased, error) else None
        return self.waiting(leased, own or Reason(error.code, error.facts), now)

    def waiting(self, leased: LeasedDocument, reason: Reason, now: float) -> Settlement:
        """Until its turn comes again, by the reason and the attempts before."""
        again = retry_at(reason.code, leased.attempts, now, self._settings)
        return Settlement(leased.id, leased.lease, "waiting", reason, again)

    def _settled_by_another(self, leased: LeasedDocument, outcome: Outcome) -> Settlement:
        """Kept where nothing is lost by it: it was no sale yet, or is the same sale. Else a person must look: what is
        not booked may be a sale of its own."""
        sale = leased.document
        bookable = isinstance(sale, Sale) and sale.bookable
        if outcome.result is Result.VOIDED:
            code = "sale_of_void_number" if bookable else "number_voided"
            return _rejected(leased, Reason(code, outcome.facts)) if bookable else _kept(leased, code, outcome.facts)
        other = outcome.facts.get("other")
        own = isinstance(sale, Sale) and other in (sale.access_key, None)
        itself = self._store.reverse_superseded == "itself" and outcome.facts.get("same") == "yes"
        if own or itself or not bookable:
            return _kept(leased, "superseded" if own else "number_settled", outcome.facts)
        return _rejected(leased, Reason("number_taken", outcome.facts))

    def _until(
        self,
        leased: LeasedDocument,
        now: float,
        hours: float,
        meanwhile: str,
        too_late: str,
        facts: dict[str, str] | None = None,
    ) -> Settlement:
        """Waits for another document to come, and is rejected when it did not come in time."""
        deadline = leased.accepted_at + hours * 3600
        if now >= deadline:
            deadline += self._lost(leased.accepted_at, now)
        if now >= deadline:
            return _rejected(leased, Reason(too_late, {"hours": f"{hours:g}"} | (facts or {})))
        waiting = self.waiting(leased, Reason(meanwhile, facts or {}), now)
        # Not beyond the deadline, so that the rejection comes in time.
        again = min(waiting.retry_at or deadline, deadline)
        return Settlement(leased.id, leased.lease, "waiting", waiting.reason, again)


def no_room(error: OSError) -> Reason:
    """Whose disk it is must be said: there are the till's, the ERP's, and this one."""
    return Reason("disk_full", {"detail": f"servidor Malote, rejeitados/: {error.strerror or error.errno}"})


def _is_same_fault(leased: LeasedDocument, error: ErpError) -> bool:
    before = leased.reason
    return before is not None and before.code == error.code and before.facts.get("fault") == error.facts.get("fault")


def _counted(leased: LeasedDocument, error: ProgramFaultError, now: float) -> dict[str, str]:
    """The fault's facts, how many ``times`` the document met it alone, and ``since`` when (seconds since the epoch)."""
    before = leased.reason.facts if leased.reason and _is_same_fault(leased, error) else {}
    times = 1 + int(before.get("times", "0"))
    return {**error.facts, "times": str(times), "since": before.get("since", f"{now:.0f}")}


def _of_answer(answer: Answer) -> dict[str, str]:
    return {"key": answer.access_key, "status": str(answer.status), "words": says(answer.status)}


def protocol_due(sale: Sale, accepted_at: float, store: StoreSettings) -> float:
    """By when an offline sale must be authorised, in seconds since the epoch: by the authority's rule, and sooner where
    the store itself waits less than a day for any authorisation."""
    due = contingency.deadline(sale.access_key, sale.issued_at, store.contingency_deadline).timestamp()
    if store.authorisation_hours >= DAY_HOURS:
        return due
    return min(due, accepted_at + store.authorisation_hours * 3600)


# What a person must decide, since nothing was booked.
_ASIDE = {
    Result.DIVERGENT: "divergent_content",
    Result.CORRECTED: "corrected_sale",
    Result.REVERSED: "authorised_after_reversal",
    Result.SUPERSEDES: "number_supersedes",
}


def _flag(outcome: Outcome) -> str:
    if outcome.result is Result.TWICE:
        return "number_twice"
    return "void_of_booked" if outcome.facts.get("unauthorised") != "0" else "void_of_authorised"


def _of(outcome: Outcome) -> Reason:
    return Reason(outcome.code, outcome.facts)


def _posted(leased: LeasedDocument, *, duplicate: bool, told: Reason | None = None) -> Settlement:
    return Settlement(leased.id, leased.lease, "posted", told, duplicate=duplicate)


def _flagged(leased: LeasedDocument, reason: Reason) -> Settlement:
    return Settlement(leased.id, leased.lease, "posted", reason, flagged=True)


def _kept(leased: LeasedDocument, code: str, facts: dict[str, str]) -> Settlement:
    return Settlement(leased.id, leased.lease, "kept", Reason(code, facts))


def _rejected(leased: LeasedDocument, reason: Reason) -> Settlement:
    return Settlement(leased.id, leased.lease, "rejected", reason)
