"""What the server does for its books by itself, in a thread: looks at them, and closes days every night."""

import threading
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path

from sqlalchemy import Engine

from malote import log as logs
from malote.books import chain, closing_marks
from malote.books.chain import Signer
from malote.books.closing_marks import ChainKeyError
from malote.books.closings import read_folder
from malote.books.note_findings import look
from malote.books.rules import rule_store
from malote.books.store_days import by_store_clock
from malote.business_day import BusinessCalendar
from malote.database.errors import StoreError
from malote.findings.kinds import USUAL_SECONDS

LOOK_SECONDS = 20.0

log = logs.get_logger("malote.books")


class Keeper:
    """Looks and closes, in a thread of its own."""

    def __init__(
        self,
        engine: Engine,
        calendar: BusinessCalendar,
        open_signer: Callable[[], Signer],
        clock: Callable[[], float] = time.time,
        *,
        closings: Path | None = None,
        rules: Path | None = None,
    ) -> None:
        """``open_signer`` reads the server's key; raises ``OSError``. ``closings``: a folder of the POS's own;
        ``rules``: the file of the retailer's."""
        self._engine = engine
        self._calendar = calendar
        self._open_signer = open_signer
        self._clock = clock
        self._closings = closings
        self._rules = rules
        self._rules_fault = ""
        self._closed: date | None = None  # all before this day, since the server started
        self._stopping: Callable[[], bool] = lambda: False

    def run(self, stop: threading.Event) -> None:
        """Until it is told to stop; what fails is tried again at the next look."""
        self._stopping = stop.is_set
        while True:
            try:
                self.step()
            except (StoreError, OSError, ChainKeyError) as error:
                log.warning("books_wait", reason=str(error))
            if stop.wait(LOOK_SECONDS):
                return

    def step(self) -> int:
        """Once a day, some minutes after it began, all before it is closed; then one look, whose troubles hold that
        back as little as its own hold back the look. How many entries that made.

        Raises ``StoreError``, ``OSError``, ``ChainKeyError``.
        """
        now = self._clock()
        try:
            return self._close(now)
        finally:
            self._look(now)

    def _look(self, now: float) -> None:
        if self._closings is not None and self._closings.is_dir():
            read_folder(self._engine, self._closings, now)
        self._read_rules(now)
        look(self._engine, self._calendar, now)

    def _close(self, now: float) -> int:
        """What keeps it from closing is written down, for whoever looks at the lights."""
        calendar = by_store_clock(self._engine, self._calendar)
        today = calendar.at(now - USUAL_SECONDS)
        if self._closed == today:
            return 0
        try:
            added = chain.close_changed(self._engine, calendar, self._open_signer(), today, now, self._stopping)
        except Exception as error:
            closing_marks.note_failed(self._engine, error, now)
            raise
        if self._stopping():
            return added  # the rest when it starts again
        closing_marks.note_closed(self._engine, calendar, today)
        self._closed = today
        if added:
            log.info("days_closed", before=today.isoformat(), entries=added)
        return added

    def _read_rules(self, now: float) -> None:
        """A fault stands in the log once, and in the findings as long as it lasts."""
        today = by_store_clock(self._engine, self._calendar).at(now)
        faults = rule_store.sync(self._engine, self._rules, today, now)
        told = faults[1] if faults else ""
        if told and told != self._rules_fault:
            log.warning("rules_refused", file=str(self._rules), reason=told)
        self._rules_fault = told
