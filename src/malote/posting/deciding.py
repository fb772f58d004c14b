"""From what the ERP answered to what becomes of the document. The only place that knows."""

from typing import assert_never

from malote import __version__
from malote.config import PostingSettings, StoreSettings
from malote.erp.protocol import ErpError, Outcome, Result
from malote.posting.evidence import ProgramFaultError
from malote.posting.retry import retry_at
from malote.spool.documents import LeasedDocument, Reason, Settlement

BREAKS_PROGRAM = "document_breaks_program"
MOST_FAULTS = 3  # alone, before a document that breaks the program is put aside


class Decider:
    """Decides by the store's rules. ``now`` is in seconds since the epoch."""

    def __init__(self, settings: PostingSettings, store: StoreSettings) -> None:
        self._settings = settings
        self._store = store

    def of_outcome(self, leased: LeasedDocument, outcome: Outcome, now: float) -> Settlement:
        match outcome.result:
            case Result.POSTED:
                return _posted(leased, duplicate=False, told=_of(outcome) if outcome.code else None)
            case Result.REFUSED:
                return _rejected(leased, _of(outcome))
            case Result.DUPLICATE | Result.PROTOCOL_ADDED:
                return _posted(leased, duplicate=True)
            case Result.DIVERGENT:
                return _rejected(leased, Reason(code="divergent_content", facts=outcome.facts))
            case Result.SALE_MISSING:
                return self._until(leased, now, self._store.sale_hours, "sale_not_here", "sale_never_came")
            case Result.NOT_AUTHORISED:
                hours = self._store.authorisation_hours
                return self._until(leased, now, hours, "not_authorised_yet", "never_authorised")
        assert_never(outcome.result)

    def of_error(
        self, leased: LeasedDocument, error: ErpError, now: float, facts: dict[str, str] | None = None
    ) -> Settlement:
        """``facts`` are the reason's; the error's own detail by default."""
        reason = Reason(error.code, facts or error.facts)
        return self.waiting(leased, reason, now) if error.transient else _rejected(leased, reason)

    def of_refusal(self, leased: LeasedDocument, error: ErpError, now: float) -> Settlement:
        """Of a permanent error that is this document's own.

        A fault of the program is given a few tries with the document alone, then the document is put aside: an update
        may know better, and until then it must not be in anybody's way.
        """
        if not isinstance(error, ProgramFaultError):
            return self.of_error(leased, error, now)
        before = leased.reason
        again = before is not None and before.code == error.code and before.facts.get("fault") == error.sign
        times = 1 + (int(before.facts.get("times", "0")) if before and again else 0)
        facts = {**error.facts, "times": str(times)}
        if times < MOST_FAULTS:
            return self.waiting(leased, Reason(error.code, facts), now)
        return _rejected(leased, Reason(BREAKS_PROGRAM, {**facts, "version": __version__}))

    def waiting(self, leased: LeasedDocument, reason: Reason, now: float) -> Settlement:
        """Until its turn comes again, by the reason and the attempts before."""
        again = retry_at(reason.code, leased.attempts, now, self._settings)
        return Settlement(leased.id, leased.lease, "waiting", reason, again)

    def _until(self, leased: LeasedDocument, now: float, hours: float, meanwhile: str, too_late: str) -> Settlement:
        """Waits for another document to come, and is rejected when it did not come in time."""
        deadline = leased.accepted_at + hours * 3600
        if now >= deadline:
            return _rejected(leased, Reason(code=too_late, facts={"hours": f"{hours:g}"}))
        waiting = self.waiting(leased, Reason(code=meanwhile), now)
        # Not beyond the deadline, so that the rejection comes in time.
        again = min(waiting.retry_at or deadline, deadline)
        return Settlement(leased.id, leased.lease, "waiting", waiting.reason, again)


def _of(outcome: Outcome) -> Reason:
    return Reason(outcome.code, outcome.facts)


def _posted(leased: LeasedDocument, *, duplicate: bool, told: Reason | None = None) -> Settlement:
    return Settlement(leased.id, leased.lease, "posted", told, duplicate=duplicate)


def _rejected(leased: LeasedDocument, reason: Reason) -> Settlement:
    return Settlement(leased.id, leased.lease, "rejected", reason)
