"""Takes in what a POS without an agent writes to ``entrada/<till>/``.

A file is read once it has stood still, spooled, and only then moved aside. A crash at any point leaves it where the
next scan meets it again; the spool knows its hash, so nothing is doubled.
"""

import hashlib
import threading
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import date
from pathlib import Path

from malote import aside, durable, incidents
from malote import log as logs
from malote.config import IntakeSettings
from malote.database.errors import StoreError
from malote.folder_rounds import Rounds
from malote.folder_wakes import until_done, wakes
from malote.intake import received_folder
from malote.intake.dropped_files import (
    ChangedError,
    DropFolderFinding,
    Dropped,
    content_of,
    look_at,
    misplaced,
    places,
    said_by,
)
from malote.intake.file_names import base_name
from malote.intake.postponed import PutOff
from malote.intake.quota import SlowedError
from malote.stand_still import FileSignature, StandStill
from malote.tills.till import Till
from malote.wire import FileReceipt, PouchFile

POUCH_FILES = 200
POUCH_BYTES = 4_000_000
LATE_WRITES_SECONDS = 600.0  # how long a moved file is watched for a POS that still had it open
SCAN_SECONDS = 1.0  # that one pass goes on for once each till had its turn, before all folders are looked at again
SCAN_TIMES = 2.0  # … or so many times as long as looking at them took
LONGEST_NAP_SECONDS = 60.0  # between tries while the store can't take anything

Take = Callable[[Till, Sequence[PouchFile]], list[FileReceipt]]

log = logs.get_logger("malote.drop_folder")


