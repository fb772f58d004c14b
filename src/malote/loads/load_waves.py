"""Whether it is a till's turn to get a load that goes out in waves; and what tills' word of it does to the wave."""

import time
from collections.abc import Callable
from typing import Literal

from sqlalchemy import Connection, Engine

from malote import wire
from malote.accounts import audit
from malote.accounts.audit import SYSTEM, Actor
from malote.config import LoadsSettings
from malote.database.engine import reading, writing
from malote.load_format.wire import LoadOrder
from malote.loads import back_rows, entity_rows, tills_held, wave_rows
from malote.loads.damaged_files import DAMAGED
from malote.loads.planning import Wanted
from malote.loads.wave_rows import ROWS, LoadRollout
from malote.orders import book
from malote.orders.rollout_rows import OPEN
from malote.orders.waves import WAVES, fails_much, open_wave, waves
from malote.remembered import Remembered
from malote.tills.till import Till, last_contacts, list_tills

LOOK_SECONDS = 1.0  # between two looks whether the next wave may open
_NEWEST_SECONDS = 0.5

# free   no roll-out says anything of the till
# waits  its wave isn't open, or the roll-out was stopped
# now    it is to be ordered what the roll-out has for it
Turn = Literal["free", "waits", "now"]
_APPROVED = {"none": WAVES, "canary": 1, "each": 1}  # the last wave that opens by itself


