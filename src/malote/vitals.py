"""What is wrong with the server itself, as codes of the catalogue: disk, database, posters, the ERP, the clock.

One small look, for ``/health`` and whoever else asks; details stay in the log and with those who signed in.
"""

import threading
import time
from collections.abc import Callable
from pathlib import Path

from sqlalchemy import Engine

from malote import rejection
from malote.database import room
from malote.database.engine import reading
from malote.database.errors import StoreError
from malote.findings.store_wide import store_wide
from malote.register import backlog
from malote.spool import presence

BEHIND_SECONDS = 300.0  # that an accepted document may lie where no poster gives a sign of life
JUMP_SECONDS = 60.0
JUMP_TOLD_SECONDS = 900.0


class ClockWatch:
    """Whether the clock was set by more than a minute lately. Safe for threads."""

    def __init__(self, wall: Callable[[], float] = time.time, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._wall, self._monotonic = wall, monotonic
        self._lock = threading.Lock()
        self._apart = wall() - monotonic()
        self._jumped: float | None = None

    def jumped(self) -> bool:
        with self._lock:
            now = self._monotonic()
            apart = self._wall() - now
            if abs(apart - self._apart) > JUMP_SECONDS:
                self._jumped = now
            self._apart = apart
            return self._jumped is not None and now - self._jumped < JUMP_TOLD_SECONDS


class Vitals:
    """Of one server over its home folder."""

    def __init__(self, engine: Engine, home: Path, clock: ClockWatch | None = None) -> None:
        self._engine = engine
        self._home = home
        self._clock = clock or ClockWatch()

    def troubles(self) -> list[str]:
        """Codes, the heaviest first."""
        found = []
        try:
            found += self._posting(time.time())
        except StoreError as error:
            found.append(error.code)
        if room.is_full(self._home) and "disk_full" not in found:
            found.append("disk_full")
        if self._clock.jumped():
            found.append("clock_jumped")
        return found

    def _posting(self, now: float) -> list[str]:
        """What the lights stop every till for; and what no poster says of itself, as where there is none."""
        with reading(self._engine) as connection:
            told = [one.code for one in store_wide(connection, now)]
            signs = presence.signs_in(connection)
            oldest = backlog.oldest(connection)
        alive = [sign.trouble for sign in signs if sign.is_alive(now)]
        lies = oldest is not None and now - oldest > BEHIND_SECONDS
        if not signs and lies:
            told.append("poster_absent")
        # One that books is enough.
        return [*told, *sorted(set(alive) & rejection.with_retry("erp") - set(told))] if all(alive) else told
