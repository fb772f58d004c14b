"""Folder and tab never disagree: ``rejeitados/`` is the truth, the rows are its index.

Each scan compares the two (``comparing``) and acts on every difference, each in a transaction that looks at the row
once more under its lock. It remembers nothing that a restart would lose, but since when a difference has lasted: what
is being copied or saved at this moment is left until it stands still. A folder that takes long to compare is compared
less often (``folder_rounds``): a job that moves its files costs no comparison for each of them.

Whatever is done in the folder by hand, no bytes are lost: the pouch in the spool has what was there before, and what is
new is taken in, durably, before its file is touched.
"""

import threading
import time
from collections.abc import Callable, Collection, Sequence
from functools import partial
from pathlib import Path

from malote import durable, private
from malote import log as logs
from malote.database.errors import StoreError
from malote.folder_rounds import Rounds
from malote.folder_wakes import until_done, wakes
from malote.quarantine import folder, folder_differences, index, trash_files
from malote.quarantine.comparing import ComparingParts, Comparison, FolderMemory
from malote.quarantine.dependencies import QuarantineParts
from malote.quarantine.folder import MARK
from malote.quarantine.quarantine_reports import FolderFinding
from malote.quarantine.step_failures import Failing
from malote.tills.till import Till, listed

LONGEST_NAP_SECONDS = 60.0  # between tries while the store or the disk can't be used


_OF_ANOTHER = FolderFinding("", MARK, "folder_of_another")

log = logs.get_logger("malote.quarantine")


