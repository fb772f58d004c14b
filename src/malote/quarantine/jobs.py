"""What is ordered for many documents or tills at once is a job: the list is frozen, the server works it off.

A job survives a restart: each batch is settled in the transaction that does it, so that whoever takes the job up
begins with what is open still. One bad document stops nothing: its batch is tried one by one.
"""

import os
import secrets
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress

from sqlalchemy import Connection

from malote import incidents
from malote import log as logs
from malote.accounts import audit
from malote.accounts.audit import Actor
from malote.database.engine import reading, writing
from malote.database.errors import StoreError
from malote.quarantine import deleting, job_store, replaying
from malote.quarantine.dependencies import QuarantineParts
from malote.quarantine.job_reports import AT_ONCE, Gauge, Job, Kind, RefusedPage
from malote.quarantine.quarantine_reports import QuarantineError, Refused, Selection
from malote.quarantine.synchronising import Synchronisation

BATCH = 200
LOOK_SECONDS = 1.0  # between looks for a job
WAIT_SECONDS = 5.0  # after trouble that passes by itself
DRAFT_SECONDS = 3600.0  # that a person may think before confirming
KEPT_DAYS = 90.0

log = logs.get_logger("malote.jobs")


class Jobs:
    """Safe for threads. Methods raise ``StoreError``, and with no job's id ``QuarantineError`` ``job_unknown``."""

    def __init__(self, parts: QuarantineParts, synchronisation: Synchronisation) -> None:
        self._parts = parts
        self._synchronisation = synchronisation
        self._owner = f"{os.getpid()}:{secrets.token_hex(4)}"
        self._wake = threading.Event()

    # ---- what people do ----

    def gauge(self, kind: Kind, selection: Selection) -> Gauge:
        """How much a selection is now, in documents and cents."""
        with reading(self._parts.engine) as connection:
            return job_store.gauge(connection, selection, kind)

    def freeze(self, kind: Kind, selection: Selection, actor: Actor) -> Job:
        """A draft of exactly what the selection is at this moment. Nothing is done before ``start``."""
        now = self._parts.clock()
        with writing(self._parts.engine) as connection:
            job_id = job_store.create(connection, kind, selection.till or "", actor, now)
            job_store.freeze(connection, job_id, selection, kind)
            return _found(connection, job_id)

    def freeze_tills(self, tills: Sequence[str] | None, actor: Actor) -> Job:
        """A draft of a synchronisation of these tills, or of all that are enabled. Raises ``TillError``."""
        chosen = self._synchronisation.chosen(tills)
        with writing(self._parts.engine) as connection:
            name = chosen[0].name if len(chosen) == 1 else ""
            job_id = job_store.create(connection, "synchronise", name, actor, self._parts.clock())
            job_store.add(connection, job_id, {till.id: 0 for till in chosen})
            job_store.count(connection, job_id)
            return _found(connection, job_id)

    def start(self, job_id: int, actor: Actor, *, last_copy_reason: str | None = None) -> Job:
        """Has a draft carried out.

        Raises ``QuarantineError``: ``job_not_draft``, ``reason_needed``, ``job_of_another``.
        """
        reason = None if last_copy_reason is None else deleting.typed(last_copy_reason)
        with writing(self._parts.engine) as connection:
            draft = _found(connection, job_id)
            if draft.asked_by != actor.name:
                raise QuarantineError("job_of_another", job=str(job_id), name=draft.asked_by)
            values = {"state": "running", "reason": reason or "", "forced": reason is not None}
            if not job_store.change(connection, job_id, ["draft"], **values):
                raise QuarantineError("job_not_draft", job=str(job_id))
            started = _found(connection, job_id)
            self._record(connection, actor, "job_started", started, reason or "")
        self._wake.set()
        return started

    def stop(self, job_id: int, actor: Actor) -> Job:
        """Has the rest of its list left as it is. One that is over stays what it is."""
        with writing(self._parts.engine) as connection:
            _found(connection, job_id)
            if job_store.change(connection, job_id, ["running"], state="stopping", stopped_by=actor.name):
                self._record(connection, actor, "job_stopped", _found(connection, job_id))
            stopped = _found(connection, job_id)
        self._wake.set()
        return stopped

    def undo(self, job_id: int, actor: Actor) -> Job:
        """Begins a job that takes back what one that is over has deleted.

        Raises ``QuarantineError`` ``job_not_undone``.
        """
        with writing(self._parts.engine) as connection:
            before = _found(connection, job_id)
            if before.kind != "delete" or not before.over:
                raise QuarantineError("job_not_undone", job=str(job_id))
            new = job_store.create(connection, "restore", before.till, actor, self._parts.clock(), undoes=job_id)
            job_store.freeze_done(connection, new, job_id)
        return self.start(new, actor)

    def find(self, job_id: int) -> Job:
        with reading(self._parts.engine) as connection:
            return _found(connection, job_id)

    def recent(self, till: str | None = None, limit: int = 50) -> list[Job]:
        """The newest first, of a till or of all."""
        with reading(self._parts.engine) as connection:
            return job_store.recent(connection, till, limit)

    def refused(self, job_id: int, *, after: int = 0, limit: int = 50) -> RefusedPage:
        """What it left as it was, each with its reason."""
        with reading(self._parts.engine) as connection:
            _found(connection, job_id)
            return job_store.refusals(connection, job_id, after, limit)

    # ---- whoever carries them out ----

    def run(self, stop: threading.Event) -> None:
        """Works off what there is, until told to stop; what it was at is then anybody's at once."""
        with self._given_back():
            while not stop.is_set():
                try:
                    busy = self.step()
                except StoreError as error:
                    log.warning("jobs_wait", code=error.code)
                    busy = False
                if not busy:
                    self._wake.wait(LOOK_SECONDS)
                    self._wake.clear()

    def work(self, job_id: int, tell: Callable[[Job], None] = lambda _: None) -> Job:
        """Carries one out here, or watches who does, until it is over."""
        with self._given_back():
            while not (job := self.find(job_id)).over:
                tell(job)
                if not self.step(job_id):
                    time.sleep(LOOK_SECONDS / 5)
        return job

    @contextmanager
    def _given_back(self) -> Iterator[None]:
        try:
            yield
        finally:
            with suppress(StoreError), writing(self._parts.engine) as connection:
                job_store.give_back(connection, self._owner)

    def step(self, job_id: int | None = None) -> bool:
        """One batch of the oldest job, or of this one; whether there was anything to do."""
        with reading(self._parts.engine) as connection:
            # An idle server looks often: it must not take the write lock for that.
            if not job_store.claimable(connection, self._owner, self._parts.clock(), job_id):
                return False
        with writing(self._parts.engine) as connection:
            job = job_store.claim(connection, self._owner, self._parts.clock(), job_id)
            if job is None:
                return False
            batch = [] if job.state == "stopping" else job_store.batch(connection, job.id, BATCH)
            if not batch:
                state = "stopped" if job.state == "stopping" and job.left else "done"
                self._end(connection, job, state)
                return True
        try:
            self._carry_out(job, batch)
        except (StoreError, OSError) as error:
            self._wait(job, getattr(error, "code", "disk_full"))
            return False
        return True

    def forget(self) -> int:
        """Drops what nobody confirmed, and what is long over; how many."""
        now = self._parts.clock()
        with writing(self._parts.engine) as connection:
            return job_store.forget(connection, now - DRAFT_SECONDS, now - KEPT_DAYS * 86400)

    def _carry_out(self, job: Job, batch: Sequence[int]) -> None:
        """Raises ``StoreError``, ``OSError``: the batch stays open then. What breaks the program is refused alone."""
        try:
            self._act(job, batch)
        except StoreError:
            raise
        except Exception as error:
            if isinstance(error, OSError) and incidents.is_of_the_machine(error):
                raise
            if len(batch) > 1:
                for one in batch:
                    self._carry_out(job, [one])
                return
            self._set_aside(job, batch[0], error)

    def _act(self, job: Job, batch: Sequence[int]) -> None:
        actor, parts = Actor(job.asked_by, job.address), self._parts

        def settled(connection: Connection, done: Sequence[int], refused: Sequence[Refused]) -> None:
            job_store.settle(connection, job.id, done, refused)
            job_store.change(
                connection, job.id, ["running"], waits="", lease_until=parts.clock() + job_store.LEASE_SECONDS
            )

        match job.kind:
            case "delete":
                reason = job.reason if job.forced else None
                deleting.delete_listed(parts, batch, actor, settled, last_copy_reason=reason)
            case "restore":
                deleting.restore_listed(parts, batch, actor, settled)
            case "replay":
                replaying.replay_listed(parts, batch, actor, settled)
            case "synchronise":
                self._synchronisation.order_listed(batch, actor, settled)

    def _set_aside(self, job: Job, target: int, error: Exception) -> None:
        """A fault of the program, met with this one alone."""
        incident = incidents.report("job_item_failed", error, job=job.id, target=target)
        facts = {"detail": f"{type(error).__qualname__} {incident}"}
        with writing(self._parts.engine) as connection:
            job_store.settle(connection, job.id, [], [Refused(target, "server_failed", facts)])

    def _wait(self, job: Job, code: str) -> None:
        log.warning("job_waits", job=job.id, code=code)
        try:
            with writing(self._parts.engine) as connection:
                job_store.change(connection, job.id, ["running"], waits=code)
        except StoreError:
            pass  # the store database is what is away
        time.sleep(WAIT_SECONDS)

    def _end(self, connection: Connection, job: Job, state: str) -> None:
        job_store.change(
            connection,
            job.id,
            ["running", "stopping"],
            state=state,
            finished_at=self._parts.clock(),
            owner="",
            waits="",
        )
        self._record(connection, Actor(job.asked_by, job.address), "job_ended", _found(connection, job.id))

    def _record(self, connection: Connection, actor: Actor, action: str, job: Job, reason: str = "") -> None:
        names = ("kind", "state", "total", "total_cents", "done", "refused")
        after = {name: getattr(job, name) for name in names}
        on = f"till:{job.till}" if job.till else f"job:{job.id}"
        audit.record(
            connection, actor, action, on, after={"job": job.id, **after}, reason=reason, now=self._parts.clock()
        )


def _found(connection: Connection, job_id: int) -> Job:
    job = job_store.find(connection, job_id)
    if job is None:
        raise QuarantineError("job_unknown", job=str(job_id))
    return job


def is_large(gauge: Gauge) -> bool:
    """Whether nobody should wait for it."""
    return gauge.count > AT_ONCE