class LoadWaves:
    """Safe for threads. Methods raise ``StoreError``."""

    def __init__(self, engine: Engine, settings: LoadsSettings, clock: Callable[[], float] = time.time) -> None:
        self._engine = engine
        self._settings = settings
        self._clock = clock
        self._newest = Remembered[None, LoadRollout | None](lambda _: self._read_newest(), _NEWEST_SECONDS)
        # The newest roll-out, and its tills of which nothing more is to be said.
        self._through: tuple[int, set[int]] = (0, set())
        self._looked_at = float("-inf")

    def open_wave(self) -> int:
        """Up to which the newest roll-out is open, or ever was; 0 without one."""
        rollout = self._newest(None)
        return rollout.wave if rollout else 0

    def turn(self, till: Till, version: int, *, has_all: bool) -> tuple[Turn, LoadRollout | None]:
        """``version``: the newest; ``has_all``: whether the till has all of it."""
        rollout = self._newest(None)
        if self._settings.waves and _asks_for_one(rollout, version, has_all=has_all):
            rollout = self._begin(version)
        if rollout is None or self._gives_way(rollout, version):
            return "free", rollout
        through = self._through_of(rollout.id)
        if till.id in through:
            return "free", rollout
        if rollout.state == "cancelled":
            return self._outside(has_all=has_all), rollout
        with reading(self._engine) as connection:
            mine = ROWS.state_of(connection, rollout.id, till.id)
        if mine is None and not rollout.everyone:
            if not self._settings.waves:
                through.add(till.id)
            return self._outside(has_all=has_all), rollout
        if mine is not None and mine[1] == "done":
            through.add(till.id)
            return "free", rollout
        if mine is None or (has_all and not rollout.anew):
            with writing(self._engine) as connection:
                self._meet(connection, rollout.id, till, has_it=has_all and not rollout.anew)
            return "waits", rollout
        wave, state = mine
        if rollout.state == "done":  # the till failed, among few enough: it tries again by itself
            return "free", rollout
        if rollout.state == "running" and wave <= rollout.wave:
            return ("now" if state == "pending" else "free"), rollout
        self._look(rollout)
        return "waits", rollout

    def offer(self, connection: Connection, rollout: LoadRollout, till: Till) -> bool:
        """Notes that the till is told, in the transaction that places its order; False where it no longer may be."""
        row = wave_rows.newest(connection, locked=True)
        mine = ROWS.state_of(connection, rollout.id, till.id)
        if row is None or row.id != rollout.id or row.state != "running" or mine is None:
            return False
        if mine[0] > row.wave or mine[1] != "pending":
            return False
        ROWS.mark(connection, rollout.id, till.id, state="offered", offered_at=self._clock())
        return True

    def heard(self, connection: Connection, till: Till, payload: LoadOrder, said: wire.OrderProgress) -> None:
        """How an order ended: it opens the next wave, or stops all."""
        row = wave_rows.newest(connection, locked=True)
        if row is None or payload.version < row.version or (row.anew and not payload.anew) or payload.items:
            return
        if said.state not in ("done", "failed") or ROWS.state_of(connection, row.id, till.id) is None:
            return
        now = self._clock()
        code, facts = book.reason_of(said) if said.state == "failed" else ("", "{}")
        values = {"reported_at": now, "seconds": said.seconds, "code": code, "facts": facts}
        ROWS.mark(connection, row.id, till.id, state=said.state, **values)
        if said.state == "done":
            self.advance(connection, row.id)
        elif row.state == "running":
            its = wave_rows.standings(connection, row.id, row.wave, self.heard_since())
            if fails_much(its, row.wave, self._settings.error_percent):
                ROWS.stop(connection, row.id, code, till.name, now)
            else:
                self.advance(connection, row.id)

    def mended(self, till: Till) -> None:
        """The till failed for a file that had rotted at the server and is made anew: it is told again, and a roll-out
        that stopped for that goes on. One that a person stopped, or that failed otherwise, doesn't."""
        with writing(self._engine) as connection:
            row = wave_rows.newest(connection, locked=True)
            mine = ROWS.state_of(connection, row.id, till.id) if row is not None else None
            if row is None or mine is None or mine[1] != "failed":
                return
            ROWS.mark(connection, row.id, till.id, state="pending", offered_at=None)
            its = wave_rows.standings(connection, row.id, row.wave, self.heard_since())
            is_mended = not fails_much(its, row.wave, self._settings.error_percent)
            if row.state == "stopped" and row.code == DAMAGED and is_mended:
                ROWS.again(connection, row.id, {})
                audit.record(connection, SYSTEM, "load_rollout_resumed", f"load_rollout:{row.id}", now=self._clock())
        self._newest.forget()

    def leave(self, connection: Connection, till: Till, back_from: int) -> None:
        """The till is kept at an earlier load: no wave waits for it. A person has judged what was taken back there, so
        that a roll-out of it stops for the other tills until a person lets it go on."""
        row = wave_rows.newest(connection, locked=True)
        if row is None:
            return
        wave_rows.leave(connection, row.id, till.id)
        if row.state == "running" and row.version == back_from:
            ROWS.stop(connection, row.id, "load_rolled_back", till.name, self._clock())
        else:
            self.advance(connection, row.id)

    def advance(self, connection: Connection, rollout_id: int) -> None:
        """Opens the next wave, or notes the end."""
        row = wave_rows.newest(connection, locked=True)
        if row is None or row.id != rollout_id or row.state != "running":
            return
        if not wave_rows.is_under_way(connection, rollout_id):
            ROWS.end(connection, rollout_id, "done", self._clock())
        elif row.wave < WAVES:
            wave = min(self.ready_wave(connection, row), row.approved)
            if wave > row.wave:
                ROWS.move(connection, rollout_id, wave)
            else:
                self._stand_in(connection, row)

    def _stand_in(self, connection: Connection, row: LoadRollout) -> None:
        """Where nobody up to the open wave has it or can answer, the next till that can goes first in their place: one
        that went off must not keep the whole store at yesterday's prices."""
        since = self.heard_since()
        its = wave_rows.standings(connection, row.id, row.wave, since)
        if not any(one.reachable or one.state not in OPEN for one in its):
            till_id = wave_rows.next_reachable(connection, row.id, row.wave, since)
            if till_id is not None:
                ROWS.mark(connection, row.id, till_id, wave=row.wave)

    def ready_wave(self, connection: Connection, row: LoadRollout) -> int:
        """The wave that may be open now, were it let through."""
        standings = wave_rows.standings(connection, row.id, WAVES, self.heard_since())
        return open_wave(standings, row.wave, self._settings.success_percent)

    def heard_since(self) -> float:
        return self._clock() - self._settings.offline_minutes * 60

    def parted(self, connection: Connection, chosen: list[Till]) -> dict[int, int]:
        """Each till's wave: those first that are there and can answer. One that is kept at an earlier load has none."""
        kept_back = back_rows.in_force(connection, self._clock())
        ids = [one.id for one in chosen if one.disabled_at is None and one.id not in kept_back]
        heard = last_contacts(connection, ids)
        able = tills_held.newest(connection, ids)
        since = self.heard_since()
        ordered = sorted(ids, key=lambda one: one not in able or heard.get(one, 0.0) < since)
        return waves(ordered, self._settings.canary_tills, self._settings.second_wave_percent)

    def place(self, connection: Connection, wanted: Wanted, version: int, actor: Actor, chosen: list[Till]) -> int:
        """The number of a new roll-out. ``chosen``: those of ``wanted.tills``, or all."""
        now = self._clock()
        parted = self.parted(connection, chosen)
        approved = _APPROVED[self._settings.approval]
        new = wave_rows.place(
            connection, wanted, version, parted, who=actor.name, everyone=not wanted.tills, approved=approved, now=now
        )
        after: dict[str, int | bool] = {"tills": len(parted), "version": version, "whole": wanted.anew}
        audit.record(connection, actor, "load_rollout_started", f"load_rollout:{new}", after=after, now=now)
        return new

    # ---- shared ----

    def _through_of(self, rollout_id: int) -> set[int]:
        """Of earlier ones nobody asks any more: each version of the loads may be one, with thousands of tills."""
        known, tills = self._through
        if known != rollout_id:
            tills = set()
            self._through = (rollout_id, tills)
        return tills

    def _begin(self, version: int) -> LoadRollout | None:
        """One for a version, by itself; not for an emergency, which waits for nobody."""
        tills = list_tills(self._engine)
        with writing(self._engine) as connection:
            row = wave_rows.newest(connection, locked=True)
            if _asks_for_one(row, version, has_all=False):
                if not entity_rows.is_emergency(connection, version - 1):
                    self.place(connection, Wanted(), version, SYSTEM, tills)
                row = wave_rows.newest(connection)
        return row

    def _gives_way(self, rollout: LoadRollout, version: int) -> bool:
        """A person's, where the settings have no waves, that stopped: what came after it goes to all, as ever."""
        return not self._settings.waves and rollout.state == "stopped" and version > rollout.version

    def _outside(self, *, has_all: bool) -> Turn:
        """The turn of a till that the roll-out isn't for, or isn't any more."""
        return "waits" if self._settings.waves and not has_all else "free"

    def _meet(self, connection: Connection, rollout_id: int, till: Till, *, has_it: bool) -> None:
        """A till that came later; or one that has it already, without an order of this roll-out's."""
        row = wave_rows.newest(connection, locked=True)
        if row is None or row.id != rollout_id or back_rows.of(connection, till.id, self._clock()):
            return
        if ROWS.state_of(connection, rollout_id, till.id) is None:
            ROWS.join(connection, rollout_id, till.id)
        if has_it:
            ROWS.mark(connection, rollout_id, till.id, state="done", reported_at=self._clock())
        self.advance(connection, rollout_id)

    def _look(self, rollout: LoadRollout) -> None:
        """Whether the next wave may open, since tills go away and come back: many ask at once."""
        if rollout.state != "running" or time.monotonic() - self._looked_at < LOOK_SECONDS:
            return
        self._looked_at = time.monotonic()
        with writing(self._engine) as connection:
            self.advance(connection, rollout.id)

    def _read_newest(self) -> LoadRollout | None:
        with reading(self._engine) as connection:
            return wave_rows.newest(connection)


def _asks_for_one(rollout: LoadRollout | None, version: int, *, has_all: bool) -> bool:
    """Whether a version is to have a roll-out of its own. One that was for chosen tills alone, and is through with
    them, is followed by one for all that lack it."""
    if rollout is None or version > rollout.version:
        return True
    return not has_all and not rollout.everyone and rollout.state == "done"
