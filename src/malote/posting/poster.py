"""Lease, post, settle: the loop that takes documents from the spool to the ERP.

It may die between any two of its lines. What was leased comes back when the lease runs out; what the ERP committed
stands in its ledger, and is settled as posted at the next attempt. So nothing is lost, and nothing is booked twice.
"""

import os
import secrets
import socket
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial

import msgspec
from sqlalchemy import Engine

from malote import incidents
from malote import log as logs
from malote.config import PostingSettings, StoreSettings
from malote.database.errors import StoreError
from malote.erp.protocol import LOCKED, Erp, ErpError, Outcome, Posting, Result
from malote.fiscal.documents import content_hash
from malote.posting.joiner import Joiner
from malote.posting.ledger import LedgerGuard
from malote.posting.locked_rows import post_around
from malote.posting.lookout import Lookout
from malote.posting.pace import Pace
from malote.posting.program_faults import ProgramFaults
from malote.posting.refusal_evidence import Refusal, RefusalEvidence, general
from malote.posting.reversals import Reversals
from malote.posting.settlement import Decider, no_room
from malote.posting.suspects import ALONE, Meeting, met_among, post_apart
from malote.register import rejected_handover, replaying
from malote.spool import number_rivals, outages
from malote.spool.documents import LeasedDocument, RejectedDocument, Settlement
from malote.spool.mapped_codes import MappedCodes, renamed
from malote.spool.presence import PosterPresence
from malote.spool.queue import Queue

# A spool in which there was nothing for so many looks (two seconds) is looked at this much more rarely, until something
# comes: at night five looks a second would be most of what the server does. What this process accepts wakes the poster.
IDLE_ROUNDS = 10
RARER = 5

HINDERED_SECONDS = 30.0  # longer than between two tries of what waits for the whole ERP

log = logs.get_logger("malote.posting")