class Reconciler:
    """One thread runs it; ``look`` may be called by any."""

    def __init__(self, parts: QuarantineParts, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._parts = parts
        self._monotonic = monotonic
        self._tills = listed(parts.engine)
        self._folders: dict[str, tuple[Till, Path]] = {}
        self._beside: list[FolderFinding] = []
        self._rounds = Rounds(monotonic)
        self._trash_rounds = Rounds(monotonic)
        self._waiting = 0  # differences of the scan under way that don't stand still yet
        self._memories: dict[str, FolderMemory] = {}  # by folder
        self._failing = Failing(monotonic)
        self._told: set[tuple[str, str, str]] = set()
        self._event: int | None = None  # every folder is looked into at the first scan

    def run(self, stop: threading.Event) -> None:
        """Scans until ``stop`` is set: when something changes, and every so often, since watchers miss files."""
        failures = 0
        settings = self._parts.settings
        for wake in wakes(self._parts.folder, stop, settings.rescan_seconds, watched=settings.watch):
            try:
                until_done(self.scan, wake, stop, settings.quiet_seconds)
                failures = 0
            except (StoreError, OSError) as error:
                failures += 1
                log.warning("reconciling_waits", reason=type(error).__name__)
                stop.wait(min(2.0**failures, LONGEST_NAP_SECONDS))

    def scan(self, touched: Collection[str] | None = None) -> int:
        """One look where something may have happened. Returns how many differences do not stand still yet.

        ``touched`` are folders in which something is said to have happened, beside those that aren't done yet; None
        finds out by the folders' times. Raises ``StoreError``, and ``OSError`` for trouble of the whole disk; what was
        not done is done by the next one. What fails by itself is a finding, and holds back nothing else.
        """
        if not self._is_ours():
            return 0
        self._failing.told, self._waiting = [], 0
        trash_files.settle(self._parts, self._failing)
        done = self._scan_folders(touched)
        if touched is None:
            done += self._scan_trash()
        if done:
            trash_files.settle(self._parts, self._failing)
        self._tell([*self._beside, *self._failing.told])
        return self._waiting

    def look(self, till: str | None = None) -> list[FolderFinding]:
        """What lies in the folder, or a till's, and can't be taken for a document.

        Raises ``StoreError``, ``OSError``.
        """
        mark = self._parts.folder / MARK
        if mark.exists() and not index.is_of(self._parts.engine, mark):
            return [_OF_ANOTHER] if till is None else []
        places, beside = folder.places(self._parts.folder, self._tills())
        found = [one for one in beside if till is None or one.till.lower() == till.lower()]
        for of, path in places.values():
            if till is None or of.name.lower() == till.lower():
                found += sorted(folder.look_at(of, path, self._parts.max_file_bytes), key=lambda one: one.name)
        return found

    def _is_ours(self) -> bool:
        """Whether the folder is the one that this database is the index of.

        A new folder, in place of a lost one, gets a mark of its own, and everything rejected is written into it.
        """
        root = durable.make_folder(self._parts.folder, mode=private.FOLDER)
        mark = root / MARK
        if not mark.exists():
            index.adopt(self._parts.engine, mark)
            return True
        if index.is_of(self._parts.engine, mark):
            return True
        self._tell([_OF_ANOTHER])
        return False

    def _scan_folders(self, touched: Collection[str] | None) -> int:
        """How many were looked into."""
        tills, lost = self._tills(), 0
        if touched is None or not all(self._is_there(name) for name in touched):
            self._folders, self._beside = folder.places(self._parts.folder, tills)
            lost = self._write_lost(tills)
        self._stir_moved_on()
        due = self._rounds.due({name: path for name, (_, path) in self._folders.items()}, touched)
        for name, changed_at in due.items():
            told, waiting, began = len(self._failing.told), self._waiting, time.thread_time()
            self._failing.attempt(("folder", name, changed_at), name, f"{name}/", partial(self._scan_folder, name))
            quiet = (len(self._failing.told), self._waiting) == (told, waiting)
            self._rounds.done(name, changed_at, quiet=quiet, cost=time.thread_time() - began)
        return len(due) + lost

    def _stir_moved_on(self) -> None:
        """Another document may settle a rejected one or bring what it lacked, in another process: its file must go, and
        no folder says so."""
        newest = index.newest_event(self._parts.engine)
        if newest == self._event:
            return
        moved_on = set() if self._event is None else index.tills_moved_on(self._parts.engine, self._event, newest)
        self._event = newest
        for name, (till, _) in self._folders.items():
            if till.id in moved_on:
                self._rounds.stir(name)

    def _is_there(self, name: str) -> bool:
        return name in self._folders and self._folders[name][1].is_dir()

    def _write_lost(self, tills: Collection[Till]) -> int:
        """A folder that is gone as a whole was lost, and not looked through. How many those were."""
        there = {till.id for till, _ in self._folders.values()}
        lost = index.tills_kept(self._parts.engine) & {till.id for till in tills} - there
        for till_id in lost:
            rows = index.rejected(self._parts.engine, till_id)
            index.write_again(self._parts.engine, [row.id for row in rows if row.kept])
        return len(lost)

    def _scan_folder(self, name: str) -> None:
        till, path = self._folders[name]
        around = ComparingParts(self._parts, self._failing, self._monotonic)
        look = Comparison(around, till, self._memories.get(name, FolderMemory()))
        look.run(path)
        self._memories[name] = look.now
        self._waiting += look.waiting

    def _scan_trash(self) -> int:
        """How many of its folders were looked into."""
        tills = self._tills()
        places, _ = folder.places(self._parts.trash, tills)
        due = self._trash_rounds.due({name: path for name, (_, path) in places.items()})
        for name, changed_at in due.items():
            began, tidy = time.thread_time(), partial(self._tidy_trash, *places[name])
            self._failing.attempt(("trash", name, changed_at), name, f"{name}/", tidy)
            self._trash_rounds.done(name, changed_at, quiet=True, cost=time.thread_time() - began)
        there = {till.id for till, _ in places.values()}
        lost = index.tills_in_trash(self._parts.engine) - there
        for till in tills:
            if till.id in lost:
                folder_differences.tidy_trash(self._parts, till, None, self._failing)
        return len(due) + len(lost)

    def _tidy_trash(self, till: Till, path: Path) -> None:
        names = folder.names_in(till, path)
        if isinstance(names, FolderFinding):
            self._failing.told.append(names)
        elif names is not None:
            folder_differences.tidy_trash(self._parts, till, names, self._failing)

    def _tell(self, findings: Sequence[FolderFinding]) -> None:
        """Each finding is logged once, for as long as it lasts."""
        for finding in findings:
            if _identity(finding) not in self._told:
                log.warning("folder_finding", till=finding.till, name=finding.name, code=finding.code)
        self._told = set(map(_identity, findings))


def _identity(finding: FolderFinding) -> tuple[str, str, str]:
    return finding.till, finding.name, finding.code