class DropFolder:
    """One folder ``root`` with a folder for each till. One thread runs it; ``findings`` may be read by any.

    ``take`` makes files durable and answers with their receipts; ``tills`` tells those that exist. ``admit`` raises
    ``SlowedError`` for a till, by its number, that has to wait.
    """

    def __init__(
        self,
        root: Path,
        take: Take,
        tills: Callable[[], Collection[Till]],
        settings: IntakeSettings,
        *,
        admit: Callable[[int], None] = lambda till_id: None,
        clock: Callable[[], float] = time.monotonic,
        today: Callable[[], date] = date.today,
    ) -> None:
        self.root = root
        self.findings: tuple[DropFolderFinding, ...] = ()
        self._take = take
        self._tills = tills
        self._settings = settings
        self._admit = admit
        self._clock = clock
        self._today = today
        self._stop = threading.Event()
        self._still = StandStill(settings.drop_quiet_seconds, clock)
        self._taken: dict[Path, FileSignature] = {}  # spooled, but not moved yet: not read again
        self._moved: list[tuple[Dropped, Path, float]] = []
        self._put_off = PutOff(clock)
        self._rounds = Rounds(clock)
        self._folders: dict[str, Path] = {}
        self._beside: list[DropFolderFinding] = []
        self._left = 0  # files of this scan that there was no time for

    def run(self, stop: threading.Event) -> None:
        """Scans until ``stop`` is set: when something changes, and every so often, since watchers miss files."""
        self._stop = stop
        failures = 0
        settings = self._settings
        for wake in wakes(self.root, stop, settings.drop_rescan_seconds, watched=settings.drop_watch):
            try:
                until_done(self.scan, wake, stop, settings.drop_quiet_seconds)
                failures = 0
            except (StoreError, OSError) as error:
                # Nothing was moved; everything still lies where the next scan finds it.
                failures += 1
                log.warning("drop_folder_waits", reason=_reason_of(error))
                stop.wait(min(2.0**failures, LONGEST_NAP_SECONDS))

    def scan(self, touched: Collection[str] | None = None) -> int:
        """One pass over the folders in which something may have happened. Returns how many files another one is for:
        they do not stand still, or there was no time for them.

        ``touched`` are those that something is said to have happened in, beside those that aren't done yet; None finds
        out by the folders' times. Raises ``StoreError`` when the store can't take anything now, ``OSError`` when the
        folder can't be listed or the disk can't be written to; all other files were tried before.
        """
        began = self._clock()
        seen, problems = self._looked(touched)
        files = [item for item in seen if isinstance(item, Dropped)]
        still = self._standing_still(files)
        trouble: OSError | None = None
        self._left = 0
        until = self._clock() + max(SCAN_SECONDS, SCAN_TIMES * (self._clock() - began))
        for turn, pouch in _in_turns(_pouches(self._put_off.without(still, problems))):
            if self._stop.is_set():
                return 0
            if turn and self._clock() >= until:
                self._left += len(pouch)
                continue
            try:
                self._admit(pouch[0].till.id)
                problems += self._try(pouch)
            except SlowedError:
                continue  # it lies there for the next scan
            except OSError as error:
                trouble = error
        self._look_after_moved()
        self._tell(problems)
        if trouble is not None:
            raise trouble
        return len(files) - len(still) + self._left

    def _looked(
        self, touched: Collection[str] | None
    ) -> tuple[list[Dropped | DropFolderFinding], list[DropFolderFinding]]:
        tills = {till.name.lower(): till for till in self._tills()}
        if touched is None or not all((self.root / name).is_dir() and name in self._folders for name in touched):
            self._folders, self._beside = self._prepared(tills)
        problems = [*self._beside]
        seen: list[Dropped | DropFolderFinding] = []
        for name, changed_at in self._rounds.due(self._folders, touched).items():
            found = list(look_at(self._folders[name], tills.get(name.lower()), self._settings.max_document_bytes))
            self._rounds.done(name, changed_at, quiet=not found)
            seen += found
            problems += (item for item in found if isinstance(item, DropFolderFinding))
        return seen, problems

    def _prepared(self, tills: Mapping[str, Till]) -> tuple[dict[str, Path], list[DropFolderFinding]]:
        """The folders there are, and what is wrong beside them; the tills that may send have one each."""
        there, others = places(self.root)
        findings = [misplaced(self.root / name) for name in others]
        known = {name.lower() for name in (*there, *others)}
        for key, till in tills.items():
            if till.disabled_at is None and key not in known:
                try:
                    there[till.name] = durable.make_folder(self.root / till.name)
                except OSError as error:
                    findings.append(
                        DropFolderFinding(till.name, f"{till.name}/", "file_not_taken", {"detail": said_by(error)})
                    )
        return there, findings

    def _try(self, files: Sequence[Dropped]) -> list[DropFolderFinding]:
        """Takes the files in; what goes wrong with one of them is found by halves, so that the others go on.

        Raises ``StoreError``, and ``OSError`` for trouble that all files meet alike.
        """
        try:
            return self._take_in(files)
        except StoreError:
            raise
        except OSError as error:
            if incidents.is_of_the_machine(error):
                raise
            if len(files) == 1:
                return [self._put_off.later(files[0], error)]
        except Exception as error:  # noqa: BLE001 - one file must not hold back the others
            if len(files) == 1:
                return [self._put_off.for_good(files[0], error)]
        half = len(files) // 2
        return [*self._try(files[:half]), *self._try(files[half:])]

    def _standing_still(self, files: Iterable[Dropped]) -> list[Dropped]:
        self._still.begin()
        return [file for file in files if self._still.stands(file.path, file.signature)]

    def _take_in(self, files: Sequence[Dropped]) -> list[DropFolderFinding]:
        problems: list[DropFolderFinding] = []
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
                problems.append(
                    DropFolderFinding(dropped.till.name, base_name(dropped.path.name), "file_unreadable", facts)
                )
                continue
            name = base_name(dropped.path.name)
            contents.append((dropped, PouchFile(name, hashlib.sha256(content).digest(), content)))
        there = self._spool([file for _, file in contents], files[0].till) if contents else frozenset()
        spooled = [dropped for dropped, file in contents if file.sha256 in there]
        self._left += len(contents) - len(spooled)
        problems += self._move([*durable_already, *spooled])
        return problems

    def _spool(self, files: list[PouchFile], till: Till) -> Collection[bytes]:
        """The hashes of what is durable now. What there was no time for is not, and stays where it lies."""
        receipts = self._take(till, files)
        states = [receipt.state for receipt in receipts]
        left = states.count("unknown")
        log.info("drop_folder_took", till=till.name, files=len(files) - left, rejected=states.count("rejected"))
        return {bytes.fromhex(receipt.sha256) for receipt in receipts if receipt.state != "unknown"}

    def _move(self, files: Sequence[Dropped]) -> Iterator[DropFolderFinding]:
        until = self._clock() + LATE_WRITES_SECONDS
        for dropped, target, error in received_folder.move(files, self._today()):
            if error is None:
                self._taken.pop(dropped.path, None)
                with suppress(OSError):
                    aside.forget(dropped.path)
                self._moved.append((dropped, target, until))
            elif not isinstance(error, FileNotFoundError):
                self._taken[dropped.path] = dropped.signature
                facts = {"detail": said_by(error)}
                yield DropFolderFinding(dropped.till.name, base_name(dropped.path.name), "file_not_moved", facts)

    def _look_after_moved(self) -> None:
        """A POS that paused while writing may finish after the move: then the file goes back, to be taken whole."""
        now = self._clock()
        kept: list[tuple[Dropped, Path, float]] = []
        for dropped, moved, until in self._moved:
            try:
                if received_folder.was_written_to(dropped, moved):
                    received_folder.put_back(dropped, moved)
                    log.warning("drop_folder_late_write", till=dropped.till.name)
                    continue
            except FileNotFoundError:
                continue
            except OSError as error:
                log.warning("drop_folder_late_write_unresolved", till=dropped.till.name, reason=said_by(error))
            if now < until:
                kept.append((dropped, moved, until))
        self._moved = kept

    def _tell(self, problems: Sequence[DropFolderFinding]) -> None:
        """Each problem is logged once, for as long as it lasts."""
        known = set(map(_identity, self.findings))
        for problem in problems:
            if _identity(problem) not in known:
                log.warning("drop_folder_finding", till=problem.till, name=problem.name, code=problem.code)
        self.findings = tuple(problems)


def _identity(finding: DropFolderFinding) -> tuple[str, str, str]:
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


def _in_turns(pouches: Iterable[list[Dropped]]) -> list[tuple[int, list[Dropped]]]:
    """The first pouch of each till, then the second of each, so that none waits for all that another one brought; who
    brought little waits for none of those who brought much."""
    had: Counter[int] = Counter()
    turns: list[tuple[int, list[Dropped]]] = []
    for pouch in pouches:
        turns.append((had[pouch[0].till.id], pouch))
        had[pouch[0].till.id] += 1
    return sorted(turns, key=lambda one: (one[0], len(one[1])))


def _reason_of(error: StoreError | OSError) -> str:
    return error.code if isinstance(error, StoreError) else said_by(error)
