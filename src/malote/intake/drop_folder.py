"""Takes in what a POS without an agent writes to ``entrada/<till>/``.

A file is read once it has stood still, spooled, and only then moved aside. A crash at any point leaves it where the
next scan meets it again; the spool knows its hash, so nothing is doubled.
"""

import hashlib
import threading
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import structlog
from watchfiles import watch

from malote import durable
from malote.accounts.tills import Till
from malote.config import IntakeSettings
from malote.database.errors import StoreError
from malote.intake import received
from malote.intake.dropped_files import RECEIVED, ChangedError, Dropped, Finding, Signature, content_of, look, said_by
from malote.intake.names import readable
from malote.wire import FileReceipt, PouchFile

POUCH_FILES = 200
POUCH_BYTES = 4_000_000
LATE_WRITES_SECONDS = 600.0  # how long a moved file is watched for a POS that still had it open
LONGEST_NAP_SECONDS = 60.0  # between tries while the store can't take anything

Take = Callable[[Till, Sequence[PouchFile]], list[FileReceipt]]

log = structlog.get_logger("malote.drop_folder")


class DropFolder:
    """One folder ``root`` with a folder for each till. One thread runs it; ``findings`` may be read by any.

    ``take`` makes files durable and answers with their receipts; ``tills`` tells those that exist.
    """

    def __init__(
        self,
        root: Path,
        take: Take,
        tills: Callable[[], Collection[Till]],
        settings: IntakeSettings,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.root = root
        self.findings: tuple[Finding, ...] = ()
        self._take = take
        self._tills = tills
        self._settings = settings
        self._clock = clock
        self._stop = threading.Event()
        self._still_since: dict[Path, tuple[Signature, float]] = {}
        self._taken: dict[Path, Signature] = {}  # spooled, but not moved yet: not read again
        self._moved: list[tuple[Dropped, Path, float]] = []

    def run(self, stop: threading.Event) -> None:
        """Scans until ``stop`` is set: when something changes, and every so often, since watchers miss files."""
        self._stop = stop
        failures = 0
        for _ in _wakes(self.root, stop, self._settings.drop_rescan_seconds):
            try:
                while self.scan() and not stop.wait(self._settings.drop_quiet_seconds):
                    pass
                failures = 0
            except (StoreError, OSError) as error:
                # Nothing was moved; everything still lies where the next scan finds it.
                failures += 1
                log.warning("drop_folder_waits", reason=_reason_of(error))
                stop.wait(min(2.0**failures, LONGEST_NAP_SECONDS))

    def scan(self) -> int:
        """One pass over all tills. Returns how many files do not stand still yet.

        Raises ``StoreError`` when the store can't take anything now, ``OSError`` when the folder can't be listed.
        """
        seen = list(look(self.root, self._prepared_tills(), self._settings.max_document_bytes))
        files = [item for item in seen if isinstance(item, Dropped)]
        problems = [item for item in seen if isinstance(item, Finding)]
        still = self._standing_still(files)
        for pouch in _pouches(still):
            if self._stop.is_set():
                return 0
            problems += self._take_in(pouch)
        self._look_after_moved()
        self._tell(problems)
        return len(files) - len(still)

    def _prepared_tills(self) -> Collection[Till]:
        """The tills, those that may send each with a folder to drop into."""
        tills = self._tills()
        there = {path.name.lower() for path in self.root.iterdir()} if self.root.is_dir() else set()
        for till in tills:
            if till.disabled_at is None and till.name.lower() not in there:
                durable.make_folder(self.root / till.name)
        return tills

    def _standing_still(self, files: Iterable[Dropped]) -> list[Dropped]:
        now = self._clock()
        before, self._still_since = self._still_since, {}
        still: list[Dropped] = []
        for file in files:
            signature, since = before.get(file.path, (file.signature, now))
            if signature != file.signature:
                since = now
            self._still_since[file.path] = (file.signature, since)
            if now - since >= self._settings.drop_quiet_seconds:
                still.append(file)
        return still

    def _take_in(self, files: Sequence[Dropped]) -> list[Finding]:
        problems: list[Finding] = []
        contents: list[tuple[Dropped, PouchFile]] = []
        durable_already: list[Dropped] = []
        for dropped in files:
            if self._taken.get(dropped.path) == dropped.signature:
                durable_already.append(dropped)
                continue
            try:
                content = content_of(dropped)
            except ChangedError:
                continue
            except OSError as error:
                facts = {"detail": said_by(error)}
                problems.append(Finding(dropped.till.name, readable(dropped.path.name), "file_unreadable", facts))
                continue
            name = readable(dropped.path.name)
            contents.append((dropped, PouchFile(name, hashlib.sha256(content).digest(), content)))
        if contents:
            self._spool([file for _, file in contents], files[0].till)
        problems += self._move([*durable_already, *(dropped for dropped, _ in contents)])
        return problems

    def _spool(self, files: list[PouchFile], till: Till) -> None:
        receipts = self._take(till, files)
        states = [receipt.state for receipt in receipts]
        log.info("drop_folder_took", till=till.name, files=len(files), rejected=states.count("rejected"))

    def _move(self, files: Sequence[Dropped]) -> Iterator[Finding]:
        until = self._clock() + LATE_WRITES_SECONDS
        for dropped, target, error in received.move(files, datetime.now(UTC).astimezone().date()):
            if error is None:
                self._taken.pop(dropped.path, None)
                self._moved.append((dropped, target, until))
            elif not isinstance(error, FileNotFoundError):
                self._taken[dropped.path] = dropped.signature
                facts = {"detail": said_by(error)}
                yield Finding(dropped.till.name, readable(dropped.path.name), "file_not_moved", facts)

    def _look_after_moved(self) -> None:
        """A POS that paused while writing may finish after the move: then the file goes back, to be taken whole."""
        now = self._clock()
        kept: list[tuple[Dropped, Path, float]] = []
        for dropped, moved, until in self._moved:
            try:
                if received.was_written_to(dropped, moved):
                    received.put_back(dropped, moved)
                    log.warning("drop_folder_late_write", till=dropped.till.name)
                    continue
            except FileNotFoundError:
                continue
            except OSError as error:
                log.warning("drop_folder_late_write_unresolved", till=dropped.till.name, reason=said_by(error))
            if now < until:
                kept.append((dropped, moved, until))
        self._moved = kept

    def _tell(self, problems: Sequence[Finding]) -> None:
        """Each problem is logged once, for as long as it lasts."""
        known = set(map(_identity, self.findings))
        for problem in problems:
            if _identity(problem) not in known:
                log.warning("drop_folder_finding", till=problem.till, name=problem.name, code=problem.code)
        self.findings = tuple(problems)


def _identity(finding: Finding) -> tuple[str, str, str]:
    return finding.till, finding.name, finding.code


def _pouches(files: Iterable[Dropped]) -> Iterator[list[Dropped]]:
    """The files in pouches of one till each, neither too many nor too heavy to hold in memory at once."""
    pouch: list[Dropped] = []
    weight = 0
    for file in files:
        heavier = weight + file.signature.size
        if pouch and (file.till.id != pouch[0].till.id or len(pouch) >= POUCH_FILES or heavier > POUCH_BYTES):
            yield pouch
            pouch, heavier = [], file.signature.size
        pouch.append(file)
        weight = heavier
    if pouch:
        yield pouch


def _wakes(root: Path, stop: threading.Event, rescan_seconds: float) -> Iterator[None]:
    """Yields at once, and then whenever something happens in ``root`` or ``rescan_seconds`` went by."""
    yield None
    try:
        durable.make_folder(root)
        pause = max(1, round(rescan_seconds * 1000))
        for _ in watch(
            root,
            watch_filter=lambda _, path: RECEIVED not in Path(path).parts,
            stop_event=stop,
            rust_timeout=pause,
            yield_on_timeout=True,
            raise_interrupt=False,
        ):
            if stop.is_set():
                return
            yield None
    except (OSError, RuntimeError) as error:
        # No watching here (a network drive, too many watches): looking regularly is enough.
        log.warning("drop_folder_not_watched", reason=type(error).__name__)
    while not stop.wait(rescan_seconds):
        yield None


def _reason_of(error: StoreError | OSError) -> str:
    return error.code if isinstance(error, StoreError) else said_by(error)