class Poster:
    """One poster over one spool and one ERP. Not safe for threads; any number may work side by side."""

    def __init__(
        self,
        spool: Queue,
        engine: Engine,
        open_erp: Callable[[], Erp],
        keep_rejected: Callable[[RejectedDocument], object],
        settings: PostingSettings,
        store: StoreSettings,
        clock: Callable[[], float] = time.time,
        lookout: Lookout | None = None,
        codes: Callable[[], MappedCodes] = MappedCodes,
        presence: PosterPresence | None = None,
        guard: LedgerGuard | None = None,
    ) -> None:
        """``engine``: the store database, where everything about the documents stands; ``spool``: what hands them out.

        ``keep_rejected`` puts a document into the quarantine durably, or raises ``OSError``. ``lookout`` tells who
        holds a lock that is met, ``codes`` what the ERP calls otherwise; ``presence`` tells everybody that
        the poster is at work, as the sessions of ``open_erp`` tell it.

        Raises what ``open_erp`` raises for an address that can't be right; an ERP that is away is none of it.
        """
        self._spool = spool
        self._engine = engine
        self._erp = open_erp()
        self._keep = keep_rejected
        self._settings = settings
        self._decider = Decider(settings, store, partial(outages.lost, engine), self._erp.tables)
        self._joiner = Joiner(engine)
        self._reversals = Reversals(engine, self._erp, store, self._supersede, clock)
        self._clock = clock
        self._lookout = lookout or Lookout(None, clock=clock)
        self._codes = codes
        self._presence = presence
        self._evidence = RefusalEvidence()
        self._guard = guard
        self._hindrance: ErpError | None = None  # what kept the last round from booking anything
        self._hindered_at = self._booked_at = float("-inf")  # the last round that tried, the last that booked
        self._faults = ProgramFaults()
        self._general: ErpError | None = None  # what everything of one kind is refused for
        self._pace = Pace.full(settings)
        self._held: list[LeasedDocument] = []
        self._failure: ErpError | None = None  # what kept documents of the last step waiting, if it was transient
        self._flows = True  # whether the last step got anything through
        self._idle_rounds = 0
        self._owner = self._lookout.program or f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
        if self._erp.patience_seconds >= settings.lease_seconds:
            # Harmless, thanks to the ledger, but work done twice.
            log.warning("lease_too_short", lease=settings.lease_seconds, erp_may_take=self._erp.patience_seconds)

    def run(self, stop: threading.Event) -> None:
        """Posts until told to stop; then what it holds is settled or given back, and the ERP's connection closed."""
        try:
            while not stop.is_set():
                pause = self._round()
                if self._pace.rest:
                    stop.wait(pause)
                else:
                    self._spool.wait_for_arrivals(pause)
        finally:
            self.close()

    def close(self) -> None:
        self._erp.close()
        self._lookout.close()
        if self._presence is not None:
            self._presence.close()

    def drain(self) -> int:
        """Posts what is due now, until nothing is. How many documents were handled.

        Raises the transient ``ErpError`` that keeps documents waiting, once all others are posted, and ``StoreError``.
        """
        handled, met = 0, None
        while step := self.step():
            handled += step
            met = met or self._failure
            if self._failure and not self._flows:
                raise self._failure
        if self._guard is not None:
            self._guard.look(self._erp)  # also where nothing was due
        if met:
            raise met
        return handled

    def step(self) -> int:
        """Leases one batch, posts it, settles it. How many documents that were; 0 when nothing was due.

        Raises ``StoreError``, when the spool can't be reached; what was leased then is given back by the next step.
        """
        if self._held:
            self._spool.release(self._held)
        self._held = self._spool.lease(self._owner, self._pace.limit, self._settings.lease_seconds)
        if not self._held:
            return 0
        settlements, self._failure = self._post(self._held)
        self._settle(settlements)
        if self._guard is not None:
            self._guard.tried(self._held, self._failure)
        self._flows = any(one.state != "waiting" for one in settlements)
        if self._failure and not self._flows:
            self._pace = self._pace.after_failure(code=self._failure.code)
        else:
            self._pace = self._pace.after_success()
        handled, self._held = len(self._held), []
        return handled

    def _round(self) -> float:
        """One step, whatever happens in it. How long to rest afterwards, in seconds."""
        try:
            if self._presence is not None:
                hindrance = self._hindrance
                self._presence.renew(hindrance.code if hindrance else "", hindrance.facts if hindrance else None)
            handled = self.step()
            self._hindrance = self._hindered(handled)
        except StoreError as error:
            log.warning("spool_away", code=error.code, detail=error.detail)
            self._pace = self._pace.after_failure()
            return self._pace.rest
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001 - outermost loop: sales depend on it, whatever is raised
            self._set_aside(error)
            return self._pace.rest
        if handled:
            self._idle_rounds = 0
            return self._pace.rest
        self._idle_rounds += 1
        pause = self._settings.idle_seconds * (1 if self._idle_rounds <= IDLE_ROUNDS else RARER)
        return max(self._pace.rest, pause)

    def _hindered(self, handled: int) -> ErpError | None:
        """What keeps it from booking. A round with nothing due knows no better than the one that failed just before:
        what waits is tried again soon."""
        now = self._clock()
        if handled:
            self._hindered_at = now
            return None if self._flows else self._failure
        idle = self._guard.look(self._erp) if self._guard else None
        lasts = 0 <= now - self._hindered_at < HINDERED_SECONDS
        return idle or (self._hindrance if lasts else None)

    def _post(self, held: Sequence[LeasedDocument]) -> tuple[list[Settlement], ErpError | None]:
        """What is to become of the batch, and the transient error that keeps some or all of it waiting, if one does."""
        if self._guard is not None:
            try:
                self._guard.check(self._erp)
            except ErpError as error:
                log.warning("erp_waits", code=error.code, documents=len(held), facts=error.facts)
                return [self._decider.of_error(leased, error, self._clock()) for leased in held], error
        held, answered = self._joiner.join(held)
        by_id = {leased.id: leased for leased in held}
        tried, waiting = self._evidence.probes(held)
        batch, refused = self._prepared(tried)
        postings = {posting.document_id: posting for posting in batch}
        untried, settlements, failure = set(postings), answered, None
        began = self._clock()
        post = partial(post_around, self._book, self._lookout.held, cautious=self._lookout.cautious)
        for part, result in post_apart(post, batch, met_among(tried)):
            now = self._clock()
            untried -= {one.document_id for one in part}
            if not isinstance(result, ErpError):
                settlements += [self._decided(by_id[one.document_id], postings[one.document_id], one) for one in result]
                booked = [one.document_id for one in result if one.result is Result.POSTED]
                self._evidence.passed([by_id[one].document for one in booked])
                self._booked_at = now if booked else self._booked_at
                continue
            if not result.transient:
                refused += [(by_id[one.document_id], result) for one in part]
                continue
            facts = self._lookout.facts(result, began) if result.code == LOCKED else result.facts
            met = [by_id[one.document_id] for one in part]
            waits = self._decider.of_trouble(met, result, Meeting(began, self._booked_at, facts), now)
            settlements += waits
            if any(one.reason is None or one.reason.code != ALONE for one in waits):
                failure = result
            log.warning("erp_waits", code=result.code, detail=facts["detail"], documents=len(part))
        settlements += [self._decider.put_off(by_id[document_id], self._clock()) for document_id in untried]
        return settlements + self._judged(refused, waiting), self._general or failure

    def _judged(self, refused: Sequence[Refusal], waiting: Sequence[Refusal]) -> list[Settlement]:
        """What was refused for good: the document's own fault, or trouble that all of its kind meet."""
        verdict = self._evidence.judge(refused)
        if verdict.recalled:
            log.warning(
                "refusals_recalled",
                documents=len(replaying.replay(self._engine, verdict.recalled, now=self._clock()).ids),
            )
        now = self._clock()
        all_waiting = [*waiting, *verdict.waiting]
        self._general = general(all_waiting[0][1]) if all_waiting else None
        if self._general:
            log.warning("erp_waits", code=self._general.code, documents=len(all_waiting), facts=self._general.facts)
        met = [self._decider.of_general(leased, error, now) for leased, error in verdict.waiting]
        for (leased, _), settlement in zip(verdict.waiting, met, strict=True):
            if settlement.state == "rejected":
                self._evidence.put_aside(leased)
        return [
            *(self._decider.of_refusal(leased, error, now) for leased, error in verdict.at_fault),
            *(self._decider.untried(leased, general(error), now) for leased, error in waiting),
            *met,
        ]

    def _prepared(self, held: Sequence[LeasedDocument]) -> tuple[list[Posting], list[Refusal]]:
        codes, rivals = self._codes(), number_rivals.booked(self._engine, held)
        batch: list[Posting] = []
        refused: list[Refusal] = []
        for leased in held:
            try:
                batch.append(_posting(leased, codes, rivals.get(leased.id, frozenset())))
            except Exception as error:  # noqa: BLE001 - it must concern this document alone
                refused.append((leased, self._faults.of(error)))
        return batch, refused

    def _decided(self, leased: LeasedDocument, posting: Posting, outcome: Outcome) -> Settlement:
        now = self._clock()
        try:
            outcome, took_back = self._reversals.settled(leased, posting, outcome)
        except ErpError as error:
            decided = self._decider.of_error if error.transient else self._decider.of_refusal
            return decided(leased, error, now)
        settlement = self._joiner.told(leased, outcome, self._decider.of_outcome(leased, outcome, now))
        return msgspec.structs.replace(settlement, took_back=took_back)

    def _supersede(self, posting: Posting) -> Outcome:
        with self._lookout.attempt():
            return self._erp.supersede(posting)

    def _book(self, batch: Sequence[Posting]) -> list[Outcome]:
        try:
            with self._lookout.attempt():
                return self._erp.post(batch)
        except (ErpError, StoreError):
            raise
        except (Exception, SystemExit) as error:
            if isinstance(error, OSError) and incidents.is_of_the_machine(error):
                raise
            # As a refusal, so that the batch is halved down to the document that brings it about: memory that one alone
            # fills, and an exit that some library asks for, too.
            raise self._faults.of(error) from error

    def _settle(self, settlements: Sequence[Settlement]) -> None:
        """Puts the rejected ones into the quarantine, then records what became of all."""
        kept = [self._kept(one) if one.state == "rejected" else one for one in settlements]
        counted = self._spool.settle(kept)
        rejected = [one.document_id for one in kept if one.state == "rejected"]
        if rejected:
            rejected_handover.mark_kept(self._engine, rejected)
        for one in kept:
            if one.state == "rejected" and one.reason:
                log.warning("rejected", document=one.document_id, code=one.reason.code, facts=one.reason.facts)
            elif one.state == "posted" and one.reason:
                log.warning(one.reason.code, document=one.document_id, **one.reason.facts)
        if counted < len(kept):
            log.warning("lease_lost", documents=len(kept) - counted)
        log.info("settled", posted=sum(one.state == "posted" for one in kept), documents=len(kept))

    def _kept(self, settlement: Settlement) -> Settlement:
        """The rejection once its file is safe in the quarantine; until it can be, the document waits."""
        reason = settlement.reason
        assert reason is not None  # noqa: S101 a rejection always has its reason
        now = self._clock()
        document = rejected_handover.about_to_be(self._engine, settlement.document_id, reason, now)
        try:
            self._keep(document)
        except OSError as error:
            log.error("quarantine_unusable", error=error.strerror)
            leased = next(one for one in self._held if one.id == settlement.document_id)
            return self._decider.waiting(leased, no_room(error), now)
        return settlement

    def _set_aside(self, error: BaseException) -> None:
        """After a fault of the program outside the booking: the batch waits, said as such, and the next one is of a
        single document. So the one that brings the fault about doesn't hold back the others; alone it is judged.
        """
        fault, held, self._held = self._faults.of(error), self._held, []
        log.error("poster_failed", documents=len(held), **fault.facts)
        self._hindrance = general(fault)
        self._pace = self._pace.after_failure(probe=1)
        try:
            if len(held) == 1 and not isinstance(error, OSError):
                self._held = held
                self._settle(self._judged([(held[0], fault)], []))
            else:
                now = self._clock()
                self._spool.settle([self._decider.untried(leased, general(fault), now) for leased in held])
        except StoreError as store_error:
            log.warning("spool_away", code=store_error.code, detail=store_error.detail)
        except Exception as another:  # noqa: BLE001 - then the lease runs out, and it is tried again
            self._faults.of(another)
        self._held = []


def _posting(leased: LeasedDocument, codes: MappedCodes, rivals: frozenset[str] = frozenset()) -> Posting:
    # The hash is the document's own: a mapping made or changed later must not make it another sale.
    read, own = leased.document, content_hash(leased.document)
    return Posting(leased.id, leased.till, renamed(read, codes), own, leased.again, read, rivals)
