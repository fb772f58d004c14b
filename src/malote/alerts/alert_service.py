"""The alerts as the faces and the server's rounds use them. They run in a thread of their own, beside all sales."""

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime

from sqlalchemy import Engine

from malote import log as logs
from malote import rejection
from malote.accounts import audit
from malote.accounts.audit import Actor
from malote.alerts import notices
from malote.alerts.messages import message, test_message
from malote.alerts.notices import ToldNotice
from malote.alerts.policy import AlertCause, AlertNotice, CauseState, Policy, causes, decide
from malote.alerts.targets import AlertTarget, Sender, TargetsError, steps_of, targets_of
from malote.business_day import business_day
from malote.config import Settings
from malote.database.engine import writing
from malote.database.errors import StoreError
from malote.findings import listing
from malote.tills.clocks import store_clock

ROUND_SECONDS = 20.0
LONGEST_SILENCE_HOURS = 24 * 30.0

log = logs.get_logger("malote.alerts")


class Alerts:
    """Safe for threads, but for ``run``. Methods raise ``StoreError``, and ``TargetsError`` where they send."""

    def __init__(
        self, engine: Engine, settings: Settings, clock: Callable[[], float] = time.time, send: Sender | None = None
    ) -> None:
        self._engine = engine
        self._settings = settings
        self._clock = clock
        self._send = send or Sender(settings.alerts.timeout_seconds)

    def targets(self) -> list[AlertTarget]:
        return targets_of(self._settings.alerts, self._settings.home_path)

    def told(self, limit: int = 50) -> list[ToldNotice]:
        """The newest first."""
        return notices.newest(self._engine, limit)

    def states(self) -> list[CauseState]:
        """What is known of each cause, by code."""
        return sorted(notices.states(self._engine).values(), key=lambda one: one.code)

    def test(self, actor: Actor) -> list[tuple[AlertTarget, bool]]:
        """Sends a message to each target now; whether each took it. It stands in the audit trail."""
        title, body = test_message(self._settings)
        done = [(target, self._send(target, title, body)) for target in self.targets()]
        after: dict[str, str | int] = {"targets": len(done), "taken": sum(taken for _, taken in done)}
        with writing(self._engine) as connection:
            audit.record(connection, actor, "alerts_tested", "alerts", after=after, now=self._clock())
        return done

    def silence(self, code: str, hours: float, actor: Actor, *, reason: str = "") -> float:
        """Until when nothing of the cause is told; 0 hours end a silence. Raises ``KeyError`` for no code."""
        if code not in rejection.catalogue():
            raise KeyError(code)
        now = self._clock()
        until = now + min(max(hours, 0.0), LONGEST_SILENCE_HOURS) * 3600
        with writing(self._engine) as connection:
            notices.silence(connection, code, until, now)
            after: dict[str, str | float] = {"code": code, "hours": hours}
            audit.record(connection, actor, "alert_silenced", f"alert:{code}", after=after, reason=reason, now=now)
        return until

    def run(self, stop: threading.Event) -> None:
        """Looks and tells until told to stop."""
        while not stop.wait(ROUND_SECONDS):
            try:
                self.step()
            except StoreError as error:
                log.warning("alerts_wait", code=error.code)
            except TargetsError as error:
                log.error("alert_targets_unusable", line=error.line)

    def step(self) -> int:
        """One look. How many messages were sent."""
        targets = self.targets()
        if not targets:
            return 0
        now = self._clock()
        day = business_day(self._settings.books)
        here = datetime.fromtimestamp(now, UTC).astimezone(store_clock(self._engine, day.zone))
        today = day.of(here.isoformat()) or here.date()
        found = causes(listing.findings(self._engine, now))
        known = notices.states(self._engine)
        told, changed = decide(self._policy(targets), found, known, now, here, today)
        rows = [row for one in told for row in self._rows(one, targets)]
        notices.decided(self._engine, changed, rows, now)
        return self._deliver({one.id: one for one in targets}, now)

    def _deliver(self, targets: dict[str, AlertTarget], now: float) -> int:
        notices.drop(self._engine, targets)
        sent = 0
        failed: set[str] = set()
        for one in notices.due(self._engine, now):
            # One target's trouble costs one wait in a round.
            taken = one.target not in failed and self._send(targets[one.target], one.title, one.body)
            failed |= set() if taken else {one.target}
            notices.settle(self._engine, one, self._clock(), sent=taken)
            sent += taken
        return sent

    def _rows(self, one: AlertNotice, targets: list[AlertTarget]) -> list[dict[str, object]]:
        after = steps_of(targets)[one.step] if one.step < len(steps_of(targets)) else None
        zone = store_clock(self._engine, business_day(self._settings.books).zone)
        title, body = message(self._settings, one, zone)
        cause: AlertCause | None = one.cause
        return [
            {
                "code": one.code,
                "kind": one.kind,
                "target": target.id,
                "title": title,
                "body": body,
                "count": cause.count if cause else 0,
                "value": cause.value if cause else 0,
            }
            for target in targets
            if target.after == after
        ]

    def _policy(self, targets: list[AlertTarget]) -> Policy:
        chosen = self._settings.alerts
        return Policy(
            grace=chosen.grace_minutes * 60,
            least_weight=chosen.least_weight,
            least_cents=chosen.least_cents,
            steps=steps_of(targets),
            quiet_hours=chosen.quiet_hours,
            quiet_weight=chosen.quiet_weight,
        )
