"""Delivering to one webhook: in order, each until it is taken; one that it alone refuses never holds back the others.

What fails is tried again later, and nothing behind it is sent meanwhile. Only where the same one fails several times
and the next one is taken is it the document's trouble and not the consumer's: it is set aside, told, and tried again
at a slow pace.
"""

import threading
import time
from collections.abc import Callable, Iterator
from typing import Literal, Protocol

import msgspec
from sqlalchemy import Engine

from malote import log as logs
from malote.backoff import pause
from malote.consumers import ledger, signing
from malote.consumers.accounts import Consumer
from malote.consumers.calling import CallError
from malote.consumers.ledger import Claim
from malote.consumers.lines import Telling, lines_of
from malote.database.engine import writing
from malote.spool import feed
from malote.spool.feed import Change

AT_ONCE = 50  # deliveries between two commits: as many come again, under the same ids, when the machine dies
TURN_SECONDS = 20.0  # after which no other delivery is begun
PROBE_AFTER = 3  # failures with an answer, before the next one is tried past it
RETRY_FIRST_SECONDS = 1.0
REFUSED_FIRST_SECONDS = 600.0
REFUSED_LONGEST_SECONDS = 86400.0

Outcome = Literal["idle", "delivered", "failed"]
log = logs.get_logger("malote.consumers")


class WebhookPost(Protocol):
    """Returns when it was taken; raises ``CallError``."""

    def __call__(self, url: str, body: bytes, headers: dict[str, str]) -> None: ...


class Delivery(msgspec.Struct, frozen=True):
    """To whom, how and what. ``secret``: of the consumer as it is now."""

    engine: Engine
    consumer: Consumer
    telling: Telling
    secret: bytes
    post: WebhookPost
    retry_longest: float = 600.0  # seconds
    clock: Callable[[], float] = time.time


def turn(delivery: Delivery, stop: threading.Event) -> Outcome:
    """Delivers some of what is new, and what was refused and may be tried again. Raises ``StoreError``."""
    now = delivery.clock()
    new = feed.number(delivery.engine) > delivery.consumer.got
    if not new and not ledger.due_refusals(delivery.engine, delivery.consumer.id, now):
        return "idle"
    held = ledger.claim(delivery.engine, delivery.consumer.id, now)
    if held is None:
        return "idle"
    try:
        until = time.monotonic() + TURN_SECONDS

        def over() -> bool:
            return stop.is_set() or time.monotonic() > until

        outcome = _deliver(delivery, held, over)
        if outcome != "failed":
            _deliver_refused(delivery, held, over)
        return outcome
    finally:
        ledger.release(delivery.engine, held)


def message(change: Change) -> str:
    """The id of what is sent about a change: the same in every attempt, and of no other change of any server."""
    return f"malote-{change.cursor}"


def _deliver(delivery: Delivery, held: Claim, over: Callable[[], bool]) -> Outcome:
    changes = feed.changes(delivery.engine, held.got, AT_ONCE)
    taken: list[int] = []
    failure: CallError | None = None
    for change, body in _bodies(delivery, changes):
        if over():
            break
        failure = _try(delivery, change, body)
        if failure is not None:
            break
        taken.append(change.number)
    _note(delivery, held, taken)
    if failure is not None:
        return _after_failure(delivery, held, changes[len(taken) :], failure, first=not taken)
    return "delivered" if taken else "idle"


def _note(delivery: Delivery, held: Claim, taken: list[int]) -> None:
    if taken:
        with writing(delivery.engine) as connection:
            ledger.delivered(connection, held, taken, delivery.clock())


def _after_failure(delivery: Delivery, held: Claim, left: list[Change], failure: CallError, *, first: bool) -> Outcome:
    """Tries the next one past a culprit, if it is one; else all wait. ``first``: nothing was taken before it."""
    attempts = held.attempts if first else 0
    if failure.answered and attempts >= PROBE_AFTER and len(left) > 1:
        culprit, probe = left[:2]
        ((_, body),) = _bodies(delivery, [probe])
        if _try(delivery, probe, body) is None:
            _set_aside(delivery, held, culprit, probe, failure)
            return "delivered"
    now = delivery.clock()
    retry_at = now + pause(attempts, RETRY_FIRST_SECONDS, delivery.retry_longest)
    log.warning("webhook_waits", consumer=delivery.consumer.name, code=failure.reason.code, attempts=attempts + 1)
    with writing(delivery.engine) as connection:
        ledger.failed(connection, held, failure.reason, now, retry_at)
    return "failed"


def _set_aside(delivery: Delivery, held: Claim, culprit: Change, probe: Change, failure: CallError) -> None:
    log.warning("webhook_refuses", consumer=delivery.consumer.name, change=culprit.number, status=failure.answered)
    now = delivery.clock()
    with writing(delivery.engine) as connection:
        if ledger.refused(connection, held, culprit.number, failure.answered, now, now + REFUSED_FIRST_SECONDS):
            ledger.delivered(connection, held, [probe.number], now)


def _deliver_refused(delivery: Delivery, held: Claim, over: Callable[[], bool]) -> None:
    for refusal in ledger.due_refusals(delivery.engine, delivery.consumer.id, delivery.clock()):
        change = feed.change(delivery.engine, refusal.number)
        if change is None or over():
            return
        ((_, body),) = _bodies(delivery, [change])
        failure = _try(delivery, change, body)
        now = delivery.clock()
        with writing(delivery.engine) as connection:
            if failure is None:
                ledger.taken_after_all(connection, held, refusal.number, now)
                continue
            wait = pause(refusal.attempts, REFUSED_FIRST_SECONDS, REFUSED_LONGEST_SECONDS)
            ledger.refused_again(connection, held, refusal.number, failure.answered or refusal.status, now + wait)


def _try(delivery: Delivery, change: Change, body: bytes) -> CallError | None:
    headers = signing.headers(delivery.secret, message(change), body, delivery.clock())
    try:
        delivery.post(delivery.consumer.address, body, headers)
    except CallError as error:
        return error
    return None


def _bodies(delivery: Delivery, changes: list[Change]) -> Iterator[tuple[Change, bytes]]:
    for change, line in lines_of(delivery.engine, delivery.telling, changes):
        yield change, msgspec.json.encode(line)
