"""The agent's thread for the loads: proves their database at a start and while it runs, and writes the POS's files."""

import threading
from contextlib import suppress
from pathlib import Path

from malote.clock import Clock
from malote.config import TillSettings
from malote.disk import Disk
from malote.till.loads import loads_database
from malote.till.loads.carrying_over import carry_over
from malote.till.loads.digest_walk import STEP_SECONDS, DigestWalk
from malote.till.loads.loads_database import LoadsDamagedError, LoadsError
from malote.till.loads.output_files import LOOK_SECONDS, OutputFiles
from malote.till.trouble_notices import Voice

_STUCK_SECONDS = 600.0  # each try ends the threads of the agent's session


class LoadsUpkeep:
    """``outbox``: the file beside which the loads stand."""

    def __init__(self, outbox: Path, settings: TillSettings, voice: Voice, clock: Clock, disk: Disk) -> None:
        self._outbox, self._settings, self._voice, self._clock, self._disk = outbox, settings, voice, clock, disk
        self._path = loads_database.path_beside(outbox)
        self._is_checked = False
        self._walk = DigestWalk(self._path, disk)
        self._walk_due = clock.monotonic() + STEP_SECONDS

    def run(self, over: threading.Event) -> None:
        """Until it is over. Raises ``LoadsDamagedError`` where the database is to be made anew, which is done while
        nobody of this process has it open."""
        self.check()
        files = OutputFiles(self._outbox, self._settings.loads, self._disk) if self._settings.loads.files else None
        while not over.is_set():
            self.look_through()
            wait = STEP_SECONDS
            if files is not None:
                is_written = files.write_and_tell(self._clock.now(), self._voice)
                wait = LOOK_SECONDS if is_written else self._settings.poll_seconds
            over.wait(wait)

    def once(self) -> None:
        """What a till does that is started for a moment."""
        self.check()
        if self._settings.loads.files:
            OutputFiles(self._outbox, self._settings.loads, self._disk).write_and_tell(self._clock.now(), self._voice)

    def check(self) -> None:
        """Reads all of a file that may be large: beside the capture of sales, and once."""
        if self._is_checked:
            return
        self._is_checked = True
        try:
            loads_database.check(self._path)
        except LoadsDamagedError as error:
            self.make_anew(error)
        except LoadsError:
            pass  # it can't be read now

    def look_through(self) -> None:
        """A step of the walk through all that the till sells with, where one is due. Raises ``LoadsDamagedError``."""
        if self._clock.monotonic() < self._walk_due:
            return
        self._walk_due = self._clock.monotonic() + STEP_SECONDS
        try:
            for name in self._walk.step():
                self._voice.happened("loads_rows_otherwise", entity=name)
        except LoadsDamagedError:
            raise
        except (LoadsError, OSError):
            pass  # held by the POS, or no room: the next step comes soon

    def make_anew(self, error: LoadsDamagedError) -> None:
        """Sets the damaged one aside, while nobody of this process has it open; what of it can be proven goes on."""
        try:
            aside = loads_database.set_aside(self._path, self._clock.now(), self._disk)
        except OSError:  # somebody holds it open, on Windows, or something is mounted there: an order tries again, too
            self._walk_due = self._clock.monotonic() + _STUCK_SECONDS
            return
        with suppress(LoadsError, OSError):  # a full load comes in any case
            carry_over(aside, self._path, self._disk)
        self._voice.happened(error.code, **error.facts_of(aside))
