"""The loads' own thread: looks at the ERP, compares all at its time, and does what is planned."""

import threading
import time
from collections.abc import Callable

from sqlalchemy import Engine

from malote import log as logs
from malote.accounts.audit import SYSTEM
from malote.config import LoadsSettings
from malote.database.engine import reading, writing
from malote.database.errors import StoreError
from malote.erp.profiles.errors import ProfileError
from malote.erp.protocol import ErpError
from malote.loads import entity_rows, planning, versions
from malote.loads.declarations import Loaded
from malote.loads.entity_rows import StoredEntity
from malote.loads.held_again import HeldAgain
from malote.loads.limits import SEEN_WHOLE
from malote.loads.load_service import Loads
from malote.loads.planning import Plan
from malote.loads.unreadable import UnreadableEntities
from malote.loads.versions import LoadError
from malote.tills.till import TillError

LOOK_SECONDS = 0.5  # between two looks at the clock
_SHORT = 0.5  # seconds: what takes no longer is no burden, and is no shorter on a busy machine
_REST = 10  # times what a longer look at the ERP took: a tenth of its time at most, whatever its indexes
_LONGEST_REST = 60.0  # seconds

log = logs.get_logger("malote.loads")


class LoadRounds:
    """``run`` in a thread; ``step`` does what is due at a moment."""

    def __init__(
        self, engine: Engine, settings: LoadsSettings, loads: Loads, clock: Callable[[], float] = time.time
    ) -> None:
        self._engine = engine
        self._settings = settings
        self._loads = loads
        self._clock = clock
        self._looked_at = self._compared_at = self._planned_at = float("-inf")
        self._rest = settings.look_seconds  # from the beginning of one look to the next
        self._took = 0.0  # the look before
        self._unreadable = UnreadableEntities(loads.staging.opens)
        self._held = HeldAgain(loads.staging.signs)
        self._said = ""  # the trouble that was logged last

    def run(self, stop: threading.Event) -> None:
        while not stop.wait(LOOK_SECONDS):
            try:
                self.step()
            except (StoreError, ErpError, LoadError, ProfileError, TillError) as error:
                self._trouble(error.code)

    def step(self) -> None:
        """Raises ``StoreError``, ``ErpError``, ``LoadError``, ``ProfileError``, ``TillError``."""
        now = self._clock()
        if not self._loads.entities():
            return
        if self._compares(now):
            self._compared_at = now
            self._stage(whole=True, names=None)
        elif self._settings.look_seconds and now - self._looked_at >= self._rest:
            began = now
            try:
                self._look(now)
            finally:
                self._rest_after(self._clock() - began)
        self._do_planned(now)
        self._said = ""

    def _rest_after(self, took: float) -> None:
        """By the shorter of the last two looks: one that had much to load, or met a busy moment, delays nobody's
        prices."""
        usual, self._took = min(took, self._took), took
        longer = min(usual * _REST, _LONGEST_REST) if usual > _SHORT else 0.0
        self._rest = max(self._settings.look_seconds, longer)

    def _look(self, now: float) -> None:
        """At what has a column of changes, at what nothing was ever loaded of, at what the ERP gives again, at what
        a person confirmed while the ERP was away, say, and now and then at what waits for one."""
        self._looked_at = now
        with reading(self._engine) as connection:
            known = entity_rows.in_force(connection)
            waits = entity_rows.waiting(connection, now - self._settings.retry_minutes * 60)
            unreadable = versions.unreadable(connection)
            held, confirmed = entity_rows.waiting(connection, float("-inf")), entity_rows.confirmed(connection)
        entities = self._loads.entities()
        due = self._unreadable.worth_reading(unreadable & entities.keys())
        due |= self._held.changed(waits & entities.keys() - unreadable)
        seen_whole = {name for name, code in confirmed.items() if code in SEEN_WHOLE}
        due |= (confirmed.keys() - seen_whole) | (held - waits - unreadable)
        names = [
            name
            for name, one in entities.items()
            if name in due or (name not in waits and (name in unreadable or _is_looked_at(one, known.get(name))))
        ]
        for whole, some in ((True, sorted(seen_whole & entities.keys())), (False, names)):
            if some:
                self._stage(whole=whole, names=some)
        self._held.judged()

    def _compares(self, now: float) -> bool:
        """Whether the time to compare all has come since it was last done; not while nothing was ever loaded."""
        if not self._settings.compare or now < self._compared_at + self._settings.retry_minutes * 60:
            return False
        with reading(self._engine) as connection:
            compared = [one.compared_at for one in entity_rows.in_force(connection).values()]
        last = max((at for at in compared if at is not None), default=None)
        if last is None:
            return False
        due = planning.next_time(self._settings.compare, last, self._loads.zone())
        return due is not None and due <= now

    def _stage(self, *, whole: bool, names: list[str] | None) -> None:
        self._looked_at = self._clock()
        report = self._loads.staging.run(SYSTEM, names=names, whole=whole)
        if report.made:
            log.info("load_made", version=report.version, seconds=report.seconds)

    def _do_planned(self, now: float) -> None:
        if now < self._planned_at + self._settings.retry_minutes * 60:
            return
        for plan in self._loads.plans():
            if plan.next_at is not None and plan.next_at <= now:
                self._planned_at = now
                self._do(plan, now)
                self._planned_at = float("-inf")

    def _do(self, plan: Plan, now: float) -> None:
        """It is done with its order, in one transaction: an ERP that is away, or a kill, puts it off and no more."""
        try:
            self._loads.staging.run(SYSTEM, names=plan.wanted.entities or None, whole=plan.wanted.anew)
            if self._loads.order(plan.wanted, SYSTEM, plan=plan):
                log.info("load_planned", plan=plan.id)
        except (LoadError, TillError):
            # Of a till or an entity that is no more, say: waiting cures nothing, and other plans come next.
            with writing(self._engine) as connection:
                planning.claim(connection, plan, now)
            raise

    def _trouble(self, code: str) -> None:
        if code != self._said:
            log.warning("loads_wait", code=code)
        self._said = code


def _is_looked_at(declared: Loaded, known: StoredEntity | None) -> bool:
    return bool(declared.source.changed) or known is None or known.entity != declared.entity
